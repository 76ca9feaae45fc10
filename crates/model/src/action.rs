//! What is run in the sandbox, as plain data. Its key is a function of that data alone.

use std::collections::BTreeMap;

use serde::{Deserialize, Serialize};

use crate::{Digest, Platform, RelPath};

/// One command, without a shell.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct Command {
    /// Program (looked up in the sandbox's PATH) and arguments. `{jobs}` stands for the number of
    /// processes that it may run at once; `{slots}` for that of all slots of the jobserver, of a program
    /// whose processes each wait for one. Neither number is part of the key.
    pub argv: Vec<String>,
    /// The folder it runs in, absolute inside the sandbox.
    pub cwd: String,
    /// Variables on top of the action's.
    #[serde(default, skip_serializing_if = "BTreeMap::is_empty")]
    pub env: BTreeMap<String, String>,
}

/// Commands that may run at the same time; steps run one after the other.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct Step {
    /// In no particular order.
    pub commands: Vec<Command>,
}

/// A file or files taken from the work folder into the output tree.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Collect {
    /// Path, or pattern with `*`, relative to the work folder; with all below it when it ends in `/`.
    pub from: String,
    /// Where in the output tree; below it, keeping names, when it ends in `/`.
    pub to: String,
    /// Whether to go on when nothing matches.
    #[serde(default)]
    pub optional: bool,
    /// Whether the files, which are texts, become one: each text once, below the names of all that have it.
    #[serde(default, skip_serializing_if = "std::ops::Not::not")]
    pub merged: bool,
}

/// A folder that outlives the action and may be shared by several.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct CacheMount {
    /// Where it is seen.
    pub target: String,
    /// What it is called: `go-build`.
    pub name: String,
    /// The digest of everything that the tool's own cache key does not see.
    pub validity: Digest,
}

/// Everything that a build step sees.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Action {
    /// The component: `crun`.
    pub name: String,
    /// What it is built for.
    pub platform: Platform,
    /// Read-only trees, by where they are seen (absolute).
    pub mounts: BTreeMap<String, Digest>,
    /// Trees copied into the work folder, where they may be written.
    pub checkouts: BTreeMap<RelPath, Digest>,
    /// Files written into the work folder (executable when they begin with `#!`).
    pub files: BTreeMap<RelPath, String>,
    /// The whole environment.
    pub env: BTreeMap<String, String>,
    /// What is run.
    pub steps: Vec<Step>,
    /// What is taken.
    pub collect: Vec<Collect>,
    /// Symbolic links added to that: path → what it leads to, also in the output tree.
    #[serde(default, skip_serializing_if = "BTreeMap::is_empty")]
    pub links: BTreeMap<RelPath, RelPath>,
    /// A cache that changes how long it takes but not what comes out.
    pub cache: Option<CacheMount>,
    /// Whether it runs on the host itself (`--no-sandbox`), and so sees all that the host has.
    #[serde(default, skip_serializing_if = "std::ops::Not::not")]
    pub unsandboxed: bool,
}

impl Action {
    /// The work folder, as the sandbox sees it.
    pub const WORK: &'static str = "/b";

    /// The key under which its result is kept. A cache mount is no part of it: it must not change
    /// the result.
    pub fn key(&self) -> Digest {
        /// Raised when the sandbox or the collecting of outputs changes what comes out.
        const FORMAT: u32 = 1;
        let mut keyed = self.clone();
        keyed.cache = None;
        Digest::of_json(&(FORMAT, keyed))
    }
}
