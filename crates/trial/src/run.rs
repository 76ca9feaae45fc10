//! The first process: it starts the others, and is what a person sees and ends.

use std::{
    collections::BTreeSet,
    path::{Path, PathBuf},
    process::{Command, Stdio},
    time::{Duration, Instant},
};

use fs_err as fs;
use nix::unistd::geteuid;
use rst_model::{Arch, Cancel, Digest, Hasher, Version};

use crate::{
    check::Who,
    checks,
    hear::hear,
    leftovers::{Held, PREFIX, cgroup_mounts},
    person::manifest_of,
    report::{CheckReport, Outcome, Report},
    stage::{Line, Order, Stage},
    world::program,
};

/// What is to be tried.
#[derive(Clone, Debug)]
pub struct Trial {
    /// A .tar.zst or .tar.gz.
    pub archive: PathBuf,
    /// An older one, for what an upgrade must keep.
    pub older: Option<PathBuf>,
    /// Names of checks, each of which there is; all, when there is none.
    pub only: BTreeSet<String>,
    /// Whether those that take minutes are done too.
    pub long: bool,
    /// Whether what was made is left, to be looked at.
    pub keep: bool,
    /// A machine that has not done all by then hangs, and is ended.
    pub limit: Duration,
    /// Whether a machine, instead of ending, opens a shell at its console, which is this process' terminal then.
    /// Without names in `only` nothing is tried before.
    pub shell: bool,
}

/// Why nothing was tried, or not to the end.
#[derive(Debug, thiserror::Error)]
pub enum TrialError {
    /// A program of the host's is missing.
    #[error("`{program}` is not installed, which {reason} (Debian: {package})")]
    NoProgram {
        /// Its name.
        program: &'static str,
        /// What for.
        reason: &'static str,
        /// Debian's package.
        package: &'static str,
    },
    /// Ctrl-C.
    #[error("interrupted")]
    Interrupted,
    /// The processes below ended before they had begun.
    #[error("the trial could not be prepared; what it said is above")]
    NotBegun,
    /// There is nothing of ours in the archive.
    #[error("{archive} is no archive of this project: {reason}")]
    NoManifest {
        /// The file.
        archive: PathBuf,
        /// What its manifest lacks.
        reason: String,
    },
    /// The archive is not for the processor of a system.
    #[error("{system} is a system of {}, and the archive is for {}", needs.oci(), arch.oci())]
    OtherArch {
        /// Its name.
        system: String,
        /// Its processor.
        needs: Arch,
        /// The archive's.
        arch: Arch,
    },
    /// Nothing of the archive's would run a container.
    #[error(
        "this host has version 1 of cgroups, with which an ordinary user runs no container of {archive}: try it as root, \
         who makes a world for it, or boot with systemd.unified_cgroup_hierarchy=1"
    )]
    OldCgroups {
        /// The archive's file name.
        archive: String,
    },
    /// Upstream's tests take an ordinary user in a root of Debian's.
    #[error("only root can make what upstream's tests run in")]
    NotRoot,
    /// The archive is of no tool whose tests can be run.
    #[error("upstream's tests of {variant} cannot be run here")]
    NoSuite {
        /// The archive's name.
        variant: String,
    },
    /// Debian's programs cannot be compared.
    #[error("Debian has {tool} {there}, and the archive {version}: only the same can be compared")]
    OtherVersion {
        /// The tool.
        tool: &'static str,
        /// Debian's version.
        there: String,
        /// The archive's.
        version: String,
    },
    /// `--only`, and no system that was chosen does that.
    #[error("none of these systems tries that: `rst trial --list --vm all --format json` shows what each does")]
    NothingToTry,
    /// A machine would have the host swap, or kill.
    #[error("a virtual machine takes {needed} MiB of memory, and {there} MiB are free")]
    NoMemory {
        /// In MiB.
        needed: u64,
        /// In MiB.
        there: u64,
    },
    /// A system's image is not there and cannot be made.
    #[error("the image of {system} cannot be made: {reason}")]
    NoImage {
        /// The system's name.
        system: String,
        /// Why.
        reason: String,
    },
    /// A kept image is not what was made.
    #[error("{} is not as it was made: somebody has changed it, or a disk fails", image.display())]
    Tampered {
        /// Its folder.
        image: PathBuf,
    },
    /// There is no machine to look around in.
    #[error("the machine of {system} did not come up: {why}\n{said}")]
    NotUp {
        /// The system's name.
        system: String,
        /// How it ended.
        why: String,
        /// The last that it printed.
        said: String,
    },
    /// A file could not be read or written.
    #[error(transparent)]
    Io(#[from] std::io::Error),
}

/// What a trial needs of the host, and Debian's packages for it.
const PROGRAMS: [(&str, &str, &str); 6] = [
    ("tar", "unpacks the archive", "tar"),
    ("zstd", "unpacks the archive", "zstd"),
    ("timeout", "ends what hangs", "coreutils"),
    ("unshare", "makes the users' world", "util-linux"),
    ("setpriv", "becomes a user", "util-linux"),
    ("busybox", "is what the containers hold (the static one)", "busybox-static"),
];

