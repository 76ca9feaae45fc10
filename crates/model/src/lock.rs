//! `build/lock.toml`: every version, every digest, and where the bytes can be had. Written by
//! `rst lock` and `rst bump` alone.

use serde::{Deserialize, Serialize};

use crate::{Arch, Digest, Version};

/// Everything that is pinned.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Lock {
    /// One entry a source, version and (for tools that run while building) building machine.
    #[serde(default, rename = "source")]
    pub sources: Vec<LockedSource>,
}

/// One pinned source: a tree, and origins that all give it.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct LockedSource {
    /// The recipe's name, or `NAME-vendor` for the vendored dependencies of a recipe.
    pub name: String,
    /// Upstream's version.
    pub version: Version,
    /// The building machine it is for; absent when it serves all.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub host: Option<Arch>,
    /// The digest of the tree once unpacked (see [`crate::Listing`]).
    pub tree: Digest,
    /// Where to have it, in the order in which they are asked.
    #[serde(rename = "origin")]
    pub origins: Vec<Origin>,
}

/// A place, and the digest of what lies there.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(try_from = "WrittenOrigin", into = "WrittenOrigin")]
pub struct Origin {
    /// Where.
    pub place: Place,
    /// Of the archive as it is delivered, checked before it is opened. Absent where there is no
    /// archive (a vendored tree, an installed toolchain): the tree's own digest serves there.
    pub sha256: Option<Digest>,
    /// In bytes.
    pub size: Option<u64>,
    /// Go's own digest of a module, in place of `sha256`: proxies may pack one module differently.
    pub h1: Option<String>,
}

/// The kinds of place that sources come from.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Place {
    /// A URL.
    Https(String),
    /// A path below a Debian mirror, such as `pool/main/c/crun/crun_1.21.orig.tar.gz`.
    Debian(String),
    /// A Go module, `PATH@vVERSION`, through the go command; checked by the checksum database.
    GoModule(String),
    /// A crate, `NAME@VERSION`, through cargo.
    Crate(String),
    /// A wheel by its file name, through pip.
    Wheel(String),
    /// `go mod vendor` in the source of this name and version, `NAME@VERSION`.
    GoVendor(String),
    /// `cargo vendor` for the source of this name and version, `NAME@VERSION`.
    CargoVendor(String),
    /// A toolchain that rustup has installed.
    Rustup(String),
    /// A folder of this project, from its top; never in the file, since its tree is what it is now.
    Folder(String),
    /// Several archives that make one tree together.
    Parts(Vec<Origin>),
}

/// An [`Origin`] as it stands in the file: one place, and no key that nobody knows. A digest of which
/// the name is misspelt would otherwise be none.
#[derive(Clone, Default, Serialize, Deserialize)]
#[serde(deny_unknown_fields, rename_all = "kebab-case", default)]
struct WrittenOrigin {
    #[serde(skip_serializing_if = "Option::is_none")]
    https: Option<String>,
    #[serde(skip_serializing_if = "Option::is_none")]
    debian: Option<String>,
    #[serde(skip_serializing_if = "Option::is_none")]
    go_module: Option<String>,
    #[serde(skip_serializing_if = "Option::is_none", rename = "crate")]
    krate: Option<String>,
    #[serde(skip_serializing_if = "Option::is_none")]
    wheel: Option<String>,
    #[serde(skip_serializing_if = "Option::is_none")]
    go_vendor: Option<String>,
    #[serde(skip_serializing_if = "Option::is_none")]
    cargo_vendor: Option<String>,
    #[serde(skip_serializing_if = "Option::is_none")]
    rustup: Option<String>,
    #[serde(skip_serializing_if = "Option::is_none", skip_deserializing)]
    folder: Option<String>,
    #[serde(skip_serializing_if = "Option::is_none")]
    sha256: Option<Digest>,
    #[serde(skip_serializing_if = "Option::is_none")]
    size: Option<u64>,
    #[serde(skip_serializing_if = "Option::is_none")]
    h1: Option<String>,
    #[serde(skip_serializing_if = "Option::is_none")]
    parts: Option<Vec<Origin>>,
}

