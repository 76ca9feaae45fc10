//! Noticing what was changed behind the store's back: by a disk that was repaired, a virus scanner, a person.
//!
//! To digest all again before each use would take longer than building. A file's time of change (ctime) is set by the
//! kernel alone, so what is older than the moment at which its tree was found whole is still what it was then.

use std::{
    collections::BTreeMap,
    os::unix::fs::MetadataExt as _,
    path::{Path, PathBuf},
};

use fs_err as fs;
use rst_model::{Digest, Kind, Listing};

use crate::{Store, StoreError, collect::remove, publish::Stamp, scan, tree::digest_file};

/// A moment, in seconds and nanoseconds since 1970.
type Time = (i64, i64);

fn modified(path: &Path) -> Option<Time> {
    fs::symlink_metadata(path).ok().map(|metadata| (metadata.mtime(), metadata.mtime_nsec()))
}

impl Store {
    /// Whether a tree that is listed is what its name says: known by times, or else by its bytes.
    pub(crate) fn is_sound_tree(&self, tree: Digest) -> bool {
        self.is_known(tree) || self.is_untouched(tree) == Some(true) || self.digested_again(tree)
    }

    fn is_known(&self, digest: Digest) -> bool {
        self.sound.lock().expect("no thread panics while holding it").contains(&digest)
    }

    fn know(&self, digest: Digest) -> bool {
        self.sound.lock().expect("no thread panics while holding it").insert(digest);
        true
    }

    /// Whether the listing is the tree's, all that is listed is there, nothing else is, and nothing was changed since it was listed.
    fn is_untouched(&self, tree: Digest) -> Option<bool> {
        let whole_at = modified(&self.list_path(tree))?;
        let text = fs::read_to_string(self.list_path(tree)).ok().filter(|text| Digest::of(text) == tree)?;
        let listing = Listing::parse(&text).ok()?;
        let mut sizes: BTreeMap<&str, Option<u64>> = BTreeMap::new();
        for (path, kind) in listing.iter() {
            let size = if let Kind::File { size, .. } = kind { Some(*size) } else { None };
            sizes.insert(path.as_str(), size);
        }
        let top = self.tree_path(tree);
        for entry in walkdir::WalkDir::new(&top).min_depth(1) {
            let entry = entry.ok()?;
            let metadata = entry.metadata().ok()?;
            if (metadata.ctime(), metadata.ctime_nsec()) > whole_at {
                return Some(false);
            }
            match sizes.remove(entry.path().strip_prefix(&top).ok()?.to_str()?) {
                Some(Some(size)) if size != metadata.len() => return Some(false),
                Some(_) => {}
                None if metadata.is_dir() => {}
                None => return Some(false),
            }
        }
        Some(sizes.is_empty() && self.know(tree))
    }

    /// Reads all of a tree. One that is whole after all is listed anew, where that may be written; any other is removed.
    fn digested_again(&self, tree: Digest) -> bool {
        let top = self.tree_path(tree);
        match scan(&top) {
            Ok(listing) if listing.digest() == tree => {
                let _ = self.list(&listing);
                self.know(tree)
            }
            _ => {
                // The listing first: without it the tree does not count.
                let _ = remove(&self.list_path(tree)).and_then(|()| remove(&top));
                false
            }
        }
    }

    pub(crate) fn is_sound_blob(&self, blob: Digest) -> bool {
        if self.is_known(blob) {
            return true;
        }
        let path = self.blob_path(blob);
        let name = format!("blob-{}", blob.short());
        let stamp = Stamp::of(blob, &path);
        if stamp.is_some() && stamp == self.recall(&name) {
            return self.know(blob);
        }
        if digest_file(&path).is_ok_and(|(digest, _)| digest == blob) {
            let _ = self.remember(&name, &stamp);
            return self.know(blob);
        }
        let _ = remove(&path);
        false
    }

    /// To be held while a tool works in its cache, by one at a time. What was changed while nobody did is removed first.
    pub fn work_in(&self, cache: &Path) -> Result<Working, StoreError> {
        let stamp = cache.with_extension("whole");
        let whole_at = modified(&stamp);
        for entry in walkdir::WalkDir::new(cache).min_depth(1).into_iter().flatten() {
            let Ok(metadata) = entry.metadata() else { continue };
            let changed = Some((metadata.ctime(), metadata.ctime_nsec()));
            if !metadata.is_dir() && changed > whole_at {
                remove(entry.path())?;
            }
        }
        Ok(Working { stamp })
    }
}

/// Somebody works in a cache.
#[derive(Debug)]
#[must_use]
pub struct Working {
    stamp: PathBuf,
}

impl Drop for Working {
    /// What is there now is what the tool left.
    fn drop(&mut self) {
        let _ = fs::write(&self.stamp, "");
    }
}
