//! Builds of real C components while everything goes wrong: in each round one thing, and then a build that must
//! succeed. `make soak` does 200 builds, `make test` a few rounds; one round again: RST_SOAK_SEED=NUMBER make soak BUILDS=1.
//!
//! By an ordinary user, since nothing is forbidden to root. After every round the store is sound without anybody's
//! help, the build succeeds, and what comes out is what came out at first.

mod fixture;

use std::{
    cell::Cell,
    collections::BTreeMap,
    os::unix::{fs::PermissionsExt, process::CommandExt as _},
    path::{Path, PathBuf},
    process::{Child, Command, Stdio},
    time::{Duration, Instant},
};

use fixture::{Run, World};
use fs_err as fs;
use nix::{
    sys::signal::{Signal, killpg},
    unistd::{Pid, geteuid},
};

/// What is built: a library by make, and a program with the library that it links.
const COMPONENTS: [&str; 2] = ["catatonit", "libcap"];
/// Outputs that are compared.
const COMPARED: [&str; 3] = ["catatonit", "libcap", "mimalloc"];
/// An ordinary user, when root runs this.
const USER: u32 = 54_399;
/// Nothing takes longer, or it hangs.
const PATIENCE: Duration = Duration::from_secs(900);

struct Soak {
    world: World,
    rng: fastrand::Rng,
    reference: BTreeMap<&'static str, String>,
    /// How long a build takes that nobody disturbs.
    usual: Duration,
    /// Builds begun so far.
    builds: Cell<u64>,
    /// Marks given so far: each makes actions that nobody has run.
    marks: u64,
}

impl Soak {
    fn new() -> Self {
        let world = World::of_this_project_apart();
        world.rst(["fetch", "catatonit", "libcap"]).exits(0);
        // Folders on the way here may be closed to others.
        fs::copy(assert_cmd::cargo::cargo_bin!("rst"), world.path("rst")).unwrap();
        if geteuid().is_root() {
            run(Command::new("chown").args(["-R", &format!("{USER}:{USER}")]).arg(world.path("")));
        }
        world.replace("build/recipes/catatonit.toml", "defines = [", "defines = [\"RST_SOAK=0\", ");
        world.replace("build/recipes/mimalloc.toml", "defines = [", "defines = [\"RST_SOAK=0\", ");
        world.replace("build/recipes/libcap.toml", "\"USE_GPERF=no\"", "\"USE_GPERF=no\", \"RST_SOAK=0\"");
        let mut soak = Soak {
            world,
            rng: fastrand::Rng::new(),
            reference: BTreeMap::new(),
            usual: Duration::ZERO,
            builds: Cell::new(0),
            marks: 0,
        };
        // The compiler's own libraries first.
        soak.build().exits(0);
        soak.renew(true);
        let begun = Instant::now();
        let first = soak.build().exits(0);
        soak.usual = begun.elapsed();
        soak.reference = COMPARED.into_iter().map(|name| (name, first.output(name))).collect();
        soak
    }

    /// Makes the next build run its actions anew; the library's too if it is to be so.
    fn renew(&mut self, library: bool) {
        let (old, new) = (format!("RST_SOAK={}", self.marks), format!("RST_SOAK={}", self.marks + 1));
        let now = |recipe: &str| fs::read_to_string(self.world.project().join(recipe)).unwrap();
        for recipe in ["build/recipes/catatonit.toml", "build/recipes/libcap.toml"] {
            self.world.replace(recipe, &old, &new);
        }
        if library {
            let recipe = "build/recipes/mimalloc.toml";
            let text = now(recipe);
            let at = text.find("RST_SOAK=").expect("put there");
            let end = at + text[at..].find('"').expect("a string's end");
            self.world.write(recipe, &format!("{}{new}{}", &text[..at], &text[end..]));
        }
        self.marks += 1;
    }

    /// rst as the ordinary user.
    fn rst(&self, arguments: &[&str]) -> Command {
        let mut command = self.as_user(&self.world.path("rst"));
        command.args(arguments);
        command
    }

    /// A program as the ordinary user, in a process group of its own.
    fn as_user(&self, program: &Path) -> Command {
        let mut command = match geteuid().is_root() {
            true => {
                let mut command = Command::new("setpriv");
                command.args([&format!("--reuid={USER}"), &format!("--regid={USER}"), "--clear-groups", "--"]);
                command.arg(program);
                command
            }
            false => Command::new(program),
        };
        command.env_clear().env("PATH", std::env::var_os("PATH").unwrap());
        command.env("HOME", self.world.path("home")).env("TMPDIR", self.world.path("temporary"));
        command.env("RST_STORE", self.world.store()).current_dir(self.world.project());
        command.stdin(Stdio::null()).stdout(Stdio::piped()).stderr(Stdio::piped()).process_group(0);
        command
    }

