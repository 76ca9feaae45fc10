//! From where, by what and in which run a release is made.

use std::{path::Path, process::Command};

use rst_sign::Release;

use crate::ReleaseError;

/// The checkout that a release is made from, and who makes it.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Origin {
    /// `https://github.com/OWNER/NAME`.
    pub repository: String,
    /// The ref, whole.
    pub reference: String,
    /// The commit.
    pub commit: String,
    /// The workflow that was started, in the repository: none outside of a workflow.
    pub workflow: Option<Workflow>,
}

/// A run of a GitHub workflow.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Workflow {
    /// Its path in the repository.
    pub path: String,
    /// The page of the run.
    pub run: String,
    /// What started it.
    pub event: String,
}

impl Origin {
    /// What GitHub's runner says in the environment, or what git says of the checkout.
    pub fn find(
        variable: impl Fn(&str) -> Option<String>,
        checkout: &Path,
        release: &Release,
    ) -> Result<Self, ReleaseError> {
        let said = |name: &str| variable(name).filter(|value| !value.is_empty());
        let lacks = |name: &str| ReleaseError::NoOrigin { reason: format!("GITHUB_ACTIONS is set, but not {name}") };
        if said("GITHUB_ACTIONS").as_deref() != Some("true") {
            return Self::of_checkout(checkout, release);
        }
        let must = |name: &str| said(name).ok_or_else(|| lacks(name));
        let repository = format!("{}/{}", must("GITHUB_SERVER_URL")?, must("GITHUB_REPOSITORY")?);
        let run =
            format!("{repository}/actions/runs/{}/attempts/{}", must("GITHUB_RUN_ID")?, must("GITHUB_RUN_ATTEMPT")?);
        // OWNER/NAME/.github/workflows/FILE@REF
        let workflow = must("GITHUB_WORKFLOW_REF")?;
        let path = workflow.split_once('@').map_or(workflow.as_str(), |(path, _)| path);
        let path = path.splitn(3, '/').nth(2).unwrap_or(path).to_owned();
        let workflow = Some(Workflow { path, run, event: must("GITHUB_EVENT_NAME")? });
        Ok(Self { repository, reference: must("GITHUB_REF")?, commit: must("GITHUB_SHA")?, workflow })
    }

    fn of_checkout(checkout: &Path, release: &Release) -> Result<Self, ReleaseError> {
        let git = |arguments: &[&str]| -> Result<String, ReleaseError> {
            let output = Command::new("git").arg("-C").arg(checkout).args(arguments).output()?;
            let said = String::from_utf8_lossy(if output.status.success() { &output.stdout } else { &output.stderr });
            match output.status.success() {
                true => Ok(said.trim().to_owned()),
                false => {
                    Err(ReleaseError::NoOrigin { reason: format!("git {}: {}", arguments.join(" "), said.trim()) })
                }
            }
        };
        let changed = git(&["status", "--porcelain", "--untracked-files=no"])?;
        if !changed.is_empty() {
            let first = changed.lines().next().unwrap_or_default();
            return Err(ReleaseError::NoOrigin {
                reason: format!("the checkout has changes that are no commit: {first}"),
            });
        }
        let reference = git(&["rev-parse", "--symbolic-full-name", "HEAD"])?;
        Ok(Self {
            repository: release.repository.clone(),
            reference,
            commit: git(&["rev-parse", "HEAD"])?,
            workflow: None,
        })
    }

    /// What provenance names as the builder. Outside of a workflow it is none that anybody vouches for, and
    /// `rst verify --provenance` refuses it.
    pub fn builder(&self, release: &Release) -> String {
        match self.workflow {
            Some(_) => release.builder_id(),
            None => format!("{}/by-hand", self.repository),
        }
    }
}
