//! `rst sign` and `rst verify`, as they are typed. What is accepted is tried in crates/sign.

mod fixture;

use std::path::{Path, PathBuf};

use fixture::{Run, World};
use fs_err as fs;

/// A file of crates/sign's tests.
fn of_sign(name: &str) -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join("../sign/tests/fixtures").join(name)
}

fn signed_by_key(world: &World, name: &str) -> Run {
    let key = fs::read_to_string(of_sign("keys/encrypted.pem")).unwrap();
    world.write(name, "hello\n");
    let mut command = world.command(["sign", name]);
    Run::of(command.env("RST_SIGNING_KEY", key).env("RST_SIGNING_KEY_PASSWORD", "open").output().unwrap())
}

fn verify(world: &World, arguments: &[&str]) -> Run {
    world.rst([&["verify"], arguments].concat())
}

#[test]
fn nothing_is_signed_by_nobody() {
    let world = World::new();
    world.write("hello.txt", "hello\n");
    world.rst(["sign", "hello.txt"]).exits(2).tells("there is no identity to sign with");
    assert!(!world.project().join("hello.txt.sigstore.json").exists());
}

#[test]
fn a_key_signs_and_its_owner_is_believed() {
    let world = World::new();
    signed_by_key(&world, "hello.txt").exits(0);
    let public = of_sign("keys/public.pem");
    let run = verify(&world, &["hello.txt", "--key", public.to_str().unwrap()]).exits(0);
    insta::assert_snapshot!(run.stdout, @r"
    hello.txt is what was signed, SHA-256 5891b5b522d5df086d0ff0b110fbd9d21bb4fc7163af34d08286a2e846f6be03
      signer      the owner of the key
      signed at   not said
      provenance  not asked for
    ");
}

#[test]
fn a_changed_file_is_refused_with_both_digests() {
    let world = World::new();
    signed_by_key(&world, "hello.txt").exits(0);
    world.write("hello.txt", "hellO\n");
    let public = of_sign("keys/public.pem");
    let run = verify(&world, &["hello.txt", "--key", public.to_str().unwrap()]).exits(6);
    insta::assert_snapshot!(run.stderr, @r"
    × hello.txt: wrong digest: expected 5891b5b522d5df086d0ff0b110fbd9d21bb4fc7163af34d08286a2e846f6be03, found 0655937a5582c55b9ac610ed7ce474ed9be0a0fbefe9afcba31b36040be5530b
    help: do not use it: it is not what was released, or not by who should have
    ");
}

#[test]
fn a_release_is_believed_by_its_identity() {
    let [file, release, root, provenance] =
        ["hello.txt", "release.toml", "trusted_root.json", "provenance.sigstore.json"].map(of_sign);
    let world = World::new();
    fs::copy(file, world.project().join("hello.txt")).unwrap();
    fs::copy(of_sign("genuine.sigstore.json"), world.project().join("hello.txt.sigstore.json")).unwrap();
    let trust = ["--release", release.to_str().unwrap(), "--trusted-root", root.to_str().unwrap()];
    let with = |more: &[&str]| verify(&world, &[&["hello.txt"], &trust[..], more].concat());
    let run = with(&["--provenance", provenance.to_str().unwrap()]).exits(0);
    let told = regex::Regex::new(r"\d{4}-\d\d-\d\dT\S+").unwrap().replace(&run.stdout, "TIME").into_owned();
    insta::assert_snapshot!(told, @r"
    hello.txt is what was signed, SHA-256 5891b5b522d5df086d0ff0b110fbd9d21bb4fc7163af34d08286a2e846f6be03
      workflow    https://github.com/example/toolkits/.github/workflows/sign.yml@refs/heads/main
      repository  https://github.com/example/toolkits
      ref         refs/heads/main
      commit      0123456789012345678901234567890123456789
      issuer      https://token.actions.githubusercontent.com
      signed at   TIME
      provenance  as promised
    ");

    fs::copy(of_sign("fork.sigstore.json"), world.project().join("hello.txt.sigstore.json")).unwrap();
    let run = with(&[]).exits(6);
    insta::assert_snapshot!(run.stderr, @r"
    × hello.txt: wrong workflow: expected https://github.com/example/toolkits/.github/workflows/sign.yml, found https://github.com/somebody/toolkits/.github/workflows/sign.yml
    help: do not use it: it is not what was released, or not by who should have
    ");
    // Our own release is another.
    verify(&world, &["hello.txt", "--trusted-root", root.to_str().unwrap()]).exits(6).tells("wrong ");
}

#[test]
fn what_has_no_signature_of_its_own_is_held_to_signed_checksums() {
    let world = World::new();
    let public = of_sign("keys/public.pem");
    let judge = |name: &str| verify(&world, &[name, "--key", public.to_str().unwrap()]);
    let key = fs::read_to_string(of_sign("keys/plain.pem")).unwrap();
    world.write("a.cdx.json", "{}\n");
    world.write("b.cdx.json", "{}\n");
    let sums = "ca3d163bab055381827226140568f3bef7eaac187cebd76878e0b63e9e442356  a.cdx.json\n";
    world.write("checksums.txt", sums);
    judge("a.cdx.json").exits(6).tells("checksums.txt is not signed");
    Run::of(world.command(["sign", "checksums.txt"]).env("RST_SIGNING_KEY", key).output().unwrap()).exits(0);
    let run = judge("a.cdx.json").exits(0);
    assert!(run.stdout.starts_with("a.cdx.json is what was signed, SHA-256 ca3d163b"), "{run}");
    judge("b.cdx.json").exits(6).tells("b.cdx.json is not signed");

    world.write("a.cdx.json", "{ }\n");
    judge("a.cdx.json").exits(6).tells("a.cdx.json: wrong digest: expected ca3d163bab055381827226140568f3bef7ea");
    world.write("checksums.txt", &sums.replace("a.cdx", "b.cdx"));
    judge("b.cdx.json").exits(6).tells("checksums.txt: wrong digest: expected ");
}

#[test]
fn what_is_not_signed_is_refused() {
    let world = World::new();
    world.write("hello.txt", "hello\n");
    verify(&world, &["hello.txt"]).exits(6).tells("hello.txt.sigstore.json");
    verify(&world, &["no-such-file"]).exits(1);
}
