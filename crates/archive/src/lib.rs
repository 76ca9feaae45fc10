//! Archives: unpacked as if by an enemy's hand, written the same every time.

mod apk;
mod error;
mod packed;
mod place;
mod tarball;
mod unpack;
mod write;

pub use apk::{gzip_streams, small_files};
pub use error::UnpackError;
pub use packed::{Packed, PackedError, same_tar};
pub use unpack::{Format, Limits, unpack, unpack_layers, unpack_over, xz};
pub use write::{ArchiveEntry, Compression, Content, FORMAT, WriteError, entries, write};
