//! `rst publish`, to a folder and to a stand-in for GitHub (`fixture/github.rs`).

#![cfg(feature = "release")]

mod fixture;

use std::{collections::BTreeSet, path::PathBuf, process::Command};

use fixture::{
    Run, World,
    github::{COMMIT, Checker, GitHub, TOKEN, Wrong},
    process::{signal, wait_for},
};
use fs_err as fs;
use nix::sys::signal::Signal;
use rst_model::Digest;
use serde_json::{Value, json};

const ARCHIVE: &str = "podman-full-linux-amd64.tar.zst";
const TAG: &str = "podman-v6.0.2";
const RELEASE: &str = r#"
repository = "https://github.com/example/toolkits"
issuer = "https://token.actions.githubusercontent.com"
workflow = ".github/workflows/sign.yml"
refs = ["refs/heads/main"]
[provenance]
builder = ".github/workflows/sign.yml"
build-type = "https://example.org/v1"
"#;

/// A release's folder in the making, as `rst release` leaves one.
struct Folder {
    tag: &'static str,
    latest: bool,
    number: u64,
    archive: Vec<u8>,
}

impl Default for Folder {
    fn default() -> Self {
        // Larger than what a connection holds, and text, since Prism takes it for that.
        Self { tag: TAG, latest: true, number: 1, archive: b"podman!\n".repeat(400_000) }
    }
}

impl Folder {
    fn make(&self, world: &World) -> PathBuf {
        let folder = world.project().join("dist").join(self.tag);
        fs::create_dir_all(&folder).unwrap();
        let put = |name: &str, bytes: &[u8]| {
            fs::write(folder.join(name), bytes).unwrap();
            json!({ "sha256": Digest::of(bytes), "size": bytes.len() })
        };
        let mut archive = put(ARCHIVE, &self.archive);
        archive["platform"] = json!("linux/amd64");
        archive["variant"] = json!("podman-full");
        let archives = json!({ ARCHIVE: archive });
        let files =
            json!({ "checksums.txt": put("checksums.txt", b"checksums\n"), "a+b.json": put("a+b.json", b"{}") });
        let record = json!({
            "format": 1, "tag": self.tag, "latest": self.latest, "commit": COMMIT, "parts": {},
            "archives": archives, "files": files,
        });
        let record = put("release.json", record.to_string().as_bytes());
        let release = json!({ "parts": {}, "archives": archives, "record": record });
        let index = json!({
            "format": 1, "number": self.number, "made": "2026-01-01T00:00:00Z", "expires": "2026-01-15T00:00:00Z",
            "minimumSecure": {}, "releases": { self.tag: release },
        });
        put("index.json", index.to_string().as_bytes());
        put("notes.md", b"# What is in it\n");
        for signed in ["checksums.txt", "release.json", "index.json"] {
            put(&format!("{signed}.sigstore.json"), format!("a bundle, number {}", self.number).as_bytes());
        }
        folder
    }
}

/// All files of [`Folder`] that are published.
const FILES: [&str; 8] = [
    ARCHIVE,
    "a+b.json",
    "checksums.txt",
    "checksums.txt.sigstore.json",
    "index.json",
    "index.json.sigstore.json",
    "release.json",
    "release.json.sigstore.json",
];

fn world() -> World {
    let world = World::new();
    world.write("release.toml", RELEASE);
    world
}

fn command(world: &World, github: &GitHub, arguments: &[&str]) -> Command {
    let mut command = world.command(["publish", "dist/podman-v6.0.2", "--api", github.url()]);
    command.args(arguments).env("GITHUB_TOKEN", TOKEN);
    command
}

fn publish(world: &World, github: &GitHub) -> Run {
    Run::of(command(world, github, &[]).output().unwrap())
}

/// A file of a release is uploaded once, and whole.
#[track_caller]
fn is_published(github: &GitHub, folder: &Folder) {
    let state = github.state();
    let release = state.release(folder.tag);
    assert!(!release.draft);
    assert_eq!(release.names(), BTreeSet::from(FILES));
    assert_eq!(release.bytes(ARCHIVE), folder.archive);
    assert_eq!((release.body.as_str(), release.commit.as_str()), ("# What is in it\n", COMMIT));
    let index = state.release("index");
    assert!(index.prerelease && !index.draft);
    assert_eq!(index.names(), BTreeSet::from(["index.json", "index.json.sigstore.json"]));
    assert_eq!(number(index.bytes("index.json")), folder.number);
    assert_eq!(index.bytes("index.json.sigstore.json"), format!("a bundle, number {}", folder.number).as_bytes());
}

