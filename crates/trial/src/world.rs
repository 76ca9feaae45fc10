//! A world for ordinary users, made by root in private namespaces: device nodes, a network that leads
//! nowhere, and for one of them a cgroup of their own and subordinate ids. Of the host nothing is changed,
//! and all that runs ends with the PID namespace.

use std::{
    os::fd::AsRawFd as _,
    path::{Path, PathBuf},
    process::Command,
    thread,
};

use fs_err as fs;
use nix::{
    errno::Errno,
    mount::{MsFlags, mount},
    sched::{CloneFlags, unshare},
    sys::{
        stat::{Mode, SFlag, makedev, mknod},
        wait::{WaitStatus, wait},
    },
    unistd::{Pid, chown},
};

use crate::{
    check::Who,
    leftovers::{held_cgroup, remove_cgroup},
    stage::{Order, Stage},
};

/// Starts this program again to do all else, and waits for every process that ends, until that one does.
pub(crate) fn first(next: &Stage) -> bool {
    let mut world = Command::new("/proc/self/exe");
    let world = match next.given_to(&mut world).spawn() {
        Ok(world) => Pid::from_raw(world.id().cast_signed()),
        Err(error) => {
            eprintln!("{error}");
            return false;
        }
    };
    loop {
        match wait() {
            Ok(WaitStatus::Exited(pid, code)) if pid == world => return code == 0,
            Ok(WaitStatus::Signaled(pid, ..)) if pid == world => return false,
            Ok(_) | Err(Errno::EINTR) => {}
            Err(_) => return false,
        }
    }
}

/// Furnishes the namespaces and starts this program again as each of the users.
pub(crate) fn furnish(order: &Order) -> bool {
    let cgroup = match furnishings(order) {
        Ok(cgroup) => cgroup,
        Err(error) => {
            eprintln!("the namespaces cannot be furnished: {error}");
            return false;
        }
    };
    let passed = thread::scope(|scope| {
        let users: Vec<_> = Who::ALL.into_iter().map(|who| scope.spawn(move || start(order, who))).collect();
        users.into_iter().all(|user| user.join().expect("starting a user does not panic"))
    });
    match leave(cgroup.path()) {
        Ok(()) => passed,
        Err(error) => {
            eprintln!("a cgroup is left: {error}");
            false
        }
    }
}

/// In a thread of its own, whose mounts may be its own too.
fn start(order: &Order, who: Who) -> bool {
    let begin = || {
        if who == Who::Frugal {
            lack(&order.scratch)?;
        }
        match who {
            Who::Person => {
                Stage::Session(order.clone()).given_to(&mut Command::new(order.scratch.join("rst"))).status()
            }
            _ => as_user(order, who).status(),
        }
    };
    let well = begin().inspect_err(|error| eprintln!("{who:?} cannot begin: {error}")).is_ok_and(|s| s.success());
    if !well {
        order.plan(who);
    }
    well
}

/// This program again, as one of the users.
fn as_user(order: &Order, who: Who) -> Command {
    let mut user = becoming(who);
    user.arg(order.scratch.join("rst"));
    Stage::User(order.clone(), who).given_to(&mut user);
    user
}

/// Goes into a cgroup of the person's own, and becomes the person. The other users' is not theirs.
pub(crate) fn session(order: &Order) -> bool {
    let become_person = || {
        let own = Path::new("/sys/fs/cgroup/person");
        fs::create_dir(own)?;
        fs::write(own.join("cgroup.procs"), "0")?;
        unshare(CloneFlags::CLONE_NEWNS)?;
        see_alone(own)?;
        own_cgroup()?;
        as_user(order, Who::Person).status()
    };
    become_person().inspect_err(|error| eprintln!("the person's cgroup: {error}")).is_ok_and(|status| status.success())
}

/// Hides nft from this thread and all that it starts, and lets the user take /dev/net/tun away.
fn lack(scratch: &Path) -> std::io::Result<()> {
    unshare(CloneFlags::CLONE_NEWNS)?;
    if let Some(nft) = program("nft") {
        bind(Path::new("/dev/null"), &nft)?;
    }
    let net = scratch.join("dev/net");
    fs::create_dir(&net)?;
    chown(&net, Some(Who::Frugal.id().into()), Some(Who::Frugal.id().into()))?;
    device(&net.join("tun"), TUN)?;
    bind(&net, Path::new("/dev/net"))
}

/// What root runs a program with as one of the users; the program is its next argument.
pub(crate) fn becoming(who: Who) -> Command {
    let id = who.id();
    let mut user = Command::new("setpriv");
    user.args([format!("--reuid={id}"), format!("--regid={id}")]).args(["--clear-groups", "--"]);
    user
}

