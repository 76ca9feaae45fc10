//! Verifying, with no network: the bundle's cryptography by Sigstore's crate, then who signed, by our rule.

use std::path::Path;

use fs_err as fs;
use miette::Diagnostic;
use rst_model::Digest;
use serde::Serialize;
use sigstore_verify::{
    VerificationPolicy,
    crypto::VerificationKey,
    trust_root::TrustedRoot,
    types::{Bundle, DerPublicKey, SignatureContent, bundle::VerificationMaterialContent, pae},
};

use crate::{Claim, Refusal, Release, SignedBy, TRUSTED_ROOT, files, provenance, sign::sha256_of};

/// A file that is not what was promised, or nothing that says so.
#[derive(Debug, thiserror::Error, Diagnostic)]
pub enum VerifyError {
    /// A claim is wrong.
    #[error("{file}: {refusal}")]
    #[diagnostic(help("do not use it: it is not what was released, or not by who should have"))]
    Refused {
        /// The file.
        file: String,
        /// Which claim.
        refusal: Refusal,
    },
    /// Nothing to judge.
    #[error("{file} is not signed: there is no {bundle}")]
    #[diagnostic(help("download the .sigstore.json that the release has beside it"))]
    NoBundle {
        /// The file.
        file: String,
        /// Where its bundle should be.
        bundle: String,
    },
    /// What should be trusted is not usable.
    #[error("{path} is no trusted root of Sigstore: {reason}")]
    TrustedRoot {
        /// The file.
        path: String,
        /// Why.
        reason: String,
    },
    /// What should be trusted is not usable.
    #[error("{path} is no public key in PEM form: {reason}")]
    Key {
        /// The file.
        path: String,
        /// Why.
        reason: String,
    },
    /// A file could not be read.
    #[error(transparent)]
    Io(#[from] std::io::Error),
}

/// A file that is what was promised.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
pub struct Verified {
    /// The file's digest.
    pub sha256: Digest,
    /// Who signed; none where a key was given.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub signed_by: Option<SignedBy>,
    /// The earliest time that a trusted authority saw the signature: RFC 3339.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub signed_at: Option<String>,
}

/// Whom to believe.
pub struct Verifier {
    trust: Trust,
    release: Release,
}

enum Trust {
    /// The release's workflow, certified by an authority of the trusted root.
    Workflow(Box<sigstore_verify::Verifier>),
    /// Whoever has the key.
    Key(VerificationKey),
}

impl Verifier {
    /// Believes the workflow that `release` names, as certified by the authorities of this trusted root, or of
    /// the one that was built in. A `trusted_root.json` that merely lies beside a file must not be given: who can
    /// forge the file can forge that.
    pub fn of_release(release: Release, trusted_root: Option<&Path>) -> Result<Self, VerifyError> {
        let (path, text) = match trusted_root {
            Some(path) => (path.display().to_string(), fs::read_to_string(path)?),
            None => ("the built-in one".to_owned(), TRUSTED_ROOT.to_owned()),
        };
        let sigstore = sigstore(&text).map_err(|reason| VerifyError::TrustedRoot { path, reason })?;
        Ok(Self { trust: Trust::Workflow(Box::new(sigstore)), release })
    }

    /// Believes the owner of this public key (a PEM file, P-256). Such signatures are in no log.
    pub fn of_key(release: Release, key: &Path) -> Result<Self, VerifyError> {
        let pem = fs::read_to_string(key)?;
        let wrong = |reason: String| VerifyError::Key { path: key.display().to_string(), reason };
        let key = DerPublicKey::from_pem(&pem).map_err(|error| wrong(error.to_string()))?;
        let key = VerificationKey::from_spki(&key).map_err(|error| wrong(error.to_string()))?;
        Ok(Self { trust: Trust::Key(key), release })
    }

    /// Judges a file by the signature over it.
    pub fn file(&self, file: &Path, bundle: &Path) -> Result<Verified, VerifyError> {
        let (digest, text) = read(file, bundle)?;
        self.signature(digest, &text).map_err(|refusal| refused(file, refusal))
    }

