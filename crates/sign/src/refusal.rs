//! Why a signature is not accepted: one claim, what was expected of it, and what was found.

use std::fmt;

use sigstore_verify::{CertificateError, Error, TimestampError};

/// What a signature claims, or what is claimed by what it signs.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Claim {
    /// The bundle is one, and of a kind that is known here.
    Bundle,
    /// The bundle is for this file.
    Digest,
    /// The signature is by the bundle's certificate, or by the key that was given.
    Signature,
    /// The certificate is by a trusted authority, and was valid when the signature was made.
    Certificate,
    /// A certificate log has seen the certificate.
    CertificateLog,
    /// The signature is in a trusted transparency log.
    TransparencyLog,
    /// A trusted authority has said when the signature was made.
    Timestamp,
    /// Who vouched for the signer.
    Issuer,
    /// Which workflow signed.
    Workflow,
    /// From which ref the workflow ran.
    WorkflowRef,
    /// Which repository the workflow ran for.
    Repository,
    /// Which ref of the repository it ran for.
    RepositoryRef,
    /// The statement is SLSA provenance, version 1.
    Provenance,
    /// The provenance is about this file, by digest and name.
    Subject,
    /// Which builder built it.
    Builder,
    /// How it was built.
    BuildType,
    /// From which repository it was built.
    Source,
    /// From which ref it was built.
    SourceRef,
}

impl fmt::Display for Claim {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Self::Bundle => "bundle",
            Self::Digest => "digest",
            Self::Signature => "signature",
            Self::Certificate => "certificate",
            Self::CertificateLog => "certificate log",
            Self::TransparencyLog => "transparency log",
            Self::Timestamp => "timestamp",
            Self::Issuer => "issuer",
            Self::Workflow => "workflow",
            Self::WorkflowRef => "workflow's ref",
            Self::Repository => "repository",
            Self::RepositoryRef => "repository's ref",
            Self::Provenance => "provenance",
            Self::Subject => "provenance's subject",
            Self::Builder => "provenance's builder",
            Self::BuildType => "provenance's build type",
            Self::Source => "provenance's repository",
            Self::SourceRef => "provenance's ref",
        })
    }
}

/// The claim that failed.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Refusal {
    /// Which.
    pub claim: Claim,
    /// What it must be.
    pub expected: String,
    /// What it is.
    pub found: String,
}

impl Refusal {
    pub(crate) fn new(claim: Claim, expected: impl Into<String>, found: impl Into<String>) -> Self {
        Self { claim, expected: expected.into(), found: found.into() }
    }

    /// Unless both are the same.
    pub(crate) fn unless_equal(claim: Claim, expected: &str, found: Option<&str>) -> Result<(), Self> {
        match found {
            Some(found) if found == expected => Ok(()),
            Some(found) => Err(Self::new(claim, expected, found)),
            None => Err(Self::new(claim, expected, "none")),
        }
    }
}

impl fmt::Display for Refusal {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "wrong {}: expected {}, found {}", self.claim, self.expected, self.found)
    }
}

impl From<Error> for Refusal {
    fn from(error: Error) -> Self {
        match error {
            Error::SignatureInvalid(found) => {
                Self::new(Claim::Signature, "one by the bundle's certificate or the key that was given", found)
            }
            Error::ArtifactMismatch(found) => Self::new(Claim::Digest, "that of the file", found),
            Error::Certificate(CertificateError::Sct(found)) => {
                Self::new(Claim::CertificateLog, "a promise of a trusted certificate log", found)
            }
            Error::Certificate(CertificateError::NotYetValid { time, not_before }) => Self::new(
                Claim::Certificate,
                format!("one that was valid at {time}, when the file was signed"),
                format!("one that was not valid before {not_before}"),
            ),
            Error::Certificate(CertificateError::Expired { time, not_after }) => Self::new(
                Claim::Certificate,
                format!("one that was valid at {time}, when the file was signed"),
                format!("one that was not valid after {not_after}"),
            ),
            Error::Certificate(other) => Self::new(
                Claim::Certificate,
                "one by an authority of the trusted root, valid when the file was signed",
                other.to_string(),
            ),
            Error::TransparencyLog(other) => {
                Self::new(Claim::TransparencyLog, "an entry for this signature in a trusted log", other.to_string())
            }
            Error::Timestamp(TimestampError::NoVerifiedTimestamp(found)) => {
                Self::new(Claim::Timestamp, "one by a trusted authority", found)
            }
            Error::Timestamp(other) => Self::new(Claim::Timestamp, "one by a trusted authority", other.to_string()),
            other => Self::new(Claim::Bundle, "a Sigstore bundle", other.to_string()),
        }
    }
}
