//! A world for ordinary users, made by root in private namespaces: device nodes, a network that leads
//! nowhere, and for one of them a cgroup of their own and subordinate ids. Of the host nothing is changed,
//! and all that runs ends with the PID namespace.

pub(crate) mod cgroup;
pub(crate) mod places;

use std::{
    path::{Path, PathBuf},
    process::Command,
    thread,
};

use fs_err as fs;
use nix::{
    errno::Errno,
    mount::{MsFlags, mount},
    sched::{CloneFlags, unshare},
    sys::wait::{WaitStatus, wait},
    unistd::{Pid, chown},
};

use crate::{
    check::Who,
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
    match cgroup::leave(cgroup.path()) {
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
        cgroup::see_alone(own)?;
        cgroup::give_to_person()?;
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
    places::device(&net.join("tun"), places::TUN)?;
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
    places::own_tmp(scratch)?;
    places::permit(scratch, 0o755)?;
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
    places::devices(scratch)?;
    places::in_memory(scratch)?;
    for kind in places::FILE_SYSTEMS.into_iter().filter(|kind| order.wants_by_name(&format!("storage-on-{kind}"))) {
        places::file_system(scratch, kind)?;
    }
    places::network()?;
    cgroup::make(scratch)
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
