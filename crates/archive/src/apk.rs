//! How Alpine's files are put together: gzip streams one after another, each with a part of a tar archive.
//! <https://wiki.alpinelinux.org/wiki/Apk_spec>

use std::{
    collections::BTreeMap,
    io::{self, BufReader, Read, Seek as _, SeekFrom},
    ops::Range,
    path::Path,
};

use flate2::bufread::GzDecoder;
use fs_err as fs;

use crate::{UnpackError, error::unreadable, tarball::each};

/// As errors call one.
const STREAM: &str = "(gzip stream)";

/// Where the first streams of a file end, of which none may hold more than so many bytes.
pub fn gzip_streams<const COUNT: usize>(file: &Path, limit: u64) -> Result<[u64; COUNT], UnpackError> {
    let mut file = BufReader::new(fs::File::open(file)?);
    let mut ends = [0; COUNT];
    for end in &mut ends {
        let stream = GzDecoder::new(&mut file);
        let copied = io::copy(&mut stream.take(limit + 1), &mut io::sink()).map_err(unreadable(STREAM))?;
        if copied > limit {
            return Err(UnpackError::TooLarge { entry: STREAM.to_owned(), limit });
        }
        *end = file.stream_position()?;
    }
    Ok(ends)
}

/// The files of a tar archive that one such stream holds, by their names; all may not be larger than so many bytes.
pub fn small_files(file: &Path, stream: Range<u64>, limit: u64) -> Result<BTreeMap<String, Vec<u8>>, UnpackError> {
    let mut file = fs::File::open(file)?;
    file.seek(SeekFrom::Start(stream.start))?;
    let bytes = BufReader::new(file.take(stream.end - stream.start));
    let mut files = BTreeMap::new();
    let mut left = limit;
    each(GzDecoder::new(bytes), |entry| {
        if !entry.header().entry_type().is_file() {
            return Ok(());
        }
        let name = String::from_utf8_lossy(&entry.path_bytes()).into_owned();
        left = match left.checked_sub(entry.size()) {
            Some(left) => left,
            None => return Err(UnpackError::TooLarge { entry: name, limit }),
        };
        let mut content = Vec::new();
        entry.read_to_end(&mut content).map_err(unreadable(&name))?;
        files.insert(name, content);
        Ok(())
    })?;
    Ok(files)
}
