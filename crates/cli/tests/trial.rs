//! What `rst trial` says before it tries anything, and what it leaves.

mod fixture;

use fixture::{World, machine};

#[test]
fn the_checks_are_listed_with_what_each_says() {
    let run = World::new().rst(["trial", "--list"]).exits(0);
    assert!(run.stdout.lines().any(|line| line.starts_with("bridge-names ") && line.contains("by name")), "{run}");
    assert!(run.stdout.lines().any(|line| line.starts_with("exec-thousand ") && line.contains(" --long ")), "{run}");
    let run = World::new().rst(["trial", "--list", "--format", "json"]).exits(0);
    let checks: Vec<serde_json::Value> = serde_json::from_str(&run.stdout).unwrap();
    let when = |name: &str| checks.iter().find(|check| check["name"] == name).unwrap()["when"].clone();
    assert_eq!(["exec", "exec-thousand", "upgrade-keeps"].map(when), ["always", "long", "upgrade"]);
    let mut names: Vec<_> = checks.iter().map(|check| check["name"].as_str().unwrap()).collect();
    names.sort_unstable();
    let count = names.len();
    names.dedup();
    assert_eq!(names.len(), count, "two checks have one name");
}

#[test]
fn a_wrong_name_and_a_missing_archive_are_told_before_anything_is_made() {
    let world = World::new();
    let run = world.rst(["trial", "podman.tar.zst", "--only", "bridge-name"]).exits(2);
    assert!(run.stderr.contains("did you mean `bridge-names`?"), "{run}");
    let run = world.rst(["trial", "podman.tar.zst"]).exits(1);
    assert!(run.stderr.contains("podman.tar.zst"), "{run}");
    world.rst(["trial"]).exits(2);
}

#[test]
fn an_older_archive_that_is_not_there_is_told_before_anything_is_made() {
    let world = World::new();
    world.write("podman.tar.zst", "no archive");
    let run = world.rst(["trial", "podman.tar.zst", "--from", "older.tar.zst"]).exits(1);
    assert!(run.stderr.contains("older.tar.zst"), "{run}");
    let run = world.rst(["trial", "podman.tar.zst", "--from"]).exits(2);
    assert!(run.stderr.contains("--from <ARCHIVE>"), "{run}");
}

#[test]
fn upstreams_tests_are_asked_for_alone_and_of_an_archive_that_is_there() {
    let world = World::new();
    let run = world.rst(["trial", "podman.tar.zst", "--upstream"]).exits(1);
    assert!(run.stderr.contains("podman.tar.zst"), "{run}");
    let run = world.rst(["trial", "podman.tar.zst", "--debian"]).exits(2);
    assert!(run.stderr.contains("--upstream"), "{run}");
    let run = world.rst(["trial", "podman.tar.zst", "--upstream", "--long"]).exits(2);
    assert!(run.stderr.contains("--long"), "{run}");
}

#[test]
fn what_was_not_asked_for_is_named_and_not_done() {
    let world = World::new();
    world.write("podman.tar.zst", "no archive");
    let run = world.rst(["trial", "podman.tar.zst"]).exits(5);
    for name in ["exec-thousand", "upgrade-keeps"] {
        assert!(!run.stdout.contains(&format!("FAILED      {name}")), "{run}");
    }
    let run = world.rst(["trial", "podman.tar.zst", "--only", "exec-thousand"]).exits(5);
    assert!(run.stdout.contains("FAILED      exec-thousand"), "{run}");
}

#[test]
fn what_is_no_archive_fails_every_check_and_leaves_nothing() {
    let world = World::new();
    world.write("podman.tar.zst", "no archive");
    // What others have left, who were killed.
    world.rst(["trial", "clean"]).exits(0);
    let run = world.rst(["trial", "podman.tar.zst", "--only", "exit-codes"]).exits(5);
    assert!(run.stdout.contains("exit-codes FAILED") && run.stdout.contains("tar -xf"), "{run}");
    let left = world.rst(["trial", "clean", "--format", "json"]).exits(0);
    let left: serde_json::Value = serde_json::from_str(&left.stdout).unwrap();
    assert_eq!(left["removed"], serde_json::json!([]));
}

