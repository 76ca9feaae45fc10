//! Archives: unpacked as if by an enemy's hand, written the same every time.

mod place;
mod unpack;
mod write;

pub use unpack::{Format, Limits, UnpackError, unpack, xz};
pub use write::{ArchiveEntry, Compression, Content, FORMAT, WriteError, write};
