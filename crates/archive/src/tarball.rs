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

/// Places a tar's entries.
pub(crate) fn tar(reader: impl Read, placer: &mut Placer) -> Result<(), UnpackError> {
    each(reader, |entry| {
        let kind = entry.header().entry_type();
        let name = entry.path_bytes().into_owned();
        let Some(path) = placer.name(&name)? else { return Ok(()) };
        // Before ustar, only a slash told a folder from a file.
        if kind.is_dir() || kind.is_file() && name.ends_with(b"/") {
            placer.folder(&path)
        } else if kind.is_symlink() {
            placer.link(&path, &entry.link_name_bytes().unwrap_or_default())
        } else if kind.is_hard_link() {
            let target = entry.link_name_bytes().unwrap_or_default().into_owned();
            let target = placer
                .name(&target)?
                .ok_or_else(|| UnpackError::Link { entry: path.to_string(), target: ".".into() })?;
            placer.hard_link(&path, &target)
        } else if is_file(kind) {
            let executable = entry.header().mode().map_err(unreadable(path.as_str()))? & 0o111 != 0;
            placer.file(&path, executable, entry.size(), entry)
        } else {
            placer.other(&path, &format!("{kind:?}").to_lowercase())
        }
    })
}

fn is_file(kind: tar::EntryType) -> bool {
    kind.is_file() || kind.is_contiguous() || kind.is_gnu_sparse()
}

type Entry<'a, R> = tar::Entry<'a, Metered<R>>;

/// Shows every entry. Reads on to the end of the stream, so that its checksum is looked at.
pub(crate) fn each<R: Read>(
    reader: R,
    mut show: impl FnMut(&mut Entry<R>) -> Result<(), UnpackError>,
) -> Result<(), UnpackError> {
    let left = Rc::new(Cell::new(BETWEEN));
    let mut archive = tar::Archive::new(Metered { inner: reader, left: left.clone() });
    for entry in archive.entries().map_err(unreadable("(header)"))? {
        let mut entry = entry.map_err(unreadable("(header)"))?;
        let kind = entry.header().entry_type();
        // What is not read of it now is passed over on the way to the next.
        left.set(if is_file(kind) { entry.size().saturating_add(BETWEEN) } else { BETWEEN });
        if !kind.is_pax_global_extensions() {
            show(&mut entry)?;
        }
    }
    left.set(BETWEEN);
    io::copy(&mut archive.into_inner(), &mut io::sink()).map_err(unreadable("(end)"))?;
    Ok(())
}

/// A reader that stops, with an error, when its allowance is used up.
pub(crate) struct Metered<R> {
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
