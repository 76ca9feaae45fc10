//! Whose signature it is: what the certificate says, and the rule that it must follow.
//!
//! Every claim is compared whole. The certificate's subject is the workflow that signed, which for a reusable one
//! is not the workflow of the repository that called it: so the calling repository and ref are compared as well.

use serde::Serialize;
use sigstore_verify::{SubjectAltName, crypto::CertificateInfo};

use crate::{Claim, Refusal, Release};

/// What the certificate of an accepted signature says; meanings as in Fulcio's `oid-info.md`.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
pub struct SignedBy {
    /// The OIDC issuer that vouched.
    pub issuer: String,
    /// The workflow that signed, with its ref.
    pub workflow: String,
    /// The repository that it ran for.
    pub repository: String,
    /// The ref that it ran for.
    pub reference: String,
    /// The commit that it ran for.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub commit: Option<String>,
    /// The run, whose page has its log.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub run: Option<String>,
}

impl SignedBy {
    /// Reads it from a certificate whose chain has been checked, and holds it to the rule.
    pub(crate) fn check(certificate: &CertificateInfo, release: &Release) -> Result<Self, Refusal> {
        let claims = &certificate.ci_claims;
        let workflow = match &certificate.identity {
            Some(SubjectAltName::Uri(uri)) => Some(uri.as_str()),
            Some(other) => {
                return Err(Refusal::new(Claim::Workflow, format!("{}@REF", release.workflow_uri()), other.as_str()));
            }
            None => None,
        };
        let found = [
            certificate.issuer.as_deref(),
            workflow,
            claims.source_repository_uri.as_deref(),
            claims.source_repository_ref.as_deref(),
        ];
        let [issuer, workflow, repository, reference] = rule(found, release)?;
        Ok(Self {
            issuer,
            workflow,
            repository,
            reference,
            commit: claims.source_repository_digest.clone(),
            run: claims.run_invocation_uri.clone(),
        })
    }
}

/// The rule on issuer, workflow, repository and ref.
fn rule(found: [Option<&str>; 4], release: &Release) -> Result<[String; 4], Refusal> {
    let [issuer, workflow, repository, reference] = found;
    Refusal::unless_equal(Claim::Issuer, &release.issuer, issuer)?;
    let (path, at) = match workflow.and_then(|uri| uri.split_once('@')) {
        Some((path, at)) => (Some(path), at),
        None => (workflow, ""),
    };
    Refusal::unless_equal(Claim::Workflow, &release.workflow_uri(), path)?;
    if !release.allows(at) {
        return Err(Refusal::new(Claim::WorkflowRef, release.refs_text(), at));
    }
    Refusal::unless_equal(Claim::Repository, &release.repository, repository)?;
    match reference {
        Some(reference) if release.allows(reference) => {}
        other => return Err(Refusal::new(Claim::RepositoryRef, release.refs_text(), other.unwrap_or("none"))),
    }
    Ok(found.map(|claim| claim.unwrap_or_default().to_owned()))
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;
    use rst_model::toml_file;

    use super::*;

    fn release() -> Release {
        Release::parse(&toml_file::named("release.toml", include_str!("../tests/fixtures/release.toml").to_owned()))
            .unwrap()
    }

    fn good() -> [String; 4] {
        let (release, main) = (release(), "refs/heads/main".to_owned());
        [release.issuer.clone(), format!("{}@{main}", release.workflow_uri()), release.repository, main]
    }

    fn judge(claims: &[String; 4]) -> Result<[String; 4], Refusal> {
        rule(claims.each_ref().map(|claim| Some(claim.as_str())), &release())
    }

    #[test]
    fn the_workflow_of_the_repository_may_sign() {
        judge(&good()).unwrap();
    }

    #[test]
    fn every_claim_must_be_there() {
        for missing in 0..4 {
            let good = good();
            let mut claims = good.each_ref().map(|claim| Some(claim.as_str()));
            claims[missing] = None;
            rule(claims, &release()).unwrap_err();
        }
    }

    proptest! {
        #[test]
        fn no_change_to_a_claim_is_accepted(which in 0_usize..4, at in any::<prop::sample::Index>(), with in "[ -~]{0,3}") {
            let mut claims = good();
            let claim = &mut claims[which];
            let from = at.index(claim.len());
            claim.replace_range(from..=from, &with);
            prop_assume!(claims != good());
            prop_assert!(judge(&claims).is_err(), "{claims:?}");
        }

        #[test]
        fn nothing_may_stand_before_or_after_a_claim(which in 0_usize..4, extra in "[ -~]{1,9}", before: bool) {
            let mut claims = good();
            let at = if before { 0 } else { claims[which].len() };
            claims[which].insert_str(at, &extra);
            prop_assert!(judge(&claims).is_err(), "{claims:?}");
        }
    }
}
