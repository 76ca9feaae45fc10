//! Reading tar, in any of its dialects.

use std::{
    cell::Cell,
    io::{self, Read},
    rc::Rc,
};

use crate::{UnpackError, error::unreadable, place::Placer};

/// How much may come between two entries' contents: long names, extended headers, padding. The `tar`
/// crate keeps these in memory, so a name of a gigabyte must end before it is read.
const BETWEEN: u64 = 1 << 20;

/// Places a tar's entries. Reads on to the end of the stream, so that its checksum is looked at.
pub(crate) fn tar(reader: impl Read, placer: &mut Placer) -> Result<(), UnpackError> {
    let left = Rc::new(Cell::new(BETWEEN));
    let mut archive = tar::Archive::new(Metered { inner: reader, left: left.clone() });
    for entry in archive.entries().map_err(unreadable("(header)"))? {
        let mut entry = entry.map_err(unreadable("(header)"))?;
        left.set(BETWEEN);
        let kind = entry.header().entry_type();
        if kind.is_pax_global_extensions() {
            continue;
        }
        let name = entry.path_bytes().into_owned();
        let Some(path) = placer.name(&name)? else { continue };
        // Before ustar, only a slash told a folder from a file.
        if kind.is_dir() || kind.is_file() && name.ends_with(b"/") {
            placer.folder(&path)?;
        } else if kind.is_symlink() {
            placer.link(&path, &entry.link_name_bytes().unwrap_or_default())?;
        } else if kind.is_hard_link() {
            let target = entry.link_name_bytes().unwrap_or_default().into_owned();
            let target = placer
                .name(&target)?
                .ok_or_else(|| UnpackError::Link { entry: path.to_string(), target: ".".into() })?;
            placer.hard_link(&path, &target)?;
        } else if kind.is_file() || kind.is_contiguous() || kind.is_gnu_sparse() {
            let executable = entry.header().mode().map_err(unreadable(path.as_str()))? & 0o111 != 0;
            let size = entry.size();
            left.set(size.saturating_add(BETWEEN));
            placer.file(&path, executable, size, &mut entry)?;
            left.set(BETWEEN);
        } else {
            let kind = format!("{kind:?}").to_lowercase();
            return Err(UnpackError::Kind { entry: path.to_string(), kind });
        }
    }
    left.set(BETWEEN);
    io::copy(&mut archive.into_inner(), &mut io::sink()).map_err(unreadable("(end)"))?;
    Ok(())
}

/// A reader that stops, with an error, when its allowance is used up.
struct Metered<R> {
    inner: R,
    left: Rc<Cell<u64>>,
}

impl<R: Read> Read for Metered<R> {
    fn read(&mut self, buffer: &mut [u8]) -> io::Result<usize> {
        let left = self.left.get();
        if left == 0 && !buffer.is_empty() {
            return Err(io::Error::other(format!("more than {BETWEEN} bytes that are no file's content")));
        }
        let most = buffer.len().min(usize::try_from(left).unwrap_or(usize::MAX));
        let read = self.inner.read(&mut buffer[..most])?;
        self.left.set(left - read as u64);
        Ok(read)
    }
}
