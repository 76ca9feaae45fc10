//! Signing by a key of one's own, for those whose machine no OIDC issuer vouches for. Nothing is sent anywhere.

use pkcs8::{EncryptedPrivateKeyInfo, SecretDocument};
use rst_model::Digest;
use sigstore_sign::{
    bundle::{BundleV03, VerificationMaterialV03},
    crypto::{KeyPair, sha256},
    types::{
        Bundle, DsseEnvelope, DsseSignature, HashAlgorithm, KeyId, PayloadBytes, Sha256Hash, SignatureContent,
        bundle::{MessageDigest, MessageSignature},
        pae,
    },
};

use crate::sign::{STATEMENT_TYPE, SignError, sha256_of};

/// A private key, and the name by which bundles point at its public one.
pub struct Key {
    pair: KeyPair,
    hint: String,
}

impl Key {
    /// Reads a PKCS#8 PEM text, encrypted or not. No error repeats any of it.
    pub fn read(pem: &str, password: Option<&str>) -> Result<Self, SignError> {
        let wrong = |reason: &'static str| SignError::Key { reason };
        let (label, document) =
            SecretDocument::from_pem(pem.trim()).map_err(|_| wrong("it is no PEM text of one block"))?;
        let key = match label {
            "PRIVATE KEY" => document,
            "ENCRYPTED PRIVATE KEY" => {
                let password = password.ok_or_else(|| wrong("it is encrypted, and no password is given"))?;
                EncryptedPrivateKeyInfo::try_from(document.as_bytes())
                    .map_err(|_| wrong("its encryption is not one of PKCS#5's"))?
                    .decrypt(password)
                    .map_err(|_| wrong("the password does not open it"))?
            }
            _ => return Err(wrong("it is not in PKCS#8 form")),
        };
        let pair = KeyPair::from_pkcs8_der(key.as_bytes()).map_err(|_| wrong("it holds no key for the curve P-256"))?;
        let public = pair.public_key_der().map_err(SignError::sigstore)?;
        // cosign and sigstore-go make the hint in this way.
        let hint = sha256(public.as_bytes()).to_base64();
        Ok(Self { pair, hint })
    }

    /// A bundle for a file with this digest.
    pub fn sign(&self, digest: Digest) -> Result<Bundle, SignError> {
        let digest: Sha256Hash = sha256_of(digest);
        let signature = self.pair.sign_digest(&digest).map_err(SignError::sigstore)?;
        let digest = MessageDigest::new(HashAlgorithm::Sha2256, digest.into());
        Ok(self
            .bundle(SignatureContent::MessageSignature(MessageSignature::new(signature).with_message_digest(digest))))
    }

    /// A bundle that holds this in-toto statement.
    pub fn attest(&self, statement: &[u8]) -> Result<Bundle, SignError> {
        let signature = self.pair.sign(&pae(STATEMENT_TYPE, statement)).map_err(SignError::sigstore)?;
        let envelope = DsseEnvelope::new(
            STATEMENT_TYPE,
            PayloadBytes::from_bytes(statement),
            DsseSignature::new(signature, KeyId::default()),
        );
        Ok(self.bundle(SignatureContent::DsseEnvelope(envelope)))
    }

    fn bundle(&self, content: SignatureContent) -> Bundle {
        let key = VerificationMaterialV03::PublicKey { hint: self.hint.clone() };
        BundleV03::new(key, content).into_bundle()
    }
}
