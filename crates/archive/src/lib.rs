//! Archives: unpacked as if by an enemy's hand, written the same every time.

mod error;
mod place;
mod tarball;
mod unpack;
mod write;

pub use error::UnpackError;
pub use unpack::{Format, Limits, unpack, unpack_layers, xz};
pub use write::{ArchiveEntry, Compression, Content, FORMAT, WriteError, entries, write};
