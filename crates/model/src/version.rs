//! Upstream versions and their order.

use std::{cmp::Ordering, fmt};

use serde::{Deserialize, Serialize};

/// A version as upstream writes it, without a leading `v`. Ordered by its numbers, not its letters:
/// 1.10 is newer than 1.9, and a pre-release (`1.2.0-rc1`) is older than its release.
#[derive(Clone, Debug, PartialEq, Eq, Hash, Serialize, Deserialize)]
#[serde(transparent)]
pub struct Version(String);

impl Version {
    /// Takes the text as it is, less a leading `v`.
    pub fn new(text: &str) -> Self {
        Self(text.strip_prefix('v').unwrap_or(text).to_owned())
    }

    /// The version as text.
    pub fn as_str(&self) -> &str {
        &self.0
    }

    /// Whether this version belongs to a line: 5.8.6 to `5.8` and to `5`, 5.80.1 to neither.
    pub fn in_line(&self, line: &str) -> bool {
        self.0 == line || self.0.strip_prefix(line).is_some_and(|rest| rest.starts_with(['.', '-', '_']))
    }

    /// Whether upstream means it for everybody: no alpha, beta, candidate or snapshot.
    pub fn is_stable(&self) -> bool {
        let preview = ["alpha", "beta", "rc", "pre", "dev", "snapshot", "nightly"];
        let text = self.0.to_ascii_lowercase();
        // `1.0rc1` and `v1.0-rc.1` alike; a commit's letters (`2026_07_28.f8df3f1`) are none of these.
        text.split(|c: char| !c.is_ascii_alphabetic()).all(|word| preview.iter().all(|p| !word.starts_with(p)))
    }

    fn parts(&self) -> impl Iterator<Item = Part<'_>> {
        self.0
            .split(['.', '-', '_', '+'])
            .map(|part| match part.parse() {
                Ok(number) => Part::Number(number),
                Err(_) => Part::Text(part),
            })
            .chain([Part::End])
    }
}

/// Declared in ascending order: `1.2-rc1` < `1.2` < `1.2.1`.
#[derive(PartialEq, Eq, PartialOrd, Ord)]
enum Part<'a> {
    Text(&'a str),
    End,
    Number(u64),
}

impl Ord for Version {
    fn cmp(&self, other: &Self) -> Ordering {
        self.parts().cmp(other.parts()).then_with(|| self.0.cmp(&other.0))
    }
}

impl PartialOrd for Version {
    fn partial_cmp(&self, other: &Self) -> Option<Ordering> {
        Some(self.cmp(other))
    }
}

impl fmt::Display for Version {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.0)
    }
}

#[cfg(test)]
mod tests {
    use super::Version;

    #[test]
    fn order_is_by_number() {
        let sorted = ["1.2.0-rc1", "1.2.0-rc2", "1.2.0", "1.2.0.1", "1.9.0", "1.10.0", "2026_07_28.f8df3f1"];
        for pair in sorted.windows(2) {
            assert!(Version::new(pair[0]) < Version::new(pair[1]), "{pair:?}");
        }
    }

    #[test]
    fn previews_are_told_apart() {
        for text in ["1.2.0-rc1", "1.9rc2", "6.0.0-dev", "3.0.0-Beta.2", "2.0-alpha", "0.1.0-pre.3", "1.2.dev0"] {
            assert!(!Version::new(text).is_stable(), "{text}");
        }
        for text in ["1.2.0", "0.17.0.post0", "2026_07_28.f8df3f1", "2026_10_02.cba3570", "2.1.13+ds1", "1.0.0-1"] {
            assert!(Version::new(text).is_stable(), "{text}");
        }
    }

    #[test]
    fn a_line_is_a_prefix_of_whole_parts() {
        assert!(Version::new("5.8.6").in_line("5.8"));
        assert!(!Version::new("5.80.6").in_line("5.8"));
    }
}
