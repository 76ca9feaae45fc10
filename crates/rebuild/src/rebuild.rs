//! Building archives again, and comparing.

use std::{
    collections::{BTreeMap, BTreeSet},
    path::{Path, PathBuf},
    process::Command,
};

use fs_err as fs;
use rst_archive::{Format, Limits, Packed, same_tar};
use rst_build::{Project, unlike};
use rst_model::{Cancel, Digest, Hasher, Manifest, Platform};
use serde::Serialize;

use crate::{
    cause::Mark,
    difference::{Difference, differences, is_record},
    elsewhere::{Elsewhere, Ended, Errand},
    error::RebuildError,
};

/// What archives are built again from.
#[derive(Clone, Debug)]
pub enum Sources {
    /// A commit of a checkout; without one, that which the release's record beside the archive names, or the newest.
    Checkout {
        /// The checkout.
        root: PathBuf,
        /// As git knows it.
        commit: Option<String>,
    },
    /// A release's `TOOL-vVERSION-sources.tar.zst`.
    Archive(PathBuf),
}

/// How a person wants it.
#[derive(Clone, Debug, Default)]
pub struct Options {
    /// Options that rst is given there too: mirrors, format and the like.
    pub global: Vec<String>,
    /// Whether the archives were packed as drafts.
    pub draft: bool,
    /// A folder that takes the place of the pinned build root: what archives say of theirs is not compared then.
    pub build_root: Option<PathBuf>,
    /// Processes at once; absent: one more than processors.
    pub jobs: Option<u16>,
    /// How many processors there are there; absent: all.
    pub processors: Option<usize>,
    /// The root of another distribution; absent: this host's.
    pub root: Option<PathBuf>,
    /// Whether the store may lie in memory.
    pub in_memory: bool,
}

/// Archives to be built again.
#[derive(Clone, Debug)]
pub struct Rebuild {
    /// Which.
    pub archives: Vec<PathBuf>,
    /// From what.
    pub sources: Sources,
    /// How.
    pub options: Options,
}

/// How alike two archives are.
#[derive(Clone, Debug, Serialize)]
#[serde(tag = "likeness", rename_all = "kebab-case")]
pub enum Likeness {
    /// Bit for bit.
    Identical,
    /// All files are the same but those of `share/rst/`, which say of what an archive was built: what is to be expected of
    /// another build root.
    ButForRecord,
    /// The same tar, compressed otherwise.
    SameTar,
    /// The same files; the tar's own headers differ.
    SameFiles,
    /// Files differ.
    Different {
        /// At least one.
        differences: Vec<Difference>,
    },
}

/// What came of an archive.
#[derive(Clone, Debug, Serialize)]
pub struct Rebuilt {
    /// The one that was there.
    pub archive: PathBuf,
    /// The one that was made.
    pub again: PathBuf,
    /// The digest of the one that was there.
    pub sha256: Digest,
    /// How alike they are.
    #[serde(flatten)]
    pub likeness: Likeness,
}

impl Rebuilt {
    /// Whether nothing differs that should not.
    pub fn is_the_same(&self) -> bool {
        matches!(self.likeness, Likeness::Identical | Likeness::ButForRecord)
    }

    fn of_another_build_root(mut self) -> Self {
        if let Likeness::Different { differences } = &mut self.likeness {
            differences.retain(|difference| !is_record(&difference.path));
            if differences.is_empty() {
                self.likeness = Likeness::ButForRecord;
            }
        }
        self
    }
}

/// The name of the host there.
const HOST: &str = "elsewhere-17";
/// The user and group there, whom no file of the host's names.
const ID: u32 = 42_017;
/// The folder there: paths with spaces and letters of other languages are nobody's business either.
const FOLDER: &str = "another place, ähnlich";
/// What every build's environment has there: nothing of this one's but PATH.
const ENVIRONMENT: [(&str, &str); 6] = [
    ("TZ", "Asia/Kathmandu"),
    ("LANG", "tr_TR.UTF-8"),
    ("LC_ALL", "tr_TR.UTF-8"),
    ("USER", "somebody"),
    ("LOGNAME", "somebody"),
    ("SOURCE_DATE_EPOCH", "1"),
];

