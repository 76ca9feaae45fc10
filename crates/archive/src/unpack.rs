//! Reading the formats that sources come in.

use std::{
    io::{self, BufReader, Read},
    path::Path,
};

use fs_err as fs;

use crate::place::Placer;

/// What a file is, by its name.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Format {
    /// `.tar`
    Tar,
    /// `.tar.gz`, `.tgz`, `.crate`
    TarGz,
    /// `.tar.xz`
    TarXz,
    /// `.tar.zst`
    TarZst,
    /// `.zip`, `.whl`
    Zip,
    /// `.deb`: an ar archive with a `data.tar.*` in it
    Deb,
}

impl Format {
    /// By the ending of a name.
    pub fn of(name: &str) -> Option<Self> {
        let endings = [
            (".tar", Format::Tar),
            (".tar.gz", Format::TarGz),
            (".tgz", Format::TarGz),
            (".crate", Format::TarGz),
            (".tar.xz", Format::TarXz),
            (".tar.zst", Format::TarZst),
            (".zip", Format::Zip),
            (".whl", Format::Zip),
            (".deb", Format::Deb),
        ];
        endings.into_iter().find(|(ending, _)| name.ends_with(ending)).map(|(_, format)| format)
    }
}

/// How much an archive may hold.
#[derive(Clone, Copy, Debug)]
pub struct Limits {
    /// All files together, in bytes.
    pub bytes: u64,
    /// Entries of every kind.
    pub entries: u64,
}

impl Default for Limits {
    fn default() -> Self {
        Self { bytes: 8 << 30, entries: 1_000_000 }
    }
}

/// Why an archive was not unpacked.
#[derive(Debug, thiserror::Error)]
pub enum UnpackError {
    /// A name that is absolute, climbs, or is no text.
    #[error("archive refused: entry `{entry}`: {reason}")]
    Name {
        /// Its name.
        entry: String,
        /// What is wrong with it.
        reason: String,
    },
    /// A link that leads out of the archive's folder.
    #[error("archive refused: entry `{entry}` is a link to `{target}`, which is not inside")]
    Link {
        /// Its name.
        entry: String,
        /// Where it leads.
        target: String,
    },
    /// A file that would be written through a link.
    #[error("archive refused: entry `{entry}` lies behind the link `{link}`")]
    ThroughLink {
        /// Its name.
        entry: String,
        /// The link.
        link: String,
    },
    /// A device, a FIFO or something stranger.
    #[error("archive refused: entry `{entry}` is a {kind}, expected a file, a folder or a link")]
    Kind {
        /// Its name.
        entry: String,
        /// What it is.
        kind: String,
    },
    /// A name that came before.
    #[error("archive refused: entry `{entry}` is there twice")]
    Duplicate {
        /// Its name.
        entry: String,
    },
    /// More or fewer bytes than declared.
    #[error("archive refused: entry `{entry}` declares {declared} bytes, found {found}")]
    Size {
        /// Its name.
        entry: String,
        /// What its header says.
        declared: u64,
        /// What came.
        found: u64,
    },
    /// More bytes than allowed.
    #[error("archive refused: with entry `{entry}` it holds more than {limit} bytes")]
    TooLarge {
        /// The entry that was too much.
        entry: String,
        /// The limit.
        limit: u64,
    },
    /// More entries than allowed.
    #[error("archive refused: it holds more than {limit} entries")]
    TooMany {
        /// The limit.
        limit: u64,
    },
    /// The archive ends early, or is no archive of this kind.
    #[error("archive cannot be read at entry `{entry}`")]
    Read {
        /// The entry, or `(header)`.
        entry: String,
        /// What the reader says.
        source: io::Error,
    },
    /// A `.deb` with no data in it.
    #[error("no data.tar in the package")]
    NoData,
    /// A file could not be written.
    #[error(transparent)]
    Io(#[from] io::Error),
}

/// Unpacks an archive into a folder, which is made. On an error the folder is left as it then is: the
/// caller throws it away.
pub fn unpack(archive: &Path, format: Format, to: &Path, limits: Limits) -> Result<(), UnpackError> {
    fs::create_dir_all(to)?;
    let file = BufReader::with_capacity(1 << 20, fs::File::open(archive)?);
    let mut placer = Placer::new(to, limits, format == Format::Deb);
    match format {
        Format::Zip => zip(file, &mut placer)?,
        Format::Deb => deb(file, &mut placer)?,
        _ => tar(decoder(format, file)?, &mut placer)?,
    }
    placer.finish()
}

fn decoder<'r>(format: Format, file: impl Read + 'r) -> Result<Box<dyn Read + 'r>, UnpackError> {
    Ok(match format {
        Format::TarGz => Box::new(flate2::read::MultiGzDecoder::new(file)),
        Format::TarXz => Box::new(liblzma::read::XzDecoder::new_multi_decoder(file)),
        Format::TarZst => Box::new(zstd::Decoder::new(file)?),
        _ => Box::new(file),
    })
}

