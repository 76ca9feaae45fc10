//! Signing as a workflow: an OIDC token says who asks, a certificate authority writes that into a certificate for
//! a key that lives as long as one signature, and a public log and a timestamp authority are its witnesses.

use std::path::Path;

use fs_err as fs;
use rst_model::Digest;
use sigstore_sign::{
    Signer, SigningContext, SigningServices, SigstoreInstance, oidc::IdentityToken, trust_root::SigningConfig,
    types::Bundle,
};
use tokio::runtime::Runtime;

use crate::sign::{SignError, sha256_of};

/// A token, and the services that it is shown to.
pub struct Keyless {
    signer: Signer,
    runtime: Runtime,
}

impl Keyless {
    /// By the token in the file, or else by the one that the CI's environment gives. The services are those of
    /// Sigstore's signing config: the given one, or the public Sigstore's.
    pub fn new(token: Option<&Path>, signing_config: Option<&Path>) -> Result<Self, SignError> {
        let services = match signing_config {
            Some(path) => SigningConfig::from_json(&fs::read_to_string(path)?)
                .map_err(SignError::sigstore)
                .and_then(|config| SigningServices::from_signing_config(&config).map_err(SignError::sigstore))?,
            None => SigningServices::from_embedded(SigstoreInstance::PublicGood).map_err(SignError::sigstore)?,
        };
        let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build()?;
        let token = match token {
            Some(path) => Some(IdentityToken::from_jwt(fs::read_to_string(path)?.trim())),
            None => runtime.block_on(IdentityToken::detect_ambient()).transpose(),
        };
        let token = token.ok_or(SignError::NoIdentity)?.map_err(SignError::sigstore)?;
        if token.is_expired() {
            return Err(SignError::TokenExpired { at: token.expiration().to_string() });
        }
        Ok(Self { signer: SigningContext::new(services).signer(token), runtime })
    }

    /// A bundle for a file with this digest.
    pub fn sign(&self, digest: Digest) -> Result<Bundle, SignError> {
        self.runtime.block_on(self.signer.sign(sha256_of(digest))).map_err(SignError::sigstore)
    }

    /// A bundle that holds this in-toto statement.
    pub fn attest(&self, statement: &[u8]) -> Result<Bundle, SignError> {
        self.runtime.block_on(self.signer.sign_raw_statement(statement)).map_err(SignError::sigstore)
    }
}
