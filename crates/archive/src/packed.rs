//! An archive that rst made, unpacked, with what its manifest says.

use std::{
    io::Read,
    path::{Path, PathBuf},
};

use fs_err as fs;
use rst_model::{Manifest, RelPath};

use crate::{Format, Limits, UnpackError, unpack, unpack::decoder};

/// One, in a folder that is its caller's.
#[derive(Clone, Debug)]
pub struct Packed {
    /// The one folder at its top.
    pub top: PathBuf,
    /// Where the manifest lies below that.
    pub at: RelPath,
    /// What it says.
    pub manifest: Manifest,
}

/// Why a file is none.
#[derive(Debug, thiserror::Error)]
pub enum PackedError {
    /// It has another ending.
    #[error("{0} is no archive: expected a .tar.zst or a .tar.gz")]
    Name(String),
    /// It cannot be unpacked.
    #[error("{archive}: {source}")]
    Unpack {
        /// The archive.
        archive: String,
        /// What is the matter.
        source: UnpackError,
    },
    /// Nobody says what is in it.
    #[error("{0} has no manifest in share/rst below one folder at its top: expected an archive that rst has made")]
    NoManifest(String),
    /// Something else was there.
    #[error("{archive}: its manifest cannot be read: {reason}")]
    Manifest {
        /// The archive.
        archive: String,
        /// What the parser said.
        reason: String,
    },
}

impl Packed {
    /// Unpacks an archive into a folder that is not there yet.
    pub fn open(archive: &Path, to: &Path) -> Result<Self, PackedError> {
        let name = archive.display().to_string();
        let format = Format::of(&name).ok_or_else(|| PackedError::Name(name.clone()))?;
        let unreadable = |source| PackedError::Unpack { archive: name.clone(), source };
        unpack(archive, format, to, Limits::default()).map_err(unreadable)?;
        let (top, at) = place(to).ok_or_else(|| PackedError::NoManifest(name.clone()))?;
        let text = fs::read(top.join(&at)).map_err(|error| unreadable(error.into()))?;
        let manifest = serde_json::from_slice(&text);
        let manifest = manifest.map_err(|error| PackedError::Manifest { archive: name, reason: error.to_string() })?;
        Ok(Self { top, at, manifest })
    }
}

/// The one folder in a folder, and where the manifest lies in it.
fn place(folder: &Path) -> Option<(PathBuf, RelPath)> {
    let mut entries = fs::read_dir(folder).ok()?;
    let top = entries.next()?.ok()?.path();
    if entries.next().is_some() {
        return None;
    }
    let entries = fs::read_dir(top.join("share/rst")).ok()?;
    let mut names = entries.flatten().map(|entry| entry.file_name().to_string_lossy().into_owned());
    let at = RelPath::new(&format!("share/rst/{}", names.find(|name| name.ends_with(".manifest.json"))?)).ok()?;
    Some((top, at))
}

/// Whether two archives are one tar, compressed in two ways.
pub fn same_tar(first: &Path, second: &Path) -> Result<bool, UnpackError> {
    let open = |path: &Path| {
        let name = path.display().to_string();
        decoder(Format::of(&name).unwrap_or(Format::Tar), std::io::BufReader::new(fs::File::open(path)?))
    };
    let (mut first, mut second) = (open(first)?, open(second)?);
    let (mut a, mut b) = (vec![0; 1 << 20], vec![0; 1 << 20]);
    loop {
        let (read, other) = (fill(&mut first, &mut a)?, fill(&mut second, &mut b)?);
        if a[..read] != b[..other] {
            return Ok(false);
        }
        if read == 0 {
            return Ok(true);
        }
    }
}

/// Reads until a buffer is full or nothing comes any more.
fn fill(from: &mut dyn Read, buffer: &mut [u8]) -> std::io::Result<usize> {
    let mut filled = 0;
    while filled < buffer.len() {
        match from.read(&mut buffer[filled..])? {
            0 => break,
            read => filled += read,
        }
    }
    Ok(filled)
}