/// Whether the host has these, found before anything is made.
pub(crate) fn needs(programs: &[(&'static str, &'static str, &'static str)]) -> Result<(), TrialError> {
    match programs.iter().find(|(name, ..)| program(name).is_none()) {
        None => Ok(()),
        Some(&(program, reason, package)) => Err(TrialError::NoProgram { program, reason, package }),
    }
}

impl Trial {
    /// Tries the archive; `heard` is told of each beginning and end.
    pub fn run(&self, cancel: &Cancel, mut heard: impl FnMut(&Line)) -> Result<Report, TrialError> {
        let begun = Instant::now();
        self.check()?;
        let sha256 = digest(&self.archive)?;
        if !geteuid().is_root() {
            let manifest = manifest_of(&self.archive)?;
            if manifest.components.contains_key("crun") && !cgroups_do(&manifest.version, &cgroup_mounts()?) {
                return Err(TrialError::OldCgroups { archive: self.archive_name() });
            }
        }
        let scratch = Held::new(&std::env::temp_dir(), PREFIX)?;
        let result = self.run_in(scratch.path(), cancel, &mut heard);
        let kept = self.done_with(scratch)?;
        let checks = result?;
        Ok(Report { archive: self.archive_name(), sha256, checks, seconds: begun.elapsed().as_secs_f64(), kept })
    }

    /// Removes what was made, or says where it is kept.
    pub(crate) fn done_with(&self, scratch: Held) -> std::io::Result<Option<PathBuf>> {
        if self.keep {
            return Ok(Some(scratch.keep()));
        }
        scratch.remove()?;
        Ok(None)
    }

    pub(crate) fn archive_name(&self) -> String {
        self.archive.file_name().unwrap_or_default().to_string_lossy().into_owned()
    }

    /// Found before anything is made.
    pub(crate) fn check(&self) -> Result<(), TrialError> {
        for archive in [Some(&self.archive), self.older.as_ref()].into_iter().flatten() {
            fs::metadata(archive)?;
        }
        needs(&PROGRAMS)
    }

    fn run_in(
        &self,
        scratch: &Path,
        cancel: &Cancel,
        heard: &mut dyn FnMut(&Line),
    ) -> Result<Vec<CheckReport>, TrialError> {
        let own = scratch.join("rst");
        // Program and archive may lie where another user cannot look.
        fs::copy("/proc/self/exe", &own)?;
        let archive = brought(&self.archive, scratch)?;
        let older = self.older.as_ref().map(|older| {
            let beside = scratch.join("older");
            fs::create_dir(&beside)?;
            brought(older, &beside)
        });
        let is_root = geteuid().is_root();
        let order = Order { older: older.transpose()?, alone: !is_root, ..Order::new(archive, scratch, self) };
        // All below ends with this process, whatever ends it.
        let mut command = Command::new("setpriv");
        command.args(["--pdeathsig", "KILL", "--"]);
        let stage = match is_root {
            true => {
                command.args(["unshare", "--mount", "--net", "--ipc", "--pid", "--fork", "--kill-child"]);
                command.args(["--mount-proc", "--propagation=private", "--"]);
                Stage::First(Box::new(Stage::World(order.clone())))
            }
            false => Stage::User(order.clone(), Who::Person),
        };
        let mut child = stage.given_to(command.arg(&own)).stdin(Stdio::null()).stdout(Stdio::piped()).spawn()?;
        let told = child.stdout.take().expect("asked for");
        let ended = hear(&mut child, told, cancel, None, heard)?;
        if !ended.planned && !ended.status.success() {
            return Err(TrialError::NotBegun);
        }
        let mut ends = ended.reports("");
        if !is_root {
            let others = checks::all().filter(|check| !order.gives(check, Who::Person) && order.wants(check));
            let reason = "only root can make the user who tries it";
            let impossible = || Outcome::Impossible { reason: reason.to_owned() };
            ends.extend(others.map(|check| CheckReport::new(&check, impossible(), 0.0)));
        }
        Ok(ends)
    }
}

/// The digest of a file.
pub(crate) fn digest(path: &Path) -> std::io::Result<Digest> {
    Ok(Hasher::read(fs::File::open(path)?)?.0)
}

/// Whether a host that has version 2 of cgroups in these places runs containers of a version of podman's. Version 6 takes
/// no other; crun, where version 1 is beside it, takes none.
fn cgroups_do(podman: &Version, mounts: &[PathBuf]) -> bool {
    mounts.iter().any(|place| place == Path::new("/sys/fs/cgroup")) || mounts.is_empty() && podman.in_line("5.8")
}

/// A copy of an archive, where every user can read it.
fn brought(archive: &Path, into: &Path) -> std::io::Result<PathBuf> {
    let copy = into.join(archive.file_name().unwrap_or_default());
    fs::copy(archive, &copy)?;
    Ok(copy)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_host_with_version_1_of_cgroups_runs_podman_5_alone_and_only_where_version_2_is_not_beside() {
        let does = |podman, mounts: &[&str]| {
            cgroups_do(&Version::new(podman), &mounts.iter().map(PathBuf::from).collect::<Vec<_>>())
        };
        assert!(does("6.0.2", &["/sys/fs/cgroup"]) && does("5.8.6", &["/sys/fs/cgroup"]));
        assert!(!does("6.0.2", &[]) && does("5.8.6", &[]));
        assert!(!does("6.0.2", &["/sys/fs/cgroup/unified"]) && !does("5.8.6", &["/sys/fs/cgroup/unified"]));
    }
}