    fn start(&self) -> Child {
        self.builds.set(self.builds.get() + 1);
        let arguments = [&["build"], &COMPONENTS[..], &["--offline", "--format", "json"]].concat();
        self.rst(&arguments).spawn().unwrap()
    }

    fn build(&self) -> Run {
        end(self.start())
    }

    /// What must be true after everything.
    fn all_is_well(&self) {
        let run = self.build().exits(0);
        self.is_right(&run);
        let ended = |arguments: &[&str]| end(self.rst(arguments).spawn().unwrap());
        let mut verified = ended(&["store", "verify"]);
        if verified.code == Some(6) {
            // What no build uses any more, as what Zig compiled for a tree of Zig that was fetched again since. It is
            // removed now, and nothing has to be made for that.
            ended(&[&["build"], &COMPONENTS[..], &["--offline"]].concat()).exits(0).tells("nothing to build");
            verified = ended(&["store", "verify"]);
        }
        assert!(verified.exits(0).stdout.contains(" sound, 0 damaged"));
    }

    fn is_right(&self, run: &Run) {
        for (name, digest) in &self.reference {
            assert_eq!(run.output(name), *digest, "{name}\n{run}");
        }
    }

    /// Killed with -9 at any moment, once or several times.
    fn killed(&mut self) {
        for _ in 0..self.rng.u32(1..=3) {
            let mut child = self.start();
            std::thread::sleep(self.usual.mul_f64(self.rng.f64() * 1.1));
            let _ = killpg(Pid::from_raw(child.id().cast_signed()), Signal::SIGKILL);
            child.wait().unwrap();
        }
    }

    /// Several at once, one of which may be killed.
    fn together(&mut self) {
        let mut children: Vec<_> = (0..self.rng.usize(2..=4)).map(|_| self.start()).collect();
        if self.rng.bool() {
            let mut one = children.pop().unwrap();
            std::thread::sleep(self.usual.mul_f64(self.rng.f64()));
            let _ = killpg(Pid::from_raw(one.id().cast_signed()), Signal::SIGKILL);
            one.wait().unwrap();
        }
        for child in children {
            self.is_right(&end(child).exits(0));
        }
    }

    /// Somebody writes into, cuts or removes files of the store.
    fn damaged(&mut self) {
        for _ in 0..self.rng.u32(1..=5) {
            let folder = ["trees", "trees", "actions", "blobs", "caches", "logs", "memory", "locks", "partial"]
                [self.rng.usize(..9)];
            let all: Vec<PathBuf> = walkdir::WalkDir::new(self.world.store().join(folder))
                .into_iter()
                .flatten()
                .filter(|entry| entry.file_type().is_file())
                .map(walkdir::DirEntry::into_path)
                .collect();
            let Some(file) = self.rng.choice(&all) else { continue };
            let bytes = fs::read(file).unwrap();
            let mode = fs::metadata(file).unwrap().permissions();
            // Behind its back, as a broken disk does it, and yet with the right to do so.
            fs::set_permissions(file, PermissionsExt::from_mode(0o644)).unwrap();
            match self.rng.u32(..4) {
                0 => fs::remove_file(file).unwrap(),
                1 => fs::write(file, &bytes[..self.rng.usize(..=bytes.len())]).unwrap(),
                2 => fs::write(file, [&bytes[..], b"more"].concat()).unwrap(),
                _ => {
                    let mut bytes = bytes;
                    let place = self.rng.usize(..bytes.len().max(1));
                    if let Some(byte) = bytes.get_mut(place) {
                        *byte ^= 1 << self.rng.u32(..8);
                    }
                    fs::write(file, bytes).unwrap();
                }
            }
            if file.exists() {
                fs::set_permissions(file, mode).unwrap();
            }
        }
        // What was fetched and is damaged now has to be fetched again.
        self.fetch();
    }

    /// Fetches as the one who runs this, whose clients are configured, and gives the store back to the user.
    fn fetch(&self) {
        self.world.rst(["fetch", "catatonit", "libcap"]).exits(0);
        if geteuid().is_root() {
            run(Command::new("chown").args(["-R", &format!("{USER}:{USER}")]).arg(self.world.store()));
        }
    }

    /// A folder of the store that may not be read, or not be written.
    fn forbidden(&mut self) {
        let store = self.world.store();
        let folder = store.join(["tmp", "trees", "actions", "locks", "logs", "memory"][self.rng.usize(..6)]);
        let mode = [0o555, 0o000][self.rng.usize(..2)];
        fs::set_permissions(&folder, PermissionsExt::from_mode(mode)).unwrap();
        let run = self.build();
        fs::set_permissions(&folder, PermissionsExt::from_mode(0o755)).unwrap();
        // Where it was not needed all is well; else it is named.
        match run.code {
            Some(0) => self.is_right(&run),
            _ => assert!(run.stderr.contains(folder.to_str().unwrap()), "{} {mode:o}\n{run}", folder.display()),
        }
    }

