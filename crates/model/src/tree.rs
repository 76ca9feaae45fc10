//! A tree of files as a value: names, whether executable, contents by digest.
//!
//! The digest of a tree is the SHA-256 of its canonical text, one line an entry, sorted by path:
//! `f SHA256 SIZE PATH`, `x SHA256 SIZE PATH` (executable), `l TARGET<TAB>PATH`, `d PATH` (only for
//! folders with nothing in them). Owners, times and all other mode bits are no part of a tree.

use std::{collections::BTreeMap, fmt::Write as _};

use crate::{Digest, PathError, RelPath};

/// What stands at a path.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Kind {
    /// A regular file.
    File {
        /// Whether anyone may execute it.
        executable: bool,
        /// Of its contents.
        digest: Digest,
        /// In bytes.
        size: u64,
    },
    /// A symbolic link and its target, as written.
    Symlink(String),
    /// A folder with nothing in it; others are implied by what they hold.
    EmptyDir,
}

/// One entry of a tree.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Entry {
    /// Where.
    pub path: RelPath,
    /// What.
    pub kind: Kind,
}

/// All entries of a tree, sorted by path.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Listing(BTreeMap<RelPath, Kind>);

/// Why a text is no listing, or two trees are none together.
#[derive(Debug, thiserror::Error)]
pub enum ListingError {
    /// A line that cannot be read.
    #[error("line {0} of a tree listing cannot be read")]
    Line(usize),
    /// A path that would leave the tree.
    #[error(transparent)]
    Path(#[from] PathError),
    /// Two different things at one path.
    #[error("`{0}` is in both trees, and differs")]
    Conflict(RelPath),
}

impl Listing {
    /// Adds an entry; the same entry twice is one.
    pub fn insert(&mut self, path: RelPath, kind: Kind) -> Result<(), ListingError> {
        match self.0.get(&path) {
            Some(there) if *there != kind => Err(ListingError::Conflict(path)),
            _ => {
                self.0.insert(path, kind);
                Ok(())
            }
        }
    }

    /// What stands at this path.
    pub fn get(&self, path: &RelPath) -> Option<&Kind> {
        self.0.get(path)
    }

    /// Every entry, sorted by path.
    pub fn iter(&self) -> impl Iterator<Item = (&RelPath, &Kind)> {
        self.0.iter()
    }

    /// The sum of all files' sizes in bytes.
    pub fn size(&self) -> u64 {
        self.0
            .values()
            .map(|kind| match kind {
                Kind::File { size, .. } => *size,
                _ => 0,
            })
            .sum()
    }

    /// The canonical text.
    pub fn to_text(&self) -> String {
        let mut text = String::new();
        for (path, kind) in &self.0 {
            let _ = match kind {
                Kind::File { executable, digest, size } => {
                    writeln!(text, "{} {digest} {size} {path}", if *executable { 'x' } else { 'f' })
                }
                Kind::Symlink(target) => writeln!(text, "l {target}\t{path}"),
                Kind::EmptyDir => writeln!(text, "d {path}"),
            };
        }
        text
    }

    /// The tree's digest: that of its canonical text.
    pub fn digest(&self) -> Digest {
        Digest::of(self.to_text())
    }

    /// Reads the canonical text back.
    pub fn parse(text: &str) -> Result<Self, ListingError> {
        let mut listing = Self::default();
        for (number, line) in text.lines().enumerate() {
            let bad = || ListingError::Line(number + 1);
            let (tag, rest) = line.split_once(' ').ok_or_else(bad)?;
            let (path, kind) = match tag {
                "d" => (rest, Kind::EmptyDir),
                "l" => {
                    let (target, path) = rest.split_once('\t').ok_or_else(bad)?;
                    (path, Kind::Symlink(target.to_owned()))
                }
                "f" | "x" => {
                    let mut fields = rest.splitn(3, ' ');
                    let mut field = || fields.next().ok_or_else(bad);
                    let digest = field()?.parse().map_err(|_| bad())?;
                    let size = field()?.parse().map_err(|_| bad())?;
                    (field()?, Kind::File { executable: tag == "x", digest, size })
                }
                _ => return Err(bad()),
            };
            listing.insert(RelPath::new(path)?, kind)?;
        }
        Ok(listing)
    }
}

impl FromIterator<Entry> for Listing {
    fn from_iter<I: IntoIterator<Item = Entry>>(entries: I) -> Self {
        Self(entries.into_iter().map(|entry| (entry.path, entry.kind)).collect())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn text_and_listing_are_one() {
        let mut listing = Listing::default();
        let file = |executable| Kind::File { executable, digest: Digest::of("x"), size: 1 };
        for (path, kind) in [
            ("bin/a b", file(true)),
            ("bin/c", Kind::Symlink("a b".into())),
            ("empty", Kind::EmptyDir),
            ("z", file(false)),
        ] {
            listing.insert(RelPath::new(path).unwrap(), kind).unwrap();
        }
        assert_eq!(Listing::parse(&listing.to_text()).unwrap(), listing);
        assert!(listing.insert(RelPath::new("z").unwrap(), file(true)).is_err());
    }
}
