//! Large files in memory. A program of 30 MB in memory of malloc's would stay with the process when it is dropped,
//! and packing needs the room.

use std::{io, ops::Range, path::Path};

use fs_err::{self as fs, os::unix::fs::FileExt as _};
use memmap2::MmapMut;

/// The bytes of a whole file.
pub(crate) fn read(path: &Path) -> io::Result<MmapMut> {
    let file = fs::File::open(path)?;
    let size = file.metadata()?.len();
    read_part(&file, 0..size)
}

/// The bytes of a part of a file.
pub(crate) fn read_part(file: &fs::File, range: Range<u64>) -> io::Result<MmapMut> {
    let size = usize::try_from(range.end.saturating_sub(range.start)).map_err(io::Error::other)?;
    // There is no map of nothing: an empty file is one zero.
    let mut bytes = MmapMut::map_anon(size.max(1))?;
    file.read_exact_at(&mut bytes[..size], range.start)?;
    Ok(bytes)
}
