//! Containers for real: the archive named by RST_TEST_ARCHIVE is unpacked by an ordinary user with no
//! network outside, and does what a person would do first. `host` makes such a user's world, for root; an
//! ordinary user runs in their own.
//!
//! The archive is none of cargo's business: `make test` builds one first and names it. Without a name
//! every check is listed as ignored.

mod host;

use std::{
    io::Write as _,
    path::{Path, PathBuf},
    process::{Command, ExitCode, Stdio},
    sync::Arc,
};

use fs_err as fs;
use libtest_mimic::{Arguments, Failed, Trial};

fn main() -> ExitCode {
    let archive = std::env::var_os(host::ARCHIVE).map(PathBuf::from);
    match (&archive, host::stage()) {
        (Some(_), host::Stage::Outside) => host::make(),
        (Some(_), host::Stage::Namespaces) => host::furnish(),
        (Some(archive), host::Stage::User) => checks(User::new(archive)),
        (None, _) => checks(Err("RST_TEST_ARCHIVE names no archive".into())),
    }
}

/// A person, their home, and what they unpacked.
struct User {
    home: tempfile::TempDir,
    podman: PathBuf,
}

type Check = fn(&User) -> Result<(), Failed>;

/// In this order: later ones use the image that an earlier one built.
const CHECKS: [(&str, Check); 10] = [
    ("podman_uses_what_lies_beside_it", podman_uses_what_lies_beside_it),
    ("an_image_is_built_from_scratch", an_image_is_built_from_scratch),
    ("a_container_runs_without_network", a_container_runs_without_network),
    ("a_container_runs_with_pasta", a_container_runs_with_pasta),
    ("a_published_port_answers", a_published_port_answers),
    ("containers_on_a_bridge_find_each_other_by_name", containers_on_a_bridge_find_each_other_by_name),
    ("health_checks_fire_without_systemd", health_checks_fire_without_systemd),
    (
        "locks_of_another_libc_are_replaced_once_nobody_uses_them",
        locks_of_another_libc_are_replaced_once_nobody_uses_them,
    ),
    ("a_container_outlives_a_move_of_the_archive", a_container_outlives_a_move_of_the_archive),
    ("nothing_is_left_running", nothing_is_left_running),
];

/// With neither subordinate ids nor a cgroup: clusters, storage boxes, hosts of others.
const CHECKS_OF_THE_POOR: [(&str, Check); 5] = [
    ("with_one_id_an_image_is_built", an_image_is_built_from_scratch),
    ("with_one_id_an_image_of_several_owners_runs", an_image_of_several_owners_runs),
    ("without_a_cgroup_the_limits_that_do_not_hold_are_named", the_limits_that_do_not_hold_are_named),
    ("logs_for_journald_go_to_a_file_and_that_is_said", logs_for_journald_go_to_a_file_and_that_is_said),
    ("with_one_id_nothing_is_left", nothing_is_left_running),
];

fn checks(user: Result<User, Failed>) -> ExitCode {
    let mut arguments = Arguments::from_args();
    arguments.test_threads = Some(1);
    let (user, ignored) = match user {
        Ok(user) => (Some(Arc::new(user)), false),
        Err(_) if std::env::var_os(host::ARCHIVE).is_none() => (None, true),
        Err(error) => {
            eprintln!("the archive cannot be unpacked: {error:?}");
            return ExitCode::FAILURE;
        }
    };
    let checks: &[_] = if host::is_poor() { &CHECKS_OF_THE_POOR } else { &CHECKS };
    let trials = checks.iter().map(|&(name, check)| {
        let user = user.clone();
        let run = move || user.as_deref().map_or(Err("no archive".into()), check);
        Trial::test(name, run).with_ignored_flag(ignored)
    });
    let conclusion = libtest_mimic::run(&arguments, trials.collect());
    conclusion.exit_code()
}

impl User {
    fn new(archive: &Path) -> Result<Self, Failed> {
        let home = tempfile::tempdir()?;
        let run = home.path().join("run");
        fs::create_dir(&run)?;
        fs::set_permissions(&run, std::os::unix::fs::PermissionsExt::from_mode(0o700))?;
        let unpacked = Command::new("tar").arg("-xf").arg(archive).current_dir(home.path()).status()?;
        if !unpacked.success() {
            return Err(format!("`tar -xf {}` {unpacked}", archive.display()).into());
        }
        let tops = fs::read_dir(home.path())?.flatten().map(|entry| entry.path().join("bin/podman"));
        let podman = tops.into_iter().find(|podman| podman.exists()).ok_or("there is no bin/podman in the archive")?;
        let user = Self { home, podman };
        user.context()?;
        Ok(user)
    }

