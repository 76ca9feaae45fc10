//! The workflows in .github: who may do what is pinned here; that they are well formed and open no known hole is for
//! actionlint and zizmor to say, whose refusals are tried on broken copies.

use std::{
    collections::{BTreeMap, BTreeSet},
    path::{Path, PathBuf},
    process::Command,
};

use fs_err as fs;
use serde::Deserialize;
use tempfile::TempDir;

/// Of a workflow, what is asked of it here.
#[derive(Deserialize)]
struct Workflow {
    jobs: BTreeMap<String, Job>,
    concurrency: Option<Concurrency>,
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields, rename_all = "kebab-case")]
struct Concurrency {
    group: String,
    cancel_in_progress: Option<serde_json::Value>,
    queue: Option<String>,
}

#[derive(Deserialize)]
struct Job {
    permissions: BTreeMap<String, String>,
    container: Option<Container>,
    /// A called workflow.
    uses: Option<String>,
    concurrency: Option<Concurrency>,
    #[serde(default)]
    steps: Vec<Step>,
}

#[derive(Deserialize)]
struct Container {
    image: String,
    options: Option<String>,
}

#[derive(Deserialize)]
struct Step {
    uses: Option<String>,
    run: Option<String>,
}

impl Job {
    fn may_write(&self) -> bool {
        self.permissions.values().any(|access| access == "write")
    }

    fn is_privileged(&self) -> bool {
        self.container.iter().filter_map(|container| container.options.as_deref()).any(|it| it.contains("--privileged"))
    }
}

fn checkout() -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join("../..")
}

/// Each job, under its workflow's name and its own.
fn jobs() -> BTreeMap<String, Job> {
    let mut jobs = BTreeMap::new();
    for (name, workflow) in workflows() {
        jobs.extend(workflow.jobs.into_iter().map(|(job, it)| (format!("{name}/{job}"), it)));
    }
    jobs
}

fn workflows() -> BTreeMap<String, Workflow> {
    let mut workflows = BTreeMap::new();
    for entry in fs::read_dir(checkout().join(".github/workflows")).unwrap() {
        let path = entry.unwrap().path();
        let workflow: Workflow = serde_saphyr::from_str(&fs::read_to_string(&path).unwrap())
            .unwrap_or_else(|error| panic!("{}: {error}", path.display()));
        let name = path.file_stem().unwrap().to_str().unwrap().to_owned();
        workflows.insert(name, workflow);
    }
    workflows
}

/// Releases and renewals of the index wait for each other, and none is dropped. actionlint does not know `queue` yet.
#[test]
fn whatever_signs_waits_for_its_turn() {
    let mut waiting = Vec::new();
    for (name, workflow) in workflows() {
        let signs = |job: &Job| job.uses.as_deref() == Some("./.github/workflows/sign.yml");
        for (job, it) in &workflow.jobs {
            let turn = it.concurrency.as_ref().map(|it| (it.group.as_str(), it.queue.as_deref()));
            assert_eq!(turn, signs(it).then_some(("release", Some("max"))), "{name}/{job}");
            waiting.extend(turn.map(|_| format!("{name}/{job}")));
            assert!(it.concurrency.iter().all(|it| it.cancel_in_progress.is_none()), "{name}/{job}");
        }
        assert!(workflow.concurrency.iter().all(|it| it.queue.is_none()), "{name}");
    }
    assert_eq!(waiting, ["build/release", "renew-index/renew"]);
}

