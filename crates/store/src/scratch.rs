//! Locks, and folders for work in progress that a lock keeps alive.

use std::path::{Path, PathBuf};

use fs_err as fs;

use crate::StoreError;

/// A lock on a file; given back when dropped, also by the kernel when the process dies.
#[derive(Debug)]
pub struct Held {
    file: fs::File,
}

impl Held {
    pub(crate) fn shared(path: &Path) -> Result<Self, StoreError> {
        let file = open(path)?;
        file.file().lock_shared()?;
        Ok(Self { file })
    }

    pub(crate) fn exclusive(path: &Path) -> Result<Self, StoreError> {
        let file = open(path)?;
        file.file().lock()?;
        Ok(Self { file })
    }

    /// Turns a shared lock into an exclusive one, unless others hold it too.
    pub(crate) fn try_upgrade(&self) -> Result<bool, StoreError> {
        match self.file.file().try_lock() {
            Ok(()) => Ok(true),
            Err(std::fs::TryLockError::WouldBlock) => {
                // flock(2) may drop the old lock before it fails to take the new one.
                self.file.file().lock_shared()?;
                Ok(false)
            }
            Err(std::fs::TryLockError::Error(error)) => Err(error.into()),
        }
    }

    pub(crate) fn downgrade(&self) {
        if let Err(error) = self.file.file().lock_shared() {
            tracing::warn!("cannot share the store again: {error}");
        }
    }

    pub(crate) fn try_exclusive(path: &Path) -> Result<Option<Self>, StoreError> {
        let file = open(path)?;
        match file.file().try_lock() {
            Ok(()) => Ok(Some(Self { file })),
            Err(std::fs::TryLockError::WouldBlock) => Ok(None),
            Err(std::fs::TryLockError::Error(error)) => Err(error.into()),
        }
    }
}

fn open(path: &Path) -> Result<fs::File, StoreError> {
    Ok(fs::OpenOptions::new().create(true).truncate(false).write(true).open(path)?)
}

/// A private folder for work in progress, removed when dropped.
#[derive(Debug)]
pub struct Scratch {
    folder: PathBuf,
    lock: PathBuf,
    _held: Held,
}

impl Scratch {
    pub(crate) fn new(tmp: &Path) -> Result<Self, StoreError> {
        let folder = tempfile::Builder::new()
            .prefix("w")
            .tempdir_in(tmp)
            .map_err(|source| StoreError::Folder { path: tmp.to_owned(), source })?
            .keep();
        let lock = folder.with_extension("lock");
        let held = Held::exclusive(&lock)?;
        Ok(Self { folder, lock, _held: held })
    }

    /// The folder.
    pub fn path(&self) -> &Path {
        &self.folder
    }
}

impl Drop for Scratch {
    fn drop(&mut self) {
        if let Err(error) = remove_tree(&self.folder) {
            tracing::debug!("{error}; the next run clears it away");
        }
        let _ = fs::remove_file(&self.lock);
    }
}

/// Removes a folder, also when folders in it are not writable (Go's module cache).
pub(crate) fn remove_tree(folder: &Path) -> std::io::Result<()> {
    match fs::remove_dir_all(folder) {
        Err(error) if error.kind() == std::io::ErrorKind::PermissionDenied => {
            for entry in walkdir::WalkDir::new(folder).into_iter().flatten() {
                if entry.file_type().is_dir() {
                    fs::set_permissions(entry.path(), crate::tree::EXECUTABLE.into_permissions())?;
                }
            }
            fs::remove_dir_all(folder)
        }
        Err(error) if error.kind() == std::io::ErrorKind::NotFound => Ok(()),
        other => other,
    }
}

/// Removes the folders whose owner is gone.
pub(crate) fn clear_stale(tmp: &Path) -> Result<(), StoreError> {
    for entry in fs::read_dir(tmp)? {
        let path = entry?.path();
        if path.extension().is_some() {
            continue;
        }
        let lock = path.with_extension("lock");
        // A folder that has no lock yet may have been made this instant by someone about to lock it.
        let young = fs::metadata(&path)
            .and_then(|m| m.modified())
            .is_ok_and(|at| at.elapsed().is_ok_and(|age| age.as_secs() < 60));
        if !lock.exists() && young {
            continue;
        }
        if let Some(_held) = Held::try_exclusive(&lock)? {
            remove_tree(&path)?;
            fs::remove_file(&lock)?;
        }
    }
    Ok(())
}
