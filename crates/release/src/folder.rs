//! A release's folder, made out of `dist/`.

use std::{
    collections::BTreeMap,
    fmt::Write as _,
    path::{Path, PathBuf},
};

use chrono::{DateTime, Utc};
use fs_err as fs;
use rst_model::{
    Arch, Archives, Lock, Manifest, ManifestComponent, Platform, Releases, Tag, Version, archive_name, recipe::Book,
};
use rst_sign::{Release, Signer, TRUSTED_ROOT};

use crate::{
    Origin, ReleaseError,
    index::{INDEX, Index},
    notes::{Notes, Signed},
    provenance::{Inputs, statement},
    record::{ArchiveRecord, CHECKSUMS, FileRecord, NOTES, PROVENANCE, RECORD, Record, TRUST},
    tried::Tried,
};

/// The form of an archive that the record names it by, and the other.
const ZSTD: &str = ".tar.zst";
const GZIP: &str = ".tar.gz";
/// What lies beside each archive.
const BESIDE: [&str; 3] = [".cdx.json", ".spdx.json", ".debug.tar.zst"];

/// An archive that a release has.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Wanted {
    /// Its kind.
    pub variant: String,
    /// What it runs on.
    pub platform: Platform,
}

impl Wanted {
    /// All of a tool's.
    pub fn of(archives: &Archives, tool: &str) -> Vec<Self> {
        let variants = archives.iter().filter(|(_, variant)| variant.tool.get_ref() == tool);
        let every = |(name, _): (&String, _)| {
            let variant = name.clone();
            Arch::ALL.into_iter().map(move |arch| Self { variant: variant.clone(), platform: Platform { arch } })
        };
        variants.flat_map(every).collect()
    }

    /// `podman-full-linux-amd64` and this ending.
    pub fn file(&self, ending: &str) -> String {
        archive_name(&self.variant, self.platform) + ending
    }

    /// The name of the archive that is proved and tried.
    pub fn archive(&self) -> String {
        self.file(ZSTD)
    }
}

/// All that a release is made from.
pub struct Making<'a> {
    /// Its name.
    pub tag: Tag,
    /// Whether it is the newest of its tool.
    pub newest: bool,
    /// Where its files are built.
    pub dist: &'a Path,
    /// What is built.
    pub archives: &'a Archives,
    /// What it is built from.
    pub lock: &'a Lock,
    /// What the recipes say.
    pub book: &'a Book,
    /// What the bytes do not say.
    pub releases: &'a Releases,
    /// Who releases.
    pub release: &'a Release,
    /// From where.
    pub origin: Origin,
    /// How trials ended: none where it is released without.
    pub tried: Option<Tried>,
    /// The index of the releases before, its signature checked.
    pub index: Index,
    /// When it is made.
    pub now: DateTime<Utc>,
}

/// A release's folder, made.
#[derive(Debug)]
pub struct Made {
    /// Where.
    pub folder: PathBuf,
    /// What.
    pub record: Record,
}

