//! `rst trial --upstream`: upstream's own tests, of the source that the archive was built from, by an ordinary user in a
//! Debian root. `suite` says what there is for each tool, `world` leads into the root, `tester` runs the files there,
//! `tap` reads what bats prints, `known` tells an expected failure from another.

mod known;
mod suite;
mod tap;
mod tester;
mod world;

use std::{
    collections::BTreeSet,
    path::{Path, PathBuf},
    process::{Command, Stdio},
    time::Instant,
};

use fs_err as fs;
use nix::unistd::geteuid;
use rst_model::{Cancel, Digest, Manifest, Version};
use serde::{Deserialize, Serialize};

pub use self::suite::Subject;
use self::suite::{OURS, PACKAGES, SOURCE, Suite};
pub(crate) use self::{
    tester::act,
    world::{enter, furnish},
};
use crate::{
    debian::DebianRoot,
    hear::hear,
    leftovers::{Held, PREFIX},
    person::manifest_of,
    run::{TrialError, needs},
    stage::{Line, Stage},
};

/// What is to be tried by upstream's tests.
pub struct Upstream {
    archive: PathBuf,
    manifest: Manifest,
    suite: &'static Suite,
}

/// How one test ended.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(tag = "outcome", rename_all = "kebab-case")]
pub enum Verdict {
    /// As upstream expects.
    Passed,
    /// Upstream itself says that it is not for here.
    Skipped {
        /// Its words.
        reason: String,
    },
    /// It fails, as the table of such tests says.
    Known {
        /// The table's words.
        why: String,
        /// What it printed.
        log: String,
    },
    /// It fails.
    Failed {
        /// What it printed.
        log: String,
    },
}

/// A test of upstream's.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Test {
    /// Its file's name, without `.bats`.
    pub file: String,
    /// Its own.
    pub name: String,
    /// How it ended.
    #[serde(flatten)]
    pub verdict: Verdict,
}

/// How many tests ended in each way.
#[derive(Clone, Copy, Debug, Default, Serialize)]
pub struct Counts {
    /// As upstream expects.
    pub passed: usize,
    /// For a reason in the table.
    pub known: usize,
    /// Otherwise.
    pub failed: usize,
    /// Not run, by upstream's choice.
    pub skipped: usize,
}

impl Counts {
    /// Counts them.
    pub fn of(tests: &[Test]) -> Self {
        tests.iter().fold(Self::default(), |mut counts, test| {
            *match test.verdict {
                Verdict::Passed => &mut counts.passed,
                Verdict::Known { .. } => &mut counts.known,
                Verdict::Failed { .. } => &mut counts.failed,
                Verdict::Skipped { .. } => &mut counts.skipped,
            } += 1;
            counts
        })
    }
}

/// How an archive did.
#[derive(Debug, Serialize)]
pub struct UpstreamReport {
    /// The archive's file name.
    pub archive: String,
    /// Of the archive's programs.
    pub ours: Vec<Test>,
    /// Of Debian's, if those were to be compared.
    pub debian: Vec<Test>,
    /// Entries of the table whose tests do not fail.
    pub stale: Vec<String>,
    /// How long all took.
    pub seconds: f64,
    /// Where the root is, if it was to be left.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub kept: Option<PathBuf>,
}

impl UpstreamReport {
    /// Tests that Debian's programs pass and the archive's fail.
    pub fn only_debian_passes(&self) -> impl Iterator<Item = &Test> {
        let passes = |one: &Test| {
            let mut debian = self.debian.iter().filter(|other| other.verdict == Verdict::Passed);
            debian.any(|other| (&other.file, &other.name) == (&one.file, &one.name))
        };
        let fails = |one: &&Test| matches!(one.verdict, Verdict::Known { .. } | Verdict::Failed { .. });
        self.ours.iter().filter(fails).filter(move |one| passes(one))
    }
}

/// What runs in the root, and whose.
#[derive(Clone, Debug, Serialize, Deserialize)]
pub(crate) struct Run {
    root: DebianRoot,
    /// The trial's folder, whose name is that of its cgroup.
    scratch: PathBuf,
    subject: Subject,
    tool: String,
    version: Version,
    files: Vec<String>,
}

const PROGRAMS: [(&str, &str, &str); 4] = [
    ("mmdebstrap", "makes the root that upstream's tests run in", "mmdebstrap"),
    ("tar", "unpacks the archive", "tar"),
    ("zstd", "unpacks the archive", "zstd"),
    ("setpriv", "becomes a user", "util-linux"),
];

/// This program, in the root.
const OWN: &str = "/rst";

impl Upstream {
    /// Of an archive; found before anything is made.
    pub fn new(archive: PathBuf) -> Result<Self, TrialError> {
        fs::metadata(&archive)?;
        if !geteuid().is_root() {
            return Err(TrialError::NotRoot);
        }
        needs(&PROGRAMS)?;
        let manifest = manifest_of(&archive)?;
        let tool = manifest.variant.split('-').next().unwrap_or_default();
        let suite = Suite::of(tool).ok_or_else(|| TrialError::NoSuite { variant: manifest.variant.clone() })?;
        Ok(Self { archive, manifest, suite })
    }

