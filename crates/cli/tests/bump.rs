//! Moving the lock on: what goes with a tool goes with it, and what cannot be had whole changes nothing.

mod fixture;

use fixture::{
    World,
    archive::{hello, sha256},
    server::{Answer, Server},
};
use fs_err as fs;

/// A tool of two lines and the helper that goes with each, as upstream has them by now: the helper's versions
/// are on a page. Locked are tool 2.0 and 1.0, helper 5.0 and 4.0.
fn world(server: &Server) -> World {
    let world = World::new();
    let page = "helper-5.0.tar helper-5.1.tar helper-5.2-rc1.tar helper-4.0.tar helper-4.1.tar helper-6.0.tar";
    server.answers("/files/", [Answer::Whole(page.into())]);
    let source = |name: &str| format!("[source]\nhttps = [\"{}\"]\n", server.url(&format!("/{name}-{{version}}.tar")));
    world.recipe("tool", &(source("tool") + "[line.\"2\"]\n[line.\"1\"]\n"));
    let upstream =
        format!(r"upstream.page = {{ url = '{}', file = 'helper-(?<version>[\w.-]+)\.tar' }}", server.url("/files/"));
    world.recipe("helper", &(upstream + "\n" + &source("helper")));
    world.write(
        "build/archives.toml",
        "[tool-full]\ntool = \"tool\"\nsummary = \"a test\"\ncomponents = [\"tool\", \"helper\"]\n\
         [tool-full.line.\"2\"]\nhelper = \"5\"\n[tool-full.line.\"1\"]\nhelper = \"4\"\n",
    );
    for (name, versions) in [("tool", ["1.0", "2.0"]), ("helper", ["4.0", "5.0"])] {
        for version in versions {
            serve(server, name, version);
            world.pin(&[&format!("{name}@{version}")]);
        }
    }
    world
}

fn serve(server: &Server, name: &str, version: &str) {
    server.answers(&format!("/{name}-{version}.tar"), [Answer::Whole(hello(&format!("{name} {version}\n")))]);
}

/// The locked versions, as `name version`.
fn locked(world: &World) -> Vec<String> {
    let lock: toml::Table = toml::from_str(&world.lock_text()).unwrap();
    let text = |source: &toml::Value, key: &str| source[key].as_str().unwrap().to_owned();
    let sources = lock["source"].as_array().unwrap();
    sources.iter().map(|source| format!("{} {}", text(source, "name"), text(source, "version"))).collect()
}

#[test]
fn what_goes_with_a_tool_is_bumped_with_it_in_its_line_alone() {
    let server = Server::new();
    let world = world(&server);
    serve(&server, "tool", "2.1");
    serve(&server, "helper", "5.1");
    let before = world.lock_text();
    let run = world.rst(["bump", "tool@2.1", "--dry-run"]).exits(0);
    let shown = regex::Regex::new("[0-9a-f]{12}").unwrap().replace_all(&run.stdout, "TREE").into_owned();
    insta::assert_snapshot!(shown, @r"
    tool 2.0 → 2.1
      tool  TREE  →  TREE
    helper 5.0 → 5.1
      helper  TREE  →  TREE
    nothing is written (--dry-run)
    ");
    assert_eq!(world.lock_text(), before);
    world.rst(["bump", "tool@2.1"]).exits(0);
    assert_eq!(locked(&world), ["helper 5.1", "helper 4.0", "tool 2.1", "tool 1.0"]);
    assert!(world.lock_text().contains(&sha256(&hello("helper 5.1\n"))));
    // And back.
    world.rst(["bump", "tool@2.0", "helper@5.0"]).exits(0);
    assert_eq!(world.lock_text(), before);
}

#[test]
fn a_line_is_bumped_to_its_newest_stable_version() {
    let server = Server::new();
    let world = world(&server);
    serve(&server, "helper", "4.1");
    serve(&server, "helper", "5.1");
    let run = world.rst(["bump", "helper@4", "--format", "json"]).exits(0);
    assert!(run.stdout.lines().last().unwrap().contains("\"written\":true"), "{run}");
    assert_eq!(locked(&world), ["helper 5.0", "helper 4.1", "tool 2.0", "tool 1.0"]);
    world.rst(["bump", "helper"]).exits(0);
    assert_eq!(locked(&world), ["helper 5.1", "helper 4.1", "tool 2.0", "tool 1.0"]);
    let run = world.rst(["bump", "helper"]).exits(0);
    assert_eq!(run.stdout, "the lock has these versions already\n");
}

#[test]
fn what_cannot_be_had_whole_changes_nothing() {
    let server = Server::new();
    let world = world(&server);
    let before = world.lock_text();
    serve(&server, "tool", "2.1");
    // Announced, but not there.
    world.rst(["bump", "tool@2.1"]).exits(3).tells("helper 5.1 could not be had");
    server.answers("/files/", [Answer::Status(404)]);
    world.rst(["bump", "tool@2.1"]).exits(3).tells("the newest version of helper is not known:");
    world.rst(["bump", "tool"]).exits(3).tells("name the version: rst bump tool@VERSION");
    world.rst(["bump", "tool@3.0"]).exits(2).tells("tool 3.0 is of no line that is kept: 2, 1");
    world.rst(["bump", "tol@3.0"]).exits(2).tells("did you mean `tool`?");
    assert_eq!(world.lock_text(), before);
}

#[test]
fn patches_are_tried_on_the_new_source() {
    let server = Server::new();
    let world = world(&server);
    let patch = |from: &str| {
        format!("Why: a test\nUpstream: no\nCan go: never\n--- a/COPYING\n+++ b/COPYING\n@@ -1 +1 @@\n-{from}\n+no\n")
    };
    world.write("build/patches/helper/fits.patch", &patch("do as you like"));
    serve(&server, "helper", "5.1");
    world.write("build/patches/helper/late.patch", &patch("do as I like"));
    let before = world.lock_text();
    let run = world.rst(["bump", "helper@5.1"]).exits(1);
    insta::assert_snapshot!(run.shown(), @r#"
    × patches that do not apply to helper 5.1:
    │   late.patch: Reversed (or previously applied) patch detected!  Skipping patch.
    help: pin it alone, then mend or drop them in build/patches/helper (CONTRIBUTING, "Write a patch"): rst lock helper@5.1
    "#);
    assert_eq!(world.lock_text(), before);
    // Each is tried on what the one before has left.
    world.write("build/patches/helper/late.patch", &patch("no").replace("+no", "+yes"));
    let run = world.rst(["bump", "helper@5.1"]).exits(0);
    assert!(run.stdout.contains("2 patches apply: fits.patch, late.patch"), "{run}");
}

#[test]
fn a_follower_goes_with_whom_it_follows() {
    let server = Server::new();
    let world = world(&server);
    let recipe = world.project().join("build/recipes/helper.toml");
    let text = fs::read_to_string(&recipe).unwrap();
    world.write(
        "build/recipes/helper.toml",
        &text.replace("upstream.page", "follows = { recipe = \"tool\" }\nupstream.page"),
    );
    world.rst(["bump", "helper@5.1"]).exits(2).tells("helper has no version of its own: it follows tool");
    world.write(
        "build/recipes/helper.toml",
        &text.replace("upstream.page", "follows = { recipe = \"tul\" }\nupstream.page"),
    );
    world.rst(["outdated"]).exits(2).tells("there is no recipe `tul`, which it would follow");
}
