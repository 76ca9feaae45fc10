//! Why there is no release.

use std::path::PathBuf;

use miette::Diagnostic;
use rst_model::{Digest, Tag};

/// Why a release was not made, or is none.
#[derive(Debug, thiserror::Error, Diagnostic)]
pub enum ReleaseError {
    /// Not all that a release has was built.
    #[error("{} lacks {} of the release's files: {}", .dist.display(), .files.len(), .files.join(", "))]
    #[diagnostic(help("build them: rst build {tool} --for-release --platform linux/amd64 --platform linux/arm64"))]
    Missing {
        /// Where they should be.
        dist: PathBuf,
        /// Their names.
        files: Vec<String>,
        /// What to build.
        tool: String,
    },
    /// An archive that is not one of this release.
    #[error("{archive} cannot be released: {reason}")]
    Unreleasable {
        /// Its name.
        archive: String,
        /// Why.
        reason: String,
    },
    /// A check stands in the way.
    #[error("check {check} has not passed: {reason}")]
    #[diagnostic(help(
        "a check that can be tried nowhere is listed with the reason in build/releases.toml, [untried]"
    ))]
    NotPassed {
        /// Its name.
        check: String,
        /// What became of it.
        reason: String,
    },
    /// An archive of which no trial is reported.
    #[error("no trial of {archive} is reported")]
    #[diagnostic(help(
        "rst trial {archive} --format json > trial.json, and give --trial trial.json; --untried releases without, and \
         the notes say so"
    ))]
    Untried {
        /// Its name.
        archive: String,
    },
    /// Other bytes of that name were tried.
    #[error("the trial of {archive} was of other bytes: expected SHA-256 {expected}, found {found}")]
    #[diagnostic(help("try the one in dist/: rst trial {archive} --format json > trial.json"))]
    TriedOther {
        /// Its name.
        archive: String,
        /// Of the one that would be released.
        expected: Digest,
        /// Of the one in the report.
        found: Digest,
    },
    /// What was given is no report of a trial.
    #[error("{} is no report of a trial: {reason}", .file.display())]
    #[diagnostic(help("expected what `rst trial ARCHIVE --format json` prints"))]
    Report {
        /// The file.
        file: PathBuf,
        /// Why.
        reason: String,
    },
    /// From where it would be is not known.
    #[error("it is not known from which commit this would be released: {reason}")]
    #[diagnostic(help("release from a clean clone, or in a workflow"))]
    NoOrigin {
        /// Why.
        reason: String,
    },
    /// A folder that is no release.
    #[error("{} is no release: {reason}", .folder.display())]
    #[diagnostic(help("make one: rst release TOOL --dry-run"))]
    NoRelease {
        /// Which.
        folder: PathBuf,
        /// Why.
        reason: String,
    },
    /// A file of a release that has changed since.
    #[error("{file} of {tag} is not what release.json says: expected SHA-256 {expected}, found {found}")]
    #[diagnostic(help("make the release's folder again"))]
    Changed {
        /// The file.
        file: String,
        /// The release.
        tag: Tag,
        /// As recorded.
        expected: String,
        /// As it is.
        found: String,
    },
    /// The index before this release.
    #[error("index.json: {0}")]
    #[diagnostic(help("a release with changed parts is the next revision: raise it in build/releases.toml"))]
    Index(#[from] crate::IndexError),
    /// Nobody signed it.
    #[error(transparent)]
    #[diagnostic(transparent)]
    Sign(#[from] rst_sign::SignError),
    /// A file could not be read or written.
    #[error(transparent)]
    Io(#[from] std::io::Error),
}