/// The whole of it, so that a job which gets more shows in review. A caller must hand on what the called one takes.
#[test]
fn each_job_has_the_permissions_that_it_needs_and_no_other() {
    let lines = jobs().into_iter().map(|(name, job)| {
        let mut held: Vec<_> = job.permissions.iter().map(|(what, access)| format!("{what}: {access}")).collect();
        held.extend(job.is_privileged().then(|| "privileged container".to_owned()));
        held.extend(job.uses.map(|called| format!("for {called}")));
        held.extend(held.is_empty().then(|| "nothing".to_owned()));
        format!("{name:24}{}\n", held.join(", "))
    });
    insta::assert_snapshot!(lines.collect::<String>(), @r"
    build-buildah/buildah   contents: write, id-token: write, for ./.github/workflows/build.yml
    build-podman/podman     contents: write, id-token: write, for ./.github/workflows/build.yml
    build-skopeo/skopeo     contents: write, id-token: write, for ./.github/workflows/build.yml
    build/build             contents: read, privileged container
    build/compare           nothing
    build/plan              nothing
    build/release           contents: write, id-token: write, for ./.github/workflows/sign.yml
    build/trial             contents: read, privileged container
    check-releases/look     contents: read, privileged container
    check-releases/propose  actions: write, contents: write, pull-requests: write
    ci/check                contents: read, privileged container
    ci/test                 contents: read, privileged container
    renew-index/renew       contents: write, id-token: write, for ./.github/workflows/sign.yml
    sign/compile            contents: read, privileged container
    sign/publish            contents: write
    sign/sign               contents: read, id-token: write
    ");
}

/// Level 3 of SLSA: what compiles or builds can neither sign nor publish.
#[test]
fn a_job_that_may_write_or_sign_compiles_nothing() {
    let (mut builders, mut writers) = (0, 0);
    for (name, job) in jobs() {
        let prepares = |step: &Step| step.uses.as_deref() == Some("./.github/actions/prepare");
        let compiles = |step: &Step| {
            let run = step.run.as_deref().unwrap_or_default();
            ["cargo", "make ", "./scripts", ".ci/run"].iter().any(|builder| run.contains(builder))
        };
        let builds = job.steps.iter().any(|step| prepares(step) || compiles(step));
        let writes = job.may_write() && job.uses.is_none();
        assert!(!(builds && writes), "{name} builds, and may write");
        assert!(!(writes && job.is_privileged()), "{name} may write, and its container has no walls");
        builders += usize::from(builds);
        writers += usize::from(writes);
    }
    assert!(builders > 0 && writers > 0, "{builders} jobs build, {writers} write");
}

#[test]
fn all_containers_are_one_image() {
    let images: BTreeSet<_> = jobs().into_values().filter_map(|job| job.container).map(|it| it.image).collect();
    assert_eq!(images.len(), 1, "{images:?}");
}

/// Three actions are trusted; none of them caches, so there is no cache to poison. zizmor sees to the digest, offline
/// it does not look at the version beside it.
#[test]
fn each_action_of_others_is_one_of_three_and_says_its_version() {
    let pinned =
        regex::Regex::new(r"^actions/(checkout|(up|down)load-artifact)@[0-9a-f]{40} # v\d+\.\d+\.\d+$").unwrap();
    let mut seen = BTreeSet::new();
    for entry in walkdir::WalkDir::new(checkout().join(".github")) {
        let entry = entry.unwrap();
        if !entry.file_type().is_file() {
            continue;
        }
        for line in fs::read_to_string(entry.path()).unwrap().lines() {
            let Some(action) = line.trim_start().trim_start_matches("- ").strip_prefix("uses: ") else { continue };
            if !action.starts_with("./") {
                assert!(pinned.is_match(action), "{}: {action}", entry.path().display());
                seen.insert(action.to_owned());
            }
        }
    }
    assert_eq!(seen.len(), 3, "one version of each: {seen:?}");
}

/// The two checkers, installed for a test alone, and a copy of .github to break.
struct Checkers {
    folder: TempDir,
}

impl Checkers {
    fn new() -> Self {
        let checkers = Checkers { folder: tempfile::tempdir().unwrap() };
        let venv = checkers.path("venv");
        let requirements = concat!(env!("CARGO_MANIFEST_DIR"), "/tests/fixture/workflow-checkers.txt");
        succeeds(Command::new("python3").args(["-m", "venv"]).arg(&venv));
        succeeds(
            Command::new(venv.join("bin/python"))
                .args([
                    "-m",
                    "pip",
                    "install",
                    "--quiet",
                    "--only-binary",
                    ":all:",
                    "--require-hashes",
                    "--requirement",
                ])
                .arg(requirements),
        );
        // By go's checksum database; a go that is older than it wants fetches one that is not.
        succeeds(
            Command::new("go")
                .args(["install", "github.com/rhysd/actionlint/cmd/actionlint@v1.7.12"])
                .env("GOBIN", checkers.path("bin"))
                .env("GOTOOLCHAIN", "auto"),
        );
        checkers
    }

    fn path(&self, name: &str) -> PathBuf {
        self.folder.path().join(name)
    }

    /// A copy with one text put in place of another, wherever it is in the file.
    fn copy(&self, broken: Option<(&str, &str, &str)>) {
        let copy = self.path("project");
        let _ = fs::remove_dir_all(&copy);
        // By this actionlint knows a project, and so the workflows that call each other.
        fs::create_dir_all(copy.join(".git")).unwrap();
        for entry in walkdir::WalkDir::new(checkout().join(".github")) {
            let entry = entry.unwrap();
            if entry.file_type().is_file() {
                let to = copy.join(entry.path().strip_prefix(checkout()).unwrap());
                fs::create_dir_all(to.parent().unwrap()).unwrap();
                fs::copy(entry.path(), to).unwrap();
            }
        }
        if let Some((name, from, to)) = broken {
            let path = copy.join(".github").join(name);
            let text = fs::read_to_string(&path).unwrap();
            assert!(text.contains(from), "{from:?} is not in {name}");
            fs::write(path, text.replace(from, to)).unwrap();
        }
    }

    /// What both have to say of the copy; nothing if it is good.
    fn complaints(&self) -> String {
        let mut actionlint = Command::new(self.path("bin/actionlint"));
        actionlint.args(["-oneline", "-shellcheck", "shellcheck", "-pyflakes", ""]);
        let mut zizmor = Command::new(self.path("venv/bin/zizmor"));
        zizmor.args(["--offline", "--no-progress", "--persona", "auditor", ".github"]);
        zizmor.env_remove("GH_TOKEN").env_remove("GITHUB_TOKEN");
        let complaints = [actionlint, zizmor].map(|mut checker| {
            let output = checker.current_dir(self.path("project")).output().unwrap();
            match output.status.success() {
                true => String::new(),
                false => String::from_utf8_lossy(&[output.stdout, output.stderr].concat()).into_owned(),
            }
        });
        complaints.concat()
    }
}

#[track_caller]
fn succeeds(command: &mut Command) {
    let output = command.output().unwrap();
    assert!(output.status.success(), "{command:?}: {}", String::from_utf8_lossy(&output.stderr));
}

/// Where a copy is broken, what is put in place of what, and what must be said to it.
const BROKEN: &[(&str, &str, &str, &str)] = &[
    // zizmor
    ("workflows/build.yml", "- uses: ./.github/actions/prepare", "- uses: actions/setup-go@v7", "unpinned-uses"),
    ("workflows/build.yml", "debian:trixie-slim@sha256:", "debian:trixie-slim # sha256:", "unpinned-images"),
    ("workflows/sign.yml", "persist-credentials: false", "persist-credentials: true", "artipacked"),
    ("workflows/build.yml", "build-tool.sh \"$WHAT\"", "build-tool.sh ${{ inputs.tool }}", "template-injection"),
    (
        "workflows/ci.yml",
        "run: make check",
        "run: make check ${{ github.event.pull_request.title }}",
        "template-injection",
    ),
    ("workflows/ci.yml", "permissions: {}", "permissions: write-all", "excessive-permissions"),
    ("workflows/sign.yml", "permissions: {}", "permissions:\n  id-token: write # all jobs", "excessive-permissions"),
    ("workflows/ci.yml", "pull_request:", "pull_request_target:", "dangerous-triggers"),
    (
        "workflows/build.yml",
        "uses: ./.github/workflows/sign.yml",
        "secrets: inherit\n    uses: ./.github/workflows/sign.yml",
        "secrets-inherit",
    ),
    ("dependabot.yml", "      default-days: 7", "      default-days: 1", "dependabot-cooldown"),
    // actionlint
    (
        "workflows/build.yml",
        "needs: [compare, trial]",
        "needs: [compared, trial]",
        "job \"compared\" which does not exist",
    ),
    (
        "workflows/build.yml",
        "      checksums: ${{ needs",
        "      checksum: ${{ needs",
        "input \"checksum\" is not defined",
    ),
    (
        "workflows/sign.yml",
        "needs.sign.outputs.release",
        "needs.sign.outputs.releases",
        "property \"releases\" is not defined",
    ),
    (
        "workflows/build-podman.yml",
        "type: boolean",
        "type: bool",
        "input type of workflow_dispatch event must be one of",
    ),
    ("workflows/sign.yml", "release \"$WHAT\"", "release $WHAT", "SC2086"),
];

#[test]
#[ignore = "installs actionlint and zizmor: make test runs it"]
fn actionlint_and_zizmor_find_nothing_here_and_something_in_each_broken_copy() {
    let checkers = Checkers::new();
    checkers.copy(None);
    assert_eq!(checkers.complaints(), "");
    for (name, from, to, said) in BROKEN {
        checkers.copy(Some((name, from, to)));
        let complaints = checkers.complaints();
        assert!(complaints.contains(said), "{name}, {to:?}: {said} is not said, but: {complaints}");
    }
}
