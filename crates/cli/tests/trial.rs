//! What `rst trial` says before it tries anything, and what it leaves.

mod fixture;

use fixture::World;

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