    /// A folder to build an image from: one static program.
    fn context(&self) -> Result<(), Failed> {
        let context = self.home.path().join("context");
        fs::create_dir(&context)?;
        fs::copy(
            host::program("busybox").ok_or("busybox is not installed: make install-deps")?,
            context.join("busybox"),
        )?;
        let text = "FROM scratch\nCOPY busybox /bin/busybox\nRUN [\"/bin/busybox\", \"--install\", \"-s\", \"/bin\"]\n";
        fs::write(context.join("Containerfile"), text)?;
        Ok(())
    }

    fn command(&self, podman: &Path, arguments: &[&str]) -> Command {
        let mut podman = Command::new(podman);
        podman.args(arguments).current_dir(self.home.path()).env_clear();
        podman.env("HOME", self.home.path()).env("XDG_RUNTIME_DIR", self.home.path().join("run"));
        podman.env("PATH", "/usr/local/bin:/usr/bin:/bin:/usr/sbin:/sbin").stdin(Stdio::null());
        podman
    }

    /// What podman prints; or what it complains of.
    fn podman(&self, arguments: &[&str]) -> Result<String, Failed> {
        self.podman_at(&self.podman, arguments)
    }

    fn podman_at(&self, podman: &Path, arguments: &[&str]) -> Result<String, Failed> {
        self.told_by(podman, arguments).map(|(out, _)| out)
    }

    /// What podman says besides, on standard error.
    fn said(&self, arguments: &[&str]) -> Result<String, Failed> {
        self.told_by(&self.podman, arguments).map(|(_, err)| err)
    }

    fn told_by(&self, podman: &Path, arguments: &[&str]) -> Result<(String, String), Failed> {
        let output = self.command(podman, arguments).output()?;
        let (out, err) = (String::from_utf8_lossy(&output.stdout), String::from_utf8_lossy(&output.stderr));
        match output.status.success() {
            true => Ok((out.trim_end().to_owned(), err.into_owned())),
            false => Err(format!("podman {}: {}\n{out}{err}", arguments.join(" "), output.status).into()),
        }
    }
}

impl Drop for User {
    /// Podman's files belong to the user's subordinate ids: podman must remove them.
    fn drop(&mut self) {
        if let Err(error) = self.podman(&["system", "reset", "--force"]) {
            let _ = writeln!(std::io::stderr(), "{error:?}");
        }
        if let Ok(pid) = fs::read_to_string(self.home.path().join("run/libpod/tmp/pause.pid")) {
            let _ = Command::new("kill").arg(pid.trim()).status();
        }
    }
}

fn same(found: &str, expected: &str) -> Result<(), Failed> {
    if found == expected { Ok(()) } else { Err(format!("expected {expected:?}, found {found:?}").into()) }
}

fn contains(found: &str, expected: &str) -> Result<(), Failed> {
    if found.contains(expected) { Ok(()) } else { Err(format!("expected {expected:?} in {found:?}").into()) }
}

fn podman_uses_what_lies_beside_it(user: &User) -> Result<(), Failed> {
    let top = user.podman.parent().and_then(Path::parent).ok_or("podman lies nowhere")?;
    let format = "{{.Host.OCIRuntime.Path}} {{.Host.Conmon.Path}} {{.Host.NetworkBackendInfo.Path}} \
                  {{.Host.NetworkBackendInfo.DNS.Path}} {{.Host.Pasta.Executable}} {{.Store.GraphDriverName}}";
    let found = user.podman(&["info", "--format", format])?;
    let beside = |path: &str| top.join(path).display().to_string();
    let expected =
        ["bin/crun", "lib/podman/conmon", "lib/podman/netavark", "lib/podman/aardvark-dns", "lib/podman/pasta"];
    same(&found, &format!("{} overlay", expected.map(beside).join(" ")))
}

fn an_image_is_built_from_scratch(user: &User) -> Result<(), Failed> {
    user.podman(&["build", "--tag", "small", "context"]).map(drop)
}

fn a_container_runs_without_network(user: &User) -> Result<(), Failed> {
    let script = "id -u; hostname; ls /sys/class/net";
    let found =
        user.podman(&["run", "--rm", "--network", "none", "--hostname", "here", "small", "/bin/sh", "-c", script])?;
    same(&found, "0\nhere\nlo")
}