    /// Judges a file by a signed list of digests, as sha256sum writes them; none if that does not name it.
    pub fn listed(&self, file: &Path, list: &Path, bundle: &Path) -> Result<Option<Verified>, VerifyError> {
        let verified = self.file(list, bundle)?;
        let text = fs::read(list)?;
        // Read again, and so held to what was judged.
        Refusal::unless_equal(Claim::Digest, &verified.sha256.to_string(), Some(&Digest::of(&text).to_string()))
            .map_err(|refusal| refused(list, refusal))?;
        let text = String::from_utf8_lossy(&text);
        let name = file.file_name().unwrap_or_default().to_string_lossy();
        let Some(expected) = text.lines().find_map(|line| line.strip_suffix(&format!("  {name}"))) else {
            return Ok(None);
        };
        let sha256 = files::digest(file)?;
        Refusal::unless_equal(Claim::Digest, expected, Some(&sha256.to_string()))
            .map_err(|refusal| refused(file, refusal))?;
        Ok(Some(Verified { sha256, ..verified }))
    }

    /// Judges a file by signed provenance that is about it.
    pub fn provenance(&self, file: &Path, bundle: &Path) -> Result<Verified, VerifyError> {
        let (digest, text) = read(file, bundle)?;
        let name = file.file_name().unwrap_or_default().to_string_lossy();
        self.attestation(&name, digest, &text).map_err(|refusal| refused(file, refusal))
    }

    fn signature(&self, digest: Digest, bundle: &str) -> Result<Verified, Refusal> {
        let bundle = self.parse(bundle)?;
        let SignatureContent::MessageSignature(signed) = &bundle.content else {
            return Err(Refusal::new(Claim::Bundle, "a signature over a file", "an attestation"));
        };
        if let Some(claimed) = &signed.message_digest {
            Refusal::unless_equal(Claim::Digest, &claimed.digest.to_hex(), Some(&digest.to_string()))?;
        }
        self.judge(digest, &bundle)
    }

    fn attestation(&self, name: &str, digest: Digest, bundle: &str) -> Result<Verified, Refusal> {
        let bundle = self.parse(bundle)?;
        let SignatureContent::DsseEnvelope(envelope) = &bundle.content else {
            return Err(Refusal::new(Claim::Bundle, "an attestation", "a signature over a file"));
        };
        let verified = self.judge(digest, &bundle).map_err(|refusal| match refusal.claim {
            Claim::Digest => Refusal::new(Claim::Subject, format!("{name} with SHA-256 {digest}"), refusal.found),
            _ => refusal,
        })?;
        let statement = envelope.payload.as_bytes();
        provenance::check(statement, (name, digest), verified.signed_by.as_ref(), &self.release)?;
        Ok(verified)
    }

    fn parse(&self, bundle: &str) -> Result<Bundle, Refusal> {
        let parsed = match &self.trust {
            Trust::Workflow(_) => Bundle::from_json(bundle).map_err(|error| error.to_string()),
            // Has no witness, which `from_json` asks of every bundle.
            Trust::Key(_) => serde_json::from_str(bundle).map_err(|error| error.to_string()),
        };
        let parsed = parsed.map_err(|reason| Refusal::new(Claim::Bundle, "a Sigstore bundle", reason))?;
        // The parser takes other spellings for the same.
        let text: serde_json::Value = serde_json::from_str(bundle).unwrap_or_default();
        match text.pointer("/messageSignature/messageDigest/algorithm") {
            None => Ok(parsed),
            Some(algorithm) if algorithm == "SHA2_256" => Ok(parsed),
            Some(other) => Err(Refusal::new(Claim::Digest, "one by SHA2_256", other.to_string())),
        }
    }

    fn judge(&self, digest: Digest, bundle: &Bundle) -> Result<Verified, Refusal> {
        let by_key = matches!(bundle.verification_material.content, VerificationMaterialContent::PublicKey(_));
        match &self.trust {
            Trust::Workflow(_) if by_key => {
                Err(Refusal::new(Claim::Certificate, "one of the release's workflow", "a signature by a key"))
            }
            Trust::Workflow(sigstore) => self.by_workflow(sigstore, digest, bundle),
            Trust::Key(_) if !by_key => {
                Err(Refusal::new(Claim::Signature, "one by the key that was given", "one with a certificate"))
            }
            Trust::Key(key) => by_owner(key, digest, bundle),
        }
    }