impl TryFrom<WrittenOrigin> for Origin {
    type Error = String;
    fn try_from(written: WrittenOrigin) -> Result<Self, String> {
        let places = [
            written.https.map(Place::Https),
            written.debian.map(Place::Debian),
            written.go_module.map(Place::GoModule),
            written.krate.map(Place::Crate),
            written.wheel.map(Place::Wheel),
            written.go_vendor.map(Place::GoVendor),
            written.cargo_vendor.map(Place::CargoVendor),
            written.rustup.map(Place::Rustup),
            written.parts.map(Place::Parts),
        ];
        let mut places = places.into_iter().flatten();
        let (Some(place), None) = (places.next(), places.next()) else {
            return Err("an origin has one place: expected just one of https, debian, go-module, crate, wheel, \
                        go-vendor, cargo-vendor, rustup, parts"
                .to_owned());
        };
        match place {
            Place::Https(_) | Place::Debian(_) | Place::Crate(_) | Place::Wheel(_) if written.sha256.is_none() => {
                Err(format!("{place} has no sha256"))
            }
            Place::GoModule(_) if written.h1.is_none() => Err(format!("{place} has no h1")),
            place => Ok(Origin { place, sha256: written.sha256, size: written.size, h1: written.h1 }),
        }
    }
}

impl From<Origin> for WrittenOrigin {
    fn from(origin: Origin) -> Self {
        let mut written = WrittenOrigin { sha256: origin.sha256, size: origin.size, h1: origin.h1, ..Self::default() };
        match origin.place {
            Place::Https(url) => written.https = Some(url),
            Place::Debian(path) => written.debian = Some(path),
            Place::GoModule(spec) => written.go_module = Some(spec),
            Place::Crate(spec) => written.krate = Some(spec),
            Place::Wheel(name) => written.wheel = Some(name),
            Place::GoVendor(of) => written.go_vendor = Some(of),
            Place::CargoVendor(of) => written.cargo_vendor = Some(of),
            Place::Rustup(toolchain) => written.rustup = Some(toolchain),
            Place::Folder(path) => written.folder = Some(path),
            Place::Parts(parts) => written.parts = Some(parts),
        }
        written
    }
}

impl Origin {
    /// The name of the file that is delivered, by which a mirror keeps it.
    pub fn file_name(&self) -> Option<String> {
        let last = |path: &str| path.rsplit('/').next().map(str::to_owned);
        match &self.place {
            Place::Https(url) => last(url),
            Place::Debian(path) => last(path),
            Place::Wheel(name) => Some(name.clone()),
            Place::Crate(spec) => Some(format!("{}.crate", spec.replace('@', "-"))),
            Place::GoModule(spec) => Some(format!("{}.zip", spec.replace(['/', '@'], "-"))),
            _ => None,
        }
    }
}

impl std::fmt::Display for Place {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        match self {
            Place::Https(url) => write!(f, "{url}"),
            Place::Debian(path) => write!(f, "Debian {path}"),
            Place::GoModule(spec) => write!(f, "Go module {spec}"),
            Place::Crate(spec) => write!(f, "crate {spec}"),
            Place::Wheel(name) => write!(f, "wheel {name}"),
            Place::GoVendor(of) => write!(f, "go mod vendor in {of}"),
            Place::CargoVendor(of) => write!(f, "cargo vendor for {of}"),
            Place::Rustup(name) => write!(f, "rustup toolchain {name}"),
            Place::Folder(path) => write!(f, "{path} of this project"),
            Place::Parts(parts) => write!(f, "{} archives together", parts.len()),
        }
    }
}

/// What the lock cannot answer.
#[derive(Debug, thiserror::Error, miette::Diagnostic)]
pub enum LockError {
    /// No entry of this name at all.
    #[error("the lock has no entry for `{name}`")]
    #[diagnostic(help("add one with `rst lock {}@VERSION`", owner(name)))]
    Missing {
        /// The source that was asked for.
        name: String,
    },
    /// Entries, but not of this version.
    #[error("the lock has no {name} {wanted}; it has {}", join(.has))]
    #[diagnostic(help("add it with `rst lock {}@{wanted}`", owner(name)))]
    Version {
        /// The source that was asked for.
        name: String,
        /// The version, or line, that was asked for.
        wanted: String,
        /// The versions there are, newest first.
        has: Vec<Version>,
    },
    /// An entry, but not for this kind of building machine.
    #[error("the lock has no {name} {version} for building on {}", .host.oci())]
    #[diagnostic(help("run `rst lock {name}@{version}` on such a machine and commit the result"))]
    Host {
        /// The tool that was asked for.
        name: String,
        /// Its version.
        version: Version,
        /// The building machine.
        host: Arch,
    },
}

/// Vendored dependencies are pinned with the source that they belong to.
fn owner(name: &str) -> &str {
    name.strip_suffix("-vendor").unwrap_or(name)
}

