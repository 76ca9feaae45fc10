//! Alpine's packages, as `apk add` names them: <https://wiki.alpinelinux.org/wiki/Apk_spec>.

use std::{fmt, str::FromStr};

use serde::{Deserialize, Serialize};

use crate::{Digest, Version};

/// What is wanted: `gcc`, `gcc=14.2.0-r6`, or `gcc~14.2` for every version that begins so.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct ApkRequest {
    /// `gcc`, or what a package provides: `cmd:ninja`.
    pub name: String,
    /// Which versions are taken; absent: any.
    pub version: Option<ApkVersion>,
}

/// Versions that are taken.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum ApkVersion {
    /// This one.
    Is(String),
    /// Those that begin so, at the end of a part.
    Begins(String),
}

/// A package that was taken.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct ApkPackage {
    /// `14.2.0-r6`
    pub version: Version,
    /// Where it was had.
    pub url: String,
    /// Of the package's file.
    pub sha256: Digest,
}

/// The text is no request.
#[derive(Debug, thiserror::Error)]
#[error("`{0}` names no package: expected NAME, NAME=VERSION, or NAME~BEGINNING of a version")]
pub struct ApkRequestError(String);

impl ApkVersion {
    /// Whether a version is one of them.
    pub fn takes(&self, version: &str) -> bool {
        match self {
            ApkVersion::Is(wanted) => version == wanted,
            ApkVersion::Begins(beginning) => version
                .strip_prefix(beginning.as_str())
                .is_some_and(|rest| rest.is_empty() || rest.starts_with(['.', '-', '_'])),
        }
    }
}

impl FromStr for ApkRequest {
    type Err = ApkRequestError;

    fn from_str(text: &str) -> Result<Self, ApkRequestError> {
        let (name, version) = match text.find(['=', '~']) {
            None => (text, None),
            Some(at) => {
                let version = text[at + 1..].to_owned();
                let kind = if text[at..].starts_with('=') { ApkVersion::Is } else { ApkVersion::Begins };
                (&text[..at], Some((version, kind)))
            }
        };
        let is_plain =
            |text: &str| !text.is_empty() && !text.contains(|c: char| c.is_whitespace() || "=~<>!".contains(c));
        match is_plain(name) && version.as_ref().is_none_or(|(version, _)| is_plain(version)) {
            true => Ok(Self { name: name.to_owned(), version: version.map(|(version, kind)| kind(version)) }),
            false => Err(ApkRequestError(text.to_owned())),
        }
    }
}

impl fmt::Display for ApkRequest {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let Self { name, version } = self;
        match version {
            None => write!(f, "{name}"),
            Some(ApkVersion::Is(version)) => write!(f, "{name}={version}"),
            Some(ApkVersion::Begins(beginning)) => write!(f, "{name}~{beginning}"),
        }
    }
}

impl<'de> Deserialize<'de> for ApkRequest {
    fn deserialize<D: serde::Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        String::deserialize(deserializer)?.parse().map_err(serde::de::Error::custom)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn requests_are_those_of_apk_add() {
        for text in ["gcc", "gcc=14.2.0-r6", "gcc~14.2", "cmd:ninja", "so:libc.musl-x86_64.so.1"] {
            assert_eq!(text.parse::<ApkRequest>().unwrap().to_string(), text);
        }
        for text in ["", "gcc=", "~1", "gcc>14", "gcc =14", "!gcc", "gcc==14"] {
            assert!(text.parse::<ApkRequest>().is_err(), "{text}");
        }
    }

    #[test]
    fn a_beginning_ends_where_a_part_does() {
        let takes = |request: &str, version| request.parse::<ApkRequest>().unwrap().version.unwrap().takes(version);
        assert!(takes("gcc~14.2", "14.2.0-r6"));
        assert!(takes("gcc~14.2.0", "14.2.0-r6"));
        assert!(takes("gcc~14.2.0-r6", "14.2.0-r6"));
        assert!(takes("gcc~14", "14_rc1"));
        assert!(!takes("gcc~14.2", "14.20-r0"));
        assert!(!takes("gcc=14.2", "14.2.0-r6"));
    }
}
