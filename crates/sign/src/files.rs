//! What lies beside a signed file, and how it gets there.

use std::{
    io,
    path::{Path, PathBuf},
};

use fs_err as fs;
use rst_model::{Digest, Hasher};

/// Where the bundle of a file lies: `FILE.sigstore.json`.
pub fn bundle_path(file: &Path) -> PathBuf {
    beside(file, "sigstore.json")
}

/// `FILE.EXTENSION`.
pub(crate) fn beside(file: &Path, extension: &str) -> PathBuf {
    let mut path = file.as_os_str().to_owned();
    path.push(".");
    path.push(extension);
    path.into()
}

/// The digest of a file of any size.
pub(crate) fn digest(file: &Path) -> io::Result<Digest> {
    Ok(Hasher::read(fs::File::open(file)?)?.0)
}

/// In one step: a signer that is killed leaves the old file or the new one, and no half.
pub(crate) fn write(path: &Path, text: &str) -> io::Result<()> {
    let part = beside(path, "part");
    let written = fs::write(&part, text).and_then(|()| fs::rename(&part, path));
    if written.is_err() {
        // The error that matters is the one of writing.
        let _ = fs::remove_file(&part);
    }
    written
}
