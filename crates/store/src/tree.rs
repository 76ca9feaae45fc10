//! Trees: taking a folder in, merging, copying out.

use std::{
    os::unix::fs::PermissionsExt as _,
    path::{Path, PathBuf},
};

use fs_err as fs;
use nix::sys::{
    stat::{UtimensatFlags, utimensat},
    time::TimeSpec,
};
use rayon::prelude::*;
use rst_model::{Digest, Entry, Hasher, Kind, Listing, RelPath};

use crate::{Mode, Store, StoreError, collect::remove, scratch::remove_tree};

/// The modification time of every file in the store and in every work folder, in seconds since 1970:
/// 1980-01-01, the oldest that zip files can tell. One time for all, since `make` remakes what is
/// older than what it is made from.
pub const MTIME: i64 = 315_532_800;

pub(crate) const READ_ONLY: Mode = Mode(0o444);
pub(crate) const READ_ONLY_EXECUTABLE: Mode = Mode(0o555);
pub(crate) const WRITABLE: Mode = Mode(0o644);
pub(crate) const EXECUTABLE: Mode = Mode(0o755);

impl Store {
    /// Takes a folder in as a tree; it is gone from where it was. It must lie in a
    /// [`crate::Scratch`].
    pub fn adopt(&self, folder: &Path) -> Result<Digest, StoreError> {
        let listing = scan(folder)?;
        self.settle(folder, &listing)?;
        Ok(listing.digest())
    }

    /// Takes a folder in only if it is the tree that is expected; otherwise it stays where it is. The
    /// digest found is given back.
    pub fn adopt_expected(&self, folder: &Path, expected: Digest) -> Result<Digest, StoreError> {
        let listing = scan(folder)?;
        let found = listing.digest();
        if found == expected {
            self.settle(folder, &listing)?;
        }
        Ok(found)
    }

    /// A writable copy of a tree.
    pub fn checkout(&self, tree: Digest, to: &Path) -> Result<(), StoreError> {
        let from = self.tree_path(tree);
        let listing = self.listing(tree)?;
        fs::create_dir_all(to)?;
        for (path, kind) in listing.iter() {
            let at = to.join(path);
            if *kind == Kind::EmptyDir {
                fs::create_dir_all(&at)?;
            } else {
                fs::create_dir_all(at.parent().expect("below"))?;
            }
            if let Kind::Symlink(target) = kind {
                fs::os::unix::fs::symlink(target, &at)?;
                set_mtime(&at)?;
            }
        }
        let entries: Vec<_> = listing.iter().collect();
        entries.par_iter().try_for_each(|(path, kind)| {
            let Kind::File { executable, .. } = kind else {
                return Ok(());
            };
            let at = to.join(path);
            fs::copy(from.join(path), &at)?;
            let mode = if *executable { EXECUTABLE } else { WRITABLE };
            fs::set_permissions(&at, mode.into_permissions())?;
            set_mtime(&at)
        })?;
        for folder in folders(to) {
            set_mtime(&folder)?;
        }
        Ok(())
    }

    /// Gives a folder its final modes and times, moves it to its name, and writes its listing.
    fn settle(&self, folder: &Path, listing: &Listing) -> Result<(), StoreError> {
        let digest = listing.digest();
        if self.has_tree(digest) {
            remove_tree(folder)?;
            return Ok(());
        }
        let entries: Vec<_> = listing.iter().collect();
        entries.par_iter().try_for_each(|(path, kind)| {
            let at = folder.join(path);
            if let Kind::File { executable, .. } = kind {
                let mode = if *executable { READ_ONLY_EXECUTABLE } else { READ_ONLY };
                fs::set_permissions(&at, mode.into_permissions())?;
            }
            set_mtime(&at)
        })?;
        for inner in folders(folder) {
            fs::set_permissions(&inner, EXECUTABLE.into_permissions())?;
            set_mtime(&inner)?;
        }
        let place = self.tree_path(digest);
        if let Err(error) = fs::rename(folder, &place) {
            // Another process was faster, or was killed before it had listed its tree.
            if !place.exists() {
                return Err(error.into());
            }
            match scan(&place) {
                Ok(there) if there.digest() == digest => remove_tree(folder)?,
                _ => {
                    remove(&place)?;
                    fs::rename(folder, &place)?;
                }
            }
        }
        self.list(listing)
    }

