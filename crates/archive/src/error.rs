//! Why archives are refused, each reason with the entry's name.

use std::io;

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
    /// A directory of entries that has one name twice.
    #[error("archive refused: two of its entries have one name")]
    SameNames,
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
    /// The folder to unpack into has something in it, which a hostile archive could build upon.
    #[error("cannot unpack into `{folder}`: expected an empty folder")]
    NotEmpty {
        /// The folder.
        folder: String,
    },
    /// A file could not be written.
    #[error(transparent)]
    Io(#[from] io::Error),
}

/// Turns what a reader says into an error that names the entry.
pub(crate) fn unreadable(entry: &str) -> impl FnOnce(io::Error) -> UnpackError {
    let entry = entry.to_owned();
    move |source| UnpackError::Read { entry, source }
}
