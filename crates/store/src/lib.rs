//! The store: `$XDG_CACHE_HOME/rst`. Trees and blobs by digest, results of actions by key, logs.
//!
//! Whatever stands under its final name is whole: everything is made in `tmp/` and renamed into
//! place, so a killed process or a full disk leaves rubbish in `tmp/` and nothing else. Any number of
//! processes may use a store at once; only [`Store::gc`] and [`Store::verify`] want it alone.
//!
//! ```text
//! trees/DIGEST/        read-only files, all with one modification time
//! trees/DIGEST.list    the canonical listing; written last, so its presence means "whole", its time since when
//! blobs/DIGEST         single files
//! actions/KEY.json     what an action left
//! logs/KEY.log         what it printed
//! caches/NAME-DIGEST/  caches of tools (Go's)
//! partial/DIGEST       downloads that were cut short
//! memory/              what was last built under a name, for `rst log` and `--explain`
//! tmp/                 work in progress; each entry is held by a lock on ENTRY.lock
//! ```

mod collect;
mod error;
mod publish;
mod record;
mod scratch;
mod touched;
mod tree;

use std::{
    collections::BTreeSet,
    path::{Path, PathBuf},
    sync::Mutex,
};

use fs_err as fs;
use rst_model::{Digest, Listing};

use collect::used_now;
pub use collect::{Collected, Verified};
pub use error::StoreError;
pub use record::ActionResult;
pub use scratch::{Held, Scratch};
pub use touched::Working;
pub use tree::{MTIME, scan};

/// An opened store.
#[derive(Debug)]
pub struct Store {
    root: PathBuf,
    /// Shared while the store is in use, so that nobody collects under our feet.
    in_use: Held,
    /// Trees and blobs that this process has found untouched.
    sound: Mutex<BTreeSet<Digest>>,
}

impl Store {
    /// Opens a store, making it when it is not there, and clears what killed processes left behind.
    pub fn open(root: &Path) -> Result<Self, StoreError> {
        for folder in ["trees", "blobs", "actions", "logs", "caches", "memory", "partial", "tmp", "locks"] {
            let folder = root.join(folder);
            fs::create_dir_all(&folder)?;
            // What may not be looked into would count as empty.
            fs::read_dir(&folder)?;
            fs::metadata(folder.join("."))?;
        }
        let root = fs::canonicalize(root)?;
        let in_use = Held::shared(&root.join("in-use.lock"))?;
        scratch::clear_stale(&root.join("tmp"))?;
        Ok(Self { root, in_use, sound: Mutex::default() })
    }

    /// Where it lies.
    pub fn root(&self) -> &Path {
        &self.root
    }

    /// A private folder on the store's file system, removed when dropped.
    pub fn scratch(&self) -> Result<Scratch, StoreError> {
        Scratch::new(&self.root.join("tmp"))
    }

    /// Whether a tree is here, whole. One that somebody has changed is removed.
    pub fn has_tree(&self, tree: Digest) -> bool {
        used_now(&self.list_path(tree)) && used_now(&self.tree_path(tree)) && self.is_sound_tree(tree)
    }

    /// The folder of a tree. Read only.
    pub fn tree_path(&self, tree: Digest) -> PathBuf {
        self.root.join("trees").join(tree.to_string())
    }

    /// What a tree holds.
    pub fn listing(&self, tree: Digest) -> Result<Listing, StoreError> {
        let path = self.list_path(tree);
        Listing::parse(&fs::read_to_string(&path)?).map_err(|source| StoreError::Listing { path, source })
    }

    fn list_path(&self, tree: Digest) -> PathBuf {
        self.root.join("trees").join(format!("{tree}.list"))
    }

    /// Takes a file in as a blob; it is gone from where it was. It must lie in a [`Scratch`].
    pub fn put_blob(&self, file: &Path) -> Result<Digest, StoreError> {
        let (digest, _) = tree::digest_file(file)?;
        fs::set_permissions(file, tree::READ_ONLY.into_permissions())?;
        fs::rename(file, self.blob_path(digest))?;
        Ok(digest)
    }

    /// Whether a blob is here. One that somebody has changed is removed.
    pub fn has_blob(&self, blob: Digest) -> bool {
        used_now(&self.blob_path(blob)) && self.is_sound_blob(blob)
    }

    /// The file of a blob. Read only.
    pub fn blob_path(&self, blob: Digest) -> PathBuf {
        self.root.join("blobs").join(blob.to_string())
    }

    /// Whether its disk is as good as full.
    pub fn is_full(&self) -> bool {
        /// In bytes; with less nothing can be built.
        const NOTHING: u64 = 1 << 20;
        nix::sys::statvfs::statvfs(&self.root)
            .is_ok_and(|disk| disk.blocks_available() * disk.fragment_size() < NOTHING)
    }

    /// Where an action's output is logged.
    pub fn log_path(&self, key: Digest) -> PathBuf {
        self.root.join("logs").join(format!("{key}.log"))
    }

    /// A cache folder for a tool, made when it is not there. `validity` names what the tool's own
    /// cache keys do not see.
    pub fn cache(&self, name: &str, validity: Digest) -> Result<PathBuf, StoreError> {
        let path = self.root.join("caches").join(format!("{name}-{}", validity.short()));
        fs::create_dir_all(&path)?;
        used_now(&path);
        Ok(path)
    }

    /// Waits for and holds a lock of this name, against other threads and processes.
    pub fn hold(&self, name: &str) -> Result<Held, StoreError> {
        Held::exclusive(&self.root.join("locks").join(name))
    }
}

/// Permission bits, given their name once.
#[derive(Clone, Copy)]
pub(crate) struct Mode(pub u32);

impl Mode {
    pub(crate) fn into_permissions(self) -> std::fs::Permissions {
        std::os::unix::fs::PermissionsExt::from_mode(self.0)
    }
}