    /// A disk, in memory, that is full after a few megabytes more; and then is not.
    fn full(&mut self) {
        let room = self.rng.u64(0..48 << 20);
        self.builds.set(self.builds.get() + 2);
        let mut command = self.as_user(Path::new("unshare"));
        command.args(["--user", "--map-root-user", "--mount", "--", "sh", "-c", FULL, "full"]);
        command.arg(self.world.store()).arg(room.to_string()).arg(self.world.path("rst")).args(COMPONENTS);
        let run = end(command.spawn().unwrap()).exits(0);
        self.is_right(&run);
        assert!(run.stdout.contains(" sound, 0 damaged"), "{run}");
    }
}

/// Something that goes wrong.
type Trouble = fn(&mut Soak);

/// Copies a store into memory, fills that but for some bytes, builds, makes room and builds again. Ends with 0 when
/// the first build succeeded or said what it lacked, and all after it succeeded.
const FULL: &str = r#"
set -eu
store=$1 room=$2 rst=$3
shift 3
mkdir -p "$TMPDIR/full"
mount -t tmpfs -o size=4g tmpfs "$TMPDIR/full"
cp -a "$store" "$TMPDIR/full/store"
export RST_STORE="$TMPDIR/full/store"
free=$(df --output=avail -B1 "$TMPDIR/full" | tail -n 1)
fallocate -l $((free - room)) "$TMPDIR/full/filler"
code=0
"$rst" build "$@" --offline >"$HOME/full.out" 2>"$HOME/full.err" || code=$?
case $code in
0) ;;
1) grep -q 'no space left' "$HOME/full.err" || { cat "$HOME/full.err" >&2; exit 1; } ;;
*) cat "$HOME/full.err" >&2; exit "$code" ;;
esac
rm "$TMPDIR/full/filler"
"$rst" store verify
"$rst" build "$@" --offline --format json
"#;

/// Waits for it, but not for ever.
fn end(child: Child) -> Run {
    let group = Pid::from_raw(child.id().cast_signed());
    let (done, ended) = std::sync::mpsc::channel::<()>();
    let watch = std::thread::spawn(move || {
        let late = ended.recv_timeout(PATIENCE).is_err_and(|error| error == std::sync::mpsc::RecvTimeoutError::Timeout);
        if late {
            let _ = killpg(group, Signal::SIGKILL);
        }
        late
    });
    let output = child.wait_with_output().unwrap();
    drop(done);
    assert!(!watch.join().unwrap(), "it hung for {PATIENCE:?}: {}", Run::of(output));
    Run::of(output)
}

fn run(command: &mut Command) {
    assert!(command.status().unwrap().success(), "{command:?}");
}

#[test]
#[ignore = "needs the real build root: make test runs some rounds, make soak many"]
fn whatever_happens_the_next_build_is_right() {
    let number = |name: &str| std::env::var(name).ok().map(|text| text.parse::<u64>().expect(name));
    let wanted = number("RST_SOAK_BUILDS");
    let seed = number("RST_SOAK_SEED").unwrap_or_else(|| fastrand::u64(..));
    let mut soak = Soak::new();
    println!("a build takes {:.1} s here", soak.usual.as_secs_f64());
    let mut counts: BTreeMap<&str, u32> = BTreeMap::new();
    let begun = Instant::now();
    soak.builds.set(0);
    // One round of each kind, or until there were so many builds.
    let is_due = |round: u64, soak: &Soak| wanted.map_or(round < 5, |wanted| soak.builds.get() < wanted);
    let mut round = 0;
    while is_due(round, &soak) {
        let seed = seed.wrapping_add(round);
        soak.rng = fastrand::Rng::with_seed(seed);
        let kinds: [(&str, Trouble); 5] = [
            ("killed", Soak::killed),
            ("together", Soak::together),
            ("damaged", Soak::damaged),
            ("forbidden", Soak::forbidden),
            ("full", Soak::full),
        ];
        // Each in turn from a random one on, so that a few rounds have all.
        let (name, act) = kinds[usize::try_from(seed % 5).unwrap()];
        println!("round {round}, after {} builds: {name} (RST_SOAK_SEED={seed})", soak.builds.get());
        let now = Instant::now();
        let library = soak.rng.u32(..4) == 0;
        soak.renew(library);
        act(&mut soak);
        soak.all_is_well();
        println!("  {:.0} s", now.elapsed().as_secs_f64());
        *counts.entry(name).or_default() += 1;
        round += 1;
    }
    println!("{} builds in {round} rounds, {:.0} s: {counts:?}", soak.builds.get(), begun.elapsed().as_secs_f64());
}