fn a_container_runs_with_pasta(user: &User) -> Result<(), Failed> {
    let script = "ip -4 -o addr show scope global | wc -l";
    same(&user.podman(&["run", "--rm", "--network", "pasta", "small", "/bin/sh", "-c", script])?, "1")
}

/// A small web server, that says its own host name.
const SERVE: &str = "hostname >/tmp/index.html; exec httpd -f -p 80 -h /tmp";

fn a_published_port_answers(user: &User) -> Result<(), Failed> {
    let port = std::net::TcpListener::bind("127.0.0.1:0")?.local_addr()?.port();
    let publish = format!("127.0.0.1:{port}:80");
    let run = ["run", "--detach", "--name", "web", "--hostname", "web", "--tmpfs", "/tmp", "--publish", &publish];
    user.podman(&[&run[..], &["small", "/bin/sh", "-c", SERVE]].concat())?;
    let answer = patiently(|| {
        let busybox = host::program("busybox").ok_or("no busybox")?;
        let got =
            Command::new(busybox).args(["wget", "-q", "-O", "-", &format!("http://127.0.0.1:{port}/")]).output()?;
        let text = String::from_utf8_lossy(&got.stdout).trim().to_owned();
        if got.status.success() { Ok(text) } else { Err(String::from_utf8_lossy(&got.stderr).into_owned().into()) }
    });
    user.podman(&["rm", "--force", "--time", "0", "web"])?;
    same(&answer?, "web")
}

fn containers_on_a_bridge_find_each_other_by_name(user: &User) -> Result<(), Failed> {
    user.podman(&["network", "create", "net"])?;
    let run = ["run", "--detach", "--name", "web", "--hostname", "web", "--tmpfs", "/tmp", "--network", "net"];
    user.podman(&[&run[..], &["small", "/bin/sh", "-c", SERVE]].concat())?;
    let ask = ["run", "--rm", "--network", "net", "small", "wget", "-q", "-O", "-", "http://web/"];
    let answer = patiently(|| user.podman(&ask));
    user.podman(&["rm", "--force", "--time", "0", "web"])?;
    user.podman(&["network", "rm", "net"])?;
    same(&answer?, "web")
}

/// By the interval alone, with the timer beside podman; it ends with its container.
fn health_checks_fire_without_systemd(user: &User) -> Result<(), Failed> {
    let check = ["--health-cmd", "test -e /tmp/well", "--health-interval", "1s", "--health-retries", "1"];
    let run = ["run", "--detach", "--name", "patient", "--network", "none", "--tmpfs", "/tmp"];
    user.podman(&[&run[..], &check, &["small", "/bin/sleep", "1000"]].concat())?;
    let becomes = |status: &str| {
        patiently(|| {
            let found = user.podman(&["inspect", "--format", "{{.State.Health.Status}}", "patient"])?;
            same(&found, status).map(|()| found)
        })
    };
    let seen = becomes("unhealthy").and_then(|_| {
        user.podman(&["exec", "patient", "/bin/touch", "/tmp/well"])?;
        becomes("healthy")
    });
    let timers = health_timers()?;
    user.podman(&["rm", "--force", "--time", "0", "patient"])?;
    seen?;
    let [resident] = timers[..] else { return Err(format!("expected one timer, found {}", timers.len()).into()) };
    if resident > 512 {
        return Err(format!("the timer holds {resident} kB, expected 512 at most").into());
    }
    patiently(|| same(&health_timers()?.len().to_string(), "0").map(|()| String::new())).map(drop)
}

/// The resident memory, in kB, of each timer that runs.
fn health_timers() -> Result<Vec<u64>, Failed> {
    let mut timers = Vec::new();
    for entry in fs::read_dir("/proc")?.flatten() {
        // Processes come and go while one looks.
        let Ok(status) = fs::read_to_string(entry.path().join("status")) else { continue };
        let field = |name: &str| Some(status.lines().find_map(|line| line.strip_prefix(name))?.trim());
        if field("Name:") == Some("podman-health")
            && let Some(resident) = field("VmRSS:")
        {
            timers.push(resident.trim_end_matches(" kB").trim().parse()?);
        }
    }
    Ok(timers)
}