    fn by_workflow(
        &self,
        sigstore: &sigstore_verify::Verifier,
        digest: Digest,
        bundle: &Bundle,
    ) -> Result<Verified, Refusal> {
        // Whose identity it is, is judged by our own rule, which says more than this policy can.
        let result = sigstore.verify(sha256_of(digest), bundle, &VerificationPolicy::any_identity())?;
        in_their_own_names(bundle)?;
        let certificate = result.certificate().ok_or_else(|| Refusal::new(Claim::Certificate, "one", "none"))?;
        let signed_by = Some(SignedBy::check(certificate, &self.release)?);
        let signed_at = result.verified_timestamps().iter().min().map(ToString::to_string);
        Ok(Verified { sha256: digest, signed_by, signed_at })
    }
}

/// Whether each log signed its checkpoint in the name that the checkpoint begins with (witnesses sign in theirs);
/// Sigstore's crate goes by the key alone. <https://c2sp.org/tlog-checkpoint>
fn in_their_own_names(bundle: &Bundle) -> Result<(), Refusal> {
    let proofs = bundle.verification_material.tlog_entries.iter().filter_map(|entry| entry.inclusion_proof.as_ref());
    for checkpoint in proofs.filter_map(|proof| proof.checkpoint.checkpoint()) {
        // `rekor.sigstore.dev - 1193050959916656506`
        let log = checkpoint.origin().split(' ').next().unwrap_or_default();
        if checkpoint.signatures().iter().all(|signature| signature.name != log) {
            let expected = format!("a checkpoint signed by {log}");
            let names: Vec<_> = checkpoint.signatures().iter().map(|signature| signature.name.as_str()).collect();
            return Err(Refusal::new(Claim::TransparencyLog, expected, format!("one signed by {}", names.join(", "))));
        }
    }
    Ok(())
}

/// A bundle with neither certificate nor witness, which Sigstore's verifier takes for incomplete.
fn by_owner(key: &VerificationKey, digest: Digest, bundle: &Bundle) -> Result<Verified, Refusal> {
    let signature = match &bundle.content {
        SignatureContent::MessageSignature(signed) => key.verify_prehashed(digest.as_bytes(), &signed.signature),
        SignatureContent::DsseEnvelope(envelope) => {
            key.verify(pae(&envelope.payload_type, envelope.payload.as_bytes()), &envelope.signature.sig)
        }
        _ => return Err(Refusal::new(Claim::Bundle, "a signature or an attestation", "something newer")),
    };
    match signature {
        Ok(()) => Ok(Verified { sha256: digest, signed_by: None, signed_at: None }),
        Err(_) => Err(Refusal::new(Claim::Signature, "one by the key that was given", "another")),
    }
}

fn sigstore(trusted_root: &str) -> Result<sigstore_verify::Verifier, String> {
    let root = TrustedRoot::from_json(trusted_root).map_err(|error| error.to_string())?;
    sigstore_verify::Verifier::new(&root).map_err(|error| error.to_string())
}

fn read(file: &Path, bundle: &Path) -> Result<(Digest, String), VerifyError> {
    let digest = files::digest(file)?;
    let text = fs::read(bundle).map_err(|error| match error.kind() {
        std::io::ErrorKind::NotFound => {
            VerifyError::NoBundle { file: file.display().to_string(), bundle: bundle.display().to_string() }
        }
        _ => VerifyError::Io(error),
    })?;
    let text = String::from_utf8(text)
        .map_err(|_| refused(file, Refusal::new(Claim::Bundle, "a Sigstore bundle", "bytes that are no text")))?;
    Ok((digest, text))
}

fn refused(file: &Path, refusal: Refusal) -> VerifyError {
    VerifyError::Refused { file: file.display().to_string(), refusal }
}