impl Rebuild {
    /// Builds them in a folder that is there, where archives then lie until it is removed.
    pub fn run(&self, scratch: &Path, cancel: &Cancel) -> Result<Vec<Rebuilt>, RebuildError> {
        let mut opened = Vec::new();
        for (number, archive) in self.archives.iter().enumerate() {
            let packed = Packed::open(archive, &scratch.join(format!("archive-{number}")))?;
            is_from_sources(archive, &packed)?;
            let name = packed.manifest.file_name(self.ending(archive)?);
            opened.push((archive, packed, name));
        }
        let folder = scratch.join(FOLDER);
        fs::create_dir(&folder)?;
        let mut global = self.options.global.clone();
        let (project, commit) = match &self.sources {
            Sources::Checkout { root, commit } => checkout(root, commit.as_deref(), &self.archives, &folder)?,
            Sources::Archive(file) => {
                let (project, mirror) = unpacked(file, &folder)?;
                global.extend(["--mirror".to_owned(), mirror.display().to_string()]);
                (project, file.display().to_string())
            }
        };
        let here = Project::find(&project)?;
        for (archive, packed, _) in &opened {
            let unlike = unlike(&here, &packed.manifest)?;
            if !unlike.is_empty() {
                let archive = archive.display().to_string();
                return Err(RebuildError::OtherRecipes { archive, commit, unlike });
            }
        }
        let dist = folder.join("dist");
        let manifests = opened.iter().map(|(_, packed, _)| &packed.manifest);
        match self.elsewhere(&folder, &project, &global, manifests, &dist).go(cancel)? {
            Ended::Code(0) => {}
            Ended::Code(code) => return Err(RebuildError::Failed { code }),
            Ended::Interrupted => return Err(RebuildError::Interrupted),
            Ended::Refused(reason) => return Err(RebuildError::Refused(reason)),
        }
        let marks = [
            Mark { what: "host name", text: HOST.to_owned() },
            Mark { what: "user", text: ID.to_string() },
            Mark { what: "folder", text: FOLDER.to_owned() },
        ];
        let compared = opened.into_iter().enumerate().map(|(number, (archive, packed, name))| {
            let tool = here.archives[&packed.manifest.variant].tool.get_ref().clone();
            let again = here.dist(&dist, &tool, &packed.manifest.version).join(name);
            let rebuilt = compared(archive, &packed, again, &scratch.join(format!("again-{number}")), &marks)?;
            Ok(if self.options.build_root.is_some() { rebuilt.of_another_build_root() } else { rebuilt })
        });
        compared.collect()
    }

    /// How the name ends of what is built to be compared with an archive, whatever the archive is called now.
    fn ending(&self, archive: &Path) -> Result<&'static str, RebuildError> {
        match Format::of(&archive.display().to_string()) {
            Some(Format::TarGz) if self.options.draft => Err(RebuildError::NoSuchDraft(archive.to_owned())),
            Some(Format::TarGz) => Ok(".tar.gz"),
            _ => Ok(".tar.zst"),
        }
    }

    fn elsewhere<'a>(
        &self,
        folder: &Path,
        project: &Path,
        global: &[String],
        manifests: impl Iterator<Item = &'a Manifest>,
        dist: &Path,
    ) -> Elsewhere {
        let memory = folder.join("memory");
        let processors = std::thread::available_parallelism().map_or(1, usize::from);
        let jobs = self.options.jobs.map_or(processors + 1, usize::from).to_string();
        let text = |path: &Path| path.display().to_string();
        let common = ["--project".to_owned(), text(project), "--store".to_owned(), text(&memory.join("store"))];
        let rst = |words: Vec<String>| global.iter().chain(&common).cloned().chain(words).collect::<Vec<_>>();
        let mut env: BTreeMap<String, String> =
            ENVIRONMENT.map(|(name, value)| (name.to_owned(), value.to_owned())).into();
        env.insert("PATH".to_owned(), std::env::var("PATH").unwrap_or_default());
        env.insert("HOME".to_owned(), text(&folder.join("home")));
        let (mut before, mut after) = (Vec::new(), Vec::new());
        let mut wanted: BTreeMap<Platform, BTreeSet<String>> = BTreeMap::new();
        for manifest in manifests {
            let request = format!("{}@{}", manifest.variant, manifest.version);
            wanted.entry(manifest.platform).or_default().insert(request);
        }
        for (platform, requests) in wanted {
            let target = |command: &str| {
                let words = [command.to_owned()].into_iter().chain(requests.iter().cloned());
                words.chain(["--platform".to_owned(), platform.to_string()]).collect::<Vec<_>>()
            };
            // Fetching goes by the clients' configuration, and all that it brings is known by its digest.
            before.push(Errand { arguments: rst(target("fetch")), env: None });
            let mut build = target("build");
            build.extend(["--jobs".to_owned(), jobs.clone(), "--dist".to_owned(), text(dist)]);
            if self.options.draft {
                build.push("--draft".to_owned());
            }
            if let Some(folder) = &self.options.build_root {
                build.extend(["--override".to_owned(), format!("build-root={}", text(folder))]);
            }
            build.push("--offline".to_owned());
            after.push(Errand { arguments: rst(build), env: Some(env.clone()) });
        }
        let _ = fs::create_dir(&memory);
        Elsewhere {
            folder: folder.to_owned(),
            host: HOST.to_owned(),
            id: ID,
            umask: 0o077,
            processors: self.options.processors,
            memory: self.options.in_memory.then_some(memory),
            before,
            root: self.options.root.clone(),
            seen: self.options.build_root.clone(),
            after,
        }
    }
}

