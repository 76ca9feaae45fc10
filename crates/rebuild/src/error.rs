//! Why an archive was not built again.

use std::path::PathBuf;

use miette::Diagnostic;
use rst_archive::{PackedError, UnpackError};
use rst_build::{GraphError, ProjectError};

/// Why.
#[derive(Debug, thiserror::Error, Diagnostic)]
pub enum RebuildError {
    /// It is none, or none of ours.
    #[error(transparent)]
    Packed(#[from] PackedError),
    /// The sources' archive cannot be unpacked.
    #[error("{archive}: {source}")]
    Sources {
        /// The archive.
        archive: String,
        /// What is the matter.
        source: UnpackError,
    },
    /// What was built cannot be compared.
    #[error(transparent)]
    Unpack(#[from] UnpackError),
    /// What it was made from is not public.
    #[error("{archive} cannot be built again: {reason}")]
    #[diagnostic(help("only what was built from the lock's sources in the sandbox is the same everywhere"))]
    NotFromSources {
        /// Which.
        archive: String,
        /// What is the matter.
        reason: String,
    },
    /// A draft is packed in one way only.
    #[error("{} is no draft: a draft is a .tar.zst alone", .0.display())]
    #[diagnostic(help("without --draft it is built again as it was released"))]
    NoSuchDraft(PathBuf),
    /// Its commit is not here.
    #[error("commit {commit} cannot be had from {}: {reason}", .root.display())]
    #[diagnostic(help(
        "fetch it (git fetch), name another (--commit), or give the release's sources (--sources FILE)"
    ))]
    NoCommit {
        /// As git is asked for it.
        commit: String,
        /// Where.
        root: PathBuf,
        /// What git said.
        reason: String,
    },
    /// The sources' archive is something else.
    #[error("{} holds no project and mirror below one folder at its top", .0.display())]
    #[diagnostic(help("expected the TOOL-vVERSION-sources.tar.zst of the release"))]
    NoSources(PathBuf),
    /// Recipes or pins are others.
    #[error("{archive} was not built from {commit}:\n{}", .unlike.iter().map(|line| format!("  {line}\n")).collect::<String>().trim_end())]
    #[diagnostic(help("the commit stands in the release's release.json and provenance: --commit COMMIT"))]
    OtherRecipes {
        /// Which.
        archive: String,
        /// What was taken.
        commit: String,
        /// A line for each thing.
        unlike: Vec<String>,
    },
    /// The project's files are wrong.
    #[error(transparent)]
    #[diagnostic(transparent)]
    Project(#[from] ProjectError),
    /// The same.
    #[error(transparent)]
    #[diagnostic(transparent)]
    Graph(#[from] GraphError),
    /// The kernel refused namespaces.
    #[error("this host does not let rst build elsewhere: {0}")]
    #[diagnostic(help("the sandbox needs the same, user namespaces: see `rst build --help`"))]
    Refused(String),
    /// What was run has told why.
    #[error("the build did not come to its end (exit code {code})")]
    Failed {
        /// Its exit code.
        code: u8,
    },
    /// Somebody asked to stop.
    #[error("interrupted")]
    Interrupted,
    /// Reading or writing failed.
    #[error(transparent)]
    Io(#[from] std::io::Error),
}
