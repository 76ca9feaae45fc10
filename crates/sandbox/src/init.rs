//! The two processes between the caller and the commands. Both have one thread.

use std::{
    os::unix::process::CommandExt as _,
    path::{Path, PathBuf},
    process::Command,
};

use fs_err as fs;
use nix::{
    errno::Errno,
    sched::{CloneFlags, unshare},
    sys::{
        prctl,
        resource::{Resource, getrlimit, setrlimit},
        signal::Signal,
        stat::{Mode, umask},
    },
    unistd::{Gid, Uid, getegid, geteuid, sethostname},
};

use crate::{Spec, Verdict, layout, steps};

/// First argument of the process that leaves the host's namespaces.
pub(crate) const OUTER: &str = "__sandbox-outer";
/// First argument of the process that is number one in the new ones.
const INNER: &str = "__sandbox-inner";
/// First argument of the process that runs commands on the host itself.
pub(crate) const BARE: &str = "__no-sandbox";
/// User and group of the commands.
const BUILDER: u32 = 1000;

/// The folder through which the processes tell each other what to do and what came of it.
pub(crate) struct Desk {
    pub spec: PathBuf,
    pub verdict: PathBuf,
    /// An empty folder: the place of the new root.
    pub root: PathBuf,
}

impl Desk {
    pub(crate) fn new(folder: &Path) -> Self {
        Self { spec: folder.join("spec"), verdict: folder.join("verdict"), root: folder.join("root") }
    }
}

/// What was tried, and the kernel's answer.
pub(crate) struct Refusal(pub String, pub Errno);

/// Names what was tried.
pub(crate) trait Tried<T> {
    fn tried(self, what: impl Into<String>) -> Result<T, Refusal>;
}

impl<T> Tried<T> for nix::Result<T> {
    fn tried(self, what: impl Into<String>) -> Result<T, Refusal> {
        self.map_err(|errno| Refusal(what.into(), errno))
    }
}

impl<T> Tried<T> for std::io::Result<T> {
    fn tried(self, what: impl Into<String>) -> Result<T, Refusal> {
        self.map_err(|error| Refusal(what.into(), Errno::from_raw(error.raw_os_error().unwrap_or(Errno::EIO as i32))))
    }
}

/// Does the sandbox's part when this process was started for it, and then does not come back. To be
/// called first thing in `main` by every program that calls [`crate::run`].
pub fn init_if_asked() {
    let mut arguments = std::env::args_os().skip(1);
    let (Some(role), Some(desk)) = (arguments.next(), arguments.next()) else {
        return;
    };
    let desk = Desk::new(Path::new(&desk));
    let result = match role.to_str() {
        Some(OUTER) => outer(desk.spec.parent().unwrap_or(Path::new("/"))),
        Some(INNER) => inner(&desk),
        Some(BARE) => bare(&desk),
        _ => return,
    };
    if let Err(Refusal(what, errno)) = result {
        let verdict = Verdict::Refused { what, errno: errno as i32 };
        let _ = fs::write(&desk.verdict, serde_json::to_vec(&verdict).expect("plain data"));
        std::process::exit(1);
    }
    std::process::exit(0);
}

/// Leaves the host's namespaces and starts the first process of the new ones.
fn outer(desk: &Path) -> Result<(), Refusal> {
    let (uid, gid) = (geteuid(), getegid());
    unshare(
        CloneFlags::CLONE_NEWUSER
            | CloneFlags::CLONE_NEWNS
            | CloneFlags::CLONE_NEWPID
            | CloneFlags::CLONE_NEWNET
            | CloneFlags::CLONE_NEWUTS
            | CloneFlags::CLONE_NEWIPC,
    )
    .tried("namespaces cannot be made")?;
    // After unshare, which may clear it.
    prctl::set_pdeathsig(Signal::SIGKILL).tried("parent death signal")?;
    map_ids(0, uid, gid).tried("user ids cannot be mapped")?;
    let status = Command::new("/proc/self/exe")
        .arg0("rst")
        .arg(INNER)
        .arg(desk)
        .status()
        .tried("namespaces cannot be entered")?;
    std::process::exit(status.code().unwrap_or(1));
}

