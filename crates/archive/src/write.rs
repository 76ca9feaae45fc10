//! Writing archives that are the same bytes from any machine on any day.

use std::{
    collections::BTreeSet,
    io::{self, BufWriter, Write},
    path::{Path, PathBuf},
};

use flate2::{Compression as GzipLevel, GzBuilder};
use fs_err as fs;
use rst_model::{Kind, Listing, RelPath};
use zstd::zstd_safe::CParameter;

/// Raised whenever the same entries give other bytes: another encoder version, other parameters.
pub const FORMAT: u32 = 4;

/// An entry to be written.
#[derive(Clone, Debug)]
pub struct ArchiveEntry {
    /// Its whole path in the archive.
    pub path: RelPath,
    /// What it is.
    pub content: Content,
    /// Whether it is 0755 instead of 0644.
    pub executable: bool,
}

/// What an entry holds.
#[derive(Clone, Debug)]
pub enum Content {
    /// The bytes of a file.
    File(PathBuf),
    /// A symbolic link.
    Symlink(String),
    /// An empty folder; those that hold something need no entry of their own.
    Folder,
}

/// The entries for a tree that lies at `folder`, each below `top`.
pub fn entries(listing: &Listing, folder: &Path, top: &RelPath) -> Vec<ArchiveEntry> {
    let entry = |(path, kind): (&RelPath, &Kind)| {
        let (executable, content) = match kind {
            Kind::File { executable, .. } => (*executable, Content::File(folder.join(path))),
            Kind::Symlink(target) => (false, Content::Symlink(target.clone())),
            Kind::EmptyDir => (false, Content::Folder),
        };
        ArchiveEntry { path: path.below(top), content, executable }
    };
    listing.iter().map(entry).collect()
}

/// How an archive is packed.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Compression {
    /// zstd as small as a plain `tar -xf` can still open: level 19, a window of 64 MiB, into which all
    /// of the largest archive goes.
    Zstd,
    /// zstd as fast as can be, for trying things out.
    ZstdDraft,
    /// gzip, for systems without zstd.
    Gzip,
}

/// Why an archive was not written.
#[derive(Debug, thiserror::Error)]
pub enum WriteError {
    /// Two entries of one name.
    #[error("archive would hold `{0}` twice")]
    Duplicate(RelPath),
    /// A file could not be read or written.
    #[error(transparent)]
    Io(#[from] io::Error),
}

/// For [`Compression::Zstd`]. Sizes are powers of two: decoders take a window of up to 2^27 without being told; half of
/// level 19's table for chains saves 32 MB of memory; 2^19 instead of 2^22 entries for long distances save 29 MB, and
/// cost 58 kB.
const SMALL: [CParameter; 6] = [
    CParameter::CompressionLevel(19),
    CParameter::WindowLog(26),
    CParameter::ChainLog(23),
    CParameter::HashLog(22),
    CParameter::EnableLongDistanceMatching(true),
    CParameter::LdmHashLog(19),
];
/// For [`Compression::ZstdDraft`].
const FAST: [CParameter; 1] = [CParameter::CompressionLevel(1)];

impl Compression {
    /// All that decides the bytes, for keys.
    pub fn settings(self) -> String {
        format!("{self:?} {:?}", self.zstd())
    }

    fn zstd(self) -> &'static [CParameter] {
        match self {
            Self::Zstd => &SMALL,
            Self::ZstdDraft => &FAST,
            Self::Gzip => &[],
        }
    }
}

/// Writes an archive: sorted, owned by 0:0, every time `epoch` (seconds since 1970), folders first.
pub fn write(
    mut entries: Vec<ArchiveEntry>,
    epoch: u64,
    compression: Compression,
    to: &Path,
) -> Result<(), WriteError> {
    entries.sort_by(|a, b| a.path.cmp(&b.path));
    let out = BufWriter::with_capacity(1 << 20, fs::File::create(to)?);
    let out = match compression {
        Compression::Zstd | Compression::ZstdDraft => {
            // One thread: more would change the bytes.
            let mut encoder = zstd::Encoder::new(out, zstd::DEFAULT_COMPRESSION_LEVEL)?;
            encoder.include_checksum(true)?;
            for parameter in compression.zstd() {
                encoder.set_parameter(*parameter)?;
            }
            write_tar(&entries, epoch, &mut encoder)?;
            encoder.finish()?
        }
        Compression::Gzip => {
            let mut encoder = GzBuilder::new().mtime(0).write(out, GzipLevel::best());
            write_tar(&entries, epoch, &mut encoder)?;
            encoder.finish()?
        }
    };
    out.into_inner().map_err(|error| error.into_error())?.file().sync_all()?;
    Ok(())
}

fn write_tar(entries: &[ArchiveEntry], epoch: u64, out: &mut impl Write) -> Result<(), WriteError> {
    let mut tar = tar::Builder::new(out);
    let mut seen = BTreeSet::new();
    for entry in entries {
        for folder in entry.path.ancestors() {
            if seen.insert(folder.clone()) {
                folder_entry(&mut tar, &folder, epoch)?;
            }
        }
        if !seen.insert(entry.path.clone()) {
            return Err(WriteError::Duplicate(entry.path.clone()));
        }
        match &entry.content {
            Content::File(path) => {
                let file = fs::File::open(path)?;
                let mode = if entry.executable { 0o755 } else { 0o644 };
                let mut header = header(tar::EntryType::Regular, mode, epoch);
                header.set_size(file.metadata()?.len());
                tar.append_data(&mut header, &entry.path, file)?;
            }
            Content::Symlink(target) => {
                let mut header = header(tar::EntryType::Symlink, 0o777, epoch);
                tar.append_link(&mut header, &entry.path, target)?;
            }
            Content::Folder => folder_entry(&mut tar, &entry.path, epoch)?,
        }
    }
    tar.finish()?;
    Ok(())
}

fn folder_entry(tar: &mut tar::Builder<impl Write>, folder: &RelPath, epoch: u64) -> io::Result<()> {
    let mut header = header(tar::EntryType::Directory, 0o755, epoch);
    tar.append_data(&mut header, format!("{folder}/"), io::empty())
}

fn header(kind: tar::EntryType, mode: u32, epoch: u64) -> tar::Header {
    let mut header = tar::Header::new_gnu();
    header.set_entry_type(kind);
    header.set_mode(mode);
    header.set_uid(0);
    header.set_gid(0);
    header.set_mtime(epoch);
    header.set_size(0);
    header
}
