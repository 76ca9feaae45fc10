//! A world for two ordinary users, made by root in private namespaces: device nodes, a network that leads
//! nowhere, and for one of them a cgroup of their own and subordinate ids. Of the host nothing is changed, and all that runs ends
//! with the PID namespace.

use std::{
    io::ErrorKind,
    path::{Path, PathBuf},
    process::{Command, ExitCode},
    thread,
    time::{Duration, Instant},
};

use fs_err as fs;
use nix::{
    mount::{MsFlags, mount},
    sched::{CloneFlags, unshare},
    sys::stat::{Mode, SFlag, makedev, mknod},
    unistd::{chown, geteuid},
};

/// Who this process is.
#[derive(Clone, Copy, PartialEq, Eq)]
pub enum Stage {
    /// Root, on the host.
    Outside,
    /// Root, in new namespaces that are still empty.
    Namespaces,
    /// The user.
    User,
}

const STAGE: &str = "RST_TEST_STAGE";
/// Names the archive that is tried.
pub const ARCHIVE: &str = "RST_TEST_ARCHIVE";
const SCRATCH: &str = "RST_TEST_SCRATCH";
/// User and group, which the host need not know.
const USER: u32 = 54_321;
/// One who has neither subordinate ids nor a cgroup.
const POOR: u32 = 54_322;
/// Set for that one.
const IS_POOR: &str = "RST_TEST_POOR";

/// Whether this process is the user who has nothing.
pub fn is_poor() -> bool {
    std::env::var_os(IS_POOR).is_some()
}

pub fn stage() -> Stage {
    match std::env::var(STAGE).as_deref() {
        Ok("namespaces") => Stage::Namespaces,
        Ok("user") => Stage::User,
        _ if geteuid().is_root() => Stage::Outside,
        _ => Stage::User,
    }
}

/// Starts this program again in namespaces of its own. What those mount goes with them, so the folder
/// can be removed here.
pub fn make() -> ExitCode {
    let scratch = tempfile::tempdir().expect("a temporary folder");
    let mut again = Command::new("unshare");
    again.args([
        "--mount",
        "--net",
        "--ipc",
        "--pid",
        "--fork",
        "--kill-child",
        "--mount-proc",
        "--propagation=private",
    ]);
    again
        .arg(std::env::current_exe().expect("this program has a path"))
        .args(std::env::args_os().skip(1))
        .env(STAGE, "namespaces");
    again.env(SCRATCH, scratch.path());
    if succeeded(again.status()) { ExitCode::SUCCESS } else { ExitCode::FAILURE }
}

/// Furnishes the namespaces and starts this program again as the user.
pub fn furnish() -> ExitCode {
    let scratch = PathBuf::from(std::env::var_os(SCRATCH).expect("set by `make`"));
    let cgroup = match furnishings(&scratch) {
        Ok(cgroup) => cgroup,
        Err(error) => {
            eprintln!("the test's namespaces cannot be furnished: {error}");
            return ExitCode::FAILURE;
        }
    };
    // Program and archive may lie where the user cannot look.
    let own = scratch.join("checks");
    fs::copy("/proc/self/exe", &own).expect("this program can be copied");
    let archive = PathBuf::from(std::env::var_os(ARCHIVE).expect("looked for by `main`"));
    let copy = scratch.join(archive.file_name().expect("an archive has a name"));
    fs::copy(&archive, &copy).expect("the archive can be copied");
    let passed = [USER, POOR].map(|id| {
        let mut user = Command::new("setpriv");
        user.args([format!("--reuid={id}"), format!("--regid={id}")]).args(["--clear-groups", "--"]);
        user.arg(&own).args(std::env::args_os().skip(1));
        user.env(STAGE, "user").env("TMPDIR", "/tmp").env(ARCHIVE, &copy);
        if id == POOR {
            user.env(IS_POOR, "yes");
        }
        succeeded(user.status())
    });
    if let Err(error) = leave(&cgroup) {
        eprintln!("{error}");
        return ExitCode::FAILURE;
    }
    if passed == [true, true] { ExitCode::SUCCESS } else { ExitCode::FAILURE }
}

fn succeeded(status: std::io::Result<std::process::ExitStatus>) -> bool {
    status.inspect_err(|error| eprintln!("{error}")).is_ok_and(|status| status.success())
}

fn furnishings(scratch: &Path) -> std::io::Result<PathBuf> {
    fs::set_permissions(scratch, std::os::unix::fs::PermissionsExt::from_mode(0o755))?;
    for (file, text) in [
        (
            "/etc/passwd",
            format!(
                "root:x:0:0::/root:/bin/sh\nperson:x:{USER}:{USER}::/tmp:/bin/sh\npoor:x:{POOR}:{POOR}::/tmp:/bin/sh\n"
            ),
        ),
        ("/etc/group", format!("root:x:0:\nperson:x:{USER}:\npoor:x:{POOR}:\n")),
        ("/etc/subuid", "person:200000:65536\n".to_owned()),
        ("/etc/subgid", "person:200000:65536\n".to_owned()),
    ] {
        let own = scratch.join(file.trim_start_matches('/').replace('/', "-"));
        fs::write(&own, text)?;
        bind(&own, Path::new(file))?;
    }
    devices(scratch)?;
    network()?;
    cgroup(scratch)
}

