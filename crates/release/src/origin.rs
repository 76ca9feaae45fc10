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
        // Whoever verifies would refuse it.
        if repository != release.repository {
            let reason = format!("this runs in {repository}, and release.toml names {}", release.repository);
            return Err(ReleaseError::NoOrigin { reason });
        }
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

#[cfg(test)]
mod tests {
    use std::collections::BTreeMap;

    use super::*;

    const RUNNER: [(&str, &str); 9] = [
        ("GITHUB_ACTIONS", "true"),
        ("GITHUB_SERVER_URL", "https://github.com"),
        ("GITHUB_REPOSITORY", "o/r"),
        ("GITHUB_RUN_ID", "7"),
        ("GITHUB_RUN_ATTEMPT", "2"),
        ("GITHUB_WORKFLOW_REF", "o/r/.github/workflows/build-podman.yml@refs/heads/main"),
        ("GITHUB_EVENT_NAME", "workflow_dispatch"),
        ("GITHUB_REF", "refs/heads/main"),
        ("GITHUB_SHA", "0123"),
    ];

    fn find(variables: &BTreeMap<&str, &str>) -> Result<Origin, ReleaseError> {
        let text = "repository = \"https://github.com/o/r\"\nissuer = \"https://i.example.org\"\n\
            workflow = \".github/workflows/sign.yml\"\nrefs = [\"refs/heads/main\"]\n\
            [provenance]\nbuilder = \".github/workflows/sign.yml\"\nbuild-type = \"https://example.org/v1\"\n";
        let release = Release::parse(&rst_model::toml_file::named("release.toml", text.to_owned())).unwrap();
        Origin::find(|name| variables.get(name).map(|value| (*value).to_owned()), Path::new("/nowhere"), &release)
    }

    #[test]
    fn a_runner_says_from_where_it_is() {
        let origin = find(&BTreeMap::from(RUNNER)).unwrap();
        assert_eq!((origin.repository.as_str(), origin.commit.as_str()), ("https://github.com/o/r", "0123"));
        let workflow = origin.workflow.unwrap();
        assert_eq!(workflow.path, ".github/workflows/build-podman.yml");
        assert_eq!(workflow.run, "https://github.com/o/r/actions/runs/7/attempts/2");
    }

    #[test]
    fn what_a_runner_does_not_say_is_named() {
        for (name, _) in &RUNNER[1..] {
            let mut variables = BTreeMap::from(RUNNER);
            variables.remove(name);
            assert!(find(&variables).unwrap_err().to_string().contains(name), "{name}");
        }
    }

    #[test]
    fn a_fork_that_left_release_toml_as_it_was_is_told() {
        let mut variables = BTreeMap::from(RUNNER);
        variables.insert("GITHUB_REPOSITORY", "somebody/r");
        let error = find(&variables).unwrap_err().to_string();
        assert!(
            error
                .ends_with("this runs in https://github.com/somebody/r, and release.toml names https://github.com/o/r")
        );
    }
}