impl Making<'_> {
    /// The files that must have been built.
    pub fn files(&self) -> Vec<String> {
        let wanted = Wanted::of(self.archives, &self.tag.tool);
        let endings = [ZSTD, GZIP].into_iter().chain(BESIDE);
        let mut files: Vec<_> =
            endings.flat_map(|ending| wanted.iter().map(move |archive| archive.file(ending))).collect();
        files.push(format!("{}-v{}-sources.tar.zst", self.tag.tool, self.tag.version));
        files
    }

    /// What must be built before anything is read: an error names all that is missing.
    pub fn check_at_hand(&self) -> Result<(), ReleaseError> {
        let missing: Vec<_> = self.files().into_iter().filter(|name| !self.dist.join(name).is_file()).collect();
        match missing.is_empty() {
            true => Ok(()),
            false => Err(ReleaseError::Missing {
                dist: self.dist.to_owned(),
                files: missing,
                tool: format!("{}@{}", self.tag.tool, self.tag.version),
            }),
        }
    }

    /// Makes the folder `to`, in place of an older one of the same release, out of archives that have been proved
    /// and have these manifests. It is there whole or not at all.
    pub fn make(
        &self,
        manifests: &[(Wanted, Manifest)],
        signer: Option<&Signer>,
        to: &Path,
    ) -> Result<Made, ReleaseError> {
        self.check_at_hand()?;
        for (wanted, manifest) in manifests {
            self.releasable(wanted, manifest)?;
            if let Some(tried) = &self.tried {
                let archive = wanted.archive();
                tried.are_of(&archive, FileRecord::of(&self.dist.join(&archive))?.sha256)?;
            }
        }
        if to.exists() {
            // Nothing is removed that is no release.
            Record::read(to)?;
        }
        let record = whole(to, |part| self.fill(part, manifests, signer))?;
        Ok(Made { folder: to.to_owned(), record })
    }

    fn releasable(&self, wanted: &Wanted, manifest: &Manifest) -> Result<(), ReleaseError> {
        let archive = wanted.archive();
        let refuse = |reason: String| Err(ReleaseError::Unreleasable { archive: archive.clone(), reason });
        let is = (manifest.variant.as_str(), &manifest.version, manifest.revision, manifest.platform);
        let must = (wanted.variant.as_str(), &self.tag.version, self.tag.revision, wanted.platform);
        if is != must {
            let text = |(variant, version, revision, platform): (&str, &Version, _, Platform)| {
                format!("{variant} {version}{revision} for {platform}")
            };
            return refuse(format!("expected {}, found {}", text(must), text(is)));
        }
        if manifest.unsandboxed {
            return refuse("parts of it were built without the sandbox".to_owned());
        }
        for (name, component) in &manifest.components {
            if component.overridden {
                return refuse(format!("{name} was built from a folder in place of its pinned source"));
            }
            let pinned = |locked: &&rst_model::LockedSource| {
                locked.name == *name && locked.version == component.version && locked.tree == component.source
            };
            if !self.lock.sources.iter().any(|locked| pinned(&locked)) {
                return refuse(format!("its {name} {} is not what build/lock.toml pins", component.version));
            }
        }
        let size = fs::metadata(self.dist.join(&archive))?.len();
        match self.archives[&wanted.variant].exceeded(wanted.platform.arch, size) {
            Some(budget) => refuse(format!("it has {size} bytes, its budget is {budget}: was it built as a draft?")),
            None => Ok(()),
        }
    }

    fn fill(
        &self,
        to: &Path,
        manifests: &[(Wanted, Manifest)],
        signer: Option<&Signer>,
    ) -> Result<Record, ReleaseError> {
        let mut all: BTreeMap<String, FileRecord> = BTreeMap::new();
        for name in self.files() {
            put(&self.dist.join(&name), &to.join(&name))?;
            all.insert(name.clone(), FileRecord::of(&to.join(&name))?);
        }
        let write = |name: &str, text: String, all: &mut BTreeMap<String, FileRecord>| {
            fs::write(to.join(name), text)?;
            all.insert(name.to_owned(), FileRecord::of(&to.join(name))?);
            Ok::<_, ReleaseError>(())
        };
        write(TRUST, TRUSTED_ROOT.to_owned(), &mut all)?;
        let plain: Vec<Manifest> = manifests.iter().map(|(_, manifest)| manifest.clone()).collect();
        let inputs = Inputs { manifests: &plain, lock: self.lock, book: self.book };
        let subjects = all.iter().map(|(name, file)| (name.as_str(), *file));
        let provenance = statement(subjects, &inputs, &self.origin, self.release);
        write(PROVENANCE, pretty(&provenance), &mut all)?;
        let mut digests = String::new();
        for (name, file) in &all {
            writeln!(digests, "{}  {name}", file.sha256).expect("memory");
        }
        write(CHECKSUMS, digests, &mut all)?;

        let record = self.record(manifests, all);
        fs::write(to.join(RECORD), pretty(&record))?;
        let file = FileRecord::of(&to.join(RECORD))?;
        let before = self.index.before(&self.tag).map(|(tag, release)| (tag.to_string(), release));
        let nobody = Tried::default();
        let notes = Notes {
            record: &record,
            before,
            patches: self.patches(&plain),
            upstream: self.book.recipe(&self.tag.tool).ok().and_then(|recipe| recipe.releases.as_deref()),
            signed: match signer {
                None => Signed::Nobody,
                Some(signer) if signer.is_workflow() => Signed::Workflow,
                Some(_) => Signed::Key,
            },
            tried: self.tried.as_ref().unwrap_or(&nobody),
            origin: &self.origin,
            release: self.release,
        };
        fs::write(to.join(NOTES), notes.text())?;
        let index = self.index.clone().next(Some((&record, file)), self.releases, self.now)?;
        fs::write(to.join(INDEX), pretty(&index))?;
        if let Some(signer) = signer {
            self.sign(to, &record, signer)?;
        }
        Ok(record)
    }

    /// Of all parts that have any, without their ending.
    fn patches(&self, manifests: &[Manifest]) -> BTreeMap<String, Vec<String>> {
        let components: BTreeMap<_, _> = manifests.iter().flat_map(|manifest| &manifest.components).collect();
        let of = |(name, component): (&String, &ManifestComponent)| {
            let known = self.book.component(name, &component.version).ok()?;
            let names: Vec<_> = known.patches.keys().map(|file| file.trim_end_matches(".patch").to_owned()).collect();
            (!names.is_empty()).then(|| (name.clone(), names))
        };
        components.into_iter().filter_map(of).collect()
    }

    fn record(&self, manifests: &[(Wanted, Manifest)], mut all: BTreeMap<String, FileRecord>) -> Record {
        let mut parts = BTreeMap::new();
        let mut archives = BTreeMap::new();
        for (wanted, manifest) in manifests {
            parts.extend(manifest.components.iter().map(|(name, one)| (name.clone(), one.version.clone())));
            parts.extend(manifest.toolchain.iter().map(|(name, one)| (name.clone(), one.version.clone())));
            for ending in [ZSTD, GZIP] {
                let name = wanted.file(ending);
                if let Some(file) = all.remove(&name) {
                    let (platform, variant) = (wanted.platform, wanted.variant.clone());
                    archives.insert(name, ArchiveRecord { platform, variant, file });
                }
            }
        }
        Record {
            format: Record::FORMAT,
            tag: self.tag.clone(),
            latest: self.newest && self.tag.tool == "podman",
            commit: self.origin.commit.clone(),
            parts,
            archives,
            files: all,
        }
    }

    /// Archives, checksums, record and index each have a bundle; the provenance is within its own.
    fn sign(&self, folder: &Path, record: &Record, signer: &Signer) -> Result<(), ReleaseError> {
        for name in record.archives.keys().map(String::as_str).chain([CHECKSUMS, RECORD, INDEX]) {
            signer.file(&folder.join(name))?;
        }
        signer.statement(&folder.join(PROVENANCE))?;
        Ok(())
    }
}

/// Fills a folder beside `to`, and puts it in its place: it is there whole or not at all.
pub(crate) fn whole<T>(to: &Path, fill: impl FnOnce(&Path) -> Result<T, ReleaseError>) -> Result<T, ReleaseError> {
    let part = to.with_added_extension("part");
    if part.exists() {
        fs::remove_dir_all(&part)?;
    }
    fs::create_dir_all(&part)?;
    let filled = fill(&part)?;
    if to.exists() {
        fs::remove_dir_all(to)?;
    }
    fs::rename(&part, to)?;
    Ok(filled)
}

/// By a link where the file system can, since archives are large.
fn put(from: &Path, to: &Path) -> std::io::Result<()> {
    fs::hard_link(from, to).or_else(|_| fs::copy(from, to).map(drop))
}

pub(crate) fn pretty(value: &impl serde::Serialize) -> String {
    serde_json::to_string_pretty(value).expect("plain data") + "\n"
}
