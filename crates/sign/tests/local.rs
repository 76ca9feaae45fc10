//! Signatures as they are made and read by others: a Sigstore on this machine signs (`sigstore/server.mjs`, of npm's
//! @sigstore/mock), and verifiers that others wrote accept the bundles. No network but npm's and PyPI's registries:
//! `cargo test -p rst-sign --test local -- --ignored`.
//!
//! With RST_FIXTURES set to a folder, what was signed is kept there: that is how `fixtures/` is made.

mod cases;

use std::{
    io::{BufRead as _, BufReader},
    path::{Path, PathBuf},
    process::{Child, Command, Stdio},
};

use cases::{CASES, Case, STATEMENTS, folder, refusal, release};
use fs_err as fs;
use rst_sign::{Signer, Verifier};
use serde_json::{Value, json};
use tempfile::TempDir;

/// Who signs in the case that is right.
const SIGNER: &str = "https://github.com/example/toolkits/.github/workflows/sign.yml@refs/heads/main";
const ISSUER: &str = "https://token.actions.githubusercontent.com";

/// The services, for as long as the value lives.
struct Sigstore {
    server: Child,
    url: String,
    folder: TempDir,
}

impl Sigstore {
    fn start() -> Self {
        let sigstore = folder("sigstore");
        let folder = TempDir::new().unwrap();
        for name in ["package.json", "package-lock.json", "server.mjs"] {
            fs::copy(sigstore.join(name), folder.path().join(name)).unwrap();
        }
        succeeds(Command::new("npm").args(["ci", "--ignore-scripts", "--no-audit", "--no-fund"]).current_dir(&folder));
        let mut server = Command::new("node")
            .arg("server.mjs")
            .current_dir(&folder)
            .stdin(Stdio::piped())
            .stdout(Stdio::piped())
            .spawn()
            .unwrap();
        let mut line = String::new();
        BufReader::new(server.stdout.take().unwrap()).read_line(&mut line).unwrap();
        let told: Value = serde_json::from_str(&line).unwrap();
        fs::write(folder.path().join("trusted_root.json"), told["trustedRoot"].to_string()).unwrap();
        Self { server, url: told["url"].as_str().unwrap().to_owned(), folder }
    }

    fn trusted_root(&self) -> PathBuf {
        self.folder.path().join("trusted_root.json")
    }

    /// The one whom a case describes.
    fn signer(&self, case: &Case) -> Signer {
        let token = self.folder.path().join("token");
        let claims = json!({
            "iss": case.issuer,
            "sub": format!("https://github.com/{}", case.signs),
            "aud": "sigstore",
            "exp": 4_102_444_800_u64,
            "job_workflow_ref": case.signs,
            "repository": case.repository,
            "ref": case.reference,
            "sha": "0123456789012345678901234567890123456789",
        });
        let part = |value: &Value| base64_url(value.to_string().as_bytes());
        fs::write(&token, format!("{}.{}.c2lnbmF0dXJl", part(&json!({ "alg": "none" })), part(&claims))).unwrap();
        let service = |path: String| {
            json!([{
                "url": format!("{}{path}", self.url),
                "majorApiVersion": 1,
                "validFor": { "start": "2020-01-01T00:00:00Z" },
                "operator": "local",
            }])
        };
        let config = self.folder.path().join("signing_config.json");
        let services = json!({
            "mediaType": "application/vnd.dev.sigstore.signingconfig.v0.2+json",
            "caUrls": service(format!("/at/{}", case.certificate_after)),
            "oidcUrls": [],
            "rekorTlogUrls": service(String::new()),
            "tsaUrls": service("/api/v1/timestamp".to_owned()),
            "rekorTlogConfig": { "selector": "ANY" },
            "tsaConfig": { "selector": "ANY" },
        });
        fs::write(&config, services.to_string()).unwrap();
        Signer::keyless(Some(&token), Some(&config)).unwrap()
    }

