//! What trials of the archives have shown: a release needs every check passed somewhere.

use std::{
    collections::{BTreeMap, BTreeSet},
    fmt::Write as _,
    path::Path,
};

use fs_err as fs;
use rst_model::Digest;
use serde::Deserialize;

use crate::ReleaseError;

/// The reports of trials, as `rst trial --format json` ends with one.
#[derive(Debug, Default)]
pub struct Tried {
    reports: Vec<Report>,
}

/// What `rst trial --format json` says at its end.
#[derive(Deserialize)]
struct Summary {
    trial: Report,
}

#[derive(Debug, Deserialize)]
struct Report {
    archive: String,
    sha256: Digest,
    checks: Vec<Check>,
}

#[derive(Debug, Deserialize)]
struct Check {
    name: String,
    #[serde(flatten)]
    outcome: Outcome,
}

#[derive(Debug, Deserialize)]
#[serde(tag = "outcome", rename_all = "kebab-case")]
enum Outcome {
    Passed,
    Failed { reason: String },
    Impossible { reason: String },
}

impl Check {
    /// The same check has the same name in every machine: `trixie/limits-hold`.
    fn plain_name(&self) -> &str {
        self.name.rsplit('/').next().unwrap_or_default()
    }
}

impl Tried {
    /// Reads reports. A check that failed is an error, and so is one that passed nowhere, unless it is among these.
    pub fn read(files: &[impl AsRef<Path>], untried: &BTreeMap<String, String>) -> Result<Self, ReleaseError> {
        let mut reports = Vec::new();
        for file in files {
            let path = file.as_ref();
            let wrong = |reason: String| ReleaseError::Report { file: path.to_owned(), reason };
            let text = fs::read_to_string(path)?;
            let summary = text.lines().find_map(|line| serde_json::from_str::<Summary>(line).ok());
            reports.push(summary.ok_or_else(|| wrong("no line of it is the summary of a trial".to_owned()))?.trial);
        }
        let tried = Self { reports };
        tried.judge(untried)?;
        Ok(tried)
    }

    fn judge(&self, untried: &BTreeMap<String, String>) -> Result<(), ReleaseError> {
        let mut passed: BTreeSet<&str> = BTreeSet::new();
        let mut not: BTreeMap<&str, String> = BTreeMap::new();
        for (report, check) in self.reports.iter().flat_map(|report| report.checks.iter().map(move |c| (report, c))) {
            match &check.outcome {
                Outcome::Passed => drop(passed.insert(check.plain_name())),
                Outcome::Impossible { reason } => drop(not.insert(check.plain_name(), reason.clone())),
                Outcome::Failed { reason } => {
                    return Err(ReleaseError::NotPassed {
                        check: check.name.clone(),
                        reason: format!("it failed with {}: {reason}", report.archive),
                    });
                }
            }
        }
        match not.into_iter().find(|(name, _)| !passed.contains(name) && !untried.contains_key(*name)) {
            None => Ok(()),
            Some((check, reason)) => Err(ReleaseError::NotPassed {
                check: check.to_owned(),
                reason: format!("it could be tried nowhere: {reason}"),
            }),
        }
    }

    /// Whether an archive was tried: these bytes of that name.
    pub fn are_of(&self, archive: &str, bytes: Digest) -> Result<(), ReleaseError> {
        let mut tried = self.reports.iter().filter(|report| report.archive == archive).map(|report| report.sha256);
        match (tried.clone().any(|digest| digest == bytes), tried.next()) {
            (true, _) => Ok(()),
            (false, None) => Err(ReleaseError::Untried { archive: archive.to_owned() }),
            (false, Some(other)) => {
                Err(ReleaseError::TriedOther { archive: archive.to_owned(), expected: bytes, found: other })
            }
        }
    }

    /// For the page of a release.
    pub(crate) fn text(&self) -> String {
        if self.reports.is_empty() {
            return "**No trial of these archives was reported.**\n\n".to_owned();
        }
        let mut text = "| tried | checks passed | not possible there, passed elsewhere |\n|---|---|---|\n".to_owned();
        for report in &self.reports {
            let passed = report.checks.iter().filter(|check| matches!(check.outcome, Outcome::Passed)).count();
            let impossible = report.checks.len() - passed;
            let systems: BTreeSet<&str> =
                report.checks.iter().filter_map(|check| Some(check.name.split_once('/')?.0)).collect();
            let on = match systems.is_empty() {
                true => "the building host".to_owned(),
                false => systems.into_iter().collect::<Vec<_>>().join(", "),
            };
            writeln!(text, "| {} on {on} | {passed} | {impossible} |", report.archive).expect("memory");
        }
        text + "\n"
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn tried(reports: &[&str]) -> Result<Tried, ReleaseError> {
        let folder = tempfile::tempdir().unwrap();
        let files: Vec<_> = reports
            .iter()
            .enumerate()
            .map(|(number, text)| {
                let file = folder.path().join(number.to_string());
                fs::write(&file, text).unwrap();
                file
            })
            .collect();
        Tried::read(&files, &BTreeMap::from([("selinux".to_owned(), "there is none".to_owned())]))
    }

    const PASSED: &str = r#"{"event":"summary","trial":{"archive":"a","sha256":"0000000000000000000000000000000000000000000000000000000000000000","checks":[{"name":"trixie/x","outcome":"passed","seconds":1.0}]}}"#;
    const IMPOSSIBLE: &str = r#"{"event":"summary","trial":{"archive":"a","sha256":"0000000000000000000000000000000000000000000000000000000000000000","checks":[{"name":"x","outcome":"impossible","reason":"no nft"}]}}"#;

    #[test]
    fn what_passed_somewhere_has_passed() {
        let tried = tried(&[IMPOSSIBLE, PASSED]).unwrap();
        let bytes = |digit: &str| digit.repeat(64).parse().unwrap();
        tried.are_of("a", bytes("0")).unwrap();
        assert!(matches!(tried.are_of("b", bytes("0")), Err(ReleaseError::Untried { .. })));
        assert!(matches!(tried.are_of("a", bytes("1")), Err(ReleaseError::TriedOther { .. })));
        insta::assert_snapshot!(tried.text(), @r"
        | tried | checks passed | not possible there, passed elsewhere |
        |---|---|---|
        | a on the building host | 0 | 1 |
        | a on trixie | 1 | 0 |
        ");
    }

    #[test]
    fn what_passed_nowhere_or_failed_anywhere_has_not() {
        let error = tried(&[IMPOSSIBLE]).unwrap_err();
        assert_eq!(error.to_string(), "check x has not passed: it could be tried nowhere: no nft");
        let failed = PASSED.replace(r#""passed""#, r#""failed","reason":"because","log":"""#);
        let error = tried(&[PASSED, &failed]).unwrap_err();
        assert_eq!(error.to_string(), "check trixie/x has not passed: it failed with a: because");
    }

    #[test]
    fn what_is_listed_with_a_reason_need_not_have_passed() {
        tried(&[&IMPOSSIBLE.replace(r#""x""#, r#""selinux""#)]).unwrap();
    }

    #[test]
    fn what_is_no_report_is_an_error() {
        assert!(matches!(tried(&[""]), Err(ReleaseError::Report { .. })));
        assert!(matches!(tried(&["{}"]), Err(ReleaseError::Report { .. })));
    }
}
