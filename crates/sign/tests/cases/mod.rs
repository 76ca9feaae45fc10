//! What may come from somebody else, and the claim that gives each away. The bundles are made by a Sigstore on this
//! machine (`local.rs`), and kept in `fixtures/`.

// Each test program uses a part of it.
#![allow(dead_code)]

use std::path::{Path, PathBuf};

use rst_model::toml_file;
use rst_sign::{Claim, Refusal, Release, VerifyError};

const REPOSITORY: &str = "example/toolkits";
const SIGN: &str = "example/toolkits/.github/workflows/sign.yml@refs/heads/main";

/// Who asks for a certificate, as GitHub's token would say it, and when.
pub struct Case {
    /// Of its bundle.
    pub name: &'static str,
    /// The OIDC issuer.
    pub issuer: &'static str,
    /// `job_workflow_ref`: the workflow that signs.
    pub signs: &'static str,
    /// The repository that it runs for.
    pub repository: &'static str,
    /// The ref that it runs for.
    pub reference: &'static str,
    /// How many seconds after the signature the certificate is made.
    pub certificate_after: i64,
    /// The claim that is wrong.
    pub wrong: Option<Claim>,
}

const GENUINE: Case = Case {
    name: "genuine",
    issuer: "https://token.actions.githubusercontent.com",
    signs: SIGN,
    repository: REPOSITORY,
    reference: "refs/heads/main",
    certificate_after: 0,
    wrong: None,
};

/// Every signer.
pub const CASES: &[Case] = &[
    GENUINE,
    Case {
        name: "tag",
        signs: "example/toolkits/.github/workflows/sign.yml@refs/tags/podman-v6.0.2",
        reference: "refs/tags/podman-v6.0.2",
        ..GENUINE
    },
    Case {
        name: "look-alike",
        signs: "example/toolkits-x/.github/workflows/sign.yml@refs/heads/main",
        repository: "example/toolkits-x",
        wrong: Some(Claim::Workflow),
        ..GENUINE
    },
    Case {
        name: "fork",
        signs: "somebody/toolkits/.github/workflows/sign.yml@refs/heads/main",
        repository: "somebody/toolkits",
        wrong: Some(Claim::Workflow),
        ..GENUINE
    },
    // Anybody may call a public repository's reusable workflow: the certificate then names that one.
    Case { name: "fork-calls-ours", repository: "somebody/toolkits", wrong: Some(Claim::Repository), ..GENUINE },
    Case {
        name: "another-workflow",
        signs: "example/toolkits/.github/workflows/test.yml@refs/heads/main",
        wrong: Some(Claim::Workflow),
        ..GENUINE
    },
    Case {
        name: "another-branch",
        signs: "example/toolkits/.github/workflows/sign.yml@refs/heads/main2",
        reference: "refs/heads/main2",
        wrong: Some(Claim::WorkflowRef),
        ..GENUINE
    },
    Case {
        name: "pull-request",
        signs: "example/toolkits/.github/workflows/sign.yml@refs/pull/7/merge",
        reference: "refs/pull/7/merge",
        wrong: Some(Claim::WorkflowRef),
        ..GENUINE
    },
    Case {
        name: "called-from-another-branch",
        reference: "refs/heads/x",
        wrong: Some(Claim::RepositoryRef),
        ..GENUINE
    },
    Case {
        name: "another-issuer",
        issuer: "https://token.actions.githubusercontent.com.example.org",
        wrong: Some(Claim::Issuer),
        ..GENUINE
    },
    Case { name: "expired", certificate_after: -3600, wrong: Some(Claim::Certificate), ..GENUINE },
    Case { name: "not-yet-valid", certificate_after: 3600, wrong: Some(Claim::Certificate), ..GENUINE },
];

/// What provenance of the signed file may say wrongly: name, what stands there, what is said instead, the claim.
pub const STATEMENTS: &[(&str, &str, &str, Option<Claim>)] = &[
    ("provenance", "", "", None),
    ("provenance-of-another-file", "{sha256}", "{another}", Some(Claim::Subject)),
    ("provenance-of-another-name", "hello.txt", "other.txt", Some(Claim::Subject)),
    ("provenance-by-another-builder", "sign.yml\"", "sign.yml@refs/heads/main\"", Some(Claim::Builder)),
    ("provenance-of-another-type", "workflow/v1\"", "workflow/v2\"", Some(Claim::BuildType)),
    ("provenance-from-a-fork", "toolkits\", \"path", "toolkits-x\", \"path", Some(Claim::Source)),
    ("provenance-from-another-branch", "\"refs/heads/main\"", "\"refs/tags/podman-v1\"", Some(Claim::SourceRef)),
    ("another-predicate", "slsa.dev/provenance/v1", "slsa.dev/verification_summary/v1", Some(Claim::Provenance)),
];

/// The release that signs.
pub fn release() -> Release {
    Release::parse(&toml_file::named("release.toml", include_str!("../fixtures/release.toml").to_owned())).unwrap()
}

/// A folder of this crate.
pub fn folder(name: &str) -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join("tests").join(name)
}

/// Why a file was refused.
#[track_caller]
pub fn refusal<T: std::fmt::Debug>(result: Result<T, VerifyError>) -> Refusal {
    match result {
        Err(VerifyError::Refused { refusal, .. }) => refusal,
        other => panic!("expected a refusal, got {other:?}"),
    }
}
