//! Code of others that a source has within itself and that is compiled from there: `build/carried.toml`.

use regex::Regex;
use serde::{Deserialize, Serialize};

use crate::RelPath;

/// One such code.
#[derive(Clone, Debug, Deserialize, Serialize)]
#[serde(deny_unknown_fields)]
pub struct Carried {
    /// What it is called: `sqlite`.
    pub name: String,
    /// What has it within: a recipe's source, or a vendored Go module.
    pub within: String,
    /// SPDX licence expression.
    pub license: String,
    /// The carrier's file that says its version.
    pub file: RelPath,
    /// How that says it.
    pub version: VersionPattern,
}

/// A regular expression with groups, of which those that match are the version's numbers.
#[derive(Clone, Debug, Deserialize, Serialize)]
#[serde(try_from = "String", into = "String")]
pub struct VersionPattern(Regex);

impl VersionPattern {
    /// The version where a text says it first.
    pub fn version_in(&self, text: &str) -> Option<String> {
        let groups = self.0.captures(text)?;
        let numbers: Vec<_> = groups.iter().skip(1).flatten().map(|group| group.as_str()).collect();
        Some(numbers.join("."))
    }

    /// As it is written.
    pub fn as_str(&self) -> &str {
        self.0.as_str()
    }
}

impl TryFrom<String> for VersionPattern {
    type Error = String;

    fn try_from(text: String) -> Result<Self, Self::Error> {
        let regex = Regex::new(&text).map_err(|error| format!("`{text}` is no regular expression: {error}"))?;
        match regex.captures_len() {
            1 => Err(format!("`{text}` has no group for the version")),
            _ => Ok(Self(regex)),
        }
    }
}

impl From<VersionPattern> for String {
    fn from(pattern: VersionPattern) -> Self {
        pattern.as_str().to_owned()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_groups_that_match_are_the_version() {
        let pattern = VersionPattern::try_from(r"VERSION (\d)(?:0(\d)|(\d\d))".to_owned()).unwrap();
        assert_eq!(pattern.version_in("#define VERSION 307").as_deref(), Some("3.7"));
        assert_eq!(pattern.version_in("#define VERSION 317").as_deref(), Some("3.17"));
        assert_eq!(pattern.version_in("#define REVISION 317"), None);
    }

    #[test]
    fn what_shows_no_version_is_refused() {
        assert!(VersionPattern::try_from("VERSION".to_owned()).unwrap_err().contains("no group"));
        assert!(VersionPattern::try_from("(VERSION".to_owned()).unwrap_err().contains("no regular expression"));
    }
}
