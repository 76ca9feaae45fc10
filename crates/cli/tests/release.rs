//! `rst release`, and what of it `rst verify` refuses.

#![cfg(feature = "release")]

mod fixture;

use std::{
    path::{Path, PathBuf},
    process::Command,
};

use fixture::{Run, World};
use fs_err as fs;

/// The key of crates/sign's tests, or its public half.
fn key(name: &str) -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join("../sign/tests/fixtures/keys").join(name)
}

fn by_key(world: &World, arguments: &[&str]) -> Run {
    let key = fs::read_to_string(key("plain.pem")).unwrap();
    Run::of(world.command(arguments).env("RST_SIGNING_KEY", key).output().unwrap())
}

fn verify(world: &World, arguments: &[&str]) -> Run {
    world.rst([&["verify", "--key", key("public.pem").to_str().unwrap()], arguments].concat())
}

fn small_world() -> World {
    let world = World::new();
    world.source("skopeo", &["https://example.org/skopeo-{version}.tar.gz".to_owned()]);
    world
        .write("build/archives.toml", "[skopeo]\ntool = \"skopeo\"\nsummary = \"a test\"\ncomponents = [\"skopeo\"]\n");
    let digest = "0".repeat(64);
    let origin = format!("https = \"https://example.org/skopeo-1.22.0.tar.gz\"\nsha256 = \"{digest}\"\n");
    let lock =
        format!("[[source]]\nname = \"skopeo\"\nversion = \"1.22.0\"\ntree = \"{digest}\"\n\n[[source.origin]]\n");
    world.write("build/lock.toml", &(lock + &origin));
    world.commit_all();
    world
}

/// An index, with these releases between its braces.
fn index(number: u64, expires: &str, releases: &str) -> String {
    format!(
        r#"{{"format":1,"number":{number},"made":"2026-01-01T00:00:00Z","expires":"{expires}","minimumSecure":{{}},"releases":{{{releases}}}}}"#
    )
}