/// An empty home for each of the users.
pub(crate) fn homes(order: &Order) -> std::io::Result<()> {
    for who in Who::ALL {
        let home = order.home(who);
        fs::create_dir(&home)?;
        chown(&home, Some(who.id().into()), Some(who.id().into()))?;
    }
    Ok(())
}

/// Gives their cgroup, held.
fn furnishings(order: &Order) -> std::io::Result<fs::File> {
    let scratch = &order.scratch;
    own_tmp(scratch)?;
    permit(scratch, 0o755)?;
    homes(order)?;
    let named = || Who::ALL.into_iter().filter_map(|who| Some((who.name()?, who.id())));
    let users: String = named().map(|(name, id)| format!("{name}:x:{id}:{id}::/tmp:/bin/sh\n")).collect();
    let ranges = || Who::ALL.into_iter().filter_map(|who| Some((who.name()?, who.subordinate()?)));
    let subordinate: String = ranges().map(|(name, first)| format!("{name}:{first}:65536\n")).collect();
    let groups: String = named().map(|(name, id)| format!("{name}:x:{id}:\n")).collect();
    for (file, text) in [
        ("/etc/passwd", format!("root:x:0:0::/root:/bin/sh\n{users}")),
        ("/etc/group", format!("root:x:0:\n{groups}")),
        ("/etc/subuid", subordinate.clone()),
        ("/etc/subgid", subordinate),
    ] {
        let own = scratch.join(file.trim_start_matches('/').replace('/', "-"));
        fs::write(&own, text)?;
        bind(&own, Path::new(file))?;
    }
    devices(scratch)?;
    places(scratch)?;
    for kind in FILE_SYSTEMS.into_iter().filter(|kind| order.wants_by_name(&format!("storage-on-{kind}"))) {
        file_system(scratch, kind)?;
    }
    network()?;
    cgroup(scratch)
}

/// A /tmp that goes with the mount namespace, with the trial's folder in it where it was.
fn own_tmp(scratch: &Path) -> std::io::Result<()> {
    let tmp = Path::new("/tmp");
    let folder = fs::File::open(scratch)?;
    mount(Some("tmpfs"), tmp, Some("tmpfs"), MsFlags::empty(), Some("mode=1777"))?;
    if scratch.starts_with(tmp) {
        fs::create_dir_all(scratch)?;
        let opened = PathBuf::from(format!("/proc/self/fd/{}", folder.as_raw_fd()));
        bind(&opened, scratch)?;
    }
    Ok(())
}

fn permit(path: &Path, mode: u32) -> std::io::Result<()> {
    fs::set_permissions(path, std::os::unix::fs::PermissionsExt::from_mode(mode))
}

/// Where no program may be started, of a file system that anyone may write to.
pub(crate) const NOEXEC: &str = "noexec";
/// Where nobody can write.
pub(crate) const READ_ONLY: &str = "read-only";
/// Where no file can have an extended attribute, as on NFS.
pub(crate) const BARE: &str = "bare";

/// File systems that a home may lie on.
fn places(scratch: &Path) -> std::io::Result<()> {
    let noexec = scratch.join(NOEXEC);
    fs::create_dir(&noexec)?;
    mount(Some("tmpfs"), &noexec, Some("tmpfs"), MsFlags::MS_NOEXEC, Some("mode=1777"))?;
    let read_only = scratch.join(READ_ONLY);
    fs::create_dir(&read_only)?;
    mount(Some("tmpfs"), &read_only, Some("tmpfs"), MsFlags::MS_RDONLY, Some("mode=1777"))?;
    let bare = scratch.join(BARE);
    fs::create_dir(&bare)?;
    Ok(mount(Some("ramfs"), &bare, Some("ramfs"), MsFlags::empty(), Some("mode=1777"))?)
}

/// Of these there is one each in a folder of its name, if a check asks for it.
pub(crate) const FILE_SYSTEMS: [&str; 3] = ["ext4", "xfs", "btrfs"];

/// In a file of half a GB, most of it a hole. The kernel frees the loop device with the mount. Where that cannot be
/// made there is no folder.
fn file_system(scratch: &Path, kind: &str) -> std::io::Result<()> {
    let (file, folder) = (scratch.join(format!("{kind}.image")), scratch.join(kind));
    let Some(make) = program(&format!("mkfs.{kind}")) else { return Ok(()) };
    fs::File::create(&file)?.set_len(512 << 20)?;
    fs::create_dir(&folder)?;
    let made = Command::new(make).arg("-q").arg(&file).status()?.success();
    let mounted = || Command::new("mount").args(["-o", "loop,nodev,nosuid"]).args([&file, &folder]).status();
    match made && mounted()?.success() {
        true => permit(&folder, 0o1777),
        false => fs::remove_dir(&folder),
    }
}