#[test]
fn what_is_being_tried_is_not_cleaned_away() {
    let world = World::new();
    world.write("podman.tar.zst", "no archive");
    let trial = || world.rst(["trial", "podman.tar.zst", "--only", "exit-codes"]);
    std::thread::scope(|scope| {
        let trials: Vec<_> = (0..4).map(|_| scope.spawn(trial)).collect();
        while !trials.iter().all(|trial| trial.is_finished()) {
            world.rst(["trial", "clean"]).exits(0);
        }
        for run in trials.into_iter().map(|trial| trial.join().unwrap()) {
            assert!(run.exits(5).stdout.contains("exit-codes FAILED"));
        }
    });
}

#[test]
fn systems_are_listed_and_one_that_there_is_not_is_told() {
    let world = World::new();
    let run = world.rst(["trial", "--list", "--vm", "all"]).exits(0);
    assert!(run.stdout.lines().any(|line| line.starts_with("trixie ") && line.contains("systemd")), "{run}");
    let run = world.rst(["trial", "podman.tar.zst", "--vm", "trixy"]).exits(2);
    assert!(run.stderr.contains("did you mean `trixie`?"), "{run}");
    let run = world.rst(["trial", "podman.tar.zst", "--vm", "fedora"]).exits(2);
    assert!(run.stderr.contains("dnf") && run.stderr.contains("where fedora runs"), "{run}");
    let run = world.rst(["trial", "podman.tar.zst", "--vm", "trixie", "--only", "limit-hold"]).exits(2);
    assert!(run.stderr.contains("did you mean `limits-hold`?"), "{run}");
    let run = world.rst(["trial", "podman.tar.zst", "--only", "limits-hold"]).exits(2);
    assert!(run.stderr.contains("--vm"), "{run}");
}

#[test]
fn no_machine_is_started_for_what_it_could_not_run() {
    let world = World::new();
    world.write("podman.tar.zst", "no archive");
    let run = world.rst(["trial", "podman.tar.zst", "--vm", "trixie"]).exits(1);
    assert!(run.stderr.contains("podman.tar.zst is no archive of this project"), "{run}");
    fs_err::write(world.project().join("podman.tar"), machine::archive_for("arm64")).unwrap();
    let run = world.rst(["trial", "podman.tar", "--vm", "trixie"]).exits(2);
    assert!(run.stderr.contains("trixie is a system of amd64, and the archive is for arm64"), "{run}");
}

/// Where QEMU is not installed, that is found first.
#[test]
fn a_kept_image_that_was_changed_is_refused() {
    let world = World::new();
    let system = machine::image(&world, "arm64", b"changed", b"as it was made");
    fs_err::write(world.project().join("podman.tar"), machine::archive_for("arm64")).unwrap();
    let run = world.rst(["trial", "podman.tar", "--vm", &system]);
    match run.code {
        Some(7) => assert!(run.stderr.contains("is not installed") && run.stderr.contains("(Debian: "), "{run}"),
        _ => assert!(run.exits(6).stderr.contains("is not as it was made")),
    }
}

#[test]
fn what_a_killed_trial_left_of_an_image_is_cleaned() {
    let world = World::new();
    let half = world.store().join("machines/.making-half");
    fs_err::create_dir_all(half.join("root")).unwrap();
    world.rst(["trial", "clean"]).exits(0);
    assert!(!half.exists());
}

#[test]
fn a_shell_is_one_machines_and_has_the_terminal_for_itself() {
    let world = World::new();
    fs_err::write(world.project().join("podman.tar"), machine::archive_for("amd64")).unwrap();
    world.rst(["trial", "podman.tar", "--shell"]).exits(2).tells("--vm <SYSTEM>");
    for wrong in [&["--vm", "trixie,bookworm"][..], &["--vm", "trixie", "--format", "json"]] {
        let run = world.rst([&["trial", "podman.tar", "--shell"], wrong].concat()).exits(2);
        assert!(run.stderr.contains("wants one system"), "{run}");
    }
}
