//! Sources from origins that are gone, slow, cut off, wrong or wicked.

mod fixture;

use fixture::{
    World,
    archive::{self, entry, file, hello, sha256, tar},
    process::{signal, wait_for},
    server::{Answer, Server, nobody},
    size,
};
use fs_err as fs;
use nix::sys::signal::Signal;
use tar::EntryType;

/// A world whose `hello` 1.0 is pinned from these paths of one server.
fn pinned(server: &Server, paths: &[&str]) -> World {
    let world = World::new();
    world.source("hello", &paths.iter().map(|path| server.url(path)).collect::<Vec<_>>());
    for path in paths {
        server.answers(path, [Answer::Whole(hello("hi"))]);
    }
    world.pin(&["hello@1.0"]);
    server.asked();
    world
}

/// A source of some size, so that it comes in several pieces.
fn large() -> Vec<u8> {
    tar(&[file("hello/hello.c", vec![b'x'; 300_000])])
}

#[test]
fn wrong_bytes_are_told_and_the_next_origin_serves() {
    let server = Server::new();
    let world = pinned(&server, &["/a.tar", "/b.tar"]);
    server.answers("/a.tar", [Answer::Whole(hello("ho"))]);
    let run = world.rst(["fetch", "hello"]).exits(0);
    let (expected, found) = (sha256(&hello("hi")), sha256(&hello("ho")));
    run.tells(&format!("hello 1.0: {}: expected SHA-256 {expected}, found {found}", server.url("/a.tar")));
    assert_eq!(server.asked(), ["/a.tar", "/b.tar"]);
    assert_eq!(world.kept("trees").len(), 1);
    assert_eq!(world.kept("partial"), [""; 0]);
    world.store_is_sound();
}