/// Runs the commands with no sandbox at all. Whatever they leave behind becomes our child, as it would
/// be that of a namespace's first process.
fn bare(desk: &Desk) -> Result<(), Refusal> {
    prctl::set_pdeathsig(Signal::SIGKILL).tried("parent death signal")?;
    prctl::set_child_subreaper(true).tried("child subreaper")?;
    let (spec, verdict, log) = open(desk)?;
    umask(Mode::from_bits_truncate(0o022));
    tell(verdict, &steps::run(&spec, log.as_ref()))
}

/// What is to be done, and the files that must be opened while the host's can still be seen.
fn open(desk: &Desk) -> Result<(Spec, fs::File, Option<fs::File>), Refusal> {
    let text = fs::read(&desk.spec).tried("the sandbox's description cannot be read")?;
    let spec: Spec =
        serde_json::from_slice(&text).map_err(|_| Refusal("the sandbox's description".into(), Errno::EINVAL))?;
    let verdict = fs::File::create(&desk.verdict).tried("the verdict cannot be written")?;
    let log = match spec.interactive {
        true => None,
        false => Some(fs::OpenOptions::new().append(true).open(&spec.log).tried(spec.log.display().to_string())?),
    };
    Ok((spec, verdict, log))
}

fn tell(verdict: fs::File, result: &Verdict) -> Result<(), Refusal> {
    serde_json::to_writer(verdict, result).map_err(|_| Refusal("the verdict cannot be written".into(), Errno::EIO))
}

/// Lays out the root and runs the commands, as process number one.
fn inner(desk: &Desk) -> Result<(), Refusal> {
    prctl::set_pdeathsig(Signal::SIGKILL).tried("parent death signal")?;
    let (spec, verdict, log) = open(desk)?;
    sethostname("build").tried("host name")?;
    layout::enter(&spec.root, &desk.root)?;
    umask(Mode::from_bits_truncate(0o022));
    // A second user namespace: the commands are nobody special and have no power over the mounts.
    unshare(CloneFlags::CLONE_NEWUSER).tried("namespaces cannot be nested")?;
    map_ids(BUILDER, Uid::from_raw(0), Gid::from_raw(0)).tried("user ids cannot be mapped")?;
    prctl::set_no_new_privs().tried("no_new_privs")?;
    set_limits()?;
    prctl::set_pdeathsig(Signal::SIGKILL).tried("parent death signal")?;
    tell(verdict, &steps::run(&spec, log.as_ref()))
}

/// Limits that programs look at, the same on every machine that allows so much: no core files, the
/// kernel's usual stack, files enough for a linker.
fn set_limits() -> Result<(), Refusal> {
    for (resource, wanted) in
        [(Resource::RLIMIT_CORE, 0), (Resource::RLIMIT_STACK, 8 << 20), (Resource::RLIMIT_NOFILE, 16_384)]
    {
        let (_, hard) = getrlimit(resource).tried("limits cannot be read")?;
        let limit = hard.min(wanted);
        setrlimit(resource, limit, limit).tried("limits cannot be set")?;
    }
    Ok(())
}

/// One user and one group of the namespace outside become `inside` in this one, which was just entered.
pub fn map_ids(inside: u32, uid: Uid, gid: Gid) -> std::io::Result<()> {
    for (file, text) in [
        ("/proc/self/setgroups", "deny".to_owned()),
        ("/proc/self/uid_map", format!("{inside} {uid} 1")),
        ("/proc/self/gid_map", format!("{inside} {gid} 1")),
    ] {
        fs::write(file, text)?;
    }
    Ok(())
}
