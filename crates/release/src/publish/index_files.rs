//! The index of all releases as it lies in a folder: a release's, or one of its own.

use std::{
    collections::BTreeMap,
    path::{Path, PathBuf},
};

use fs_err as fs;
use rst_model::Digest;

use super::{PublishError, SIGNATURES, other};
use crate::{INDEX, Index, ReleaseError, record::FileRecord};

/// `index.json` and its signatures.
#[derive(Debug)]
pub struct IndexFiles {
    folder: PathBuf,
    /// What it says.
    pub index: Index,
    /// They, by name.
    files: BTreeMap<String, FileRecord>,
}

impl IndexFiles {
    /// Whether a folder has an index and nothing else.
    pub fn are_alone_in(folder: &Path) -> std::io::Result<bool> {
        Ok(folder.join(INDEX).is_file() && names(folder)?.iter().all(|name| Self::have(name)))
    }

    /// Reads the index of a folder. `unsigned`: whether it may be without signatures.
    pub fn read(folder: &Path, unsigned: bool) -> Result<Self, PublishError> {
        let mut files = BTreeMap::new();
        for name in names(folder)?.into_iter().filter(|name| Self::have(name)) {
            let file = FileRecord::of(&folder.join(&name))?;
            files.insert(name, file);
        }
        let bundle = format!("{INDEX}{}", SIGNATURES[0]);
        if !unsigned && !files.contains_key(&bundle) {
            return Err(PublishError::Unsigned { what: INDEX.to_owned(), bundle });
        }
        Self::of(folder, &files)
    }

    /// Those among a folder's files.
    pub(super) fn of(folder: &Path, files: &BTreeMap<String, FileRecord>) -> Result<Self, PublishError> {
        let index = Index::parse(&fs::read(folder.join(INDEX))?).map_err(ReleaseError::Index)?;
        let files = files.iter().filter(|(name, _)| Self::have(name)).map(|(name, file)| (name.clone(), *file));
        Ok(Self { folder: folder.to_owned(), index, files: files.collect() })
    }

    /// Whether a file of this name would be one of them.
    pub(super) fn have(name: &str) -> bool {
        name.strip_prefix(INDEX).is_some_and(|rest| rest.is_empty() || SIGNATURES.contains(&rest))
    }

    pub(super) fn path(&self, name: &str) -> PathBuf {
        self.folder.join(name)
    }

    /// The index itself last, so that it is what says that all are there.
    pub(super) fn in_order(&self) -> Vec<(&str, FileRecord)> {
        let mut files: Vec<_> = self.files.iter().map(|(name, file)| (name.as_str(), *file)).collect();
        files.sort_by_key(|(name, _)| *name == INDEX);
        files
    }

    /// That the index there, if it has our number, is ours: else two were made at once.
    pub(super) fn is_not_another(&self, number: u64, found: Digest, place: &str) -> Result<(), PublishError> {
        let expected = self.files[INDEX].sha256;
        match number == self.index.number && found != expected {
            true => Err(other("index", place, &format!("SHA-256 of {INDEX} number {number}"), expected, found)),
            false => Ok(()),
        }
    }
}

fn names(folder: &Path) -> std::io::Result<Vec<String>> {
    let name = |entry: std::io::Result<fs::DirEntry>| Ok(entry?.file_name().to_string_lossy().into_owned());
    fs::read_dir(folder)?.map(name).collect()
}