/// The area is our own, with the number of upstream's in it: what a podman with glibc leaves begins so too.
fn locks_of_another_libc_are_replaced_once_nobody_uses_them(user: &User) -> Result<(), Failed> {
    user.podman(&["create", "--name", "kept", "small", "/bin/true"])?;
    let areas = fs::read_dir("/dev/shm")?.flatten().map(|entry| entry.path());
    let area = areas.into_iter().find(|path| path.to_string_lossy().contains("libpod_rootless_lock"));
    let area = area.ok_or("podman has no locks in /dev/shm")?;
    let begins_as_ours = || same(&format!("{:x?}", fs::read(&area)?.get(..2)), "Some([d2, 87])");
    begins_as_ours()?;

    let socket = user.home.path().join("run/service.sock");
    let address = format!("unix://{}", socket.display());
    let mut service = user.command(&user.podman, &["system", "service", "--time", "0", &address]).spawn()?;
    let started = patiently(|| match socket.exists() {
        true => Ok(String::new()),
        false => Err("the service does not listen".into()),
    });
    fs::OpenOptions::new().write(true).open(&area)?.write_all(&[0xd1, 0x87])?;
    let refused = user.podman(&["ps"]);
    service.kill()?;
    service.wait()?;
    started?;
    let refused = format!("{:?}", refused.err().ok_or("locks in use were replaced")?);
    contains(&refused, "(podman) is using them")?;

    user.podman(&["ps"])?;
    begins_as_ours()?;
    // Its lock is its own still: another container gets another.
    user.podman(&["create", "--name", "other", "small", "/bin/true"])?;
    let locks = user.podman(&["inspect", "--format", "{{.LockNumber}}", "kept", "other"])?;
    user.podman(&["rm", "kept", "other"])?;
    match locks.split_once('\n') {
        Some((kept, other)) if kept != other => Ok(()),
        _ => Err(format!("expected two locks, found {locks:?}").into()),
    }
}

/// `--rm` is what podman does at a container's end, called by conmon: by a path that is no longer there.
fn a_container_outlives_a_move_of_the_archive(user: &User) -> Result<(), Failed> {
    let top = user.podman.ancestors().nth(2).ok_or("podman lies nowhere")?;
    let elsewhere = user.home.path().join("elsewhere");
    user.podman(&["run", "--detach", "--rm", "--name", "mover", "--network", "none", "small", "/bin/sleep", "1000"])?;
    fs::rename(top, &elsewhere)?;
    let moved = elsewhere.join("bin/podman");
    let killed = user.podman_at(&moved, &["kill", "mover"]);
    let gone = patiently(|| same(&user.podman_at(&moved, &["ps", "--all", "--quiet"])?, "").map(|()| String::new()));
    fs::rename(&elsewhere, top)?;
    killed.and(gone).map(drop)
}

fn an_image_of_several_owners_runs(user: &User) -> Result<(), Failed> {
    let busybox = host::program("busybox").ok_or("no busybox")?;
    let layer = user.home.path().join("layer.tar");
    let mut tar = Command::new("tar");
    tar.args(["--owner=33", "--group=33", "--transform=s,.*/,,", "-cPf"]).arg(&layer).arg(busybox);
    let packed = tar.status()?;
    if !packed.success() {
        return Err(format!("`tar -cPf` {packed}").into());
    }
    user.podman(&["import", "layer.tar", "several"])?;
    let owner =
        user.podman(&["run", "--rm", "--network", "none", "several", "/busybox", "stat", "-c", "%u", "/busybox"]);
    user.podman(&["rmi", "several"])?;
    same(&owner?, "0")
}

fn the_limits_that_do_not_hold_are_named(user: &User) -> Result<(), Failed> {
    let run = ["run", "--rm", "--network", "none", "--memory", "64m", "small", "/bin/true"];
    contains(&user.said(&run)?, "The limits on memory will not hold")
}

fn logs_for_journald_go_to_a_file_and_that_is_said(user: &User) -> Result<(), Failed> {
    let run = ["run", "--name", "talker", "--log-driver", "journald", "--network", "none", "small", "echo", "hello"];
    let said = user.said(&run);
    let logs = user.podman(&["logs", "talker"]);
    user.podman(&["rm", "--force", "talker"])?;
    same(&logs?, "hello")?;
    contains(&said?, "A static podman has no journald")
}

fn nothing_is_left_running(user: &User) -> Result<(), Failed> {
    same(&user.podman(&["ps", "--all", "--quiet"])?, "")?;
    same(&user.podman(&["network", "ls", "--quiet"])?, "podman")
}

/// A server needs a moment: tried until it answers, for half a minute at most.
fn patiently(attempt: impl Fn() -> Result<String, Failed>) -> Result<String, Failed> {
    for _ in 0..60 {
        if let Ok(answer) = attempt() {
            return Ok(answer);
        }
        std::thread::sleep(std::time::Duration::from_millis(500));
    }
    attempt()
}
