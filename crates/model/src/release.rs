//! What is released under which name, and what its bytes do not say (`build/releases.toml`).

use std::{collections::BTreeMap, fmt, num::NonZeroU32, str::FromStr};

use serde::{Deserialize, Serialize};

use crate::Version;

/// How often the same upstream version has been released: with changed parts it is `-r2`, `-r3` and so on.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[serde(transparent)]
pub struct Revision(NonZeroU32);

impl Revision {
    /// The first, which is not named.
    pub const FIRST: Self = Self(NonZeroU32::MIN);

    /// Whether it is the first.
    pub fn is_first(&self) -> bool {
        *self == Self::FIRST
    }

    /// The one after it.
    #[must_use]
    pub fn next(self) -> Self {
        Self(self.0.saturating_add(1))
    }
}

impl Default for Revision {
    fn default() -> Self {
        Self::FIRST
    }
}

impl From<Revision> for u32 {
    fn from(revision: Revision) -> Self {
        revision.0.get()
    }
}

/// Nothing, `-r2`, `-r3`.
impl fmt::Display for Revision {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        if self.is_first() { Ok(()) } else { write!(f, "-r{}", self.0) }
    }
}

/// The name of a release: `podman-v6.0.2`, `podman-v6.0.2-r2`. Ordered by tool, version, revision.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[serde(try_from = "String", into = "String")]
pub struct Tag {
    /// The recipe that it is named after.
    pub tool: String,
    /// Upstream's version.
    pub version: Version,
    /// Which release of it.
    pub revision: Revision,
}

impl fmt::Display for Tag {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}-v{}{}", self.tool, self.version, self.revision)
    }
}

impl From<Tag> for String {
    fn from(tag: Tag) -> Self {
        tag.to_string()
    }
}

/// A text that names no release.
#[derive(Debug, thiserror::Error)]
#[error("expected TOOL-vVERSION or TOOL-vVERSION-rN, such as podman-v6.0.2-r2, found `{0}`")]
pub struct TagError(String);

impl FromStr for Tag {
    type Err = TagError;

    fn from_str(text: &str) -> Result<Self, TagError> {
        let wrong = || TagError(text.to_owned());
        let is_name = |name: &str| {
            name.bytes().all(|byte| byte.is_ascii_lowercase() || byte == b'-') && name.starts_with(char::is_alphabetic)
        };
        let is_version = |version: &str| {
            version.starts_with(|first: char| first.is_ascii_digit())
                && version.bytes().all(|byte| byte.is_ascii_alphanumeric() || b".-_+".contains(&byte))
        };
        let (tool, rest) = text.split_once("-v").ok_or_else(wrong)?;
        let (version, revision) = match rest.rsplit_once("-r") {
            Some((version, number)) if number.bytes().all(|byte| byte.is_ascii_digit()) => {
                let number: NonZeroU32 = number.parse().map_err(|_| wrong())?;
                (version, Revision(number))
            }
            _ => (rest, Revision::FIRST),
        };
        let tag = Self { tool: tool.to_owned(), version: Version::new(version), revision };
        // One text for one release: neither -r1 nor -r02.
        (is_name(tool) && is_version(version) && tag.to_string() == text).then_some(tag).ok_or_else(wrong)
    }
}

impl TryFrom<String> for Tag {
    type Error = TagError;

    fn try_from(text: String) -> Result<Self, TagError> {
        text.parse()
    }
}

/// `build/releases.toml`.
#[derive(Clone, Debug, Default, PartialEq, Eq, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Releases {
    /// By tool.
    #[serde(default)]
    pub tool: BTreeMap<String, ToolReleases>,
    /// Checks of `rst trial` that need not have passed anywhere, and why.
    #[serde(default)]
    pub untried: BTreeMap<String, String>,
}

/// Of a tool.
#[derive(Clone, Debug, Default, PartialEq, Eq, Deserialize)]
#[serde(deny_unknown_fields, rename_all = "kebab-case")]
pub struct ToolReleases {
    /// Versions that are released again, and the revision that they are at.
    #[serde(default)]
    pub revision: BTreeMap<Version, Revision>,
    /// Of each line the oldest version without a hole that is known.
    #[serde(default)]
    pub minimum_secure: BTreeMap<String, Version>,
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    #[test]
    fn order_is_by_version_then_revision() {
        let sorted = ["podman-v5.8.6", "podman-v6.0.2", "podman-v6.0.2-r2", "podman-v6.0.2-r10", "podman-v6.0.10"];
        let tags: Vec<Tag> = sorted.iter().map(|text| text.parse().unwrap()).collect();
        assert!(tags.is_sorted());
        assert_eq!(tags.iter().map(ToString::to_string).collect::<Vec<_>>(), sorted);
    }

    #[test]
    fn a_release_has_one_name() {
        for wrong in [
            "podman",
            "podman-6.0.2",
            "podman-v",
            "podman-v6.0.2-r1",
            "podman-v6.0.2-r02",
            "podman-v6.0.2-r0",
            "-v6.0.2",
            "../podman-v6.0.2",
            "podman-v6.0.2/..",
            "podman-vv6.0.2",
            "podman-v6.0.2-r99999999999",
            "",
        ] {
            let error = wrong.parse::<Tag>().unwrap_err();
            assert!(error.to_string().contains("podman-v6.0.2-r2"), "{error}");
        }
    }

    proptest! {
        #[test]
        fn any_text_is_refused_or_is_its_own_name(text in "(podman|x-y)?-?v?[0-9a-z.]{0,6}(-r[0-9]{0,3})?") {
            if let Ok(tag) = text.parse::<Tag>() {
                prop_assert_eq!(tag.to_string(), text);
            }
        }
    }
}
