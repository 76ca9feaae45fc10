//! What can go wrong while building.

use std::path::{Path, PathBuf};

use miette::Diagnostic;
use rst_model::{Carried, Platform, RelPath};

use crate::graph::Node;

/// A build that did not come to its end.
#[derive(Debug, thiserror::Error, Diagnostic)]
pub enum BuildError {
    /// A command failed. The reporter shows the log's last lines.
    #[error("{name} {version} for {platform} failed: `{command}` {how}")]
    #[diagnostic(help(
        "whole log: {} (or `rst log {name} --platform {platform}`)\nto try it by hand (/b/commands there): rst build {name}@{version} --platform {platform} --shell{}",
        log.display(),
        if *by_zig { "\nif it is Zig that fails, GCC may do: the same command with --toolchain container --image IMAGE" } else { "" }
    ))]
    Command {
        /// The component.
        name: String,
        /// Its version.
        version: String,
        /// What for.
        platform: Platform,
        /// The command as run.
        command: String,
        /// `exited with 2`, `was killed by signal 9`.
        how: String,
        /// The last lines of the log.
        last_lines: Vec<String>,
        /// Its log.
        log: PathBuf,
        /// Whether it wanted room where there was none.
        no_space: bool,
        /// Whether Zig is what it was built with, and GCC could take its place.
        by_zig: bool,
    },
    /// A build ended well but a file of `install` is not there.
    #[error("build left no `{path}`, which the recipe names in {key}")]
    NotMade {
        /// Relative to the work folder.
        path: String,
        /// `[install]` or `license-files`.
        key: &'static str,
    },
    /// A link that leads out of the work folder.
    #[error("`{path}` leads out of the build's folder")]
    Leaves {
        /// The link.
        path: String,
    },
    /// A pattern or path of a recipe that cannot be used.
    #[error("{reason}")]
    Pattern {
        /// Why.
        reason: String,
    },
    /// An archive that is not what it must be.
    #[error("{archive}: {failed} of {claims} claims failed")]
    Proof {
        /// Its name.
        archive: String,
        /// How many claims failed.
        failed: usize,
        /// Of how many.
        claims: usize,
        /// Each failed one in a line.
        lines: Vec<String>,
    },
    /// A program whose link left no unstripped twin.
    #[error("the twin of {program} is not among what its component left: {reason}")]
    NoTwin {
        /// Where it is in the archive.
        program: RelPath,
        /// What is the matter.
        reason: String,
    },
    /// An archive that has grown.
    #[error("{archive} takes {size} bytes, more than its budget of {budget}")]
    #[diagnostic(help("find out what has grown; or raise the budget in build/archives.toml, and say why there"))]
    Budget {
        /// Its file name.
        archive: String,
        /// In bytes.
        size: u64,
        /// In bytes.
        budget: u64,
    },
    /// An image could not be had.
    #[error(transparent)]
    #[diagnostic(transparent)]
    Image(#[from] rst_fetch::ImageError),
    /// An image that is of no use here.
    #[error("the image {image} has no compiler for musl: expected gcc for …-musl, or musl-gcc, found {found}")]
    #[diagnostic(help("--image takes any image with musl GCC and what else a build needs: see docs/architecture.md"))]
    NoCompiler {
        /// Which.
        image: String,
        /// What it has.
        found: String,
    },
    /// The image's compiler compiles for its own machine.
    #[error("--toolchain container builds for {} alone: {name} is wanted for {platform}", Platform::HOST)]
    #[diagnostic(help("leave out --platform {platform}, or --toolchain container; or build on such a machine"))]
    NotNative {
        /// A component.
        name: String,
        /// What it is wanted for.
        platform: Platform,
    },
    /// The store's file system is full.
    #[error("{}: No space left on device", store.display())]
    NoSpace {
        /// Where the store lies.
        store: PathBuf,
    },
    /// Ctrl-C or SIGTERM.
    #[error("interrupted")]
    Interrupted,
    /// Two components have the same file.
    #[error("{archive}: `{path}` is both {first}'s and {second}'s")]
    Twice {
        /// The archive.
        archive: String,
        /// The file.
        path: String,
        /// A component.
        first: String,
        /// Another.
        second: String,
    },
    /// What `go version -m` says of programs.
    #[error(transparent)]
    Modules(#[from] rst_sbom::ModuleError),
    /// What `cargo tree` says of a source.
    #[error(transparent)]
    Crates(#[from] rst_sbom::CrateError),
    /// Zig's musl has no version where it always had one.
    #[error("the version of Zig's musl is not in its version.h: {text}")]
    MuslVersion {
        /// What is there.
        text: String,
    },
    /// A source does not say what it did of the code within it.
    #[error("the version of {} in {} is not in its {}, where `{}` should find it", .carried.name, .carried.within,
        .carried.file, .carried.version.as_str())]
    #[diagnostic(help("look where the source says it now, and mend build/carried.toml"))]
    CarriedVersion {
        /// What was looked for.
        carried: Box<Carried>,
    },
    /// The sources of a release are those that git knows.
    #[error("{} is no checkout, of which all files could be listed: {reason}", .folder.display())]
    #[diagnostic(help("build in a clone: git clone REPOSITORY"))]
    NoCheckout {
        /// Where.
        folder: std::path::PathBuf,
        /// What git said.
        reason: String,
    },
    /// A source could not be had.
    #[error(transparent)]
    #[diagnostic(transparent)]
    Fetch(#[from] rst_fetch::FetchError),
    /// The store.
    #[error(transparent)]
    Store(#[from] rst_store::StoreError),
    /// The sandbox.
    #[error(transparent)]
    #[diagnostic(transparent)]
    Sandbox(#[from] rst_sandbox::Error),
    /// The graph.
    #[error(transparent)]
    #[diagnostic(transparent)]
    Graph(#[from] crate::graph::GraphError),
    /// Writing an archive.
    #[error(transparent)]
    Archive(#[from] rst_archive::WriteError),
    /// A file could not be read or written.
    #[error(transparent)]
    Io(#[from] std::io::Error),
}

impl BuildError {
    /// Why, where it is told already what failed.
    pub(crate) fn reason(&self) -> String {
        match self {
            BuildError::Command { command, how, .. } => format!("`{command}` {how}"),
            other => other.to_string(),
        }
    }

    /// The same, of a node.
    pub(crate) fn at(mut self, node: &Node) -> Self {
        if let BuildError::Command { by_zig, no_space: false, .. } = &mut self {
            *by_zig = node.may_fall_back();
        }
        self
    }

    /// The log of what failed.
    pub(crate) fn log(&self) -> &Path {
        match self {
            BuildError::Command { log, .. } => log,
            _ => Path::new(""),
        }
    }
}
