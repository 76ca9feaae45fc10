//! The facts that both documents tell.

use std::{
    collections::{BTreeMap, BTreeSet},
    fmt,
};

use rst_model::{Digest, Platform};
use serde::Serialize;

use crate::License;

/// What an archive consists of.
#[derive(Clone, Debug, Serialize)]
pub struct Inventory {
    /// `podman-full`
    pub archive: String,
    /// The tool's version.
    pub version: String,
    /// What it runs on.
    pub platform: Platform,
    /// SOURCE_DATE_EPOCH of the build: seconds since 1970.
    pub epoch: u64,
    /// The parts that have files of their own in the archive.
    pub contains: BTreeSet<PartId>,
    /// These, and all that is linked into them.
    pub parts: BTreeMap<PartId, Part>,
}

/// The name of a part within an inventory: `crun`, `go/github.com/docker/go-units@v0.5.0`, `crate/libc@0.2.180`.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord, Serialize)]
#[serde(transparent)]
pub struct PartId(String);

impl PartId {
    /// A component of this project's recipes, or what a toolchain leaves in programs.
    pub fn component(name: &str) -> Self {
        Self(name.to_owned())
    }

    /// A module of Go's. One that a component patches is another than the one that all others have.
    pub fn module(path: &str, version: &str, patched_by: Option<&str>) -> Self {
        Self(format!("go/{path}@{version}{}", changed(patched_by)))
    }

    /// Code that another part's source has within itself.
    pub fn carried(name: &str, version: &str) -> Self {
        Self(format!("carried/{name}@{version}"))
    }

    /// A crate of Rust's; as with modules.
    pub fn krate(name: &str, version: &str, patched_by: Option<&str>) -> Self {
        Self(format!("crate/{name}@{version}{}", changed(patched_by)))
    }

    /// The name as text.
    pub fn as_str(&self) -> &str {
        &self.0
    }
}

fn changed(patched_by: Option<&str>) -> String {
    patched_by.map(|component| format!("+{component}")).unwrap_or_default()
}

impl fmt::Display for PartId {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.0)
    }
}

/// One thing of which there is a version, a licence and a source.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
pub struct Part {
    /// What it is called.
    pub name: String,
    /// Its version.
    pub version: String,
    /// What it is.
    pub kind: Kind,
    /// Under which terms.
    pub license: License,
    /// Its package URL, where it is what upstream delivers.
    pub purl: Option<String>,
    /// Where its source is from.
    pub origin: Origin,
    /// The patches of this project that change it: `COMPONENT/NAME.patch`.
    pub patches: BTreeSet<String>,
    /// The part that brings it along, where it has no delivery of its own: `zig 0.17.1`.
    pub within: Option<String>,
    /// What is statically linked into it, or what it compiles in.
    pub links: BTreeSet<PartId>,
}

/// What a part is.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize)]
pub enum Kind {
    /// It has programs.
    Program,
    /// It is linked into programs.
    Library,
    /// Configuration or documents.
    Files,
}

/// Where a source is from.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
pub enum Origin {
    /// An archive as upstream delivers it.
    Delivered {
        /// Its digest; several where each kind of building machine has one of its own.
        sha256: Vec<Digest>,
        /// Go's digest of a module, which is none of a file; several as above.
        h1: Vec<String>,
        /// Where it can be had.
        url: Option<String>,
    },
    /// A folder of this project.
    Own {
        /// The digest of its listing.
        tree: Digest,
    },
    /// A folder that the builder named in place of what is pinned (`rst build --override`).
    Overridden {
        /// The digest of its listing.
        tree: Digest,
    },
}