    /// Signs `hello.txt` as the case has it, and gives the bundle.
    fn sign(&self, case: &Case, to: &Path) -> PathBuf {
        let file = to.join("hello.txt");
        fs::write(&file, "hello\n").unwrap();
        let written = self.signer(case).file(&file).unwrap();
        let bundle = to.join(format!("{}.sigstore.json", case.name));
        fs::rename(&written[0], &bundle).unwrap();
        bundle
    }

    /// Signs provenance of `hello.txt` in which a text stands for another.
    fn attest(&self, (name, right, wrong): (&str, &str, &str), to: &Path) -> PathBuf {
        let statement = to.join(name);
        let digest = |bytes: &str| rst_model::Digest::of(bytes).to_string();
        let text = include_str!("cases/statement.json");
        assert!(text.contains(right), "{name}");
        let text = text.replacen(right, wrong, 1);
        let text = text.replace("{sha256}", &digest("hello\n")).replace("{another}", &digest("another"));
        fs::write(&statement, text).unwrap();
        let bundle = self.signer(&CASES[0]).statement(&statement).unwrap();
        fs::remove_file(statement).unwrap();
        bundle
    }
}

impl Drop for Sigstore {
    fn drop(&mut self) {
        // It ends with its standard input.
        drop(self.server.stdin.take());
        self.server.wait().unwrap();
    }
}

/// As JSON web tokens are written.
fn base64_url(bytes: &[u8]) -> String {
    const DIGITS: &[u8; 64] = b"ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789-_";
    let digits = |piece: &[u8]| {
        let bits = piece.iter().fold(0_u32, |bits, byte| bits << 8 | u32::from(*byte)) << (8 * (3 - piece.len()));
        (0..=piece.len())
            .map(move |place| char::from(DIGITS[(bits >> (18 - 6 * place) & 63) as usize]))
            .collect::<String>()
    };
    bytes.chunks(3).map(digits).collect()
}

#[track_caller]
fn succeeds(command: &mut Command) {
    let output = command.output().unwrap_or_else(|error| panic!("{command:?}: {error}"));
    let told = |bytes: &[u8]| String::from_utf8_lossy(bytes).into_owned();
    assert!(output.status.success(), "{command:?}\n{}{}", told(&output.stdout), told(&output.stderr));
}

#[test]
#[ignore = "npm's registry and PyPI: make test runs it"]
fn what_a_sigstore_certifies_is_judged_by_our_rule_and_accepted_by_others() {
    let sigstore = Sigstore::start();
    let scratch = TempDir::new().unwrap();
    let kept = std::env::var_os("RST_FIXTURES").map(PathBuf::from);
    let to = kept.as_deref().unwrap_or(scratch.path());
    let verifier = Verifier::of_release(release(), Some(&sigstore.trusted_root())).unwrap();
    let file = to.join("hello.txt");

    for case in CASES {
        let bundle = sigstore.sign(case, to);
        let judged = verifier.file(&file, &bundle);
        match case.wrong {
            None => drop(judged.unwrap_or_else(|error| panic!("{}: {error}", case.name))),
            Some(claim) => assert_eq!(refusal(judged).claim, claim, "{}", case.name),
        }
    }
    for (name, right, wrong, claim) in STATEMENTS {
        let bundle = sigstore.attest((name, right, wrong), to);
        let judged = verifier.provenance(&file, &bundle);
        match claim {
            None => drop(judged.unwrap_or_else(|error| panic!("{name}: {error}"))),
            Some(claim) => assert_eq!(refusal(judged).claim, *claim, "{name}"),
        }
    }
    if kept.is_some() {
        fs::copy(sigstore.trusted_root(), to.join("trusted_root.json")).unwrap();
    }

    let another = Sigstore::start();
    let verifier = Verifier::of_release(release(), Some(&another.trusted_root())).unwrap();
    refusal(verifier.file(&file, &to.join("genuine.sigstore.json")));

    let [signature, provenance] = ["genuine", "provenance"].map(|name| to.join(format!("{name}.sigstore.json")));
    python_accepts(&sigstore, &file, &signature);
    go_accepts(&sigstore, &file, [&signature, &provenance]);
    if is_there("cosign") {
        cosign_accepts(&sigstore, &file, &signature, &provenance);
    } else {
        println!("cosign is not installed here: it was not asked");
    }
}

