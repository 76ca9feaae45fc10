//! What a verified file is, for people.

use rst_sign::Verified;

/// A line for the file, and below it one for each thing that was found out.
pub fn signature(file: &str, verified: &Verified, provenance: bool) -> String {
    let mut lines = vec![format!("{file} is what was signed, SHA-256 {}", verified.sha256)];
    let mut line = |name: &str, value: &str| lines.push(format!("  {name:<12}{value}"));
    match &verified.signed_by {
        Some(signer) => {
            line("workflow", &signer.workflow);
            line("repository", &signer.repository);
            line("ref", &signer.reference);
            line("commit", signer.commit.as_deref().unwrap_or("not said"));
            line("issuer", &signer.issuer);
        }
        None => line("signer", "the owner of the key"),
    }
    line("signed at", verified.signed_at.as_deref().unwrap_or("not said"));
    line("provenance", if provenance { "as promised" } else { "not asked for" });
    lines.join("\n")
}
