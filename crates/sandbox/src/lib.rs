//! Commands in namespaces of their own: nothing of the host but its kernel and what is named.
//!
//! A new user namespace can only be entered by a process of one thread, so the running program is
//! started again: once to leave the host's namespaces ([`init`] `outer`), once as the first process
//! of the new ones (`inner`), which lays out the root, gives up what it may, and runs the commands.
//! No container engine, no setuid helper, no unsafe code; root and ordinary users go the same way.
//! Whoever is killed, all below dies: every process asks for its parent's death signal, and with the
//! first process of a PID namespace the kernel ends all others.

mod error;
mod init;
mod layout;
mod steps;

use std::{
    collections::BTreeMap,
    os::unix::process::CommandExt as _,
    path::PathBuf,
    process::{Child, Command, Stdio},
    time::Duration,
};

use fs_err as fs;
use nix::{
    sys::signal::{Signal, killpg},
    unistd::Pid,
};
pub use rst_model::Cancel;
use rst_model::Step;
use serde::{Deserialize, Serialize};

pub use error::Error;
pub use init::{init_if_asked, map_ids};

/// What the commands see, and the commands.
#[derive(Clone, Debug, Default, Serialize, Deserialize)]
pub struct Spec {
    /// The file system, above an empty root with `/proc`, `/dev`, `/tmp` and a small `/etc`.
    pub root: Vec<Mount>,
    /// The environment, whole.
    pub env: BTreeMap<String, String>,
    /// The commands. The first that fails ends the run.
    pub steps: Vec<Step>,
    /// How many commands of a step run at once.
    pub jobs: usize,
    /// A file of the host's that takes all they print.
    pub log: PathBuf,
    /// A folder in which the run may keep a few small files; what a killed run leaves there is the
    /// caller's to clear.
    pub desk: PathBuf,
    /// Whether a person is at it: the terminal is theirs and nothing is logged.
    pub interactive: bool,
    /// Whether the commands run on the host itself, with all that it has: `root` counts for nothing.
    /// For hosts that allow no namespaces, and only where a person has asked for it.
    pub bare: bool,
}

/// Something in the sandbox's file system.
#[derive(Clone, Debug, Serialize, Deserialize)]
pub struct Mount {
    /// Where, absolute.
    pub target: String,
    /// What.
    pub source: MountSource,
}

/// What stands at a place.
#[derive(Clone, Debug, Serialize, Deserialize)]
pub enum MountSource {
    /// A folder or file of the host's that cannot be changed.
    ReadOnly(PathBuf),
    /// A folder or file of the host's that can.
    Writable(PathBuf),
    /// A symbolic link.
    Symlink(String),
}

/// What a run cost.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct Outcome {
    /// CPU time of all commands and what they started, in milliseconds.
    pub cpu_ms: u64,
    /// The largest resident set of any of them, in kilobytes.
    pub max_rss_kb: u64,
}

/// How the inner process tells the outer world what came of it.
#[derive(Debug, Serialize, Deserialize)]
enum Verdict {
    Done(Outcome),
    Failed {
        argv: Vec<String>,
        how: String,
    },
    /// The host refused something.
    Refused {
        what: String,
        errno: i32,
    },
}

/// Runs the commands, and waits for their end or for `cancel`.
pub fn run(spec: &Spec, cancel: &Cancel) -> Result<Outcome, Error> {
    let desk = tempfile::tempdir_in(&spec.desk).map_err(Error::Desk)?;
    let paths = init::Desk::new(desk.path());
    fs::write(&paths.spec, serde_json::to_vec(spec).expect("plain data"))?;
    fs::create_dir(&paths.root)?;
    if !spec.interactive {
        fs::write(&spec.log, "")?;
    }
    let mut command = Command::new("/proc/self/exe");
    let role = if spec.bare { init::BARE } else { init::OUTER };
    command.arg0("rst").arg(role).arg(desk.path()).env_clear();
    if !spec.interactive {
        // Not of our process group: Ctrl-C is for us to hand on.
        command.process_group(0).stdin(Stdio::null()).stdout(Stdio::null()).stderr(Stdio::null());
    }
    let mut child = command.spawn().map_err(Error::Desk)?;
    let mut nap = Duration::from_micros(500);
    let status = loop {
        if let Some(status) = child.try_wait().map_err(Error::Desk)? {
            break status;
        }
        if cancel.is_cancelled() {
            end(&mut child, spec).map_err(Error::Desk)?;
            return Err(Error::Cancelled);
        }
        std::thread::sleep(nap);
        nap = (nap * 2).min(Duration::from_millis(20));
    };
    let verdict = fs::read(&paths.verdict).ok().and_then(|text| serde_json::from_slice(&text).ok());
    match verdict {
        Some(Verdict::Done(outcome)) => Ok(outcome),
        Some(Verdict::Failed { argv, how }) => Err(Error::CommandFailed { argv, how }),
        Some(Verdict::Refused { what, errno }) => Err(error::refused(what, errno)),
        None => Err(Error::Died(status.to_string())),
    }
}

/// Ends the first process, and so all of the sandbox; without one, all of its process group.
fn end(child: &mut Child, spec: &Spec) -> std::io::Result<()> {
    if spec.bare && !spec.interactive {
        killpg(Pid::from_raw(child.id().cast_signed()), Signal::SIGKILL)?;
    }
    child.kill()?;
    child.wait().map(drop)
}
