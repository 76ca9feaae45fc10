//! A recipe as written: `build/recipes/NAME.toml`.

use std::collections::BTreeMap;

use serde::{Deserialize, Serialize};
use toml::Spanned;

use super::driver::{Autotools, Cargo, Cc, Go, Make, Meson};
use crate::{Arch, RelPath, Version};

/// The file. Exactly one driver's table may stand in it, or none: then it is a source that others
/// use as it is (a toolchain, a build root).
#[derive(Clone, Debug, Deserialize)]
#[serde(deny_unknown_fields, rename_all = "kebab-case")]
pub struct Recipe {
    /// The file's own name, without `.toml`.
    pub name: Spanned<String>,
    /// What it is, in one sentence.
    pub summary: String,
    /// SPDX licence expression.
    pub license: String,
    /// Where it lives.
    pub homepage: String,
    /// Where new versions are announced.
    #[serde(default)]
    pub releases: Option<String>,
    /// Where upstream says which versions there are, if the places of its source do not.
    #[serde(default)]
    pub upstream: Option<Upstream>,
    /// What decides its version, where that is not its own newest one.
    #[serde(default)]
    pub follows: Option<Follows>,
    /// The licence texts, relative to the source's top folder; patterns allowed.
    #[serde(default)]
    pub license_files: Vec<String>,
    /// Libraries that are linked in: names of recipes.
    #[serde(default)]
    pub needs: Vec<Spanned<String>>,
    /// Tools that run while it is built, beside the driver's own: names of recipes.
    #[serde(default)]
    pub tools: Vec<Spanned<String>>,
    /// Whose malloc is linked in; mimalloc when absent.
    #[serde(default)]
    pub allocator: Option<Allocator>,
    /// Where the source comes from.
    pub source: Spanned<SourceSpec>,
    /// What the build leaves: path in the output tree ← path in the source folder.
    #[serde(default)]
    pub install: BTreeMap<String, Install>,
    #[serde(default)]
    pub(super) cc: Option<Cc>,
    #[serde(default)]
    pub(super) autotools: Option<Autotools>,
    #[serde(default)]
    pub(super) make: Option<Make>,
    #[serde(default)]
    pub(super) meson: Option<Meson>,
    #[serde(default)]
    pub(super) cargo: Option<Cargo>,
    #[serde(default)]
    pub(super) go: Option<Go>,
    /// Lines that are kept beside each other (`"6"`, `"5.8"`); each of its tables stands in place
    /// of the recipe's own.
    #[serde(default)]
    pub line: BTreeMap<String, Line>,
}

/// Where upstream says what it has released. Each has a regular expression with a group `version`.
#[derive(Clone, Debug, PartialEq, Eq, Deserialize)]
#[serde(deny_unknown_fields, rename_all = "kebab-case")]
pub enum Upstream {
    /// A git repository.
    Git {
        /// Its URL.
        url: String,
        /// A whole tag that stands for a version.
        tag: String,
    },
    /// A page that names the files that can be had.
    Page {
        /// Its URL.
        url: String,
        /// A file's name.
        file: String,
    },
}

/// What decides a version.
#[derive(Clone, Debug, PartialEq, Eq, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum Follows {
    /// Another recipe: both have the same version.
    Recipe(String),
    /// The go.mod of the tool in whose archive it is (`line` in `build/archives.toml`).
    GoMod,
}

/// What differs in one line.
#[derive(Clone, Debug, Default, Deserialize)]
#[serde(deny_unknown_fields, rename_all = "kebab-case", default)]
pub struct Line {
    pub(super) source: Option<Spanned<SourceSpec>>,
    pub(super) install: Option<BTreeMap<String, Install>>,
    pub(super) license_files: Option<Vec<String>>,
    pub(super) cc: Option<Cc>,
    pub(super) autotools: Option<Autotools>,
    pub(super) make: Option<Make>,
    pub(super) meson: Option<Meson>,
    pub(super) cargo: Option<Cargo>,
    pub(super) go: Option<Go>,
}

/// Whose malloc a program has.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Allocator {
    /// Which.
    pub choice: AllocatorChoice,
    /// The measured reason.
    pub why: String,
}

/// The two allocators.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum AllocatorChoice {
    /// The promise.
    #[default]
    Mimalloc,
    /// The libc's own. Zig 0.17 has an allocator of its own there, where musl's mallocng was.
    Libc,
}

/// Places to have the source from; `{version}` stands for the lock's version, and the names of
/// `pattern`'s groups for what they match in it.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields, rename_all = "kebab-case", default)]
pub struct SourceSpec {
    /// A regular expression with named groups over the version, for places that write it otherwise.
    pub pattern: Option<String>,
    /// URLs of archives.
    pub https: Vec<String>,
    /// A file in Debian's pool.
    pub debian: Option<DebianFile>,
    /// Whether the URLs and Debian's file are the same bytes, so that one digest pins all.
    pub same_bytes: bool,
    /// A Go module's path, with `@VERSION` where that is not `v{version}`.
    pub go_module: Option<String>,
    /// A crate's name.
    #[serde(rename = "crate")]
    pub krate: Option<String>,
    /// A Python distribution whose wheel holds it.
    pub wheel: Option<String>,
    /// A rustup toolchain, for the building machine.
    pub rustup: Option<String>,
    /// Debian packages (binary), unpacked over one another.
    pub debian_packages: Vec<String>,
    /// The Debian suite that `debian-packages` are from.
    pub debian_suite: Option<String>,
    /// A folder of this project, with source of our own, and its version. It has no entry in the lock.
    pub own: Option<OwnSource>,
    /// Whether it differs by building machine.
    pub host: bool,
    /// How many leading folders of the archive are taken off; absent: one where the archive has one
    /// top folder.
    pub strip: Option<usize>,
    /// Only this folder of the archive.
    pub subdir: Option<String>,
    /// Of the tree only what matches one of these patterns.
    pub keep: Vec<String>,
    /// Of the tree nothing that begins with one of these paths.
    pub drop: Vec<String>,
    /// Patterns of files that are executable though the archive does not say so (Go's module
    /// archives carry no modes).
    pub executable: Vec<String>,
    /// Symbolic links that are added: path → target (what a package's scripts would have made).
    pub links: BTreeMap<String, String>,
    /// Whether its dependencies are vendored, and by which command.
    pub vendor: Option<Vendor>,
}

/// A folder of this project.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct OwnSource {
    /// From the project's top.
    pub folder: RelPath,
    /// What is in it now.
    pub version: Version,
}

/// A file of a Debian source package.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct DebianFile {
    /// The source package, which names the folder in the pool.
    pub package: String,
    /// The file, with `{version}`.
    pub file: String,
}

/// Commands that vendor dependencies.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum Vendor {
    /// `go mod vendor`
    Go,
    /// `cargo vendor`
    Cargo,
}

/// Which file of the build becomes a file of the output: a path or pattern, with `{cpu}`, `{rust}`
/// and `{dest}`; or that for one architecture; or a symbolic link to another file of the output.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(untagged)]
pub enum Install {
    /// On every platform.
    Everywhere(String),
    /// On one.
    On {
        /// The path.
        from: String,
        /// The only architecture that has it.
        arch: Arch,
    },
    /// A symbolic link to something else that is installed.
    Link {
        /// The path of that in the output.
        link: RelPath,
    },
}
