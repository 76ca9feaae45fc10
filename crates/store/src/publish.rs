//! Copying blobs out of the store, to where people look for them.

use std::{os::unix::fs::MetadataExt as _, path::Path};

use fs_err as fs;
use rst_model::Digest;
use serde::{Deserialize, Serialize};

use crate::{Store, StoreError, tree};

/// A file as it was when it was known to be a copy of a blob: with the same inode, size and times (of
/// change too, which no program can set) it still is.
#[derive(PartialEq, Eq, Serialize, Deserialize)]
pub(crate) struct Stamp {
    blob: Digest,
    inode: u64,
    size: u64,
    modified: (i64, i64),
    changed: (i64, i64),
}

impl Stamp {
    pub(crate) fn of(blob: Digest, file: &Path) -> Option<Self> {
        let metadata = fs::metadata(file).ok()?;
        Some(Self {
            blob,
            inode: metadata.ino(),
            size: metadata.len(),
            modified: (metadata.mtime(), metadata.mtime_nsec()),
            changed: (metadata.ctime(), metadata.ctime_nsec()),
        })
    }
}

impl Store {
    /// Copies a blob out of the store. An equal file is left alone; any other is replaced in one step.
    pub fn publish(&self, blob: Digest, to: &Path) -> Result<(), StoreError> {
        let there = Stamp::of(blob, to);
        let name = format!("published-{}", Digest::of(std::path::absolute(to)?.to_string_lossy().as_bytes()).short());
        if there.is_some() && there == self.recall(&name) {
            return Ok(());
        }
        let source = self.blob_path(blob);
        let same_size = there.is_some_and(|there| fs::metadata(&source).is_ok_and(|blob| blob.len() == there.size));
        if !(same_size && tree::digest_file(to)?.0 == blob) {
            replace(&source, to)?;
        }
        match Stamp::of(blob, to) {
            Some(stamp) => self.remember(&name, &stamp),
            None => Ok(()),
        }
    }
}

fn replace(source: &Path, to: &Path) -> Result<(), StoreError> {
    let folder = to.parent().unwrap_or(Path::new("."));
    fs::create_dir_all(folder)?;
    let part = tempfile::NamedTempFile::new_in(folder)
        .map_err(|source| StoreError::Folder { path: folder.to_owned(), source })?;
    fs::copy(source, part.path())?;
    fs::set_permissions(part.path(), tree::WRITABLE.into_permissions())?;
    part.persist(to).map_err(|error| StoreError::Folder { path: to.to_owned(), source: error.error })?;
    Ok(())
}