/// /dev/fuse and /dev/net/tun as most distributions have them: open to all.
fn devices(scratch: &Path) -> std::io::Result<()> {
    let dev = scratch.join("dev");
    fs::create_dir(&dev)?;
    mount(Some("tmpfs"), &dev, Some("tmpfs"), MsFlags::empty(), Some("mode=0755"))?;
    for (name, major, minor) in [("fuse", 10, 229), ("net/tun", 10, 200)] {
        let own = dev.join(name.replace('/', "-"));
        mknod(&own, SFlag::S_IFCHR, Mode::from_bits_truncate(0o666), makedev(major, minor))?;
        fs::set_permissions(&own, std::os::unix::fs::PermissionsExt::from_mode(0o666))?;
        let place = Path::new("/dev").join(name);
        if place.exists() {
            bind(&own, &place)?;
        }
    }
    Ok(mount(Some("tmpfs"), "/dev/shm", Some("tmpfs"), MsFlags::empty(), Some("mode=1777"))?)
}

/// An interface with an address and a route, as pasta looks for, and nobody behind it.
fn network() -> std::io::Result<()> {
    for arguments in [
        "link set lo up",
        "link add name outside type veth peer name nobody",
        "address add 192.0.2.2/24 dev outside",
        "link set outside up",
        "link set nobody up",
        "route add default via 192.0.2.1",
    ] {
        let ip = program("ip").ok_or_else(|| std::io::Error::other("`ip` is not installed: make install-deps"))?;
        let status = Command::new(ip).args(arguments.split(' ')).status()?;
        if !status.success() {
            return Err(std::io::Error::other(format!("`ip {arguments}` {status}")));
        }
    }
    Ok(())
}

/// A cgroup of version 2 that is the user's, and all that they see.
fn cgroup(scratch: &Path) -> std::io::Result<PathBuf> {
    let whole = scratch.join("cgroup");
    fs::create_dir(&whole)?;
    let none = None::<&str>;
    mount(Some("cgroup2"), &whole, Some("cgroup2"), MsFlags::empty(), none)?;
    let own = tempfile::Builder::new().prefix("rst-test-").tempdir_in(&whole)?.keep();
    fs::write(own.join("cgroup.procs"), "0")?;
    unshare(CloneFlags::CLONE_NEWCGROUP)?;
    mount(Some("cgroup2"), "/sys/fs/cgroup", Some("cgroup2"), MsFlags::empty(), none)?;
    let mine = Some(USER.into());
    for file in ["", "cgroup.procs", "cgroup.threads", "cgroup.subtree_control"] {
        chown(&Path::new("/sys/fs/cgroup").join(file), mine, Some(USER.into()))?;
    }
    Ok(own)
}

/// This process is the last in it, so it must go first; then the cgroups that podman made in it.
fn leave(cgroup: &Path) -> std::io::Result<()> {
    fs::write(cgroup.parent().unwrap_or(cgroup).join("cgroup.procs"), "0")?;
    for entry in walkdir::WalkDir::new(cgroup).contents_first(true) {
        let entry = entry?;
        if entry.file_type().is_dir() {
            remove_once_empty(entry.path())?;
        }
    }
    Ok(())
}

/// A process that was killed leaves its cgroup only when the kernel is done with it, so this waits a while.
fn remove_once_empty(cgroup: &Path) -> std::io::Result<()> {
    const PATIENCE: Duration = Duration::from_secs(20);
    let start = Instant::now();
    loop {
        match fs::remove_dir(cgroup) {
            Err(error) if error.kind() == ErrorKind::ResourceBusy && start.elapsed() < PATIENCE => {
                thread::sleep(Duration::from_millis(20));
            }
            Err(error) if error.kind() == ErrorKind::ResourceBusy => {
                return Err(std::io::Error::other(format!("{error}; in it still: {:?}", members(cgroup)?)));
            }
            other => return other,
        }
    }
}

/// The command lines of the processes in a cgroup.
fn members(cgroup: &Path) -> std::io::Result<Vec<String>> {
    let ids = fs::read_to_string(cgroup.join("cgroup.procs"))?;
    let line = |id: &str| fs::read_to_string(format!("/proc/{id}/cmdline")).unwrap_or_default().replace('\0', " ");
    Ok(ids.lines().map(|id| format!("{id} {}", line(id))).collect())
}

/// Only where something stands already: of the host nothing is made.
fn bind(source: &Path, target: &Path) -> std::io::Result<()> {
    fs::symlink_metadata(target)?;
    Ok(mount(Some(source), target, None::<&str>, MsFlags::MS_BIND, None::<&str>)?)
}

/// A program of the host's.
pub fn program(name: &str) -> Option<PathBuf> {
    ["/usr/bin", "/bin", "/usr/sbin", "/sbin"]
        .iter()
        .map(|folder| Path::new(folder).join(name))
        .find(|path| path.exists())
}
