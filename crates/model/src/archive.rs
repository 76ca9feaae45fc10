//! What is released: which components make which archive (`build/archives.toml`), and the manifest
//! inside each.

use std::collections::BTreeMap;

use serde::{Deserialize, Serialize};
use toml::Spanned;

use crate::{ApkPackage, Arch, Digest, ImageName, Platform, RelPath, Revision, Version, recipe::AllocatorChoice};

/// `build/archives.toml`: variants by name (`podman-full`).
pub type Archives = BTreeMap<String, Variant>;

/// One kind of archive.
#[derive(Clone, Debug, Deserialize)]
#[serde(deny_unknown_fields, rename_all = "kebab-case")]
pub struct Variant {
    /// The recipe that it is named and versioned after.
    pub tool: Spanned<String>,
    /// What a person reads in `rst build --help` and the manifest.
    pub summary: String,
    /// The recipes in it, the tool's included.
    pub components: Vec<Spanned<String>>,
    /// Of the components' files only these (paths or folders ending in `/`); absent: all.
    #[serde(default)]
    pub only: Option<Vec<String>>,
    /// Folders below `build/etc/` whose files are added as they are.
    #[serde(default)]
    pub etc: Vec<String>,
    /// How large it may be.
    #[serde(default)]
    pub budget: Option<Budget>,
    /// Per line of the tool (`"5.8"`): which line of a component goes with it.
    #[serde(default)]
    pub line: BTreeMap<String, BTreeMap<String, String>>,
}

impl Variant {
    /// The budget that so many bytes are above.
    pub fn exceeded(&self, arch: Arch, size: u64) -> Option<u64> {
        let budget = *self.budget.as_ref()?.bytes.get(&arch)?;
        (size > budget).then_some(budget)
    }
}

/// The most that the `.tar.zst` of an archive may take, at the full level of compression.
#[derive(Clone, Debug, PartialEq, Eq, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Budget {
    /// In bytes, for each architecture.
    pub bytes: BTreeMap<Arch, u64>,
    /// Why it is that much: a line for each change.
    pub why: String,
}

/// `share/rst/NAME.manifest.json`: every file of an archive and where it is from.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Manifest {
    /// The format of this file.
    pub format: u32,
    /// `podman-full`.
    pub variant: String,
    /// The tool's version.
    pub version: Version,
    /// Which release of that version.
    #[serde(default, skip_serializing_if = "Revision::is_first")]
    pub revision: Revision,
    /// What it runs on.
    pub platform: Platform,
    /// SOURCE_DATE_EPOCH of the build: seconds since 1970.
    pub epoch: u64,
    /// The digest of the entries of `build/lock.toml` that it was made from: others may change as they
    /// like.
    pub lock: Digest,
    /// The tools that built it: name to version and tree digest.
    pub toolchain: BTreeMap<String, ManifestSource>,
    /// The components: name to version, source tree, licence, and the key of the action.
    pub components: BTreeMap<String, ManifestComponent>,
    /// Whether any part was built without the sandbox.
    pub unsandboxed: bool,
    /// Every file, but for this one.
    pub files: BTreeMap<RelPath, ManifestFile>,
}

impl Manifest {
    /// Where it lies in an archive of this tool.
    pub fn path(tool: &str) -> RelPath {
        RelPath::new(&format!("share/rst/{tool}.manifest.json")).expect("a plain name")
    }

    /// What its archive is called, with an ending: `podman-full-linux-amd64.tar.zst`.
    pub fn file_name(&self, ending: &str) -> String {
        archive_name(&self.variant, self.platform) + ending
    }

    /// Where the CycloneDX bill of materials lies beside it.
    pub fn sbom_path(tool: &str) -> RelPath {
        RelPath::new(&format!("share/rst/{tool}.cdx.json")).expect("a plain name")
    }
}

/// What the files of an archive are called, without their endings: `podman-full-linux-amd64`.
pub fn archive_name(variant: &str, platform: Platform) -> String {
    format!("{variant}-{}", platform.dashed())
}

/// A pinned source, or an image.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct ManifestSource {
    /// Its version; an image's is that of its GCC.
    pub version: Version,
    /// Its tree.
    pub tree: Digest,
    /// Of an image.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub image: Option<ImageName>,
    /// What was laid over the image: name to package.
    #[serde(default, skip_serializing_if = "BTreeMap::is_empty")]
    pub packages: BTreeMap<String, ApkPackage>,
}

/// A component that went in, libraries included.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct ManifestComponent {
    /// Its version.
    pub version: Version,
    /// SPDX licence expression.
    pub license: String,
    /// Its source tree.
    pub source: Digest,
    /// What compiled its C code and linked its programs: a name in the manifest's `toolchain`.
    #[serde(default = "zig")]
    pub toolchain: String,
    /// Whether that was a folder of the builder's (`rst build --override`), not what the lock pins.
    #[serde(default, skip_serializing_if = "std::ops::Not::not")]
    pub overridden: bool,
    /// The digest of its recipe as resolved, patches included.
    pub recipe: Digest,
    /// The key of the action that built it.
    pub action: Digest,
    /// Whose malloc its programs have.
    pub allocator: AllocatorChoice,
    /// Whether C code of its own is in its programs.
    pub c_code: bool,
    /// Go variables that were set when a program was linked: program to name to value.
    #[serde(default, skip_serializing_if = "BTreeMap::is_empty")]
    pub set: BTreeMap<String, BTreeMap<String, String>>,
}

/// What built all, before there was something else.
fn zig() -> String {
    "zig".to_owned()
}

/// One file or link.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct ManifestFile {
    /// The component it is from, or `rst` for what the project itself adds.
    pub component: String,
    /// Permission bits, octal: `0755`.
    pub mode: String,
    /// Of a file.
    #[serde(skip_serializing_if = "Option::is_none", default)]
    pub sha256: Option<Digest>,
    /// Of a file, in bytes.
    #[serde(skip_serializing_if = "Option::is_none", default)]
    pub size: Option<u64>,
    /// Of a symbolic link.
    #[serde(skip_serializing_if = "Option::is_none", default)]
    pub target: Option<String>,
}