#[test]
fn wrong_bytes_everywhere_end_with_6_and_are_not_kept() {
    let server = Server::new();
    let world = pinned(&server, &["/a.tar", "/b.tar"]);
    server.answers("/a.tar", [Answer::Whole(hello("ho"))]);
    server.answers("/b.tar", [Answer::Status(410)]);
    let run = world.rst(["fetch", "hello"]).exits(6);
    insta::assert_snapshot!(run.shown(), @r#"
    hello 1.0: http://SERVER/a.tar: expected SHA-256 DIGEST, found DIGEST
    hello 1.0: http://SERVER/b.tar: the server answered 410 Gone
      × hello 1.0: no origin gave the bytes that are pinned:
      │   http://SERVER/a.tar: expected SHA-256 DIGEST, found DIGEST
      │   http://SERVER/b.tar: the server answered 410 Gone
      help: somebody changed what lies there, or tampers with it on the way; the bytes were thrown away. If upstream really replaced it, look at the change and pin it anew: rst lock hello@1.0
    "#);
    world.store_is_empty();
}

#[test]
fn each_origin_tells_its_own_reason() {
    let server = Server::new();
    let world = pinned(&server, &["/gone.tar", "/cut.tar", "/busy.tar"]);
    let nobody = nobody();
    let lock = world.lock_text().replacen(&server.url("/gone.tar"), &format!("{nobody}/hello.tar"), 1);
    world.write("build/lock.toml", &lock.replacen(&server.url("/busy.tar"), &server.url("/lost.tar"), 1));
    server.answers("/cut.tar", [Answer::Cut(hello("hi"), 0)]);
    let run = world.rst(["fetch", "hello"]).exits(3);
    insta::assert_snapshot!(run.shown(), @r#"
    hello 1.0: http://SERVER/hello.tar: io: Connection refused (os error 111) (tried 4 times)
    hello 1.0: http://SERVER/cut.tar: the connection was lost after 0 bytes: Peer disconnected (tried 4 times)
    hello 1.0: http://SERVER/lost.tar: the server answered 404 Not Found
      × hello 1.0 could not be had:
      │   http://SERVER/hello.tar: io: Connection refused (os error 111) (tried 4 times)
      │   http://SERVER/cut.tar: the connection was lost after 0 bytes: Peer disconnected (tried 4 times)
      │   http://SERVER/lost.tar: the server answered 404 Not Found
      help: a mirror can stand in for origins that are gone: --mirror FOLDER-OR-URL
    "#);
    world.store_is_empty();
}

#[test]
fn a_cut_download_goes_on_where_it_was_cut() {
    let server = Server::new();
    let world = World::new();
    world.source("hello", &[server.url("/a.tar")]);
    server.answers("/a.tar", [Answer::Whole(large())]);
    world.pin(&["hello@1.0"]);
    server.asked();
    server.answers("/a.tar", [Answer::Cut(large(), 100_000), Answer::Whole(large())]);
    world.rst(["fetch", "hello"]).exits(0);
    assert_eq!(server.asked(), ["/a.tar", "/a.tar from 100000"]);
    world.store_is_sound();
}

#[test]
fn a_server_that_knows_no_ranges_is_asked_for_all_again() {
    let server = Server::new();
    let world = pinned(&server, &["/a.tar"]);
    server.answers("/a.tar", [Answer::Cut(hello("hi"), 700), Answer::WithoutRanges(hello("hi"))]);
    world.rst(["fetch", "hello"]).exits(0);
    assert_eq!(server.asked(), ["/a.tar", "/a.tar from 700"]);
}

#[test]
fn a_busy_server_is_asked_again() {
    let server = Server::new();
    let world = pinned(&server, &["/a.tar"]);
    server.answers("/a.tar", [Answer::Status(503), Answer::Status(429), Answer::Whole(hello("hi"))]);
    world.rst(["fetch", "hello"]).exits(0);
    assert_eq!(server.asked(), ["/a.tar"; 3]);
}

#[test]
fn a_killed_fetch_goes_on_from_what_it_had() {
    let server = Server::new();
    let world = pinned(&server, &["/a.tar"]);
    server.answers("/a.tar", [Answer::Silent(hello("hi"), 700)]);
    let part = world.store().join("partial").join(sha256(&hello("hi")));
    let mut fetch = world.command(["fetch", "hello"]).spawn().unwrap();
    wait_for("the first half", || size(&part) == 700);
    fetch.kill().unwrap();
    fetch.wait().unwrap();

    server.answers("/a.tar", [Answer::Whole(hello("hi"))]);
    world.rst(["fetch", "hello"]).exits(0);
    assert_eq!(server.asked(), ["/a.tar", "/a.tar from 700"]);
    assert!(!part.exists());
    world.store_is_sound();
}

#[test]
fn an_interrupted_fetch_ends_at_once_though_the_server_is_silent() {
    let server = Server::new();
    let world = pinned(&server, &["/a.tar"]);
    server.answers("/a.tar", [Answer::Silent(hello("hi"), 700)]);
    let part = world.store().join("partial").join(sha256(&hello("hi")));
    let fetch = world.command(["fetch", "hello"]).spawn().unwrap();
    wait_for("the first half", || size(&part) == 700);
    signal(&fetch, Signal::SIGINT);
    fixture::Run::of(fetch.wait_with_output().unwrap()).exits(130);
    assert_eq!(world.kept("trees"), [""; 0]);
    assert_eq!(size(&part), 700);
}

#[test]
fn a_download_that_was_given_up_is_collected() {
    let server = Server::new();
    let world = pinned(&server, &["/a.tar"]);
    server.answers("/a.tar", [Answer::Cut(hello("hi"), 700), Answer::Status(404)]);
    world.rst(["fetch", "hello"]).exits(3);
    assert_eq!(world.kept("partial"), [sha256(&hello("hi"))]);
    world.rst(["gc"]).exits(0);
    assert_eq!(world.kept("partial").len(), 1);
    world.rst(["gc", "--days", "0"]).exits(0);
    world.store_is_empty();
}

/// The first origin gives wrong bytes, and not all of them: the second must not be blamed for those.
#[test]
fn what_one_origin_spoiled_is_not_held_against_the_next() {
    let server = Server::new();
    let world = pinned(&server, &["/a.tar", "/b.tar"]);
    server.answers("/a.tar", [Answer::Cut(hello("ho"), 700), Answer::Status(404)]);
    world.rst(["fetch", "hello"]).exits(0);
    world.store_is_sound();
}

#[test]
fn unsafe_archives_are_refused_by_name() {
    let fifo = entry("hello/pipe", EntryType::Fifo, 0o644, 0, b"");
    let device = entry("hello/disk", EntryType::Block, 0o644, 0, b"");
    let huge = entry("hello/big", EntryType::Regular, 0o644, 1 << 50, b"");
    for (entries, reason) in [
        (
            vec![file("hello/../../../escaped", "x")],
            "entry `hello/../../../escaped`: `hello/../../../escaped` contains `..`",
        ),
        (vec![file("/escaped", "x")], "entry `/escaped`: `/escaped` is absolute"),
        (vec![file("hello/a", "x"), file("hello/a", "y")], "entry `hello/a` is there twice"),
        (vec![fifo], "entry `hello/pipe` is a fifo, expected a file, a folder or a link"),
        (vec![device], "entry `hello/disk` is a block, expected a file, a folder or a link"),
        (vec![huge], "with entry `hello/big` it holds more than"),
    ] {
        let server = Server::new();
        let world = pinned(&server, &["/a.tar"]);
        let wicked = tar(&entries);
        // As if the pin had been made by somebody who wanted harm.
        world.write("build/lock.toml", &world.lock_text().replace(&sha256(&hello("hi")), &sha256(&wicked)));
        server.answers("/a.tar", [Answer::Whole(wicked)]);
        world.rst(["fetch", "hello"]).exits(3).tells(&format!("archive refused: {reason}"));
        world.store_is_empty();
        world.rst(["lock", "hello@1.0"]).exits(3).tells(&format!("archive refused: {reason}"));
        let escaped = walkdir::WalkDir::new(world.path("")).into_iter().flatten();
        assert_eq!(escaped.filter(|entry| entry.file_name() == "escaped").count(), 0);
    }
}

#[test]
fn a_mirror_needs_no_trust() {
    let server = Server::new();
    let world = pinned(&server, &["/a.tar"]);
    let mirror = world.path("mirror");
    fs::create_dir(&mirror).unwrap();
    fs::write(mirror.join("hello-1.0.tree.tar.zst"), b"no archive").unwrap();
    fs::write(mirror.join("hello-1.0.tar.xz"), b"neither").unwrap();
    fs::write(mirror.join("a.tar"), hello("ho")).unwrap();
    world.rst(["fetch", "hello", "--mirror", mirror.to_str().unwrap()]).exits(0);
    assert_eq!(server.asked(), ["/a.tar"]);
    assert_eq!(world.kept("trees").len(), 1);
}

/// A packed tree has no digest of its own to be checked before it is opened.
#[test]
fn a_mirrors_wrong_tree_is_not_kept() {
    let server = Server::new();
    let world = pinned(&server, &["/a.tar"]);
    world.rst(["mirror", "export", "../mirror"]).exits(0);
    let mirror = world.path("mirror");
    fs::remove_dir_all(world.store()).unwrap();
    world.rst(["fetch", "hello", "--mirror", mirror.to_str().unwrap()]).exits(0);
    let good = world.kept("trees");

    fs::remove_dir_all(world.store()).unwrap();
    server.asked();
    world.write("build/lock.toml", &world.lock_text().replace(&good[0], &"0".repeat(64)));
    world
        .rst(["fetch", "hello", "--mirror", mirror.to_str().unwrap()])
        .exits(6)
        .tells("expected SHA-256 of the tree 0");
    world.store_is_empty();
}

#[test]
fn offline_everything_that_is_missing_is_named() {
    let server = Server::new();
    let world = pinned(&server, &["/a.tar"]);
    for name in ["bye", "moin"] {
        world.source(name, &[server.url("/{version}.tar")]);
        server.answers("/2.tar", [Answer::Whole(hello(name))]);
        world.pin(&[&format!("{name}@2")]);
    }
    world.rst(["fetch", "moin"]).exits(0);
    server.asked();
    let run = world.rst(["fetch", "hello", "bye", "moin", "--offline"]).exits(3);
    insta::assert_snapshot!(run.shown(), @r#"
    × nothing may be fetched (--offline), and not in the store:
    │   hello 1.0
    │   bye 2
    help: run `rst fetch` for the same without --offline once, or give --mirror FOLDER
    "#);
    assert_eq!(server.asked(), [""; 0]);

    let nowhere = world.rst(["fetch", "hello", "--offline", "--mirror", "nowhere"]).exits(3);
    nowhere.tells("the mirror nowhere is no folder, and is not asked");
    // What a mirror folder has is not missing, whatever it is called.
    let mirror = world.path("mirror, that is");
    fs::create_dir(&mirror).unwrap();
    fs::write(mirror.join("a.tar"), hello("hi")).unwrap();
    let run = world.rst(["fetch", "hello", "bye", "--offline", "--mirror", mirror.to_str().unwrap()]).exits(3);
    assert!(run.stderr.contains("bye 2") && !run.stderr.contains("hello 1.0"), "{run}");
}

#[test]
fn a_pin_names_every_origin_that_was_reached() {
    let server = Server::new();
    let world = World::new();
    world.source("hello", &[server.url("/{version}.tar"), server.url("/gone.tar"), server.url("/other.tar")]);
    server.answers("/1.0.tar", [Answer::Whole(hello("hi"))]);
    // Other bytes, the same tree.
    let again = tar(&[file("hello-1.0/COPYING", "do as you like\n"), file("hello-1.0/hello.c", "hi")]);
    server.answers("/other.tar", [Answer::Whole(again.clone())]);
    let run = world.rst(["lock", "hello@1.0"]).exits(0).tells("/gone.tar: the server answered 404");
    assert_eq!(run.stdout, "hello 1.0 is pinned\n");
    let lock = world.lock_text();
    assert!(lock.contains(&sha256(&hello("hi"))) && lock.contains(&sha256(&again)), "{lock}");
    assert!(!lock.contains("gone"), "{lock}");
}

#[test]
fn origins_that_differ_are_not_pinned() {
    let server = Server::new();
    let world = pinned(&server, &["/a.tar", "/b.tar"]);
    let before = world.lock_text();
    server.answers("/b.tar", [Answer::Whole(archive::hello("ho"))]);
    world.rst(["lock", "hello@1.0"]).exits(3).tells("differ, first in `hello.c`");
    assert_eq!(world.lock_text(), before);
}