fn join(versions: &[Version]) -> String {
    let texts: Vec<_> = versions.iter().map(Version::as_str).collect();
    texts.join(", ")
}

impl Lock {
    /// Reads the file's text.
    pub fn parse(text: &str) -> Result<Self, toml::de::Error> {
        toml::from_str(text)
    }

    /// The file's text: sorted, so that two locks with the same entries are the same bytes.
    pub fn to_text(&self) -> String {
        let mut sorted = self.clone();
        let is_ours = |source: &LockedSource| source.origins.iter().any(|o| matches!(o.place, Place::Folder(_)));
        sorted.sources.retain(|source| !is_ours(source));
        sorted.sources.sort_by(|a, b| (&a.name, &b.version, a.host).cmp(&(&b.name, &a.version, b.host)));
        let body = toml::to_string(&sorted).expect("a lock is plain data");
        format!("# Written by `rst lock`; see CONTRIBUTING. Do not edit by hand.\n\n{body}")
    }

    /// Adds an entry in place of one for the same name, version and host.
    pub fn put(&mut self, source: LockedSource) {
        self.sources.retain(|old| (&old.name, &old.version, old.host) != (&source.name, &source.version, source.host));
        self.sources.push(source);
    }

    /// Takes a version out, its vendored dependencies with it; whether it was there.
    pub fn remove(&mut self, name: &str, version: &Version) -> bool {
        let before = self.sources.len();
        let vendored = format!("{name}-vendor");
        self.sources.retain(|old| (old.name != name && old.name != vendored) || old.version != *version);
        self.sources.len() < before
    }

    /// All versions of a source, newest first.
    pub fn versions(&self, name: &str) -> Vec<Version> {
        let mut versions: Vec<_> =
            self.sources.iter().filter(|source| source.name == name).map(|source| source.version.clone()).collect();
        versions.sort_by(|a, b| b.cmp(a));
        versions.dedup();
        versions
    }

    /// The newest version of a source, or the newest in a line (`5.8`), or exactly this one.
    pub fn version(&self, name: &str, wanted: Option<&str>) -> Result<Version, LockError> {
        let has = self.versions(name);
        if has.is_empty() {
            return Err(LockError::Missing { name: name.to_owned() });
        }
        let Some(wanted) = wanted.map(|w| w.strip_prefix('v').unwrap_or(w)) else {
            return Ok(has[0].clone());
        };
        match has.iter().find(|version| version.in_line(wanted)) {
            Some(version) => Ok(version.clone()),
            None => Err(LockError::Version { name: name.to_owned(), wanted: wanted.to_owned(), has }),
        }
    }

    /// The entry of a source at a version, for building on `host`.
    pub fn source(&self, name: &str, version: &Version, host: Arch) -> Result<&LockedSource, LockError> {
        let version = self.version(name, Some(version.as_str()))?;
        self.sources
            .iter()
            .filter(|source| source.name == name && source.version == version)
            .find(|source| source.host.is_none_or(|h| h == host))
            .ok_or_else(|| LockError::Host { name: name.to_owned(), version, host })
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn read(origin: &str) -> String {
        let tree = Digest::of("x");
        let text =
            format!("[[source]]\nname = \"x\"\nversion = \"1\"\ntree = \"{tree}\"\n[[source.origin]]\n{origin}\n");
        match Lock::parse(&text) {
            Ok(lock) => {
                assert_eq!(Lock::parse(&lock.to_text()).unwrap(), lock);
                "sound".to_owned()
            }
            Err(error) => error.message().to_owned(),
        }
    }

    #[test]
    fn an_origin_without_its_digest_is_refused() {
        let digest = Digest::of("y");
        assert_eq!(read(&format!("https = \"https://a/b.tar\"\nsha256 = \"{digest}\"\nsize = 3")), "sound");
        assert_eq!(read("go-module = \"a@v1\"\nh1 = \"h1:x\""), "sound");
        assert_eq!(read("rustup = \"1\""), "sound");
        assert_eq!(read("https = \"https://a/b.tar\""), "https://a/b.tar has no sha256");
        assert_eq!(read("go-module = \"a@v1\""), "Go module a@v1 has no h1");
        let misspelt = read(&format!("crate = \"a@1\"\nsha265 = \"{digest}\""));
        assert!(misspelt.starts_with("unknown field `sha265`"), "{misspelt}");
        assert!(read("crate = \"a@1\"\nwheel = \"a.whl\"").starts_with("an origin has one place"));
    }
}
