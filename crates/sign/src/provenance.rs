//! What signed provenance must say: in-toto statement v1, SLSA provenance v1, by our builder from our repository.

use rst_model::Digest;
use serde::Deserialize;

use crate::{Claim, Refusal, Release, SignedBy};

/// <https://in-toto.io/Statement/v1>
const STATEMENT: &str = "https://in-toto.io/Statement/v1";
/// <https://slsa.dev/spec/v1.0/provenance>
const PREDICATE: &str = "https://slsa.dev/provenance/v1";

#[derive(Deserialize)]
#[serde(rename_all = "camelCase")]
struct Statement {
    #[serde(rename = "_type")]
    kind: String,
    subject: Vec<Subject>,
    predicate_type: String,
    predicate: serde_json::Value,
}

#[derive(Deserialize)]
struct Subject {
    name: String,
    digest: SubjectDigest,
}

#[derive(Deserialize)]
struct SubjectDigest {
    sha256: Option<Digest>,
}

#[derive(Deserialize)]
#[serde(rename_all = "camelCase")]
struct Predicate {
    build_definition: BuildDefinition,
    run_details: RunDetails,
}

#[derive(Deserialize)]
#[serde(rename_all = "camelCase")]
struct BuildDefinition {
    build_type: String,
    external_parameters: Parameters,
}

/// As the build type of GitHub's workflows has them.
#[derive(Deserialize)]
struct Parameters {
    workflow: Workflow,
}

#[derive(Deserialize)]
struct Workflow {
    repository: String,
    #[serde(rename = "ref")]
    reference: String,
}

#[derive(Deserialize)]
struct RunDetails {
    builder: Builder,
}

#[derive(Deserialize)]
struct Builder {
    id: String,
}

/// Holds a statement whose signature has been checked to what it must say about a file of this name and digest.
///
/// The name is compared too: every archive of a release is signed, so a signature alone does not tell one that was
/// given another's name.
pub fn check(
    statement: &[u8],
    (name, digest): (&str, Digest),
    signer: Option<&SignedBy>,
    release: &Release,
) -> Result<(), Refusal> {
    let not = |error: serde_json::Error| Refusal::new(Claim::Provenance, "SLSA provenance", error.to_string());
    let statement: Statement = serde_json::from_slice(statement).map_err(not)?;
    Refusal::unless_equal(Claim::Provenance, STATEMENT, Some(&statement.kind))?;
    Refusal::unless_equal(Claim::Provenance, PREDICATE, Some(&statement.predicate_type))?;
    subject(&statement.subject, name, digest)?;

    let predicate: Predicate = serde_json::from_value(statement.predicate).map_err(not)?;
    let BuildDefinition { build_type, external_parameters: Parameters { workflow } } = predicate.build_definition;
    Refusal::unless_equal(Claim::Builder, &release.builder_id(), Some(&predicate.run_details.builder.id))?;
    Refusal::unless_equal(Claim::BuildType, &release.build_type, Some(&build_type))?;
    Refusal::unless_equal(Claim::Source, &release.repository, Some(&workflow.repository))?;
    match signer {
        // One run builds and signs.
        Some(signer) => Refusal::unless_equal(Claim::SourceRef, &signer.reference, Some(&workflow.reference)),
        None if release.allows(&workflow.reference) => Ok(()),
        None => Err(Refusal::new(Claim::SourceRef, release.refs_text(), workflow.reference)),
    }
}

fn subject(subjects: &[Subject], name: &str, digest: Digest) -> Result<(), Refusal> {
    let (mut same_digest, mut same_name) = (None, None);
    for subject in subjects {
        match (subject.name == name, subject.digest.sha256 == Some(digest)) {
            (true, true) => return Ok(()),
            (true, false) => same_name = subject.digest.sha256,
            (false, true) => same_digest = Some(&subject.name),
            (false, false) => {}
        }
    }
    Err(Refusal::new(
        Claim::Subject,
        format!("{name} with SHA-256 {digest}"),
        match (same_name, same_digest) {
            (Some(other), _) => format!("{name} with SHA-256 {other}"),
            (None, Some(other)) => format!("{other} with that digest"),
            (None, None) => format!("{} other files", subjects.len()),
        },
    ))
}
