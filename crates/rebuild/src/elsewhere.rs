//! Another place to build at: the same machine, where all is different that must not show in what is built.
//!
//! The running program is started again, since only a process of one thread may enter a user namespace. That one is
//! another user on another host, with a store in memory, and starts what is to be done there.

use std::{
    collections::BTreeMap,
    os::unix::process::CommandExt as _,
    path::{Path, PathBuf},
    process::{Command, ExitStatus},
    sync::Arc,
    thread,
    time::Duration,
};

use fs_err as fs;
use nix::{
    errno::Errno,
    mount::{MntFlags, MsFlags, mount, umount2},
    sched::{CloneFlags, CpuSet, sched_setaffinity, unshare},
    sys::{
        prctl,
        signal::{Signal, killpg},
        stat::{Mode, umask},
    },
    unistd::{Pid, chdir, getegid, geteuid, pivot_root, sethostname},
};
use rst_model::Cancel;
use serde::{Deserialize, Serialize};
use signal_hook::{
    consts::{SIGINT, SIGTERM},
    flag,
};

/// First argument of the process that goes there; the second is its order, a file.
const ROLE: &str = "__elsewhere";
/// The exit code of that process when the kernel refuses it something, which it tells in the file `refused`.
const REFUSED: u8 = 125;

/// What is different, and what is done there.
#[derive(Debug, Serialize, Deserialize)]
pub(crate) struct Elsewhere {
    /// A folder that is there and becomes the place.
    pub folder: PathBuf,
    /// The host's name.
    pub host: String,
    /// The user's and group's id.
    pub id: u32,
    /// Permission bits that new files lack.
    pub umask: u32,
    /// How many processors there are; absent: all.
    pub processors: Option<usize>,
    /// A folder whose files lie in memory, listed in another order than a disk's.
    pub memory: Option<PathBuf>,
    /// What is done first, with all that the host has.
    pub before: Vec<Errand>,
    /// A folder that is the root from then on; absent: the host's.
    pub root: Option<PathBuf>,
    /// Seen under that root where it is.
    pub seen: Option<PathBuf>,
    /// What is done then. The first thing that fails is the last.
    pub after: Vec<Errand>,
}

/// A call of this program.
#[derive(Debug, Serialize, Deserialize)]
pub(crate) struct Errand {
    /// Its arguments.
    pub arguments: Vec<String>,
    /// Its whole environment; absent: the one that rst has.
    pub env: Option<BTreeMap<String, String>>,
}

/// How it ended there.
pub(crate) enum Ended {
    /// With this code.
    Code(u8),
    /// Before anything was done.
    Refused(String),
    /// Because somebody asked to stop.
    Interrupted,
}

impl Elsewhere {
    /// Goes there, and waits. When somebody asks to stop, so is who works there, and nobody is left.
    pub(crate) fn go(&self, cancel: &Cancel) -> std::io::Result<Ended> {
        let order = self.folder.join("order.json");
        fs::write(&order, serde_json::to_vec(self).expect("plain data"))?;
        let own = std::env::current_exe()?;
        // In a group of its own, so that a terminal's Ctrl-C comes to it by us alone, once.
        let mut child = Command::new(own).arg0("rst").arg(ROLE).arg(&order).process_group(0).spawn()?;
        let group = Pid::from_raw(child.id().try_into().expect("the kernel's are"));
        let mut asked = false;
        let status = loop {
            if let Some(status) = child.try_wait()? {
                break status;
            }
            if !asked && cancel.is_cancelled() {
                asked = true;
                killpg(group, Signal::SIGTERM)?;
            }
            thread::sleep(Duration::from_millis(50));
        };
        Ok(match code(status) {
            _ if asked => Ended::Interrupted,
            REFUSED => Ended::Refused(fs::read_to_string(self.refused()).unwrap_or_default()),
            code => Ended::Code(code),
        })
    }

    fn refused(&self) -> PathBuf {
        self.folder.join("refused")
    }

