//! Builds that fail, are interrupted, killed, run at the same time or run out of room: what is told, and
//! that the next run goes on. The toolchain is a stand-in, the sandbox is not.

mod fixture;

use std::{
    process::{Command, Stdio},
    time::{Duration, Instant},
};

use fixture::{
    Run, World,
    process::{running, signal, wait_for},
};
use fs_err as fs;
use nix::sys::signal::Signal;

fn world(text: &str) -> World {
    let world = World::with_toolchain();
    world.component("hello", "", "");
    world.pin_component("hello", "1", text);
    world
}

#[test]
fn what_is_built_is_not_built_again() {
    let world = world("hi");
    world.rst(["build", "hello"]).exits(0).tells("built hello 1");
    let tree = world.store().join("trees").join(world.output("hello", &[]));
    assert_eq!(fs::read_to_string(tree.join("share/hello")).unwrap(), "hi");
    world.rst(["build", "hello", "--offline"]).exits(0).tells("nothing to build");
    world.store_is_sound();
}

#[test]
fn a_component_is_built_from_a_folder_in_place_of_its_source() {
    let world = world("hi");
    let mine = world.path("mine");
    fs::create_dir(&mine).unwrap();
    let from = format!("hello={}", mine.display());
    // A folder is at hand where nothing may be fetched.
    for (text, options) in [("mine", &[][..]), ("changed", &["--offline"])] {
        fs::write(mine.join("hello.c"), text).unwrap();
        world.rst([&["build", "hello", "--override", &from], options].concat()).exits(0).tells("built hello 1");
        let tree = world.store().join("trees").join(world.output("hello", &["--override", &from]));
        assert_eq!(fs::read_to_string(tree.join("share/hello")).unwrap(), text);
    }
    let typo = world.rst(["build", "hello", "--override", "helo=mine"]).exits(2);
    insta::assert_snapshot!(typo.shown(), @r#"
    × there is no recipe `helo`
    help: did you mean `hello`? there are: build-root, hello, zig
    "#);
    let nowhere = world.rst(["build", "hello", "--override", "hello=nowhere"]).exits(2);
    insta::assert_snapshot!(nowhere.shown(), @r#"
    × hello cannot be built from /project/nowhere: there is no such folder
    "#);
}

const SBOM: &str = "hello-v1/share/rst/hello.cdx.json";

#[test]
fn an_archive_names_its_parts_inside_and_beside_it() {
    let world = World::with_archive();
    world.rst(["build", "small"]).exits(0);
    let beside = fs::read(world.in_dist(".cdx.json")).unwrap();
    let tar = Command::new("tar").arg("-xOf").arg(world.in_dist(".tar.gz")).arg(SBOM).output().unwrap();
    assert_eq!(tar.stdout, beside);

    let sbom: serde_json::Value = serde_json::from_slice(&beside).unwrap();
    let [hello] = &sbom["components"].as_array().unwrap()[..] else { panic!("{sbom}") };
    let digest = hello["hashes"][0]["content"].as_str().unwrap();
    assert!(world.lock_text().contains(&format!("sha256 = \"{digest}\"")), "{sbom}");
    assert_eq!(hello["externalReferences"][0]["url"], "https://nowhere.invalid/hello-1.tar");
    let spdx: serde_json::Value = serde_json::from_slice(&fs::read(world.in_dist(".spdx.json")).unwrap()).unwrap();
    assert_eq!(spdx["packages"][1]["checksums"][0]["checksumValue"], digest);

    let mine = world.path("mine");
    fs::create_dir(&mine).unwrap();
    fs::write(mine.join("hello.c"), "mine").unwrap();
    world.rst(["build", "small", "--override", &format!("hello={}", mine.display())]).exits(0);
    let sbom: serde_json::Value = serde_json::from_slice(&fs::read(world.in_dist(".cdx.json")).unwrap()).unwrap();
    let hello = &sbom["components"][0];
    assert_eq!((&hello["properties"][0]["name"], &hello["hashes"]), (&"rst:overridden-source".into(), &().into()));

    world.rst(["build", "small"]).exits(0);
    assert_eq!(fs::read(world.in_dist(".cdx.json")).unwrap(), beside);
}

#[test]
fn what_a_source_has_within_itself_is_named_in_the_version_that_it_says() {
    let world = World::with_archive();
    let carried = |within: &str, version: &str| {
        let text = format!(
            "[[carried]]\nname = \"greeting\"\nwithin = \"{within}\"\nlicense = \"MIT\"\nfile = \"hello.c\"\n\
             version = '{version}'\n"
        );
        world.write("build/carried.toml", &text);
        world.rst(["build", "small"])
    };
    carried("hello", "(hi)").exits(0);
    let sbom: serde_json::Value = serde_json::from_slice(&fs::read(world.in_dist(".cdx.json")).unwrap()).unwrap();
    let greeting = sbom["components"].as_array().unwrap().iter().find(|part| part["name"] == "greeting").unwrap();
    assert_eq!((&greeting["version"], &greeting["purl"]), (&"hi".into(), &"pkg:generic/greeting@hi".into()));
    assert_eq!(greeting["properties"][0]["value"], "hello 1");
    let links = serde_json::json!({ "ref": "hello", "dependsOn": ["carried/greeting@hi"] });
    assert!(sbom["dependencies"].as_array().unwrap().contains(&links), "{sbom}");

    carried("hello", "(hullo)").exits(1).tells("the version of greeting in hello is not in its hello.c");
    carried("hullo", "(hi)").exits(2).tells("there is no recipe `hullo`");
    carried("hello", "hi").exits(2).tells("`hi` has no group for the version");
}

#[test]
fn an_archive_whose_bill_lacks_a_component_is_not_proved() {
    let world = World::with_archive();
    world.rst(["build", "small"]).exits(0);
    let (archive, unpacked) = (world.in_dist(".tar.gz"), world.path("unpacked"));
    world.rst(["prove", archive.to_str().unwrap()]).exits(0);

    fs::create_dir(&unpacked).unwrap();
    let tar = |arguments: &[&str]| {
        assert!(
            Command::new("tar")
                .args(arguments)
                .arg("-C")
                .arg(&unpacked)
                .arg("-f")
                .arg(&archive)
                .arg("hello-v1")
                .status()
                .unwrap()
                .success()
        );
    };
    tar(&["-xz"]);
    let text = fs::read_to_string(unpacked.join(SBOM)).unwrap();
    fs::write(unpacked.join(SBOM), text.replace("\"name\":\"hello\"", "\"name\":\"hullo\"")).unwrap();
    tar(&["-cz"]);
    let proof = world.rst(["prove", archive.to_str().unwrap()]).exits(5);
    assert!(proof.stdout.contains("it does not name hello 1"), "{proof}");
}

#[test]
fn a_failure_shows_its_end_its_command_and_the_ways_on() {
    let world = world("BROKEN");
    world.rst(["fetch", "hello"]).exits(0);
    let run = world.rst(["build", "hello", "--jobs", "3"]).exits(4);
    insta::assert_snapshot!(run.shown(), @r#"
    1 to build, 0 in the store
    [0/1] building hello 1 PLATFORM
    [0/1] failed hello 1 PLATFORM: `make -f /b/build.mk -j3 all` exited with 2
      │ cc -Os -g0 -fno-sanitize=undefined -fstack-protector-strong -ffunction-sections -fdata-sections -ffile-prefix-map=/b/src=. -Wno-date-time -c hello.c -o /b/objects/made.a/hello.o
      │ hello.c: error: this does not compile
      │ make: *** [/b/build.mk:8: /b/objects/made.a/hello.o] Error 1
      × hello 1 for PLATFORM failed: `make -f /b/build.mk -j3 all` exited with 2
      help: whole log: /store/logs/DIGEST.log (or `rst log hello --platform PLATFORM`)
            to try it by hand (/b/commands there): rst build hello@1 --platform PLATFORM --shell
            if it is Zig that fails, GCC may do: the same command with --toolchain container --image IMAGE
    "#);
    let log = world.rst(["log", "hello"]).exits(0);
    assert!(log.stdout.contains("hello.c: error: this does not compile"), "{log}");
    world.store_is_sound();
    world.pin_component("hello", "2", "mended");
    world.rst(["build", "hello"]).exits(0);
}

#[test]
fn a_log_of_what_was_never_built_is_refused() {
    let run = world("hi").rst(["log", "hello"]).exits(2);
    insta::assert_snapshot!(run.shown(), @r#"
    × hello has not been built for PLATFORM with this store
    help: build it: rst build hello --platform PLATFORM
    "#);
}

#[test]
fn it_is_explained_what_would_be_built_and_why() {
    let world = world("hi");
    world.component("other", "needs = [\"hello\"]\n", "");
    world.pin_component("other", "1", "ho");
    let explained = || world.rst(["build", "other", "--explain"]).exits(0).stdout.replace("arm64", "amd64");
    insta::assert_snapshot!(explained(), @r#"
    hello 1 linux/amd64
      never built with this store
    other 1 linux/amd64
      hello will be built first; if what comes out is the same, this is not built
    "#);
    world.rst(["build", "other"]).exits(0);
    insta::assert_snapshot!(explained(), @"nothing would be built");
    world.component("other", "needs = [\"hello\"]\n", "defines = [\"LOUD\"]\n");
    insta::assert_snapshot!(explained(), @r#"
    other 1 linux/amd64
      file build.mk changed
    "#);
    world.component("hello", "", "prepare = [[\"cp\", \"hello.c\", \"twice.c\"]]\n");
    insta::assert_snapshot!(explained(), @r#"
    hello 1 linux/amd64
      the commands changed
    other 1 linux/amd64
      hello will be built first; if what comes out is the same, this is not built
    "#);
    world.component("hello", "", "");
    world.deliver("hello-2.tar", &fixture::archive::tar(&[fixture::archive::file("hello/hello.c", "hey")]));
    world.rst(["lock", "hello@2"]).exits(0);
    insta::assert_snapshot!(explained(), @r#"
    hello 2 linux/amd64
      source src changed
    other 1 linux/amd64
      hello will be built first; if what comes out is the same, this is not built
    "#);
}

/// A build that sleeps for some seconds, found among the machine's processes by their exact number.
struct Sleeper {
    world: World,
    seconds: String,
}

impl Sleeper {
    fn new(number: u32) -> Self {
        let world = world("hi");
        let seconds = format!("3.{}{number}", std::process::id());
        world.component("hello", "", &format!("prepare = [[\"sleep\", \"{seconds}\"]]\n"));
        Sleeper { world, seconds }
    }

    /// A run that has come as far as the sleep.
    fn start(&self) -> std::process::Child {
        let child = self.world.command(["build", "hello"]).spawn().unwrap();
        wait_for("the build to start", || running(&format!("sleep {}", self.seconds)) == 1);
        child
    }

    /// Neither the command nor the sandbox around it is there any more.
    fn is_over(&self) -> bool {
        running(&format!("sleep {}", self.seconds)) == 0
            && running(self.world.store().join("tmp").to_str().unwrap()) == 0
    }

    fn next_run_succeeds(&self) {
        self.world.store_is_sound();
        self.world.rst(["build", "hello"]).exits(0);
        self.world.store_is_sound();
        assert_eq!(self.world.kept("tmp"), [""; 0]);
    }
}

#[test]
fn after_a_signal_all_are_gone_within_two_seconds() {
    for (number, which) in [Signal::SIGINT, Signal::SIGTERM].into_iter().enumerate() {
        let sleeper = Sleeper::new(10 + number as u32);
        let child = sleeper.start();
        let begun = Instant::now();
        signal(&child, which);
        let run = Run::of(child.wait_with_output().unwrap()).exits(130).tells("interrupted");
        wait_for("the sandbox to end", || sleeper.is_over());
        assert!(begun.elapsed() < Duration::from_secs(2), "{run}");
        sleeper.next_run_succeeds();
    }
}

#[test]
fn a_killed_build_leaves_nothing_that_the_next_would_trip_over() {
    let sleeper = Sleeper::new(20);
    let mut child = sleeper.start();
    child.kill().unwrap();
    child.wait().unwrap();
    wait_for("the sandbox to end", || sleeper.is_over());
    assert_eq!(sleeper.world.kept("actions"), [""; 0]);
    sleeper.next_run_succeeds();
}

#[test]
fn two_at_once_build_one_thing_once() {
    let sleeper = Sleeper::new(30);
    let mut first = sleeper.start();
    let mut second = sleeper.world.command(["build", "hello"]).spawn().unwrap();
    // The second waits, and takes the first's result.
    while first.try_wait().unwrap().is_none() || second.try_wait().unwrap().is_none() {
        assert!(running(&format!("sleep {}", sleeper.seconds)) <= 1);
        std::thread::sleep(Duration::from_millis(5));
    }
    for child in [first, second] {
        Run::of(child.wait_with_output().unwrap()).exits(0);
    }
    sleeper.next_run_succeeds();
}

#[test]
fn the_store_cannot_be_checked_while_another_builds() {
    let sleeper = Sleeper::new(40);
    let child = sleeper.start();
    sleeper.world.rst(["store", "verify"]).exits(1).tells("another rst is using the store");
    Run::of(child.wait_with_output().unwrap()).exits(0);
}

/// On a file system of every size from too small to large enough. A user namespace lets an ordinary user
/// mount it.
#[test]
fn a_full_disk_is_told_and_leaves_nothing_broken() {
    let world = world("hi");
    world.component(
        "hello",
        "",
        "prepare = [[\"dd\", \"if=/dev/zero\", \"of=/b/src/large\", \"bs=1M\", \"count=16\"]]\n",
    );
    fs::create_dir_all(world.store()).unwrap();
    let script = "
        mount -t tmpfs -o size=$1m none \"$RST_STORE\" || exit 99
        \"$2\" build hello; echo \"small: $?\"
        \"$2\" store verify
        mount -o remount,size=200m none \"$RST_STORE\" || exit 99
        \"$2\" build hello > /dev/null 2>&1; echo \"large: $?\"
        \"$2\" store verify";
    let mut ends = Vec::new();
    for megabytes in (1..10).map(|n| n * 4) {
        let rst = world.command([""; 0]);
        let mut command = Command::new("unshare");
        command.args(["-rm", "sh", "-c", script, "sh", &megabytes.to_string()]).arg(rst.get_program());
        command.envs(rst.get_envs().filter_map(|(name, value)| Some((name, value?)))).stdin(Stdio::null());
        let run = Run::of(command.current_dir(world.project()).output().unwrap()).exits(0);
        if !run.stdout.contains("small: 0") {
            assert!(run.stdout.contains("small: 1"), "{megabytes} MB: {run}");
            assert!(run.stderr.contains("there is no space left"), "{megabytes} MB: {run}");
        }
        assert!(run.stdout.contains("large: 0"), "{megabytes} MB: {run}");
        assert_eq!(run.stdout.matches(" sound, 0 damaged").count(), 2, "{megabytes} MB: {run}");
        ends.push(run.stdout.contains("small: 0"));
    }
    assert_eq!((ends[0], ends[ends.len() - 1]), (false, true));
}