/// A reader of what an xz stream holds.
pub fn xz(reader: impl Read) -> impl Read {
    liblzma::read::XzDecoder::new_multi_decoder(reader)
}

fn unreadable(entry: &str) -> impl FnOnce(io::Error) -> UnpackError {
    let entry = entry.to_owned();
    move |source| UnpackError::Read { entry, source }
}

fn tar(reader: impl Read, placer: &mut Placer) -> Result<(), UnpackError> {
    let mut archive = tar::Archive::new(reader);
    for entry in archive.entries().map_err(unreadable("(header)"))? {
        let mut entry = entry.map_err(unreadable("(header)"))?;
        let kind = entry.header().entry_type();
        if kind.is_pax_global_extensions() {
            continue;
        }
        let Some(path) = placer.name(&entry.path_bytes())? else { continue };
        if kind.is_dir() {
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
            placer.file(&path, executable, size, &mut entry)?;
        } else {
            let kind = format!("{kind:?}").to_lowercase();
            return Err(UnpackError::Kind { entry: path.to_string(), kind });
        }
    }
    Ok(())
}

fn zip(file: impl Read + io::Seek, placer: &mut Placer) -> Result<(), UnpackError> {
    let broken = |entry: &str| {
        let entry = entry.to_owned();
        move |error: zip::result::ZipError| UnpackError::Read { entry, source: io::Error::other(error) }
    };
    let mut archive = zip::ZipArchive::new(file).map_err(broken("(header)"))?;
    for index in 0..archive.len() {
        let mut entry = archive.by_index(index).map_err(broken("(header)"))?;
        let name = entry.name_raw().to_vec();
        let Some(path) = placer.name(&name)? else {
            continue;
        };
        if entry.is_dir() {
            placer.folder(&path)?;
        } else if entry.is_symlink() {
            let mut target = Vec::new();
            (&mut entry).take(4096).read_to_end(&mut target).map_err(unreadable(path.as_str()))?;
            placer.link(&path, &target)?;
        } else {
            let executable = entry.unix_mode().is_some_and(|mode| mode & 0o111 != 0);
            let size = entry.size();
            placer.file(&path, executable, size, &mut entry)?;
        }
    }
    Ok(())
}

/// `ar`, as deb(5) uses it: a magic line, then members of a 60-byte header and their data.
fn deb(mut file: impl Read, placer: &mut Placer) -> Result<(), UnpackError> {
    let mut magic = [0; 8];
    file.read_exact(&mut magic).map_err(unreadable("(header)"))?;
    if &magic != b"!<arch>\n" {
        return Err(unreadable("(header)")(io::Error::new(io::ErrorKind::InvalidData, "it is no ar archive")));
    }
    let mut header = [0; 60];
    while file.read_exact(&mut header).is_ok() {
        let field = |range: std::ops::Range<usize>| String::from_utf8_lossy(&header[range]).trim().to_owned();
        let name = field(0..16);
        let size: u64 = field(48..58).parse().map_err(|_| {
            unreadable("(header)")(io::Error::new(io::ErrorKind::InvalidData, "a member's size is no number"))
        })?;
        let mut member = (&mut file).take(size + size % 2);
        if let Some(format) = name.starts_with("data.tar").then(|| Format::of(name.trim_end_matches('/'))).flatten() {
            return tar(decoder(format, member)?, placer);
        }
        io::copy(&mut member, &mut io::sink())?;
    }
    Err(UnpackError::NoData)
}