    /// Writes a tree's listing: from now on it counts.
    pub(crate) fn list(&self, listing: &Listing) -> Result<(), StoreError> {
        let scratch = self.scratch()?;
        let part = scratch.path().join("list");
        fs::write(&part, listing.to_text())?;
        fs::File::open(&part)?.sync_all()?;
        fs::rename(part, self.list_path(listing.digest()))?;
        Ok(())
    }
}

/// Reads a folder: every file digested, nothing changed.
pub fn scan(folder: &Path) -> Result<Listing, StoreError> {
    let mut found = Vec::new();
    let mut has_children = std::collections::BTreeSet::new();
    for entry in walkdir::WalkDir::new(folder).min_depth(1) {
        let entry = entry.map_err(std::io::Error::from)?;
        let relative = entry.path().strip_prefix(folder).expect("walked from it");
        let unfit = |reason: String| StoreError::Unfit { path: entry.path().to_owned(), reason };
        let text = relative.to_str().ok_or_else(|| unfit("its name is not UTF-8".into()))?;
        let path = RelPath::new(text).map_err(|error| unfit(error.to_string()))?;
        if path.as_str() != text {
            return Err(unfit("its name is unusual".into()));
        }
        if let Some(parent) = entry.path().parent() {
            has_children.insert(parent.to_owned());
        }
        found.push((path, entry));
    }
    let entries: Vec<Option<Entry>> = found
        .into_par_iter()
        .map(|(path, entry)| {
            let kind = if entry.file_type().is_symlink() {
                let target = fs::read_link(entry.path())?;
                let target = target.to_str().filter(|text| !text.contains(['\n', '\t'])).ok_or_else(|| {
                    StoreError::Unfit { path: entry.path().to_owned(), reason: "its target is not plain text".into() }
                })?;
                Kind::Symlink(target.to_owned())
            } else if entry.file_type().is_dir() {
                if has_children.contains(entry.path()) {
                    return Ok(None);
                }
                Kind::EmptyDir
            } else if entry.file_type().is_file() {
                let (digest, size) = digest_file(entry.path())?;
                let executable = fs::metadata(entry.path())?.permissions().mode() & 0o111 != 0;
                Kind::File { executable, digest, size }
            } else {
                return Err(StoreError::Unfit {
                    path: entry.path().to_owned(),
                    reason: "expected a file, a folder or a link".into(),
                });
            };
            Ok(Some(Entry { path, kind }))
        })
        .collect::<Result<_, StoreError>>()?;
    Ok(entries.into_iter().flatten().collect())
}

/// The digest of a file, and its size in bytes.
pub(crate) fn digest_file(path: &Path) -> Result<(Digest, u64), StoreError> {
    Ok(Hasher::read(fs::File::open(path)?)?)
}

/// Every folder at or below this one.
fn folders(top: &Path) -> Vec<PathBuf> {
    walkdir::WalkDir::new(top)
        .contents_first(true)
        .into_iter()
        .flatten()
        .filter(|entry| entry.file_type().is_dir())
        .map(|entry| entry.into_path())
        .collect()
}

fn set_mtime(path: &Path) -> Result<(), StoreError> {
    let time = TimeSpec::new(MTIME, 0);
    utimensat(nix::fcntl::AT_FDCWD, path, &time, &time, UtimensatFlags::NoFollowSymlink)
        .map_err(|errno| StoreError::Folder { path: path.to_owned(), source: errno.into() })
}
