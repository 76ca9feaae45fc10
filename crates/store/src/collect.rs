//! Throwing away what nobody needs, and finding what is damaged.

use std::{
    collections::BTreeSet,
    path::{Path, PathBuf},
    time::Duration,
};

use fs_err as fs;
use rst_model::Digest;
use serde::Serialize;

use crate::{Held, Store, StoreError, scan, scratch::remove_tree, tree::digest_file};

/// What [`Store::gc`] removed.
#[derive(Debug, Default, Serialize)]
pub struct Collected {
    /// Trees, blobs, results, logs and caches.
    pub entries: usize,
    /// Their size in bytes; files shared with a tree that stays are counted all the same.
    pub bytes: u64,
}

/// What [`Store::verify`] found.
#[derive(Debug, Default, Serialize)]
pub struct Verified {
    /// Trees and blobs whose bytes are what their name says.
    pub sound: usize,
    /// Those that were not, and are removed.
    pub damaged: Vec<String>,
}

impl Store {
    /// Removes everything that has not been used for `age` and is not in `keep` (trees and blobs by
    /// digest, results and logs by key).
    pub fn gc(&self, keep: &BTreeSet<Digest>, age: Duration) -> Result<Collected, StoreError> {
        let _alone = self.alone()?;
        let mut collected = Collected::default();
        for folder in ["trees", "blobs", "actions", "logs", "caches", "memory", "partial"] {
            for path in entries(&self.root().join(folder))? {
                let name = path.file_name().and_then(|n| n.to_str()).unwrap_or_default();
                let stem = name.split('.').next().unwrap_or_default();
                if stem.parse().is_ok_and(|digest| keep.contains(&digest)) || !is_older(&path, age) {
                    continue;
                }
                collected.bytes += size(&path);
                collected.entries += 1;
                remove(&path)?;
            }
        }
        Ok(collected)
    }

    /// Digests every tree and blob again, and removes what is not what its name says.
    pub fn verify(&self) -> Result<Verified, StoreError> {
        let _alone = self.alone()?;
        let mut verified = Verified::default();
        for path in entries(&self.root().join("trees"))? {
            if path.extension().is_some() {
                if !path.with_extension("").exists() {
                    remove(&path)?;
                }
                continue;
            }
            let list = path.with_extension("list");
            let listed = fs::read_to_string(&list).ok().map(Digest::of);
            let there = scan(&path).ok().map(|listing| listing.digest());
            if there.is_some() && named(&path) == there && listed == there {
                verified.sound += 1;
            } else {
                verified.damaged.push(format!("tree {}", path.display()));
                // The listing first: without it the tree does not count.
                remove(&list)?;
                remove(&path)?;
            }
        }
        for path in entries(&self.root().join("blobs"))? {
            if named(&path) == digest_file(&path).ok().map(|(digest, _)| digest) {
                verified.sound += 1;
            } else {
                verified.damaged.push(format!("blob {}", path.display()));
                remove(&path)?;
            }
        }
        for path in entries(&self.root().join("actions"))? {
            if named(&path).and_then(|key| self.result(key)).is_none() {
                remove(&path)?;
            }
        }
        Ok(verified)
    }

    /// Nobody else uses the store while this is held.
    fn alone(&self) -> Result<Alone<'_>, StoreError> {
        if !self.in_use.try_upgrade()? {
            return Err(StoreError::Busy(self.root().to_owned()));
        }
        Ok(Alone(&self.in_use))
    }
}

/// Gives the store back to others when dropped.
struct Alone<'a>(&'a Held);

impl Drop for Alone<'_> {
    fn drop(&mut self) {
        self.0.downgrade();
    }
}

fn named(path: &Path) -> Option<Digest> {
    path.file_stem()?.to_str()?.parse().ok()
}

fn entries(folder: &Path) -> Result<Vec<PathBuf>, StoreError> {
    let mut paths = Vec::new();
    for entry in fs::read_dir(folder)? {
        paths.push(entry?.path());
    }
    paths.sort();
    Ok(paths)
}

/// How exactly the time of the last use is known.
const DAY: Duration = Duration::from_secs(24 * 60 * 60);

/// Whether an entry is there; if so it counts as used now.
pub(crate) fn used_now(path: &Path) -> bool {
    let Ok(metadata) = fs::metadata(path) else { return false };
    if is_older(path, DAY) {
        // Setting what is set already changes nothing but the time of the last change.
        let _ = fs::set_permissions(path, metadata.permissions());
    }
    true
}

/// By when the entry itself was last put there or used, not by the fixed time of its files.
fn is_older(path: &Path, age: Duration) -> bool {
    use std::os::unix::fs::MetadataExt as _;
    let at = fs::symlink_metadata(path).map(|metadata| metadata.ctime()).unwrap_or_default();
    let changed = std::time::UNIX_EPOCH + Duration::from_secs(at.max(0).unsigned_abs());
    changed.elapsed().is_ok_and(|elapsed| elapsed >= age)
}

fn size(path: &Path) -> u64 {
    walkdir::WalkDir::new(path)
        .into_iter()
        .flatten()
        .filter_map(|entry| entry.metadata().ok())
        .filter(|metadata| metadata.is_file())
        .map(|metadata| metadata.len())
        .sum()
}

pub(crate) fn remove(path: &Path) -> Result<(), StoreError> {
    let removed = if path.is_dir() { remove_tree(path) } else { fs::remove_file(path) };
    match removed {
        Err(error) if error.kind() == std::io::ErrorKind::NotFound => Ok(()),
        other => Ok(other?),
    }
}
