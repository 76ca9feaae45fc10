//! A path that stays below wherever it is joined.

use std::{fmt, path::Path, str::FromStr};

use serde::{Deserialize, Serialize};

/// A relative, UTF-8, `/`-separated path without `.`, `..`, empty parts or control characters.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[serde(into = "String", try_from = "String")]
pub struct RelPath(String);

/// Why a path is not a [`RelPath`].
#[derive(Debug, PartialEq, Eq, thiserror::Error)]
pub enum PathError {
    /// Nothing is left of it.
    #[error("path is empty")]
    Empty,
    /// It begins with `/`.
    #[error("`{0}` is absolute")]
    Absolute(String),
    /// It contains `..`.
    #[error("`{0}` contains `..`")]
    Parent(String),
    /// It contains a NUL, a line break or another control character, or a `\`.
    #[error("{0:?} contains a control character")]
    Control(String),
}

impl RelPath {
    /// Parses a path; `./`, doubled and trailing slashes are dropped.
    pub fn new(text: &str) -> Result<Self, PathError> {
        if text.starts_with('/') {
            return Err(PathError::Absolute(text.to_owned()));
        }
        if text.chars().any(char::is_control) {
            return Err(PathError::Control(text.to_owned()));
        }
        let parts: Vec<&str> = text.split('/').filter(|part| !part.is_empty() && *part != ".").collect();
        if parts.is_empty() {
            return Err(PathError::Empty);
        }
        if parts.contains(&"..") {
            return Err(PathError::Parent(text.to_owned()));
        }
        Ok(Self(parts.join("/")))
    }

    /// The path as text.
    pub fn as_str(&self) -> &str {
        &self.0
    }

    /// This path below another.
    pub fn below(&self, parent: &RelPath) -> RelPath {
        Self(format!("{parent}/{self}"))
    }

    /// The path without its first `n` parts, or nothing when it has no more.
    pub fn strip(&self, n: usize) -> Option<RelPath> {
        let rest: Vec<&str> = self.0.split('/').skip(n).collect();
        (!rest.is_empty()).then(|| Self(rest.join("/")))
    }

    /// What a symbolic link at this path has to hold to lead to another.
    pub fn link_to(&self, target: &RelPath) -> String {
        "../".repeat(self.0.matches('/').count()) + &target.0
    }

    /// Every folder above this path, outermost first.
    pub fn ancestors(&self) -> impl Iterator<Item = RelPath> + '_ {
        self.0.match_indices('/').map(|(at, _)| Self(self.0[..at].to_owned()))
    }
}

impl AsRef<Path> for RelPath {
    fn as_ref(&self) -> &Path {
        Path::new(&self.0)
    }
}

impl fmt::Display for RelPath {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.0)
    }
}

impl FromStr for RelPath {
    type Err = PathError;
    fn from_str(text: &str) -> Result<Self, PathError> {
        Self::new(text)
    }
}

impl TryFrom<String> for RelPath {
    type Error = PathError;
    fn try_from(text: String) -> Result<Self, PathError> {
        Self::new(&text)
    }
}

impl From<RelPath> for String {
    fn from(path: RelPath) -> String {
        path.0
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    #[test]
    fn refuses_what_could_leave() {
        assert_eq!(RelPath::new("/etc"), Err(PathError::Absolute("/etc".into())));
        assert_eq!(RelPath::new("a/../b"), Err(PathError::Parent("a/../b".into())));
        assert_eq!(RelPath::new("./"), Err(PathError::Empty));
        assert!(matches!(RelPath::new("a\nb"), Err(PathError::Control(_))));
    }

    #[test]
    fn a_link_leads_from_its_own_folder() {
        let (link, target) = (RelPath::new("lib/podman/quadlet").unwrap(), RelPath::new("bin/podman").unwrap());
        assert_eq!(link.link_to(&target), "../../bin/podman");
        assert_eq!(target.link_to(&RelPath::new("top").unwrap()), "../top");
    }

    proptest! {
        #[test]
        fn whatever_parses_stays_below_the_root(text in ".{0,40}") {
            if let Ok(path) = RelPath::new(&text) {
                prop_assert!(Path::new("/root").join(&path).components().all(|c| c.as_os_str() != ".."));
                prop_assert!(Path::new("/root").join(&path).starts_with("/root"));
                prop_assert_eq!(RelPath::new(path.as_str()), Ok(path));
            }
        }
    }
}
