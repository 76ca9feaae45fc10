//! Whose signatures are accepted, and that nothing can be changed unseen. The bundles in `fixtures/` were made by the
//! local Sigstore of `local.rs`.

mod cases;

use cases::{CASES, STATEMENTS, folder, refusal, release};
use fs_err as fs;
use proptest::{prelude::*, sample::Index};
use rst_sign::{Claim, Verified, Verifier, VerifyError, bundle_path};
use serde_json::{Value, json};
use tempfile::TempDir;

fn verifier() -> Verifier {
    Verifier::of_release(release(), Some(&folder("fixtures/trusted_root.json"))).unwrap()
}

/// Judges `hello.txt` by this text as its bundle.
fn judge(bundle: &str) -> Result<Verified, VerifyError> {
    let scratch = TempDir::new().unwrap();
    let path = scratch.path().join("bundle");
    fs::write(&path, bundle).unwrap();
    verifier().file(&folder("fixtures/hello.txt"), &path)
}

fn genuine() -> Value {
    serde_json::from_str(&fs::read_to_string(folder("fixtures/genuine.sigstore.json")).unwrap()).unwrap()
}

#[test]
fn only_the_releases_workflow_may_sign() {
    for case in CASES {
        let bundle = folder("fixtures").join(format!("{}.sigstore.json", case.name));
        let judged = verifier().file(&folder("fixtures/hello.txt"), &bundle);
        match case.wrong {
            None => drop(judged.unwrap_or_else(|error| panic!("{}: {error}", case.name))),
            Some(claim) => assert_eq!(refusal(judged).claim, claim, "{}", case.name),
        }
    }
}

#[test]
fn provenance_must_be_about_the_file_and_by_the_releases_builder() {
    for (name, _, _, wrong) in STATEMENTS {
        let bundle = folder("fixtures").join(format!("{name}.sigstore.json"));
        let judged = verifier().provenance(&folder("fixtures/hello.txt"), &bundle);
        match wrong {
            None => drop(judged.unwrap_or_else(|error| panic!("{name}: {error}"))),
            Some(claim) => assert_eq!(refusal(judged).claim, *claim, "{name}"),
        }
    }
}

#[test]
fn a_refusal_says_what_was_expected_and_what_was_found() {
    let told = |name: &str| {
        let bundle = folder("fixtures").join(format!("{name}.sigstore.json"));
        refusal(verifier().file(&folder("fixtures/hello.txt"), &bundle)).to_string()
    };
    insta::assert_snapshot!(told("look-alike"), @"wrong workflow: expected https://github.com/example/toolkits/.github/workflows/sign.yml, found https://github.com/example/toolkits-x/.github/workflows/sign.yml");
    insta::assert_snapshot!(told("another-branch"), @"wrong workflow's ref: expected refs/heads/main or refs/tags/podman-v*, found refs/heads/main2");
    insta::assert_snapshot!(told("fork-calls-ours"), @"wrong repository: expected https://github.com/example/toolkits, found https://github.com/somebody/toolkits");
}

#[test]
fn what_is_signed_by_another_authority_is_refused() {
    let public = Verifier::of_release(release(), None).unwrap();
    let bundle = folder("fixtures/genuine.sigstore.json");
    refusal(public.file(&folder("fixtures/hello.txt"), &bundle));
}

#[test]
fn a_bundle_is_for_one_file() {
    let scratch = TempDir::new().unwrap();
    let other = scratch.path().join("hello.txt");
    fs::write(&other, "hellO\n").unwrap();
    let refused = refusal(verifier().file(&other, &folder("fixtures/genuine.sigstore.json")));
    assert_eq!(refused.claim, Claim::Digest);
    let refused = refusal(verifier().provenance(&other, &folder("fixtures/provenance.sigstore.json")));
    assert_eq!(refused.claim, Claim::Subject);
}

#[test]
fn a_digest_that_the_bundle_does_not_name_is_checked_all_the_same() {
    let mut bundle = genuine();
    bundle["messageSignature"].as_object_mut().unwrap().remove("messageDigest");
    let scratch = TempDir::new().unwrap();
    let other = scratch.path().join("other");
    fs::write(&other, "another").unwrap();
    fs::write(bundle_path(&other), bundle.to_string()).unwrap();
    refusal(verifier().file(&other, &bundle_path(&other)));
}

#[test]
fn nothing_signed_is_no_signature() {
    let file = folder("fixtures/hello.txt");
    let missing = verifier().file(&file, &folder("fixtures/no-such.sigstore.json"));
    assert!(matches!(missing, Err(VerifyError::NoBundle { .. })));
    for nothing in ["", "{}", "[]", "null", "\u{0}", "{\"mediaType\":"] {
        assert_eq!(refusal(judge(nothing)).claim, Claim::Bundle, "{nothing:?}");
    }
}