    fn enter(&self) -> Result<(), String> {
        let (uid, gid) = (geteuid(), getegid());
        let refused = |what: &str| {
            let what = what.to_owned();
            move |errno: Errno| format!("{what}: {errno}")
        };
        unshare(CloneFlags::CLONE_NEWUSER | CloneFlags::CLONE_NEWNS | CloneFlags::CLONE_NEWUTS)
            .map_err(refused("namespaces cannot be made"))?;
        // After unshare, which may clear it.
        prctl::set_pdeathsig(Signal::SIGKILL).map_err(refused("parent death signal"))?;
        rst_sandbox::map_ids(self.id, uid, gid).map_err(|error| error.to_string())?;
        sethostname(&self.host).map_err(refused("host name"))?;
        let nothing = None::<&str>;
        mount(nothing, "/", nothing, MsFlags::MS_REC | MsFlags::MS_PRIVATE, nothing).map_err(refused("mounts"))?;
        if let Some(memory) = &self.memory {
            mount(Some("tmpfs"), memory, Some("tmpfs"), MsFlags::empty(), Some("size=80%"))
                .map_err(refused("a file system in memory"))?;
        }
        if let Some(processors) = self.processors {
            let mut set = CpuSet::new();
            for processor in 0..processors {
                set.set(processor).map_err(refused("processors"))?;
            }
            sched_setaffinity(Pid::from_raw(0), &set).map_err(refused("processors"))?;
        }
        umask(Mode::from_bits_truncate(self.umask));
        Ok(())
    }

    /// Makes a folder the root; the place itself, processes and devices are seen there where they were.
    fn change_root(&self, root: &Path) -> nix::Result<()> {
        let nothing = None::<&str>;
        let bind = MsFlags::MS_BIND | MsFlags::MS_REC;
        mount(Some(root), root, nothing, bind, nothing)?;
        let always = [Path::new("/proc"), Path::new("/dev"), Path::new("/sys"), &self.folder];
        for seen in always.into_iter().chain(self.seen.as_deref()) {
            let at = root.join(seen.strip_prefix("/").unwrap_or(seen));
            fs::create_dir_all(&at).map_err(|error| Errno::from_raw(error.raw_os_error().unwrap_or(0)))?;
            mount(Some(seen), &at, nothing, bind, nothing)?;
        }
        chdir(root)?;
        // The old root lies over the new one until it is taken away.
        pivot_root(".", ".")?;
        umount2(".", MntFlags::MNT_DETACH)?;
        chdir("/")
    }
}

/// Goes elsewhere when this process was started for it, and then does not come back. To be called in `main` while there
/// is one thread.
pub fn act_if_asked() {
    let mut arguments = std::env::args_os().skip(1);
    let (Some(role), Some(order)) = (arguments.next(), arguments.next()) else {
        return;
    };
    if role != ROLE {
        return;
    }
    std::process::exit(act(Path::new(&order)).into());
}

fn act(order: &Path) -> u8 {
    let Ok(text) = fs::read(order) else { return REFUSED };
    let Ok(elsewhere) = serde_json::from_slice::<Elsewhere>(&text) else { return REFUSED };
    match elsewhere.act() {
        Ok(code) => code,
        Err(reason) => {
            let _ = fs::write(elsewhere.refused(), reason);
            REFUSED
        }
    }
}

impl Elsewhere {
    fn act(&self) -> Result<u8, String> {
        // Copied, since another root has other files.
        let own = self.folder.join("rst");
        fs::copy("/proc/self/exe", &own).map_err(|error| error.to_string())?;
        self.enter()?;
        // Asked to stop is who works here, and then there is nothing more for this process to wait for. What is started
        // does not inherit it.
        for signal in [SIGINT, SIGTERM] {
            flag::register(signal, Arc::default()).map_err(|error| format!("signals: {error}"))?;
        }
        let code = self.run_all(&own, &self.before)?;
        if code != 0 {
            return Ok(code);
        }
        if let Some(root) = &self.root {
            self.change_root(root).map_err(|errno| format!("another root: {errno}"))?;
        }
        self.run_all(&own, &self.after)
    }

    /// The exit code of the first that fails, or 0.
    fn run_all(&self, own: &Path, errands: &[Errand]) -> Result<u8, String> {
        for errand in errands {
            let code = self.run(own, errand)?;
            if code != 0 {
                return Ok(code);
            }
        }
        Ok(0)
    }

    fn run(&self, own: &Path, errand: &Errand) -> Result<u8, String> {
        // Killed with this process, which is killed with the one that waits for it.
        let mut command = Command::new("setpriv");
        command.args(["--pdeathsig", "KILL", "--"]).arg(own);
        if let Some(env) = &errand.env {
            command.env_clear().envs(env);
        }
        let status = command.args(&errand.arguments).current_dir(&self.folder).status();
        status.map(code).map_err(|error| format!("{}: {error}", own.display()))
    }
}

/// As shells have it.
fn code(status: ExitStatus) -> u8 {
    let signal = std::os::unix::process::ExitStatusExt::signal(&status).map(|signal| 128 + signal);
    u8::try_from(status.code().or(signal).unwrap_or(1)).unwrap_or(1)
}
