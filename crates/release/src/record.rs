//! `release.json`: what a release is, for programs.

use std::{collections::BTreeMap, path::Path};

use fs_err as fs;
use rst_model::{Digest, Hasher, Platform, Tag, Version};
use serde::{Deserialize, Serialize};

use crate::ReleaseError;

/// Its name in a release's folder, and among a release's files.
pub const RECORD: &str = "release.json";
/// What people read on the release's page; no file of the release.
pub const NOTES: &str = "notes.md";
/// The digests for `sha256sum -c`.
pub const CHECKSUMS: &str = "checksums.txt";
/// How and from what all of it was built.
pub const PROVENANCE: &str = "provenance.json";
/// Whom Sigstore's verifiers trust.
pub(crate) const TRUST: &str = "trusted_root.json";

/// What a release consists of.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Record {
    /// The format of this file.
    pub format: u32,
    /// The release's name.
    pub tag: Tag,
    /// Whether it is the one that a repository's `latest` means: podman's newest line alone.
    pub latest: bool,
    /// The commit of this project that it was built from.
    pub commit: String,
    /// The components in it, of all archives, and the tools that built them.
    pub parts: BTreeMap<String, Version>,
    /// Its archives by name, in the form that is downloaded first.
    pub archives: BTreeMap<String, ArchiveRecord>,
    /// Every other file, this one and signatures aside.
    pub files: BTreeMap<String, FileRecord>,
}

/// One archive.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct ArchiveRecord {
    /// What it runs on.
    pub platform: Platform,
    /// Which kind.
    pub variant: String,
    /// Its bytes.
    #[serde(flatten)]
    pub file: FileRecord,
}

/// A file's bytes.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct FileRecord {
    /// Their digest.
    pub sha256: Digest,
    /// Their number.
    pub size: u64,
}

impl Record {
    /// The format that is written.
    pub const FORMAT: u32 = 1;

    /// Reads that of a release's folder.
    pub fn read(folder: &Path) -> Result<Self, ReleaseError> {
        let not = |reason: String| ReleaseError::NoRelease { folder: folder.to_owned(), reason };
        let text = fs::read(folder.join(RECORD)).map_err(|error| not(error.to_string()))?;
        let record: Self = serde_json::from_slice(&text).map_err(|error| not(format!("{RECORD}: {error}")))?;
        match record.format {
            Self::FORMAT => Ok(record),
            other => Err(not(format!("{RECORD} has format {other}, expected {}", Self::FORMAT))),
        }
    }

    /// All files with digests: archives and others.
    pub fn all(&self) -> impl Iterator<Item = (&str, FileRecord)> {
        let archives = self.archives.iter().map(|(name, archive)| (name.as_str(), archive.file));
        archives.chain(self.files.iter().map(|(name, file)| (name.as_str(), *file)))
    }
}

impl FileRecord {
    /// That of a file.
    pub fn of(path: &Path) -> Result<Self, ReleaseError> {
        let (sha256, size) = Hasher::read(fs::File::open(path)?)?;
        Ok(Self { sha256, size })
    }
}