#[test]
fn a_signature_is_no_provenance_and_provenance_is_no_signature() {
    let file = folder("fixtures/hello.txt");
    let refused = refusal(verifier().file(&file, &folder("fixtures/provenance.sigstore.json")));
    assert_eq!(refused.claim, Claim::Bundle);
    let refused = refusal(verifier().provenance(&file, &folder("fixtures/genuine.sigstore.json")));
    assert_eq!(refused.claim, Claim::Bundle);
}

#[test]
fn without_a_witness_of_the_time_nothing_is_accepted() {
    let mut bundle = genuine();
    bundle["verificationMaterial"]["timestampVerificationData"] = json!({});
    let entry = bundle["verificationMaterial"]["tlogEntries"][0].as_object_mut().unwrap();
    entry.remove("inclusionPromise");
    entry.remove("integratedTime");
    assert_eq!(refusal(judge(&bundle.to_string())).claim, Claim::Timestamp);
}

#[test]
fn without_an_entry_in_the_log_nothing_is_accepted() {
    for part in ["inclusionProof", "canonicalizedBody"] {
        let mut bundle = genuine();
        bundle["verificationMaterial"]["tlogEntries"][0].as_object_mut().unwrap().remove(part);
        refusal(judge(&bundle.to_string()));
    }
    let mut bundle = genuine();
    bundle["verificationMaterial"]["tlogEntries"] = json!([]);
    refusal(judge(&bundle.to_string()));
}

#[test]
fn parts_of_two_bundles_make_no_third() {
    let tag: Value = serde_json::from_str(&fs::read_to_string(folder("fixtures/tag.sigstore.json")).unwrap()).unwrap();
    for part in
        ["/messageSignature/signature", "/verificationMaterial/certificate", "/verificationMaterial/tlogEntries"]
    {
        let mut bundle = genuine();
        *bundle.pointer_mut(part).unwrap() = tag.pointer(part).unwrap().clone();
        refusal(judge(&bundle.to_string()));
    }
}

/// Every text and number of a bundle, but for timestamps, whose envelope has bytes that say nothing.
fn claims(value: &Value, at: String, found: &mut Vec<String>) {
    match value {
        Value::Object(members) => members.iter().for_each(|(name, value)| claims(value, format!("{at}/{name}"), found)),
        Value::Array(items) => {
            items.iter().enumerate().for_each(|(index, item)| claims(item, format!("{at}/{index}"), found))
        }
        _ if at.contains("rfc3161Timestamps") => {}
        _ => found.push(at),
    }
}

/// A claim with one character of another kind in it.
fn changed(claim: &Value, at: Index, with: Index) -> Value {
    const CHARACTERS: &[u8] = b"ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789";
    let mut text = claim.as_str().map_or_else(|| claim.to_string(), str::to_owned).into_bytes();
    let digits = text.iter().all(u8::is_ascii_digit);
    // The last characters of base64 have bits that say nothing.
    let at = at.index(text.len().saturating_sub(4).max(1));
    let characters = if digits { &CHARACTERS[52..] } else { CHARACTERS };
    text[at] = characters[with.index(characters.len())];
    Value::String(String::from_utf8_lossy(&text).into_owned())
}

fn no_changed_claim_verifies(which: Index, at: Index, with: Index) -> Result<(), TestCaseError> {
    let mut bundle = genuine();
    let mut paths = Vec::new();
    claims(&bundle, String::new(), &mut paths);
    let path = &paths[which.index(paths.len())];
    let claim = bundle.pointer_mut(path).unwrap();
    let new = changed(claim, at, with);
    prop_assume!(new != *claim);
    *claim = new;
    prop_assert!(judge(&bundle.to_string()).is_err(), "{path}: {bundle}");
    Ok(())
}

fn no_changed_file_verifies(at: Index, with: u8) -> Result<(), TestCaseError> {
    let mut bytes = fs::read(folder("fixtures/hello.txt")).unwrap();
    let at = at.index(bytes.len());
    prop_assume!(bytes[at] != with);
    bytes[at] = with;
    let scratch = TempDir::new().unwrap();
    let file = scratch.path().join("hello.txt");
    fs::write(&file, bytes).unwrap();
    prop_assert!(verifier().file(&file, &folder("fixtures/genuine.sigstore.json")).is_err());
    prop_assert!(verifier().provenance(&file, &folder("fixtures/provenance.sigstore.json")).is_err());
    Ok(())
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(100))]

    #[test]
    fn a_hundred_changes_to_a_claim_are_refused(which: Index, at: Index, with: Index) {
        no_changed_claim_verifies(which, at, with)?;
    }

    #[test]
    fn a_hundred_changes_to_the_file_are_refused(at: Index, with: u8) {
        no_changed_file_verifies(at, with)?;
    }
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(10_000))]

    #[test]
    #[ignore = "takes minutes: make test runs it"]
    fn ten_thousand_changes_to_a_claim_are_refused(which: Index, at: Index, with: Index) {
        no_changed_claim_verifies(which, at, with)?;
    }

    #[test]
    #[ignore = "takes minutes: make test runs it"]
    fn ten_thousand_changes_to_the_file_are_refused(at: Index, with: u8) {
        no_changed_file_verifies(at, with)?;
    }
}