/// Minor numbers of the kernel's miscellaneous devices (its admin-guide/devices.txt).
const TUN: u64 = 200;
const FUSE: u64 = 229;

fn device(path: &Path, minor: u64) -> std::io::Result<()> {
    const MISCELLANEOUS: u64 = 10;
    mknod(path, SFlag::S_IFCHR, Mode::from_bits_truncate(0o666), makedev(MISCELLANEOUS, minor))?;
    permit(path, 0o666)
}

/// /dev/fuse and /dev/net/tun as most distributions have them: open to all.
fn devices(scratch: &Path) -> std::io::Result<()> {
    let dev = scratch.join("dev");
    fs::create_dir(&dev)?;
    mount(Some("tmpfs"), &dev, Some("tmpfs"), MsFlags::empty(), Some("mode=0755"))?;
    for (name, minor) in [("fuse", FUSE), ("net/tun", TUN)] {
        let own = dev.join(name.replace('/', "-"));
        device(&own, minor)?;
        let place = Path::new("/dev").join(name);
        if place.exists() {
            bind(&own, &place)?;
        }
    }
    Ok(mount(Some("tmpfs"), "/dev/shm", Some("tmpfs"), MsFlags::empty(), Some("mode=1777"))?)
}

/// An interface with an address and a route, as pasta looks for, and nobody behind it.
pub(crate) fn network() -> std::io::Result<()> {
    let ipv6 = Path::new("/proc/sys/net/ipv6").exists();
    let with_ipv6 = ["address add 2001:db8::2/64 dev outside nodad", "route add default via 2001:db8::1 dev outside"];
    let with_ipv4 = [
        "link set lo up",
        "link add name outside type veth peer name nobody",
        "address add 192.0.2.2/24 dev outside",
        "link set outside up",
        "link set nobody up",
        "route add default via 192.0.2.1",
    ];
    for arguments in with_ipv4.into_iter().chain(with_ipv6.into_iter().filter(|_| ipv6)) {
        let ip = program("ip").ok_or_else(|| std::io::Error::other("`ip` is not installed: make install-deps"))?;
        let status = Command::new(ip).args(arguments.split(' ')).status()?;
        if !status.success() {
            return Err(std::io::Error::other(format!("`ip {arguments}` {status}")));
        }
    }
    Ok(())
}

/// A cgroup of version 2, and all that is seen from then on.
pub(crate) fn cgroup(scratch: &Path) -> std::io::Result<fs::File> {
    let whole = scratch.join("cgroup");
    fs::create_dir(&whole)?;
    let none = None::<&str>;
    mount(Some("cgroup2"), &whole, Some("cgroup2"), MsFlags::empty(), none)?;
    let own = whole.join(scratch.file_name().expect("a folder has a name"));
    let own = held_cgroup(&own)?;
    fs::write(own.path().join("cgroup.procs"), "0")?;
    see_alone(own.path())?;
    Ok(own)
}

/// This process' cgroup becomes the root of what it sees. Bound: where one is mounted already, a second mount is refused.
fn see_alone(own: &Path) -> std::io::Result<()> {
    unshare(CloneFlags::CLONE_NEWCGROUP)?;
    bind(own, Path::new("/sys/fs/cgroup"))
}

/// Gives the cgroup that is seen to the person.
pub(crate) fn own_cgroup() -> std::io::Result<()> {
    let owner = Who::Person.id();
    for file in ["", "cgroup.procs", "cgroup.threads", "cgroup.subtree_control"] {
        chown(&Path::new("/sys/fs/cgroup").join(file), Some(owner.into()), Some(owner.into()))?;
    }
    Ok(())
}

/// This process is the last in it, so it must go first; then the cgroups that podman made in it.
pub(crate) fn leave(cgroup: &Path) -> std::io::Result<()> {
    fs::write(cgroup.parent().unwrap_or(cgroup).join("cgroup.procs"), "0")?;
    remove_cgroup(cgroup)
}

/// Only where something stands already: of the host nothing is made.
pub(crate) fn bind(source: &Path, target: &Path) -> std::io::Result<()> {
    fs::symlink_metadata(target)?;
    Ok(mount(Some(source), target, None::<&str>, MsFlags::MS_BIND, None::<&str>)?)
}

/// The static one, which containers hold.
pub(crate) const BUSYBOX: &str = "busybox";

/// A program of the host's.
pub(crate) fn program(name: &str) -> Option<PathBuf> {
    ["/usr/bin", "/bin", "/usr/sbin", "/sbin", "/usr/local/bin"]
        .iter()
        .map(|folder| Path::new(folder).join(name))
        .find(|path| path.exists())
}
