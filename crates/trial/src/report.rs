//! How the checks of an archive ended.

use std::{path::PathBuf, time::Duration};

use quick_junit::{NonSuccessKind, TestCase, TestCaseStatus, TestSuite};
use rst_model::Digest;
use serde::{Deserialize, Serialize};

use crate::check::{Check, Who};

/// How one check ended.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(tag = "outcome", rename_all = "kebab-case")]
pub enum Outcome {
    /// As it must be.
    Passed,
    /// Otherwise.
    Failed {
        /// What was expected and what was found.
        reason: String,
        /// What was run and what it printed.
        log: String,
    },
    /// It could not be tried here, which is not passing.
    Impossible {
        /// What is lacking.
        reason: String,
    },
}

/// A check and its end.
#[derive(Clone, Debug, Serialize, Deserialize)]
pub struct CheckReport {
    /// The check.
    pub name: String,
    /// By whom.
    pub who: Who,
    /// What is true when it passes.
    pub says: String,
    /// How it ended.
    #[serde(flatten)]
    pub outcome: Outcome,
    /// How long it took.
    pub seconds: f64,
}

impl CheckReport {
    /// The same, of a system's machine: `trixie/limits-hold`.
    pub(crate) fn of(self, system: &str) -> Self {
        Self { name: format!("{system}/{}", self.name), ..self }
    }

    /// How to do this check alone.
    pub fn again(&self, archive: &str) -> String {
        match self.name.split_once('/') {
            Some((system, name)) => format!("rst trial {archive} --vm {system} --only {name} --keep"),
            None => format!("rst trial {archive} --only {} --keep", self.name),
        }
    }

    pub(crate) fn new(check: &Check, outcome: Outcome, seconds: f64) -> Self {
        Self { name: check.name.to_owned(), who: check.who, says: check.says.to_owned(), outcome, seconds }
    }
}

/// All checks of an archive.
#[derive(Clone, Debug, Serialize)]
pub struct Report {
    /// The archive's file name.
    pub archive: String,
    /// Its digest, before anything of it was unpacked.
    pub sha256: Digest,
    /// In the order in which they ended.
    pub checks: Vec<CheckReport>,
    /// How long all took.
    pub seconds: f64,
    /// Where homes and storage are, if they were to be left.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub kept: Option<PathBuf>,
}

impl Report {
    /// Those that failed.
    pub fn failures(&self) -> impl Iterator<Item = &CheckReport> {
        self.checks.iter().filter(|check| matches!(check.outcome, Outcome::Failed { .. }))
    }

    /// Those that could not be tried.
    pub fn impossible(&self) -> impl Iterator<Item = &CheckReport> {
        self.checks.iter().filter(|check| matches!(check.outcome, Outcome::Impossible { .. }))
    }

    /// As JUnit's XML, which CI systems show.
    pub fn junit(&self) -> String {
        let mut suite = TestSuite::new(self.archive.as_str());
        suite.set_time(Duration::from_secs_f64(self.seconds));
        for check in &self.checks {
            let status = match &check.outcome {
                Outcome::Passed => TestCaseStatus::success(),
                Outcome::Failed { reason, log } => {
                    let mut status = TestCaseStatus::non_success(NonSuccessKind::Failure);
                    status.set_message(reason.as_str()).set_description(log.as_str());
                    status
                }
                Outcome::Impossible { reason } => {
                    let mut status = TestCaseStatus::skipped();
                    status.set_message(reason.as_str());
                    status
                }
            };
            let mut case = TestCase::new(check.name.as_str(), status);
            case.set_time(Duration::from_secs_f64(check.seconds));
            suite.add_test_case(case);
        }
        let mut report = quick_junit::Report::new("rst trial");
        report.add_test_suite(suite);
        report.to_string().expect("its text has no control characters that XML lacks")
    }
}
