//! The tests that cannot pass where they are run, with the reason: `podman.toml` and its like.

use std::collections::{BTreeMap, BTreeSet};

use rst_model::Version;
use serde::Deserialize;

use super::{Test, Verdict, tap::Told};

/// Of one tool at one version.
#[derive(Debug, Default)]
pub(super) struct Known(BTreeMap<(String, String), String>);

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct Table {
    #[serde(default)]
    known: Vec<Entry>,
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct Entry {
    why: String,
    /// Of these versions alone: `5.8`.
    line: Option<String>,
    /// The names of tests, by their file's.
    tests: BTreeMap<String, Vec<String>>,
}

impl Known {
    /// Reads a table for a version.
    pub(super) fn parse(text: &str, version: &Version) -> Result<Self, toml::de::Error> {
        let table: Table = toml::from_str(text)?;
        let mut known = BTreeMap::new();
        for entry in table.known {
            if entry.line.as_ref().is_some_and(|line| !version.in_line(line)) {
                continue;
            }
            for (file, tests) in entry.tests {
                known.extend(tests.into_iter().map(|test| ((file.clone(), test), entry.why.clone())));
            }
        }
        Ok(Self(known))
    }

    /// What a test's end means.
    pub(super) fn judge(&self, file: &str, test: &str, told: Told) -> Verdict {
        let why = || self.0.get(&(file.to_owned(), test.to_owned())).cloned();
        match told {
            Told::Ok => Verdict::Passed,
            Told::Skip(reason) => Verdict::Skipped { reason },
            Told::NotOk(log) => match why() {
                Some(why) => Verdict::Known { why, log },
                None => Verdict::Failed { log },
            },
        }
    }

    /// Entries that no longer hold: of the files that were run, tests that did not fail, or are not there.
    pub(super) fn stale(&self, files: &BTreeSet<String>, tests: &[Test]) -> Vec<String> {
        let failed = |file: &str, name: &str| {
            tests
                .iter()
                .any(|test| test.file == file && test.name == name && matches!(test.verdict, Verdict::Known { .. }))
        };
        let of_these = self.0.keys().filter(|(file, _)| files.contains(file));
        of_these.filter(|(file, name)| !failed(file, name)).map(|(file, name)| format!("{file}: {name}")).collect()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const TABLE: &str = r#"
        [[known]]
        why = "needs a registry of the internet's"
        tests."001-basic" = ["podman can pull an image", "podman search"]

        [[known]]
        why = "a client of that time"
        line = "5.8"
        tests."001-basic" = ["podman-remote"]
    "#;

    fn known(version: &str) -> Known {
        Known::parse(TABLE, &Version::new(version)).unwrap()
    }

    fn test(name: &str, verdict: Verdict) -> Test {
        Test { file: "001-basic".to_owned(), name: name.to_owned(), verdict }
    }

    #[test]
    fn a_failure_is_known_only_by_its_file_and_name() {
        let known = known("6.0.2");
        let judge = |file, name| known.judge(file, name, Told::NotOk("log".to_owned()));
        let why = "needs a registry of the internet's".to_owned();
        assert_eq!(judge("001-basic", "podman search"), Verdict::Known { why, log: "log".to_owned() });
        assert_eq!(judge("001-basic", "podman info"), Verdict::Failed { log: "log".to_owned() });
        assert_eq!(judge("010-images", "podman search"), Verdict::Failed { log: "log".to_owned() });
    }

    #[test]
    fn an_entry_of_a_line_is_for_that_line_alone() {
        let judge = |version| known(version).judge("001-basic", "podman-remote", Told::NotOk(String::new()));
        assert!(matches!(judge("5.8.6"), Verdict::Known { .. }));
        assert!(matches!(judge("6.0.2"), Verdict::Failed { .. }));
    }

    #[test]
    fn a_skip_stays_a_skip_and_is_never_a_pass() {
        let told = Told::Skip("no journald".to_owned());
        let verdict = known("6.0.2").judge("001-basic", "podman search", told);
        assert_eq!(verdict, Verdict::Skipped { reason: "no journald".to_owned() });
    }

    #[test]
    fn an_entry_whose_test_passes_is_skipped_or_is_gone_is_stale() {
        let known = known("6.0.2");
        let files = BTreeSet::from(["001-basic".to_owned()]);
        let tests = [test("podman can pull an image", Verdict::Passed)];
        let both = ["001-basic: podman can pull an image", "001-basic: podman search"];
        assert_eq!(known.stale(&files, &tests), both);
        assert_eq!(known.stale(&BTreeSet::new(), &[]), Vec::<String>::new());
    }
}