/// Python's sigstore, by the hashes in `sigstore/requirements.txt`.
fn python_accepts(sigstore: &Sigstore, file: &Path, bundle: &Path) {
    let environment = sigstore.folder.path().join("python");
    succeeds(Command::new("python3").args(["-m", "venv"]).arg(&environment));
    let bin = environment.join("bin");
    succeeds(
        Command::new(bin.join("pip"))
            .args(["install", "--quiet", "--require-hashes", "--only-binary=:all:", "-r"])
            .arg(folder("sigstore/requirements.txt")),
    );
    succeeds(
        Command::new(bin.join("sigstore"))
            .arg("--trust-config")
            .arg(client_trust(sigstore))
            .args(["verify", "identity", "--offline", "--bundle"])
            .arg(bundle)
            .args(["--cert-identity", SIGNER, "--cert-oidc-issuer", ISSUER])
            .arg(file),
    );
}

/// sigstore-go's own program, as Go's checksum database knows it.
fn go_accepts(sigstore: &Sigstore, file: &Path, bundles: [&Path; 2]) {
    let bin = sigstore.folder.path().join("go");
    let package = "github.com/sigstore/sigstore-go/examples/sigstore-go-verification@v1.1.4";
    succeeds(Command::new("go").args(["install", package]).env("GOBIN", &bin).env("GOFLAGS", "-mod=mod"));
    let verify = |file: &Path, bundle: &Path| {
        let mut command = Command::new(bin.join("sigstore-go-verification"));
        command.arg("-artifact").arg(file).arg("-trustedrootJSONpath").arg(sigstore.trusted_root());
        command.args(["-expectedIssuer", ISSUER, "-expectedSAN", SIGNER]).arg(bundle);
        command
    };
    let other = sigstore.folder.path().join("other.txt");
    fs::write(&other, "hellO\n").unwrap();
    for bundle in bundles {
        succeeds(&mut verify(file, bundle));
        assert!(!verify(&other, bundle).output().unwrap().status.success(), "it accepts anything");
    }
}

/// Python's sigstore takes a trusted root and a signing config in one.
fn client_trust(sigstore: &Sigstore) -> PathBuf {
    let read = |name: &str| -> Value {
        serde_json::from_str(&fs::read_to_string(sigstore.folder.path().join(name)).unwrap()).unwrap()
    };
    let path = sigstore.folder.path().join("client_trust.json");
    let both = json!({
        "mediaType": "application/vnd.dev.sigstore.clienttrustconfig.v0.1+json",
        "trustedRoot": read("trusted_root.json"),
        "signingConfig": read("signing_config.json"),
    });
    fs::write(&path, both.to_string()).unwrap();
    path
}

fn cosign_accepts(sigstore: &Sigstore, file: &Path, signature: &Path, provenance: &Path) {
    let identity = ["--certificate-identity", SIGNER, "--certificate-oidc-issuer", ISSUER];
    let cosign = |verb: &[&str], bundle: &Path| {
        let mut command = Command::new("cosign");
        command.args(verb).args(identity).arg("--trusted-root").arg(sigstore.trusted_root());
        command.args(["--new-bundle-format", "--use-signed-timestamps", "--bundle"]).arg(bundle).arg(file);
        succeeds(&mut command);
    };
    cosign(&["verify-blob"], signature);
    cosign(&["verify-blob-attestation", "--type=slsaprovenance1"], provenance);
}

fn is_there(program: &str) -> bool {
    Command::new(program).arg("version").output().is_ok()
}
