//! The crates that are in programs: what `cargo tree` prints, with the digests of the source's Cargo.lock.

use std::collections::BTreeMap;

use rst_model::Digest;
use serde::Deserialize;

use crate::License;

/// A crate that is linked into a program.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Crate {
    /// Its name.
    pub name: String,
    /// Its version.
    pub version: String,
    /// Its licence, as its Cargo.toml has it.
    pub license: License,
    /// The digest of its archive; none for one that is from no registry.
    pub sha256: Option<Digest>,
}

/// What was printed, or the lock, is not what is expected.
#[derive(Debug, thiserror::Error)]
pub enum CrateError {
    /// A line of cargo's.
    #[error("what `cargo tree` printed is not understood: {0}")]
    Line(String),
    /// Cargo.lock.
    #[error("Cargo.lock is not understood: {0}")]
    Lock(#[from] toml::de::Error),
    /// A crate that the one has and the other has not.
    #[error("Cargo.lock has no {0}")]
    Unknown(String),
}

#[derive(Deserialize)]
struct Lock {
    #[serde(default)]
    package: Vec<Package>,
}

#[derive(Deserialize)]
struct Package {
    name: String,
    version: String,
    checksum: Option<Digest>,
}

/// How `cargo tree --prefix none` is to print a crate for [`crates`].
pub const TREE_FORMAT: &str = "{p}\t{l}";

/// The crates of a tree, each once and sorted. Those of the source itself, which have a path, are not among them.
pub fn crates(printed: &str, lock: &str) -> Result<Vec<Crate>, CrateError> {
    let lock: Lock = toml::from_str(lock)?;
    let locked: BTreeMap<_, _> = lock.package.iter().map(|p| ((p.name.as_str(), p.version.as_str()), p)).collect();
    let mut found = BTreeMap::new();
    for line in printed.lines().filter(|line| !line.trim().is_empty()) {
        let not_understood = || CrateError::Line(line.to_owned());
        // A crate that stands in the tree already is marked so.
        let (package, license) = line.trim_end_matches(" (*)").split_once('\t').ok_or_else(not_understood)?;
        let mut words = package.split(' ');
        let (Some(name), Some(version)) = (words.next(), words.next().and_then(|word| word.strip_prefix('v'))) else {
            return Err(not_understood());
        };
        if words.any(|word| word.starts_with("(/")) {
            continue;
        }
        let package = locked.get(&(name, version)).ok_or_else(|| CrateError::Unknown(format!("{name} {version}")))?;
        found.entry((name, version)).or_insert_with(|| Crate {
            name: name.to_owned(),
            version: version.to_owned(),
            license: License::declared(license),
            sha256: package.checksum,
        });
    }
    Ok(found.into_values().collect())
}

#[cfg(test)]
mod tests {
    use super::*;

    const LOCK: &str = "version = 4\n\n[[package]]\nname = \"tool\"\nversion = \"2.0.0\"\n\n\
        [[package]]\nname = \"libc\"\nversion = \"0.2.180\"\nsource = \"registry+index\"\n\
        checksum = \"422242034f12782c5c77e4fff38ef206fb87e9ab7fbe67c6fc88d3f6278eeb7a\"\n";

    #[test]
    fn a_crate_is_named_once_and_the_source_itself_not_at_all() {
        let printed =
            "tool v2.0.0 (/b/src)\tApache-2.0\nlibc v0.2.180\tMIT/Apache-2.0\nlibc v0.2.180\tMIT/Apache-2.0 (*)\n";
        let crates = crates(printed, LOCK).unwrap();
        let [libc] = &crates[..] else { panic!("{crates:?}") };
        assert_eq!((libc.name.as_str(), libc.version.as_str()), ("libc", "0.2.180"));
        assert_eq!(libc.license, License::Expression("MIT OR Apache-2.0".to_owned()));
        assert!(libc.sha256.is_some());
    }

    #[test]
    fn what_the_lock_does_not_have_is_an_error() {
        let error = crates("libc v0.2.181\tMIT\n", LOCK).unwrap_err();
        assert_eq!(error.to_string(), "Cargo.lock has no libc 0.2.181");
        assert!(crates("error: no such thing\n", LOCK).is_err());
    }
}
