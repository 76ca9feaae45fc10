//! Reading the formats that sources come in.

use std::{
    io::{self, BufReader, Read},
    path::{Path, PathBuf},
};

use fs_err as fs;

use crate::{
    UnpackError,
    error::unreadable,
    place::{Placer, Rules, Whiteout, checked},
    tarball::{each, tar},
};

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

/// Unpacks an archive into a folder, which is made or is empty. On an error the folder is left as it then is: the
/// caller throws it away.
pub fn unpack(archive: &Path, format: Format, to: &Path, limits: Limits) -> Result<(), UnpackError> {
    expect_empty(to)?;
    let file = open(archive)?;
    let rules = if format == Format::Deb { Rules::Root } else { Rules::Folder };
    let mut placer = Placer::new(to, limits, rules);
    match format {
        Format::Zip => zip(file, &mut placer)?,
        Format::Deb => deb(file, &mut placer)?,
        _ => tar(decoder(format, file)?, &mut placer)?,
    }
    placer.finish()
}

/// Unpacks an image's layers over one another, the lowest first, into a folder which is made or is empty.
pub fn unpack_layers(layers: &[(PathBuf, Format)], to: &Path, limits: Limits) -> Result<(), UnpackError> {
    expect_empty(to)?;
    place_layers(layers, Placer::new(to, limits, Rules::Layers))
}

/// Unpacks layers over a folder's content, which may be an enemy's too.
pub fn unpack_over(layers: &[(PathBuf, Format)], to: &Path, limits: Limits) -> Result<(), UnpackError> {
    place_layers(layers, Placer::over(to, limits)?)
}

fn place_layers(layers: &[(PathBuf, Format)], mut placer: Placer) -> Result<(), UnpackError> {
    for (layer, format) in layers {
        placer.begin_layer();
        // They mean what lies below, wherever among a layer's own entries they stand.
        each(decoder(*format, open(layer)?)?, |entry| {
            let whiteout = checked(&entry.path_bytes())?.and_then(|path| Whiteout::of(&path));
            whiteout.map_or(Ok(()), |whiteout| placer.take_away(&whiteout))
        })?;
        tar(decoder(*format, open(layer)?)?, &mut placer)?;
    }
    placer.finish()
}

fn expect_empty(folder: &Path) -> Result<(), UnpackError> {
    fs::create_dir_all(folder)?;
    match fs::read_dir(folder)?.next() {
        Some(_) => Err(UnpackError::NotEmpty { folder: folder.display().to_string() }),
        None => Ok(()),
    }
}

fn open(archive: &Path) -> Result<BufReader<fs::File>, UnpackError> {
    Ok(BufReader::with_capacity(1 << 20, fs::File::open(archive)?))
}

pub(crate) fn decoder<'r>(format: Format, file: impl Read + 'r) -> Result<Box<dyn Read + 'r>, UnpackError> {
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

/// The kinds of file in a mode: inode(7).
const S_IFMT: u32 = 0o170_000;
const S_IFREG: u32 = 0o100_000;
const S_IFDIR: u32 = 0o040_000;
const S_IFLNK: u32 = 0o120_000;

fn zip(file: impl Read + io::Seek, placer: &mut Placer) -> Result<(), UnpackError> {
    let broken = |entry: &str| {
        let entry = entry.to_owned();
        move |error: zip::result::ZipError| UnpackError::Read { entry, source: io::Error::other(error) }
    };
    let mut archive = zip::ZipArchive::new(file).map_err(broken("(header)"))?;
    // The reader keeps the last entry of a name; what came before would be lost unseen.
    if archive.has_duplicate_names() {
        return Err(UnpackError::SameNames);
    }
    for index in 0..archive.len() {
        let mut entry = archive.by_index(index).map_err(broken("(header)"))?;
        let name = entry.name_raw().to_vec();
        let Some(path) = placer.name(&name)? else {
            continue;
        };
        let mode = entry.unix_mode().unwrap_or_default();
        if !matches!(mode & S_IFMT, 0 | S_IFREG | S_IFDIR | S_IFLNK) {
            return Err(UnpackError::Kind { entry: path.to_string(), kind: format!("file of mode {mode:o}") });
        }
        if entry.is_dir() {
            placer.folder(&path)?;
        } else if entry.is_symlink() {
            let mut target = Vec::new();
            (&mut entry).take(4096).read_to_end(&mut target).map_err(unreadable(path.as_str()))?;
            placer.link(&path, &target)?;
        } else {
            let size = entry.size();
            placer.file(&path, mode & 0o111 != 0, size, &mut entry)?;
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
        if let Some(format) = name.starts_with("data.tar").then(|| Format::of(name.trim_end_matches('/'))).flatten() {
            return tar(decoder(format, file.take(size))?, placer);
        }
        // Members begin at even places.
        io::copy(&mut (&mut file).take(size + size % 2), &mut io::sink())?;
    }
    Err(UnpackError::NoData)
}
