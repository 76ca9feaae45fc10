//! Getting a release's folder, or the index alone, to where people find it: to a folder, or to GitHub's releases.
//!
//! Nothing is sent before the folder is what it says, nothing that is published is overwritten, and whoever is
//! stopped in between goes on by running again.

mod api;
mod error;
mod folder;
mod github;
mod index_files;
mod index_release;
mod releases;

use std::{
    collections::{BTreeMap, BTreeSet},
    path::{Path, PathBuf},
};

use fs_err as fs;
use serde::Serialize;

pub use api::{Repository, Token};
pub use error::PublishError;
pub use folder::{index_to_folder, to_folder};
pub use github::GitHub;
pub use index_files::IndexFiles;

use crate::{CHECKSUMS, INDEX, NOTES, RECORD, Record, ReleaseError, record::FileRecord};

/// What lies beside a signed file.
const SIGNATURES: [&str; 3] = [".sigstore.json", ".sig", ".pem"];

/// A release's folder that is what it says.
#[derive(Debug)]
pub struct Publication {
    folder: PathBuf,
    /// What it is.
    pub record: Record,
    /// What people read on its page.
    notes: String,
    index: IndexFiles,
    /// Every file that is published, by name.
    files: BTreeMap<String, FileRecord>,
}

/// What became of it.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
pub struct Published {
    /// The page or folder.
    pub place: String,
    /// Whether it was published before.
    pub already: bool,
    /// What became of the index.
    pub index: IndexOutcome,
}

/// What became of the index of all releases.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize)]
#[serde(rename_all = "kebab-case")]
pub enum IndexOutcome {
    /// It is this number now.
    Is(u64),
    /// There is a newer one, which is left.
    Newer(u64),
}

impl Publication {
    /// Reads a folder and digests all of it. `unsigned`: whether it may be without signatures.
    pub fn read(folder: &Path, unsigned: bool) -> Result<Self, PublishError> {
        let record = Record::read(folder)?;
        for (name, expected) in record.all() {
            if !is_plain(name) {
                let reason = format!("{RECORD} names {name:?}: expected a name of letters, digits and `.-_+`");
                return Err(ReleaseError::NoRelease { folder: folder.to_owned(), reason }.into());
            }
            let changed = |found: String| {
                let (file, tag) = (name.to_owned(), record.tag.clone());
                ReleaseError::Changed { file, tag, expected: expected.sha256.to_string(), found }
            };
            let path = folder.join(name);
            if !path.is_file() {
                return Err(changed("no such file".to_owned()).into());
            }
            let found = FileRecord::of(&path)?;
            if found != expected {
                return Err(changed(found.sha256.to_string()).into());
            }
        }
        let mut files: BTreeMap<String, FileRecord> =
            record.all().map(|(name, file)| (name.to_owned(), file)).collect();
        for name in unnamed(folder, &record)? {
            files.insert(name.clone(), FileRecord::of(&folder.join(name))?);
        }
        let bundle = format!("{CHECKSUMS}{}", SIGNATURES[0]);
        if !unsigned && !files.contains_key(&bundle) {
            return Err(PublishError::Unsigned { what: record.tag.to_string(), bundle });
        }
        let index = IndexFiles::of(folder, &files)?;
        let (expected, found) = (files[RECORD], index.index.releases.get(&record.tag).map(|release| release.record));
        if found != Some(expected) {
            return Err(PublishError::NotIndexed {
                tag: record.tag,
                expected: expected.sha256.to_string(),
                found: found.map_or("no such release".to_owned(), |found| found.sha256.to_string()),
            });
        }
        let notes = fs::read_to_string(folder.join(NOTES))?;
        Ok(Self { folder: folder.to_owned(), record, notes, index, files })
    }

    fn path(&self, name: &str) -> PathBuf {
        self.folder.join(name)
    }

    /// An error that names what is otherwise at a place.
    fn other(&self, place: &str, claim: &str, expected: impl ToString, found: impl ToString) -> PublishError {
        other(&self.record.tag.to_string(), place, claim, expected, found)
    }
}

fn other(tag: &str, place: &str, claim: &str, expected: impl ToString, found: impl ToString) -> PublishError {
    PublishError::Other {
        tag: tag.to_owned(),
        place: place.to_owned(),
        claim: claim.to_owned(),
        expected: expected.to_string(),
        found: found.to_string(),
    }
}

/// A name that leads nowhere else, and that GitHub leaves as it is.
fn is_plain(name: &str) -> bool {
    let plain = |byte: u8| byte.is_ascii_alphanumeric() || b".-_+".contains(&byte);
    !name.is_empty() && !name.starts_with('.') && name.bytes().all(plain)
}

/// The published files that a record does not name: itself, the index, and signatures. Anything else in the folder
/// is an error, since nobody means to publish an editor's copy.
fn unnamed(folder: &Path, record: &Record) -> Result<Vec<String>, PublishError> {
    let named: BTreeSet<&str> = record.all().map(|(name, _)| name).collect();
    let of_release = |name: &str| named.contains(name) || name == RECORD || name == INDEX;
    let not = |reason: String| ReleaseError::NoRelease { folder: folder.to_owned(), reason };
    let mut names = vec![];
    for entry in fs::read_dir(folder)? {
        let entry = entry?;
        let name = entry.file_name().to_string_lossy().into_owned();
        let signs = SIGNATURES.iter().find_map(|ending| name.strip_suffix(ending)).is_some_and(of_release);
        if named.contains(name.as_str()) || name == NOTES {
            continue;
        }
        if !entry.path().is_file() || !(of_release(&name) || signs) {
            return Err(not(format!("it has {name}, which {RECORD} does not name")).into());
        }
        names.push(name);
    }
    for must in [RECORD, INDEX, NOTES] {
        if !folder.join(must).is_file() {
            return Err(not(format!("there is no {must}")).into());
        }
    }
    Ok(names)
}
