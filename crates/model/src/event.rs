//! What happens, as one stream that a terminal or a JSON printer renders and tests read.

use serde::Serialize;

use crate::{Digest, Platform};

/// Something happened.
#[derive(Clone, Debug, Serialize)]
#[serde(tag = "event", rename_all = "kebab-case")]
pub enum Event {
    /// A source is being fetched.
    FetchStarted {
        /// `NAME VERSION`.
        source: String,
        /// In bytes, when the lock knows it.
        size: Option<u64>,
    },
    /// More of it arrived.
    FetchProgress {
        /// `NAME VERSION`.
        source: String,
        /// Bytes so far.
        bytes: u64,
    },
    /// An origin did not serve; the next is tried.
    FetchRefused {
        /// `NAME VERSION`.
        source: String,
        /// The origin asked.
        origin: String,
        /// Why not.
        reason: String,
    },
    /// A source is in the store.
    FetchFinished {
        /// `NAME VERSION`.
        source: String,
        /// The origin that served.
        origin: String,
        /// How long it took.
        seconds: f64,
    },
    /// The graph is known.
    Planned {
        /// Every component to be built, with its platform, in no particular order.
        actions: Vec<Planned>,
        /// How many components are in the store already.
        cached: usize,
    },
    /// An action begins to run.
    Started {
        /// Which.
        #[serde(flatten)]
        step: Step,
    },
    /// An action's result was in the store.
    Cached {
        /// Which.
        #[serde(flatten)]
        step: Step,
    },
    /// An action ended well.
    Finished {
        /// Which.
        #[serde(flatten)]
        step: Step,
        /// Wall time.
        seconds: f64,
        /// CPU time of all its processes.
        cpu_seconds: f64,
        /// Of the output tree, in bytes.
        size: u64,
    },
    /// An action failed.
    Failed {
        /// Which.
        #[serde(flatten)]
        step: Step,
        /// One line.
        reason: String,
    },
    /// A libc is being compiled, once for all that is linked with it.
    Preparing {
        /// `libc-x86_64-linux-musl`
        name: String,
    },
    /// It is there.
    Prepared {
        /// `libc-x86_64-linux-musl`
        name: String,
        /// Wall time.
        seconds: f64,
        /// CPU time of all processes.
        cpu_seconds: f64,
    },
    /// An archive is being proved and packed.
    Packing {
        /// `podman-full-linux-amd64`
        archive: String,
    },
    /// An archive is proved and packed.
    Packed {
        /// `podman-full-linux-amd64`
        archive: String,
        /// How long it took.
        seconds: f64,
    },
    /// A file is in `dist/`.
    Archived {
        /// Its path.
        path: String,
        /// Its digest.
        sha256: Digest,
        /// In bytes.
        size: u64,
    },
    /// A file of a release is being uploaded.
    UploadStarted {
        /// Its name.
        asset: String,
        /// In bytes.
        size: u64,
    },
    /// More of it was sent.
    UploadProgress {
        /// Its name.
        asset: String,
        /// Bytes that were sent so far, in this attempt.
        bytes: u64,
    },
    /// It is there, with its digest.
    UploadFinished {
        /// Its name.
        asset: String,
        /// How long it took: nothing for one that was there already.
        seconds: Option<f64>,
    },
    /// Something a person should know.
    Warning {
        /// One sentence.
        message: String,
    },
}

/// A component that will be built.
#[derive(Clone, Debug, Serialize)]
pub struct Planned {
    /// Which.
    #[serde(flatten)]
    pub step: Step,
    /// What must be there first and is not yet: sources (`NAME VERSION`) and components (as
    /// [`Step`]s are written).
    pub waits_for: Vec<String>,
}

/// One node of the graph: a component for a platform.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize)]
pub struct Step {
    /// `crun`, `podman-full archive`.
    pub name: String,
    /// `1.21`.
    pub version: String,
    /// `linux/amd64`.
    pub platform: Platform,
}

impl std::fmt::Display for Step {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        write!(f, "{} {} {}", self.name, self.version, self.platform)
    }
}

/// Takes events, from any thread.
pub trait Reporter: Send + Sync {
    /// Something happened.
    fn event(&self, event: Event);
}

/// Drops every event.
pub struct Silent;

impl Reporter for Silent {
    fn event(&self, _: Event) {}
}
