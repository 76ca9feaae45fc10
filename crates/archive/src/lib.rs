//! Archives: unpacked as if by an enemy's hand, written the same every time.

mod error;
mod packed;
mod place;
mod tarball;
mod unpack;
mod write;

pub use error::UnpackError;
pub use packed::{Packed, PackedError, same_tar};
pub use unpack::{Format, Limits, unpack, unpack_layers, xz};
pub use write::{ArchiveEntry, Compression, Content, FORMAT, WriteError, entries, write};