fn number(index: &[u8]) -> u64 {
    serde_json::from_slice::<Value>(index).unwrap()["number"].as_u64().unwrap()
}

/// Requests without what differs from run to run.
fn uploads(changes: &[String]) -> Vec<&str> {
    changes.iter().filter_map(|line| line.split_once("assets?name=")).map(|(_, name)| name).collect()
}

#[test]
fn a_release_is_published_when_all_of_it_is_there() {
    let (world, github) = (world(), GitHub::new());
    Folder::default().make(&world);
    let run = publish(&world, &github).exits(0);
    insta::assert_snapshot!(run.stdout, @r"
    podman-v6.0.2 is published: https://github.com/example/toolkits/releases/tag/podman-v6.0.2
    index.json has number 1
    ");
    insta::assert_snapshot!(run.shown(), @r"
    uploaded a+b.json in TIME
    uploaded checksums.txt in TIME
    uploaded checksums.txt.sigstore.json in TIME
    uploaded index.json in TIME
    uploaded index.json.sigstore.json in TIME
    uploaded podman-full-linux-amd64.tar.zst in TIME
    uploaded release.json in TIME
    uploaded release.json.sigstore.json in TIME
    uploaded index.json.sigstore.json.1 in TIME
    uploaded index.json.1 in TIME
    ");
    is_published(&github, &Folder::default());
    assert_eq!(github.state().latest.as_deref(), Some(TAG));
    let changes = github.state().changes();
    insta::assert_snapshot!(changes.join("\n"), @r"
    POST /repos/example/toolkits/releases
    POST /repos/example/toolkits/releases/1/assets?name=a%2Bb.json
    POST /repos/example/toolkits/releases/1/assets?name=checksums.txt
    POST /repos/example/toolkits/releases/1/assets?name=checksums.txt.sigstore.json
    POST /repos/example/toolkits/releases/1/assets?name=index.json
    POST /repos/example/toolkits/releases/1/assets?name=index.json.sigstore.json
    POST /repos/example/toolkits/releases/1/assets?name=podman-full-linux-amd64.tar.zst
    POST /repos/example/toolkits/releases/1/assets?name=release.json
    POST /repos/example/toolkits/releases/1/assets?name=release.json.sigstore.json
    PATCH /repos/example/toolkits/releases/1
    POST /repos/example/toolkits/releases
    POST /repos/example/toolkits/releases/10/assets?name=index.json.sigstore.json.1
    POST /repos/example/toolkits/releases/10/assets?name=index.json.1
    PATCH /repos/example/toolkits/releases/assets/11
    PATCH /repos/example/toolkits/releases/assets/12
    ");
}

#[test]
fn running_again_changes_nothing() {
    let (world, github) = (world(), GitHub::new());
    Folder::default().make(&world);
    publish(&world, &github).exits(0);
    github.state().changes();
    let run = publish(&world, &github).exits(0);
    assert!(run.stdout.starts_with("podman-v6.0.2 was published already: "), "{run}");
    assert_eq!(github.state().changes(), [""; 0]);
}

#[test]
fn latest_is_taken_by_the_newest_alone() {
    let (world, github) = (world(), GitHub::new());
    let older = Folder { latest: false, ..Folder::default() };
    older.make(&world);
    publish(&world, &github).exits(0);
    is_published(&github, &older);
    assert_eq!(github.state().latest, None);
}

#[test]
fn a_cut_upload_is_sent_again_and_nothing_else() {
    let (world, github) = (world(), GitHub::new());
    Folder::default().make(&world);
    github.fails("POST releases/1/assets?name=podman-full", 1, Wrong::Cut(100_000));
    let run = publish(&world, &github).exits(0).tells("podman-full-linux-amd64.tar.zst: ").tells("once more in 0.5 s");
    drop(run);
    is_published(&github, &Folder::default());
    let changes = github.state().changes();
    assert_eq!(uploads(&changes).iter().filter(|name| **name == ARCHIVE).count(), 2, "{changes:#?}");
    assert_eq!(uploads(&changes).len(), FILES.len() + 1 + 2, "{changes:#?}");
    assert_eq!(changes.iter().filter(|line| line.starts_with("DELETE")).count(), 1, "{changes:#?}");
}

#[test]
fn answers_that_are_lost_make_nothing_twice() {
    let (world, github) = (world(), GitHub::new());
    Folder::default().make(&world);
    for request in
        ["POST releases", "POST releases/1/assets?name=checksums", "PATCH releases/1", "PATCH releases/assets"]
    {
        github.fails(request, 1, Wrong::Unanswered);
    }
    publish(&world, &github).exits(0);
    is_published(&github, &Folder::default());
    assert_eq!(github.state().releases.len(), 2);
}

#[test]
fn a_server_with_troubles_that_pass_is_asked_again() {
    let (world, github) = (world(), GitHub::new());
    Folder::default().make(&world);
    github.fails("GET releases?", 1, Wrong::Status(429, &[("Retry-After", "1")], "too many"));
    github.fails("GET releases/1/assets", 1, Wrong::Status(403, &[("Retry-After", "1")], "secondary rate limit"));
    let over = &[("X-RateLimit-Remaining", "0"), ("X-RateLimit-Reset", "1")];
    github.fails("POST releases/1/assets?name=release.json", 1, Wrong::Status(403, over, "rate limit exceeded"));
    github.fails("POST releases/1/assets?name=index.json", 2, Wrong::Status(502, &[], "Bad Gateway"));
    github.fails("PATCH releases/1", 1, Wrong::Status(503, &[("Retry-After", "1")], "Unavailable"));
    let run = publish(&world, &github).exits(0);
    insta::assert_snapshot!(run.shown(), @r"
    warning: index.json: the server wants fewer requests (429 Too Many Requests: too many); once more in TIME
    warning: podman-v6.0.2: the server wants fewer requests (403 Forbidden: secondary rate limit); once more in TIME
    uploaded a+b.json in TIME
    uploaded checksums.txt in TIME
    uploaded checksums.txt.sigstore.json in TIME
    warning: index.json: the server answered 502 Bad Gateway; once more in TIME
    warning: index.json: the server answered 502 Bad Gateway; once more in TIME
    uploaded index.json in TIME
    uploaded index.json.sigstore.json in TIME
    uploaded podman-full-linux-amd64.tar.zst in TIME
    warning: release.json: the server wants fewer requests (403 Forbidden: rate limit exceeded); once more in TIME
    uploaded release.json in TIME
    uploaded release.json.sigstore.json in TIME
    warning: podman-v6.0.2: the server answered 503 Service Unavailable; once more in TIME
    uploaded index.json.sigstore.json.1 in TIME
    uploaded index.json.1 in TIME
    ");
    is_published(&github, &Folder::default());
}

#[test]
fn what_does_not_pass_ends_and_the_next_run_goes_on() {
    let (world, github) = (world(), GitHub::new());
    Folder::default().make(&world);
    github.fails("POST releases/1/assets?name=podman", 6, Wrong::Status(500, &[], "broken"));
    publish(&world, &github).exits(1).tells("the server answered 500 Internal Server Error (tried 6 times)");
    assert!(github.state().release(TAG).draft);
    let before = uploads(&github.state().changes()).len();
    publish(&world, &github).exits(0);
    is_published(&github, &Folder::default());
    let changes = github.state().changes();
    assert_eq!(uploads(&changes).len() + before, FILES.len() + 6 + 2, "{changes:#?}");
}

#[test]
fn a_limit_that_lasts_long_is_told_with_its_end() {
    let (world, github) = (world(), GitHub::new());
    Folder::default().make(&world);
    github.fails("POST releases", 1, Wrong::Status(429, &[("Retry-After", "3600")], "too many"));
    let run = publish(&world, &github).exits(1).tells("and the server wants none before 20").tells("(in 60 minutes)");
    drop(run);
    assert_eq!(github.state().releases.len(), 0);
}

#[test]
fn what_the_server_refuses_is_told_with_a_way_out() {
    let (world, github) = (world(), GitHub::new());
    Folder::default().make(&world);
    let run = Run::of(command(&world, &github, &[]).env("GITHUB_TOKEN", "of-another").output().unwrap()).exits(1);
    insta::assert_snapshot!(run.shown(), @r"
    × GET /repos/example/toolkits/releases: the server answered 401: Bad credentials
    help: the token in GITHUB_TOKEN or GH_TOKEN is not valid, or not any more
    ");
    github.fails("POST releases", 1, Wrong::Status(403, &[], "Resource not accessible by integration"));
    insta::assert_snapshot!(publish(&world, &github).exits(1).shown(), @r"
    × POST /repos/example/toolkits/releases: the server answered 403: Resource not accessible by integration
    help: the token needs `contents: write` for example/toolkits; in a workflow: permissions: contents: write
    ");
    world.replace("release.toml", "example/toolkits", "example/nothing");
    insta::assert_snapshot!(publish(&world, &github).exits(1).shown(), @r"
    × GET /repos/example/nothing/releases: the server answered 404: Not Found
    help: there is no example/nothing that the token may write to: is `repository` in release.toml right, and has the token `contents: write` for it?
    ");
}

#[test]
fn a_commit_that_is_not_there_is_told() {
    let (world, github) = (world(), GitHub::new());
    let folder = Folder::default().make(&world);
    for name in ["release.json", "index.json"] {
        let text = fs::read_to_string(folder.join(name)).unwrap();
        let old = Digest::of(fs::read(folder.join("release.json")).unwrap());
        fs::write(folder.join(name), text.replace(COMMIT, &"f".repeat(40))).unwrap();
        let new = Digest::of(fs::read(folder.join("release.json")).unwrap());
        let index = fs::read_to_string(folder.join("index.json")).unwrap();
        fs::write(folder.join("index.json"), index.replace(&old.to_string(), &new.to_string())).unwrap();
    }
    insta::assert_snapshot!(publish(&world, &github).exits(1).shown(), @r"
    × POST /repos/example/toolkits/releases: the server answered 422: Validation Failed; target_commitish invalid
    help: is the release's commit in the repository? what was sent so far stays, as a draft
    ");
    assert_eq!(github.state().releases.len(), 0);
}

#[test]
fn a_tag_at_another_commit_is_refused_before_anything_is_sent() {
    let (world, github) = (world(), GitHub::new());
    Folder::default().make(&world);
    github.state().tags.insert(TAG.to_owned(), "f".repeat(40));
    publish(&world, &github)
        .exits(6)
        .tells("commit of the tag: expected 0123456789012345678901234567890123456789, found fff");
    assert_eq!(github.state().changes(), [""; 0]);
}

#[test]
fn without_a_token_nothing_is_asked() {
    let (world, github) = (world(), GitHub::new());
    Folder::default().make(&world);
    let run = Run::of(command(&world, &github, &[]).env_remove("GITHUB_TOKEN").output().unwrap()).exits(2);
    insta::assert_snapshot!(run.shown(), @r"
    × there is no token for https://github.com/example/toolkits: neither GITHUB_TOKEN nor GH_TOKEN is set
    help: a token with contents: write for it is needed; --to FOLDER publishes without
    ");
    Run::of(command(&world, &github, &[]).env("GITHUB_TOKEN", "two\nlines").output().unwrap())
        .exits(2)
        .tells("letters");
    assert_eq!(github.state().asked, [""; 0]);
    let mut other = command(&world, &github, &[]);
    Run::of(other.env_remove("GITHUB_TOKEN").env("GH_TOKEN", TOKEN).output().unwrap()).exits(0);
}

#[test]
fn a_token_is_never_shown() {
    let (world, github) = (world(), GitHub::new());
    Folder::default().make(&world);
    github.fails("POST releases", 1, Wrong::Unanswered);
    github.fails("PATCH releases/1", 1, Wrong::Status(403, &[], "no"));
    for code in [1, 0] {
        let mut command = command(&world, &github, &["-vv"]);
        let run = Run::of(command.env("RST_LOG", "trace").output().unwrap()).exits(code);
        assert!(run.stderr.contains("TRACE") || run.stderr.contains("DEBUG"), "{run}");
        assert!(!run.to_string().contains(TOKEN), "{run}");
    }
}

#[test]
fn a_draft_with_other_bytes_is_refused_and_left() {
    let (world, github) = (world(), GitHub::new());
    Folder::default().make(&world);
    github.state().draft(TAG);
    github.state().put(TAG, "checksums.txt", b"of somebody else");
    insta::assert_snapshot!(publish(&world, &github).exits(6).shown(), @r"
    × podman-v6.0.2 at https://github.com/example/toolkits is not the one to be published: SHA-256 of checksums.txt: expected DIGEST, found DIGEST
    help: somebody else changed it, and what is there is not overwritten: look at it, and remove by hand what should not be there, or publish the next revision; then run this again
    ");
    assert_eq!(github.state().changes(), [""; 0]);
    assert_eq!(github.state().release(TAG).bytes("checksums.txt"), b"of somebody else");
}

#[test]
fn a_draft_with_a_file_too_many_is_refused() {
    let (world, github) = (world(), GitHub::new());
    Folder::default().make(&world);
    github.state().draft(TAG);
    github.state().put(TAG, "podman.exe", b"of somebody else");
    publish(&world, &github).exits(6).tells("files: expected those of release.json, found podman.exe");
    assert_eq!(github.state().changes(), [""; 0]);
}

#[test]
fn two_drafts_are_one_too_many() {
    let (world, github) = (world(), GitHub::new());
    Folder::default().make(&world);
    github.state().draft(TAG);
    github.state().draft(TAG);
    publish(&world, &github).exits(6).tells("drafts: expected one at most, found 2");
}

#[test]
fn what_is_published_with_other_bytes_is_refused() {
    let (world, github) = (world(), GitHub::new());
    Folder::default().make(&world);
    publish(&world, &github).exits(0);
    github.state().changes();
    Folder { archive: b"another".to_vec(), number: 2, ..Folder::default() }.make(&world);
    let run = publish(&world, &github).exits(6);
    insta::assert_snapshot!(run.shown(), @r"
    × podman-v6.0.2 at https://github.com/example/toolkits is not the one to be published: SHA-256 of checksums.txt.sigstore.json: expected DIGEST, found DIGEST
    help: somebody else changed it, and what is there is not overwritten: look at it, and remove by hand what should not be there, or publish the next revision; then run this again
    ");
    assert_eq!(github.state().changes(), [""; 0]);
    is_published(&github, &Folder::default());
}

#[test]
fn bytes_that_change_on_the_way_are_not_published() {
    let (world, github) = (world(), GitHub::new());
    Folder::default().make(&world);
    github.fails("POST releases/1/assets?name=podman", 1, Wrong::Corrupted);
    publish(&world, &github).exits(6).tells("SHA-256 of podman-full-linux-amd64.tar.zst: expected ");
    assert!(github.state().release(TAG).draft);
}

#[test]
fn what_another_process_changes_during_the_uploads_is_not_published() {
    let (world, github) = (world(), GitHub::new());
    Folder::default().make(&world);
    github.fails("POST releases/1/assets?name=release.json.sig", 1, Wrong::Changed("checksums.txt"));
    publish(&world, &github).exits(6).tells("SHA-256 of checksums.txt: expected ");
    assert!(github.state().release(TAG).draft);
}

#[test]
fn where_the_server_has_no_digests_files_are_downloaded_and_digested() {
    let (world, github) = (world(), GitHub::new());
    Folder::default().make(&world);
    github.state().without_digests = true;
    github.fails("POST releases/1/assets?name=podman", 1, Wrong::Corrupted);
    publish(&world, &github).exits(6).tells("SHA-256 of podman-full-linux-amd64.tar.zst: expected ");
    github.state().releases.clear();
    publish(&world, &github).exits(0);
    is_published(&github, &Folder { number: 1, ..Folder::default() });
}

#[test]
fn a_newer_index_takes_the_place_of_an_older_one_and_never_the_other_way() {
    let (world, github) = (world(), GitHub::new());
    let release = |number| {
        github.state().releases.retain(|release| release.tag != TAG);
        Folder { number, ..Folder::default() }.make(&world);
        publish(&world, &github)
    };
    release(8).exits(0);
    release(9).exits(0);
    is_published(&github, &Folder { number: 9, ..Folder::default() });
    let run = release(7).exits(0);
    assert!(run.stdout.contains("index.json there is newer, number 9, and was left"), "{run}");
    assert_eq!(number(github.state().release("index").bytes("index.json")), 9);
    github.state().put("index", "index.json", br#"{"format":1,"number":9,"made":"2026-01-01T00:00:00Z","expires":"2026-01-15T00:00:00Z","minimumSecure":{},"releases":{}}"#);
    release(9).exits(6).tells("SHA-256 of index.json number 9: expected ");
    // Nothing was sent before it was looked at.
    assert!(github.state().releases.iter().all(|release| release.tag != TAG));
}

#[test]
fn an_index_alone_takes_the_place_of_an_older_one_and_touches_no_release() {
    let (world, github) = (world(), GitHub::new());
    let folder = Folder { number: 8, ..Folder::default() }.make(&world);
    publish(&world, &github).exits(0);
    let alone = world.project().join("dist/alone");
    fs::create_dir(&alone).unwrap();
    Folder { number: 9, ..Folder::default() }.make(&world);
    for name in ["index.json", "index.json.sigstore.json"] {
        fs::rename(folder.join(name), alone.join(name)).unwrap();
    }
    let publish = || {
        let mut command = world.command(["publish", "dist/alone", "--api", github.url()]);
        Run::of(command.env("GITHUB_TOKEN", TOKEN).output().unwrap())
    };
    assert_eq!(publish().exits(0).stdout, "index.json has number 9\n");
    let state = github.state();
    assert_eq!(number(state.release("index").bytes("index.json")), 9);
    assert_eq!(number(state.release(TAG).bytes("index.json")), 8);
    drop(state);
    publish().exits(0);
    github.state().releases.clear();
    publish().exits(0);
    assert!(github.state().release("index").prerelease);
}

#[test]
fn an_index_that_was_not_put_in_place_whole_is_by_the_next_run() {
    let (world, github) = (world(), GitHub::new());
    Folder { number: 8, ..Folder::default() }.make(&world);
    publish(&world, &github).exits(0);
    github.state().releases.retain(|release| release.tag != TAG);
    Folder { number: 9, ..Folder::default() }.make(&world);
    for request in ["DELETE releases/assets", "PATCH releases/assets", "PATCH releases/assets"] {
        github.fails(request, 1, Wrong::Status(403, &[], "no"));
        publish(&world, &github).exits(1);
    }
    publish(&world, &github).exits(0);
    is_published(&github, &Folder { number: 9, ..Folder::default() });
}

#[test]
fn ctrl_c_during_an_upload_ends_at_once_and_the_next_run_goes_on() {
    let (world, github) = (world(), GitHub::new());
    Folder::default().make(&world);
    github.fails("POST releases/1/assets?name=podman", 1, Wrong::Stalled(1000));
    let child = command(&world, &github, &[]).spawn().unwrap();
    wait_for("the upload", || uploads(&github.state().asked).contains(&ARCHIVE));
    signal(&child, Signal::SIGINT);
    let begun = std::time::Instant::now();
    Run::of(child.wait_with_output().unwrap()).exits(130);
    assert!(begun.elapsed().as_secs() < 20, "it waits for the server");
    assert!(github.state().release(TAG).draft);
    publish(&world, &github).exits(0);
    is_published(&github, &Folder::default());
}

#[test]
fn progress_is_told_to_programs_too() {
    let (world, github) = (world(), GitHub::new());
    Folder::default().make(&world);
    let run = Run::of(command(&world, &github, &["--format", "json"]).output().unwrap()).exits(0);
    let events: Vec<Value> = run.stdout.lines().map(|line| serde_json::from_str(line).unwrap()).collect();
    let of = |kind: &str| events.iter().filter(|event| event["event"] == kind).collect::<Vec<_>>();
    assert_eq!(of("upload-started").len(), FILES.len() + 2);
    assert_eq!(of("upload-finished").len(), FILES.len() + 2);
    let size = Folder::default().archive.len() as u64;
    let last = of("upload-progress").into_iter().rfind(|event| event["asset"] == ARCHIVE).unwrap();
    assert_eq!(last["bytes"].as_u64(), Some(size));
    assert_eq!(events.last().unwrap()["published"]["already"], false);
}

#[test]
fn a_folder_that_is_not_what_it_says_is_not_sent() {
    let github = GitHub::new();
    let spoilt = |spoil: &dyn Fn(&PathBuf), code: i32| {
        let world = world();
        let folder = Folder::default().make(&world);
        spoil(&folder);
        let run = publish(&world, &github).exits(code);
        assert_eq!(github.state().asked, [""; 0]);
        run.shown()
    };
    let write = |name: &'static str| move |folder: &PathBuf| fs::write(folder.join(name), "changed").unwrap();
    let remove = |name: &'static str| move |folder: &PathBuf| fs::remove_file(folder.join(name)).unwrap();
    insta::assert_snapshot!(spoilt(&write(ARCHIVE), 6), @r"
    × podman-full-linux-amd64.tar.zst of podman-v6.0.2 is not what release.json says: expected SHA-256 DIGEST, found DIGEST
    help: make the release's folder again
    ");
    insta::assert_snapshot!(spoilt(&remove("checksums.txt"), 6), @r"
    × checksums.txt of podman-v6.0.2 is not what release.json says: expected SHA-256 DIGEST, found no such file
    help: make the release's folder again
    ");
    insta::assert_snapshot!(spoilt(&write("notes.md~"), 2), @r"
    × dist/podman-v6.0.2 is no release: it has notes.md~, which release.json does not name
    help: make one: rst release TOOL --dry-run
    ");
    insta::assert_snapshot!(spoilt(&remove("index.json"), 2), @r"
    × dist/podman-v6.0.2 is no release: there is no index.json
    help: make one: rst release TOOL --dry-run
    ");
    insta::assert_snapshot!(spoilt(&remove("release.json"), 2), @r"
    × dist/podman-v6.0.2 is no release: failed to open file `dist/podman-v6.0.2/release.json`: No such file or directory (os error 2)
    help: make one: rst release TOOL --dry-run
    ");
    insta::assert_snapshot!(spoilt(&remove("checksums.txt.sigstore.json"), 2), @r"
    × podman-v6.0.2 is not signed: expected checksums.txt.sigstore.json in its folder, and there is none
    help: release it with a key or an identity (rst release); --unsigned publishes it as it is
    ");
    let newline = |folder: &PathBuf| {
        let text = fs::read_to_string(folder.join("release.json")).unwrap();
        fs::write(folder.join("release.json"), text + "\n").unwrap();
    };
    insta::assert_snapshot!(spoilt(&newline, 6), @r"
    × index.json does not have podman-v6.0.2 as it is here: expected release.json with SHA-256 DIGEST, found DIGEST
    help: make the release's folder again
    ");
    let leads_out = |folder: &PathBuf| {
        let text = fs::read_to_string(folder.join("release.json")).unwrap();
        fs::write(folder.join("release.json"), text.replace("checksums.txt", "../checksums.txt")).unwrap();
    };
    insta::assert_snapshot!(spoilt(&leads_out, 2), @r#"
    × dist/podman-v6.0.2 is no release: release.json names "../checksums.txt": expected a name of letters, digits and `.-_+`
    help: make one: rst release TOOL --dry-run
    "#);
}

#[test]
fn what_nobody_signed_is_published_when_it_is_said() {
    let (world, github) = (world(), GitHub::new());
    let folder = Folder::default().make(&world);
    for signed in ["checksums.txt", "release.json", "index.json"] {
        fs::remove_file(folder.join(format!("{signed}.sigstore.json"))).unwrap();
    }
    publish(&world, &github).exits(2).tells("--unsigned");
    Run::of(command(&world, &github, &["--unsigned"]).output().unwrap()).exits(0);
    assert_eq!(github.state().release(TAG).assets.len(), FILES.len() - 3);
    assert_eq!(github.state().release("index").names(), BTreeSet::from(["index.json"]));
}

fn to_folder(world: &World, folder: &Folder) -> Run {
    world.rst(["publish", &format!("dist/{}", folder.tag), "--to", "www"])
}

#[test]
fn a_folder_gets_releases_and_the_newest_index() {
    let world = world();
    let first = Folder { number: 5, ..Folder::default() };
    first.make(&world);
    let run = to_folder(&world, &first).exits(0);
    insta::assert_snapshot!(run.stdout, @r"
    podman-v6.0.2 is published: www/podman-v6.0.2
    index.json has number 5
    ");
    let www = world.project().join("www");
    let state = || {
        let files = walkdir::WalkDir::new(&www).sort_by_file_name().into_iter().map(Result::unwrap);
        let text = |entry: walkdir::DirEntry| {
            let path = entry.path().strip_prefix(&www).unwrap().display().to_string();
            (path, entry.metadata().unwrap().modified().unwrap())
        };
        files.map(text).collect::<Vec<_>>()
    };
    let names: Vec<_> = state().into_iter().map(|(name, _)| name).filter(|name| !name.is_empty()).collect();
    insta::assert_snapshot!(names.join("\n"), @r"
    index.json
    index.json.sigstore.json
    podman-v6.0.2
    podman-v6.0.2/a+b.json
    podman-v6.0.2/checksums.txt
    podman-v6.0.2/checksums.txt.sigstore.json
    podman-v6.0.2/index.json
    podman-v6.0.2/index.json.sigstore.json
    podman-v6.0.2/notes.md
    podman-v6.0.2/podman-full-linux-amd64.tar.zst
    podman-v6.0.2/release.json
    podman-v6.0.2/release.json.sigstore.json
    ");
    assert_eq!(fs::read(www.join(TAG).join(ARCHIVE)).unwrap(), first.archive);

    let before = state();
    let run = to_folder(&world, &first).exits(0);
    assert!(run.stdout.starts_with("podman-v6.0.2 was published already"), "{run}");
    assert_eq!(state(), before);

    let older = Folder { tag: "podman-v5.8.6", number: 4, ..Folder::default() };
    older.make(&world);
    let run = to_folder(&world, &older).exits(0);
    assert!(run.stdout.contains("index.json there is newer, number 5, and was left"), "{run}");
    assert_eq!(number(&fs::read(www.join("index.json")).unwrap()), 5);

    let newer = Folder { tag: "podman-v6.0.10", number: 6, ..Folder::default() };
    newer.make(&world);
    to_folder(&world, &newer).exits(0);
    assert_eq!(number(&fs::read(www.join("index.json")).unwrap()), 6);
    assert_eq!(fs::read_to_string(www.join("index.json.sigstore.json")).unwrap(), "a bundle, number 6");

    let other = Folder { archive: b"another".to_vec(), number: 7, ..Folder::default() };
    other.make(&world);
    insta::assert_snapshot!(to_folder(&world, &other).exits(6).shown(), @r"
    × podman-v6.0.2 at www/podman-v6.0.2 is not the one to be published: SHA-256 of checksums.txt.sigstore.json: expected DIGEST, found DIGEST
    help: somebody else changed it, and what is there is not overwritten: look at it, and remove by hand what should not be there, or publish the next revision; then run this again
    ");
    assert_eq!(number(&fs::read(www.join("index.json")).unwrap()), 6);

    let at_once = Folder { tag: "podman-v6.0.11", number: 6, ..Folder::default() };
    at_once.make(&world);
    to_folder(&world, &at_once).exits(6).tells("SHA-256 of index.json number 6: expected ");
    assert!(!www.join("podman-v6.0.11").exists());
}

#[test]
fn what_a_killed_run_left_in_a_folder_is_in_nobodys_way() {
    let world = world();
    let folder = Folder::default();
    folder.make(&world);
    let part = world.project().join("www/.podman-v6.0.2.part");
    fs::create_dir_all(&part).unwrap();
    fs::write(part.join(ARCHIVE), "half").unwrap();
    fs::write(part.join("junk"), "junk").unwrap();
    // The signature of the new index is there, the index is not yet.
    fs::write(world.project().join("www/index.json.sigstore.json"), "a bundle, number 1").unwrap();
    to_folder(&world, &folder).exits(0);
    assert!(!part.exists());
    let names: BTreeSet<_> = fs::read_dir(world.project().join("www/podman-v6.0.2"))
        .unwrap()
        .map(|entry| entry.unwrap().file_name().into_string().unwrap())
        .collect();
    assert_eq!(names, FILES.into_iter().chain(["notes.md"]).map(str::to_owned).collect());
}

#[test]
#[ignore = "npm's registry: make test runs it"]
fn every_request_is_one_that_githubs_own_description_has() {
    let (world, github) = (world(), GitHub::new());
    let checker = Checker::start(&github);
    // It can tell right from wrong.
    let wrong = checker.asks("POST /repos/example/toolkits/releases", r#"{"draft":"yes"}"#);
    assert!(wrong.starts_with("HTTP/1.1 422"), "{wrong}");
    assert!(wrong.contains("must have required property 'tag_name'"), "{wrong}");

    github.checked_by(&checker);
    Folder { number: 8, ..Folder::default() }.make(&world);
    github.fails("GET releases?", 1, Wrong::Status(429, &[("Retry-After", "1")], "too many"));
    github.fails("POST releases", 1, Wrong::Unanswered);
    github.fails("POST releases/1/assets?name=podman", 1, Wrong::Status(502, &[], "Bad Gateway"));
    github.fails("POST releases/1/assets?name=checksums", 1, Wrong::Unanswered);
    publish(&world, &github).exits(0);
    is_published(&github, &Folder { number: 8, ..Folder::default() });
    publish(&world, &github).exits(0);

    github.state().releases.retain(|release| release.tag != TAG);
    github.state().without_digests = true;
    Folder { number: 9, ..Folder::default() }.make(&world);
    publish(&world, &github).exits(0);
    is_published(&github, &Folder { number: 9, ..Folder::default() });
    let asked = github.state().changes();
    for kind in ["POST", "PATCH", "DELETE"] {
        assert!(asked.iter().any(|line| line.starts_with(kind)), "{asked:#?}");
    }
}
