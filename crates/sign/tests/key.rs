//! Signing by a key, and what is no such key. The keys in `fixtures/keys` are for these tests alone.

mod cases;

use cases::{folder, refusal, release};
use fs_err as fs;
use rst_sign::{Claim, SignError, Signer, Verifier, bundle_path};
use tempfile::TempDir;

fn key(name: &str) -> String {
    fs::read_to_string(folder("fixtures/keys").join(name)).unwrap()
}

fn owner_of(public: &str) -> Verifier {
    Verifier::of_key(release(), &folder("fixtures/keys").join(public)).unwrap()
}

#[test]
fn what_the_owner_signed_verifies_with_the_public_key_alone() {
    for (private, password) in [("plain.pem", None), ("encrypted.pem", Some("open"))] {
        let scratch = TempDir::new().unwrap();
        let file = scratch.path().join("checksums.txt");
        fs::write(&file, "hello").unwrap();
        let written = Signer::by_key(&key(private), password).unwrap().file(&file).unwrap();
        assert_eq!(written, [bundle_path(&file), scratch.path().join("checksums.txt.sig")]);
        let verified = owner_of("public.pem").file(&file, &bundle_path(&file)).unwrap();
        assert_eq!((verified.signed_by, verified.signed_at), (None, None));

        assert_eq!(refusal(owner_of("another.pem").file(&file, &bundle_path(&file))).claim, Claim::Signature);
        // A key is not the release's workflow.
        let release = Verifier::of_release(release(), None).unwrap();
        assert_eq!(refusal(release.file(&file, &bundle_path(&file))).claim, Claim::Certificate);
        fs::write(&file, "hellO").unwrap();
        assert_eq!(refusal(owner_of("public.pem").file(&file, &bundle_path(&file))).claim, Claim::Digest);
    }
}

#[test]
fn a_certificate_is_no_signature_by_the_key() {
    let refused = owner_of("public.pem").file(&folder("fixtures/hello.txt"), &folder("fixtures/genuine.sigstore.json"));
    assert_eq!(refusal(refused).claim, Claim::Signature);
}

#[test]
fn provenance_by_a_key_must_be_as_promised_too() {
    let scratch = TempDir::new().unwrap();
    let statement = scratch.path().join("provenance.json");
    let file = folder("fixtures/hello.txt");
    let good = include_str!("cases/statement.json")
        .replace("{sha256}", &rst_model::Digest::of(fs::read(&file).unwrap()).to_string());
    let signer = Signer::by_key(&key("plain.pem"), None).unwrap();
    fs::write(&statement, &good).unwrap();
    let bundle = signer.statement(&statement).unwrap();
    owner_of("public.pem").provenance(&file, &bundle).unwrap();
    fs::write(&statement, good.replace("refs/heads/main", "refs/heads/x")).unwrap();
    let bundle = signer.statement(&statement).unwrap();
    assert_eq!(refusal(owner_of("public.pem").provenance(&file, &bundle)).claim, Claim::SourceRef);
}

#[test]
fn what_is_no_statement_is_not_attested() {
    let scratch = TempDir::new().unwrap();
    let file = scratch.path().join("x.json");
    fs::write(&file, "{}").unwrap();
    let refused = Signer::by_key(&key("plain.pem"), None).unwrap().statement(&file);
    assert!(matches!(refused, Err(SignError::Statement { .. })));
    assert!(!bundle_path(&file).exists());
}

#[test]
fn a_key_that_cannot_be_used_is_told_apart_and_not_repeated() {
    let told = |pem: &str, password| {
        let error = Signer::by_key(pem, password).err().expect("no such key can be used");
        assert!(!error.to_string().contains("MI"), "{error}");
        error.to_string()
    };
    let broken = key("plain.pem").replace("MI", "M*");
    insta::assert_snapshot!(
        [
            told(&key("encrypted.pem"), None),
            told(&key("encrypted.pem"), Some("closed")),
            told(&key("traditional.pem"), None),
            told(&key("public.pem"), None),
            told(&key("ed25519.pem"), None),
            told(&key("p384.pem"), None),
            told(&broken, None),
            told("", None),
        ]
        .join("\n"),
        @r"
        the signing key cannot be used: it is encrypted, and no password is given
        the signing key cannot be used: the password does not open it
        the signing key cannot be used: it is not in PKCS#8 form
        the signing key cannot be used: it is not in PKCS#8 form
        the signing key cannot be used: it holds no key for the curve P-256
        the signing key cannot be used: it holds no key for the curve P-256
        the signing key cannot be used: it is no PEM text of one block
        the signing key cannot be used: it is no PEM text of one block
        "
    );
}

#[test]
fn a_signer_that_cannot_write_leaves_nothing() {
    let signer = Signer::by_key(&key("plain.pem"), None).unwrap();
    let scratch = TempDir::new().unwrap();
    let file = scratch.path().join("x");
    fs::write(&file, "x").unwrap();
    // A folder where the bundle should be.
    fs::create_dir(bundle_path(&file)).unwrap();
    assert!(matches!(signer.file(&file), Err(SignError::Io(_))));
    let mut left: Vec<_> = fs::read_dir(scratch.path()).unwrap().map(|entry| entry.unwrap().file_name()).collect();
    left.sort();
    assert_eq!(left, ["x", "x.sigstore.json"]);
}