/// Only what came from the lock's sources, in the sandbox, is the same everywhere.
fn is_from_sources(archive: &Path, packed: &Packed) -> Result<(), RebuildError> {
    let archive = archive.display().to_string();
    if packed.manifest.unsandboxed {
        let reason = "it was built without a sandbox, by the tools of a host that is not here".to_owned();
        return Err(RebuildError::NotFromSources { archive, reason });
    }
    if let Some(image) = packed.manifest.toolchain.get("container") {
        let reason = format!(
            "parts of it are by the GCC of an image (tree {}), which only who has that image can take: \
             rst build --toolchain container --image IMAGE, then rst why-not",
            image.tree
        );
        return Err(RebuildError::NotFromSources { archive, reason });
    }
    match packed.manifest.components.iter().find(|(_, component)| component.overridden) {
        None => Ok(()),
        Some((name, component)) => {
            let tree = component.source;
            let reason =
                format!("its {name} is from a folder of the builder's (tree {tree}), which the lock does not know");
            Err(RebuildError::NotFromSources { archive, reason })
        }
    }
}

/// A commit's files, in a folder below this one; and what the commit is called.
fn checkout(
    root: &Path,
    commit: Option<&str>,
    archives: &[PathBuf],
    folder: &Path,
) -> Result<(PathBuf, String), RebuildError> {
    let recorded = archives.iter().find_map(|archive| recorded_commit(archive));
    let commit = commit.map(str::to_owned).or(recorded).unwrap_or_else(|| "HEAD".to_owned());
    let project = folder.join("project");
    let no = |reason: String| RebuildError::NoCommit { commit: commit.clone(), root: root.to_owned(), reason };
    if commit.starts_with('-') {
        return Err(no("no commit begins with -".to_owned()));
    }
    let git = |command: &mut Command| -> Result<(), RebuildError> {
        let output = command.output().map_err(|error| no(error.to_string()))?;
        match output.status.success() {
            true => Ok(()),
            false => Err(no(String::from_utf8_lossy(&output.stderr).trim().to_owned())),
        }
    };
    git(Command::new("git").args(["clone", "--quiet", "--no-checkout", "--"]).arg(root).arg(&project))?;
    git(Command::new("git").arg("-C").arg(&project).args(["checkout", "--quiet", "--detach", &commit, "--"]))?;
    Ok((project, format!("commit {commit}")))
}

/// The commit that a `release.json` beside an archive names.
fn recorded_commit(archive: &Path) -> Option<String> {
    let record = fs::read(archive.parent()?.join("release.json")).ok()?;
    let record: serde_json::Value = serde_json::from_slice(&record).ok()?;
    Some(record.get("commit")?.as_str()?.to_owned())
}

/// The project and the mirror in a release's sources.
fn unpacked(file: &Path, folder: &Path) -> Result<(PathBuf, PathBuf), RebuildError> {
    let no = || RebuildError::NoSources(file.to_owned());
    let to = folder.join("sources");
    let format = Format::of(&file.display().to_string()).ok_or_else(no)?;
    rst_archive::unpack(file, format, &to, Limits::default())
        .map_err(|source| RebuildError::Sources { archive: file.display().to_string(), source })?;
    let top = fs::read_dir(&to)?.next().ok_or_else(no)??.path();
    let (project, mirror) = (top.join("rootless-static-toolkits"), top.join("mirror"));
    match project.is_dir() && mirror.is_dir() {
        true => Ok((project, mirror)),
        false => Err(no()),
    }
}

/// Compares two archives; they are unpacked into a folder.
pub fn compare(first: &Path, second: &Path, scratch: &Path) -> Result<Rebuilt, RebuildError> {
    let packed = Packed::open(first, &scratch.join("first"))?;
    compared(first, &packed, second.to_owned(), &scratch.join("second"), &[])
}

fn compared(
    archive: &Path,
    packed: &Packed,
    again: PathBuf,
    scratch: &Path,
    marks: &[Mark],
) -> Result<Rebuilt, RebuildError> {
    let digest = |path: &Path| -> Result<Digest, RebuildError> { Ok(Hasher::read(fs::File::open(path)?)?.0) };
    let sha256 = digest(archive)?;
    let likeness = if digest(&again)? == sha256 {
        Likeness::Identical
    } else if same_tar(archive, &again)? {
        Likeness::SameTar
    } else {
        match differences(packed, &Packed::open(&again, scratch)?, marks)? {
            none if none.is_empty() => Likeness::SameFiles,
            differences => Likeness::Different { differences },
        }
    };
    Ok(Rebuilt { archive: archive.to_owned(), again, sha256, likeness })
}
