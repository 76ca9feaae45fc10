//! Why a source could not be had.

use std::io::ErrorKind;

use miette::Diagnostic;

/// A source that is not in the store and could not be brought there.
#[derive(Debug, thiserror::Error, Diagnostic)]
pub enum FetchError {
    /// `--offline`, and some are not in the store.
    #[error("nothing may be fetched (--offline), and not in the store:{}", lines(missing))]
    #[diagnostic(help("run `rst fetch` for the same without --offline once, or give --mirror FOLDER"))]
    Offline {
        /// Each `crun 1.21`.
        missing: Vec<String>,
    },
    /// No origin served.
    #[error("{source_name} could not be had:{}", list(reasons))]
    #[diagnostic(help("a mirror can stand in for origins that are gone: --mirror FOLDER-OR-URL"))]
    NoOrigin {
        /// `crun 1.21`
        source_name: String,
        /// Each origin's own reason.
        reasons: Vec<Refusal>,
    },
    /// Origins served, and no one the right bytes.
    #[error("{source_name}: no origin gave the bytes that are pinned:{}", list(reasons))]
    #[diagnostic(help(
        "somebody changed what lies there, or tampers with it on the way; the bytes were thrown away. If upstream \
         really replaced it, look at the change and pin it anew: rst lock {}",
        lock_name(source_name)
    ))]
    WrongDigest {
        /// `crun 1.21`
        source_name: String,
        /// Each origin's own reason.
        reasons: Vec<Refusal>,
    },
    /// Origins that should give one tree give two.
    #[error("{source_name}: {first} and {second} differ, first in `{path}`")]
    OriginsDiffer {
        /// `crun 1.21`
        source_name: String,
        /// An origin.
        first: String,
        /// Another.
        second: String,
        /// The first path that differs.
        path: String,
    },
    /// A service that was to be asked something.
    #[error("could not ask {url}: {reason}")]
    Service {
        /// Where it answers.
        url: String,
        /// Why it did not.
        reason: String,
    },
    /// A recipe that names no place.
    #[error("{source_name}: the recipe names no place to have it from")]
    NoPlace {
        /// `crun 1.21`
        source_name: String,
    },
    /// The disk is full: no other origin would fare better.
    #[error("{source_name} cannot be kept")]
    NoSpace {
        /// `crun 1.21`
        source_name: String,
        /// What could not be written.
        source: Box<dyn std::error::Error + Send + Sync>,
    },
    /// Asked to stop.
    #[error("interrupted")]
    Cancelled,
    /// The store.
    #[error(transparent)]
    Store(#[from] rst_store::StoreError),
    /// A file could not be read or written.
    #[error(transparent)]
    Io(#[from] std::io::Error),
}

/// Why one origin did not serve.
#[derive(Clone, Debug)]
pub struct Refusal {
    /// The origin.
    pub origin: String,
    /// Its reason.
    pub reason: String,
    /// Whether it served other bytes than pinned.
    pub wrong_bytes: bool,
}

fn lines(names: &[String]) -> String {
    names.iter().map(|name| format!("\n  {name}")).collect()
}

fn list(reasons: &[Refusal]) -> String {
    reasons.iter().map(|refusal| format!("\n  {}: {}", refusal.origin, refusal.reason)).collect()
}

fn lock_name(source_name: &str) -> String {
    source_name.replacen(' ', "@", 1)
}

/// What happened with one origin, inside this crate.
#[derive(Debug, thiserror::Error)]
pub(crate) enum OriginError {
    #[error("expected SHA-256 {expected}, found {found}")]
    WrongBytes { expected: String, found: String },
    #[error("it is for {found}")]
    OtherMachine { found: String },
    #[error("{0}")]
    Reason(String),
    /// A signature, or a digest that something signed names, is of something else.
    #[error("{0}")]
    NotAsSigned(String),
    #[error("interrupted")]
    Cancelled,
    #[error(transparent)]
    Store(#[from] rst_store::StoreError),
    #[error(transparent)]
    Unpack(#[from] rst_archive::UnpackError),
    #[error(transparent)]
    Io(#[from] std::io::Error),
}

impl OriginError {
    pub(crate) fn reason(text: impl Into<String>) -> Self {
        OriginError::Reason(text.into())
    }

    /// The same, with what it is about.
    pub(crate) fn of(self, what: &str) -> Self {
        let is_no_space = self.is_no_space();
        match self {
            OriginError::Reason(reason) => OriginError::Reason(format!("{what}: {reason}")),
            OriginError::NotAsSigned(reason) => OriginError::NotAsSigned(format!("{what}: {reason}")),
            OriginError::Unpack(error) if !is_no_space => OriginError::Reason(format!("{what}: {error}")),
            other => other,
        }
    }

    /// Whether there was no room on the disk.
    pub(crate) fn is_no_space(&self) -> bool {
        let mut next: Option<&(dyn std::error::Error + 'static)> = match self {
            OriginError::Io(error) => Some(error),
            OriginError::Store(rst_store::StoreError::Io(error)) => Some(error),
            other => std::error::Error::source(other),
        };
        while let Some(error) = next {
            let kind = error.downcast_ref().map(std::io::Error::kind);
            if matches!(kind, Some(ErrorKind::StorageFull | ErrorKind::QuotaExceeded)) {
                return true;
            }
            next = error.source();
        }
        false
    }
}
