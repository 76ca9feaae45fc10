//! Signing: who signs, and what then lies beside the file.

use std::path::{Path, PathBuf};

use fs_err as fs;
use miette::Diagnostic;
use rst_model::Digest;
use sigstore_sign::types::{Bundle, Sha256Hash, SignatureContent, Statement};

use crate::{
    files::{beside, bundle_path, digest, write},
    key::Key,
    keyless::Keyless,
};

/// The media type of what an attestation's envelope holds, from in-toto's specification.
pub(crate) const STATEMENT_TYPE: &str = "application/vnd.in-toto+json";

/// Nothing was signed.
#[derive(Debug, thiserror::Error, Diagnostic)]
pub enum SignError {
    /// There is nobody to sign as.
    #[error("there is no identity to sign with")]
    #[diagnostic(help(
        "in CI, let the job have an OIDC token (GitHub: `permissions: id-token: write`); elsewhere set \
         RST_SIGNING_KEY to a key, or give --identity-token-file"
    ))]
    NoIdentity,
    /// The token may not be used any more.
    #[error("the identity token has expired at {at}")]
    TokenExpired {
        /// When.
        at: String,
    },
    /// The key is not usable.
    #[error("the signing key cannot be used: {reason}")]
    #[diagnostic(help(
        "expected a PKCS#8 PEM text with a P-256 key: \
         openssl genpkey -algorithm EC -pkeyopt ec_paramgen_curve:P-256 -aes-256-cbc"
    ))]
    Key {
        /// Why; nothing of the key.
        reason: &'static str,
    },
    /// What should be attested is no statement.
    #[error("{file} is no in-toto statement")]
    Statement {
        /// The file.
        file: String,
        /// Why.
        source: serde_json::Error,
    },
    /// Sigstore's services, or what was given for them, did not do.
    #[error("Sigstore's services did not sign")]
    Sigstore(#[source] Box<dyn std::error::Error + Send + Sync>),
    /// A file could not be read or written.
    #[error(transparent)]
    Io(#[from] std::io::Error),
}

impl SignError {
    pub(crate) fn sigstore(error: impl std::error::Error + Send + Sync + 'static) -> Self {
        Self::Sigstore(Box::new(error))
    }
}

/// Somebody who signs.
pub struct Signer(Identity);

enum Identity {
    Key(Key),
    Keyless(Keyless),
}

impl Signer {
    /// By a key: a PKCS#8 PEM text for P-256, and its password if it is encrypted.
    pub fn by_key(pem: &str, password: Option<&str>) -> Result<Self, SignError> {
        Ok(Self(Identity::Key(Key::read(pem, password)?)))
    }

    /// By the OIDC token in this file, or the one that the CI's environment gives; through the services of this
    /// signing config (Sigstore's `signing_config.v0.2.json`), or those of the public Sigstore.
    pub fn keyless(token: Option<&Path>, signing_config: Option<&Path>) -> Result<Self, SignError> {
        Ok(Self(Identity::Keyless(Keyless::new(token, signing_config)?)))
    }

    /// Whether it signs as a workflow, for all to see, and not by a key.
    pub fn is_workflow(&self) -> bool {
        matches!(self.0, Identity::Keyless(_))
    }

    /// Signs a file, and says what it wrote: `FILE.sigstore.json`, `FILE.sig` (the signature alone, base64), and
    /// `FILE.pem` if there is a certificate.
    pub fn file(&self, file: &Path) -> Result<Vec<PathBuf>, SignError> {
        let digest = digest(file)?;
        let bundle = match &self.0 {
            Identity::Key(key) => key.sign(digest)?,
            Identity::Keyless(keyless) => keyless.sign(digest)?,
        };
        let mut written = vec![write_bundle(file, &bundle)?];
        if let SignatureContent::MessageSignature(signed) = &bundle.content {
            written.push(beside(file, "sig"));
            write(&beside(file, "sig"), &signed.signature.to_base64())?;
        }
        if let Some(certificate) = bundle.signing_certificate() {
            written.push(beside(file, "pem"));
            write(&beside(file, "pem"), &certificate.to_pem())?;
        }
        Ok(written)
    }

    /// Signs an in-toto statement, as provenance is one, into `FILE.sigstore.json`, and says what it wrote. The
    /// bundle holds the statement itself.
    pub fn statement(&self, file: &Path) -> Result<PathBuf, SignError> {
        let statement = fs::read(file)?;
        serde_json::from_slice::<Statement>(&statement)
            .map_err(|source| SignError::Statement { file: file.display().to_string(), source })?;
        let bundle = match &self.0 {
            Identity::Key(key) => key.attest(&statement)?,
            Identity::Keyless(keyless) => keyless.attest(&statement)?,
        };
        write_bundle(file, &bundle)
    }
}

fn write_bundle(file: &Path, bundle: &Bundle) -> Result<PathBuf, SignError> {
    let path = bundle_path(file);
    write(&path, &bundle.to_json().map_err(SignError::sigstore)?)?;
    Ok(path)
}

/// Our digest in Sigstore's type.
pub(crate) fn sha256_of(digest: Digest) -> Sha256Hash {
    Sha256Hash::from_hex(&digest.to_string()).expect("64 hexadecimal digits")
}