/// skopeo's release made of these parts, for [`index`].
fn skopeo(parts: &str) -> String {
    let record = format!(r#"{{"sha256":"{}","size":1}}"#, "0".repeat(64));
    format!(r#""skopeo-v1.22.0":{{"parts":{parts},"archives":{{}},"record":{record}}}"#)
}

#[test]
fn all_that_was_not_built_is_named_at_once() {
    let world = small_world();
    let run = by_key(&world, &["release", "skopeo", "--dry-run", "--untried"]).exits(2);
    insta::assert_snapshot!(run.stderr, @r"
    × dist lacks 11 of the release's files: skopeo-linux-amd64.tar.zst, skopeo-linux-arm64.tar.zst, skopeo-linux-amd64.tar.gz, skopeo-linux-arm64.tar.gz, skopeo-linux-amd64.cdx.json, skopeo-linux-arm64.cdx.json, skopeo-linux-amd64.spdx.json, skopeo-linux-arm64.spdx.json, skopeo-linux-amd64.debug.tar.zst, skopeo-linux-arm64.debug.tar.zst, skopeo-v1.22.0-sources.tar.zst
    help: build them: rst build skopeo@1.22.0 --for-release --platform linux/amd64 --platform linux/arm64
    ");
    assert!(!world.project().join("release").exists());
}

#[test]
fn what_is_no_tool_and_what_is_no_commit_is_refused() {
    let world = small_world();
    by_key(&world, &["release", "skpoeo", "--dry-run", "--untried"]).exits(2).tells("did you mean `skopeo`?");
    world.replace("build/archives.toml", "a test", "another");
    by_key(&world, &["release", "skopeo", "--dry-run", "--untried"]).exits(2).tells("changes that are no commit");
}

#[test]
fn an_old_or_replayed_index_is_refused_though_it_is_signed() {
    let world = World::new();
    let signed = |expires: &str| {
        world.write("index.json", &index(7, expires, ""));
        by_key(&world, &["sign", "index.json"]).exits(0);
    };
    signed("2100-01-01T00:00:00Z");
    verify(&world, &["index.json", "--seen", "7"]).exits(0);
    verify(&world, &["index.json", "--seen", "8"]).exits(6).tells("expected number 8 or a later one, found 7");
    signed("2026-01-15T00:00:00Z");
    verify(&world, &["index.json"]).exits(6).tells("it has expired: it was good until 2026-01-15T00:00:00Z");
    world.write("index.json", "{}");
    verify(&world, &["index.json"]).exits(6).tells("wrong digest");
    by_key(&world, &["sign", "index.json"]).exits(0);
    verify(&world, &["index.json"]).exits(6).tells("it is no index of releases");
}

#[test]
fn an_index_is_renewed_before_or_after_it_expires() {
    let world = small_world();
    let numbered = |number| index(number, "2026-01-15T00:00:00Z", &skopeo("{}"));
    world.write("index.json", &numbered(7));
    by_key(&world, &["sign", "index.json"]).exits(0);
    let public = key("public.pem");
    let renew = |more: &[&str]| {
        let run = ["renew", "index.json", "--key", public.to_str().unwrap()];
        by_key(&world, &[&run[..], more].concat())
    };
    verify(&world, &["index.json"]).exits(6).tells("it has expired");
    let run = renew(&["--dry-run"]).exits(0);
    assert!(run.stdout.starts_with("index.json number 8 is in release/index, good until "), "{run}");
    verify(&world, &["release/index/index.json", "--seen", "8"]).exits(0);
    let renewed = fs::read_to_string(world.project().join("release/index/index.json")).unwrap();
    assert!(renewed.contains("skopeo-v1.22.0"), "{renewed}");

    let publish = |more: &[&str]| world.rst([&["publish", "release/index", "--to", "www"], more].concat());
    assert_eq!(publish(&[]).exits(0).stdout, "index.json has number 8\n");
    publish(&[]).exits(0);
    verify(&world, &["www/index.json"]).exits(0);
    // Made again from the same one, it is another.
    renew(&["--to", "www"]).exits(6).tells("SHA-256 of index.json number 8: expected ");
    renew(&["--unsigned", "--dry-run"]).exits(0);
    publish(&[]).exits(2).tells("index.json is not signed: expected index.json.sigstore.json in its folder");

    world.write("release/index/notes.txt", "mine");
    publish(&["--unsigned"]).exits(2).tells("release/index is no release: failed to open file");
    renew(&["--dry-run"]).exits(2).tells("is left as it is");
    world.write("index.json", &numbered(9));
    renew(&["--dry-run"]).exits(6).tells("wrong digest");
}

#[test]
fn what_is_released_of_other_parts_is_due_as_the_next_revision() {
    let world = small_world();
    let released = skopeo(r#"{"skopeo":"1.22.0","go":"1.26.8"}"#);
    world.write("index.json", &index(1, "2100-01-01T00:00:00Z", &released));
    by_key(&world, &["sign", "index.json"]).exits(0);
    let public = key("public.pem");
    let revise = |more: &[&str]| {
        let run = ["revise", "--index", "index.json", "--key", public.to_str().unwrap()];
        world.rst([&run[..], more].concat()).exits(0).stdout
    };
    insta::assert_snapshot!(revise(&["--dry-run"]), @r"
    skopeo-v1.22.0 is to be released as skopeo-v1.22.0-r2: go 1.26.8 → none
    nothing is written (--dry-run)
    ");
    assert!(!world.project().join("build/releases.toml").exists());
    revise(&[]);
    let written = fs::read_to_string(world.project().join("build/releases.toml")).unwrap();
    assert_eq!(written, "[tool.skopeo.revision]\n\"1.22.0\" = 2\n");
    assert_eq!(revise(&[]), "what is released is made of what is locked\n");
}

#[test]
#[ignore = "builds skopeo for both platforms: make test runs it"]
fn a_release_is_a_folder_that_anyone_can_check() {
    let world = World::of_this_project();
    world.commit_all();
    let platforms = ["--platform", "linux/amd64", "--platform", "linux/arm64"];
    world.rst([&["build", "skopeo", "--for-release"], &platforms[..]].concat()).exits(0);
    // Built for one platform alone, it is the same.
    world.rst(["build", "skopeo", "--platform", "linux/arm64", "--dist", "alone"]).exits(0);
    let built = |dist: &str| fs::read(world.project().join(dist).join("skopeo-linux-arm64.tar.gz")).unwrap();
    assert!(built("dist") == built("alone"), "skopeo for arm64 depends on what else is built");
    let run = by_key(&world, &["release", "skopeo", "--dry-run"]).exits(2);
    run.tells("no trial of skopeo-linux-amd64.tar.zst is reported");

    by_key(&world, &["release", "skopeo", "--dry-run", "--untried"]).exits(0);
    let mut releases = fs::read_dir(world.project().join("release")).unwrap();
    let folder = releases.next().unwrap().unwrap().path();
    let name = |file: &str| folder.join(file).to_str().unwrap().to_owned();
    let notes = fs::read_to_string(folder.join("notes.md")).unwrap();
    assert!(notes.contains("/build/patches/skopeo): reexec"), "{notes}");
    let sums = Command::new("sha256sum").args(["--strict", "--check", "checksums.txt"]).current_dir(&folder).output();
    let sums = sums.unwrap();
    assert!(sums.status.success(), "{}", String::from_utf8_lossy(&sums.stdout));
    let signed = ["skopeo-linux-amd64.tar.zst", "skopeo-linux-arm64.tar.gz", "checksums.txt", "index.json"];
    let by_checksums = ["skopeo-linux-amd64.cdx.json", "skopeo-v1.22.0-sources.tar.zst", "provenance.json"];
    for file in signed.into_iter().chain(by_checksums) {
        verify(&world, &[&name(file)]).exits(0);
    }

    by_key(&world, &["release", "skopeo", "--untried", "--out", "again", "--to", "published"]).exits(0);
    assert!(world.project().join("published/index.json").exists());

    // Made again, it is the same release; with other bytes it would be another.
    let index = name("index.json");
    let again = |more: &[&str]| {
        let public = key("public.pem");
        let before = ["--index", &index, "--key", public.to_str().unwrap(), "--out", "again"];
        by_key(&world, &[&["release", "skopeo", "--dry-run", "--untried"], &before[..], more].concat())
    };
    again(&[]).exits(0);
    let other = fs::read(name("skopeo-linux-arm64.tar.gz")).unwrap();
    fs::write(world.project().join("dist/skopeo-linux-arm64.tar.gz"), [&other[..], b"x"].concat()).unwrap();
    again(&[]).exits(6).tells("released already, with other bytes: skopeo-linux-arm64.tar.gz");

    // A draft is none.
    world.rst(["build", "skopeo", "--draft", "--platform", "linux/arm64"]).exits(0);
    again(&[]).exits(5).tells("was it built as a draft?");
}
