//! What a release consists of, and getting it to where people find it.
//!
//! A release is a folder: archives and what `rst build --for-release` leaves beside them, digests, provenance,
//! signatures, the index of all releases, and `release.json`, which says what it is.

mod error;
mod folder;
mod index;
mod notes;
mod origin;
mod provenance;
mod publish;
mod record;
mod renew;
mod tried;

pub use error::ReleaseError;
pub use folder::{Made, Making, Wanted};
pub use index::{INDEX, Index, IndexError, IndexRelease};
pub use origin::{Origin, Workflow};
pub use publish::{
    GitHub, IndexFiles, IndexOutcome, Publication, PublishError, Published, Repository, Token, index_to_folder,
    to_folder,
};
pub use record::{ArchiveRecord, CHECKSUMS, FileRecord, NOTES, PROVENANCE, RECORD, Record};
pub use renew::renew;
pub use tried::Tried;