    /// The tool that is tried, and the tree of the source that it was built from.
    pub fn source(&self) -> (&str, Option<Digest>) {
        let component = self.manifest.components.get(self.suite.tool);
        (self.suite.tool, component.map(|component| component.source))
    }

    /// The files of tests in a source, to be chosen from.
    pub fn files(&self, source: &Path) -> Result<Vec<String>, TrialError> {
        Ok(self.suite.files(source)?)
    }

    /// Runs these files of a source, and does so with Debian's programs too where it is asked for.
    pub fn run(
        &self,
        source: &Path,
        files: Vec<String>,
        debian: bool,
        keep: bool,
        cancel: &Cancel,
        mut heard: impl FnMut(&Line),
    ) -> Result<UpstreamReport, TrialError> {
        let begun = Instant::now();
        let scratch = Held::new(&std::env::temp_dir(), PREFIX)?;
        let root = self.root(scratch.path(), source, cancel)?;
        let tool = self.suite.tool.to_owned();
        let version = self.manifest.version.clone();
        let run = Run { root, scratch: scratch.path().into(), subject: Subject::Ours, tool, version, files };
        if debian {
            self.is_debians(&run.root)?;
        }
        let ours = tested(&run, cancel, &mut heard)?;
        let debian = match debian {
            true => tested(&Run { subject: Subject::Debian, ..run.clone() }, cancel, &mut heard)?,
            false => Vec::new(),
        };
        let known = self.suite.known(Subject::Ours, &self.manifest.version);
        let stale = known.stale(&run.files.into_iter().collect::<BTreeSet<_>>(), &ours);
        let kept = if keep { Some(scratch.keep()) } else { scratch.remove().map(|()| None)? };
        let archive = self.archive.file_name().unwrap_or_default().to_string_lossy().into_owned();
        Ok(UpstreamReport { archive, ours, debian, stale, seconds: begun.elapsed().as_secs_f64(), kept })
    }

    /// A root with the archive, the source and this program in it.
    fn root(&self, scratch: &Path, source: &Path, cancel: &Cancel) -> Result<DebianRoot, TrialError> {
        fs::set_permissions(scratch, std::os::unix::fs::PermissionsExt::from_mode(0o755))?;
        let root = DebianRoot::make(&scratch.join("root"), &PACKAGES, cancel)?;
        root.unpack(&self.archive, OURS)?;
        fs::copy("/proc/self/exe", root.outside(OWN))?;
        let status = Command::new("cp").args(["-r", "--"]).arg(source).arg(root.outside(SOURCE)).status()?;
        if !status.success() {
            return Err(std::io::Error::other(format!("`cp`: {status}")).into());
        }
        // Nobody answers there, at once: the internet would take a minute to be found missing.
        fs::write(root.outside("/etc/resolv.conf"), "nameserver 127.0.0.1\n")?;
        root.append("/etc/containers/registries.conf.d/upstream.conf", REGISTRIES)?;
        Ok(root)
    }

    /// Debian's package must be of the archive's version.
    fn is_debians(&self, root: &DebianRoot) -> Result<(), TrialError> {
        let mut query = Command::new("chroot");
        query.arg(root.outside("/")).args(["dpkg-query", "-W", "-f=${Version}", self.suite.tool]);
        let there = String::from_utf8_lossy(&query.output()?.stdout).into_owned();
        let upstreams = there.split(['+', '-']).next().unwrap_or_default();
        match upstreams == self.manifest.version.to_string() {
            true => Ok(()),
            false => Err(TrialError::OtherVersion {
                tool: self.suite.tool,
                there,
                version: self.manifest.version.to_string(),
            }),
        }
    }
}

/// Where upstream's images are: see `images.sh`.
const REGISTRIES: &str = "\
[[registry]]
prefix = \"quay.io\"
location = \"127.0.0.1:4999\"
insecure = true
";

/// All tests of a run, in a world of its own that ends with it.
fn tested(run: &Run, cancel: &Cancel, heard: &mut dyn FnMut(&Line)) -> Result<Vec<Test>, TrialError> {
    let stage = Stage::First(Box::new(Stage::UpstreamOutside(run.clone())));
    let mut command = Command::new("setpriv");
    command.args(["--pdeathsig", "KILL", "--"]);
    command.args(["unshare", "--mount", "--net", "--ipc", "--pid", "--fork", "--kill-child"]);
    command.args(["--mount-proc", "--propagation=private", "--"]).arg(run.root.outside(OWN));
    let mut child = stage.given_to(&mut command).stdin(Stdio::null()).stdout(Stdio::piped()).spawn()?;
    let mut tests = Vec::new();
    let told = child.stdout.take().expect("asked for");
    let ended = hear(&mut child, told, cancel, None, &mut |line| {
        if let Line::Tested { test, .. } = line {
            tests.push(test.clone());
        }
        heard(line);
    })?;
    match ended.status.success() {
        true => Ok(tests),
        false => Err(TrialError::NotBegun),
    }
}
