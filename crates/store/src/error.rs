//! What can go wrong in the store.

use std::path::PathBuf;

use rst_model::{Digest, ListingError};

/// A fault in the store.
#[derive(Debug, thiserror::Error)]
pub enum StoreError {
    /// A file could not be read or written; the message names it.
    #[error(transparent)]
    Io(#[from] std::io::Error),
    /// A folder that could not be used.
    #[error("cannot write in {}", .path.display())]
    Folder {
        /// Which.
        path: PathBuf,
        /// Why.
        source: std::io::Error,
    },
    /// A file in a tree that is none of file, folder or link, or has a name that cannot be kept.
    #[error("{} cannot be kept in a tree: {reason}", .path.display())]
    Unfit {
        /// Which.
        path: PathBuf,
        /// Why.
        reason: String,
    },
    /// A listing that cannot be read.
    #[error("{} is damaged; `rst store verify` removes what is", .path.display())]
    Listing {
        /// Which.
        path: PathBuf,
        /// Why.
        source: ListingError,
    },
    /// A tree that should be here and is not.
    #[error("tree {0} is not in the store")]
    NoTree(Digest),
    /// Somebody else is using the store.
    #[error("another rst is using the store at {}; wait for it to end", .0.display())]
    Busy(PathBuf),
}
