//! Signatures: making those of a release, and judging those of a file that came from anywhere.
//!
//! Sigstore's crates stay behind this one, since their interfaces change monthly. Signing talks to Sigstore's
//! services or uses a key; verifying talks to nobody. What a release consists of, and what its provenance says,
//! is others' to make.

mod certificate;
mod files;
mod key;
mod keyless;
mod provenance;
mod refusal;
mod release;
mod sign;
mod verify;

pub use certificate::SignedBy;
pub use refusal::{Claim, Refusal};
pub use release::{RefPattern, Release};
pub use sign::{SignError, Signer};
pub use verify::{Verified, Verifier, VerifyError};

/// Where the bundle of a file lies: `FILE.sigstore.json`.
pub use files::bundle_path;

/// The public Sigstore's certificate authorities, logs and timestamp authorities as they were when this was
/// built: what a release carries as `trusted_root.json`, and what is trusted where no other is given.
pub const TRUSTED_ROOT: &str = sigstore_verify::trust_root::SIGSTORE_PRODUCTION_TRUSTED_ROOT;
