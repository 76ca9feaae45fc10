//! `rst rebuild` and `rst why-not`, with the small toolchain; `make rebuild-test` is for what is released.

mod fixture;

use std::process::Command;

use fixture::{Run, World};
use fs_err as fs;

fn rebuild(world: &World, arguments: &[&str]) -> Run {
    let archive = world.in_dist(".tar.gz");
    world.rst([&["rebuild", archive.to_str().unwrap()], arguments].concat())
}

/// An archive that is built, of a clean checkout.
fn built() -> World {
    let world = World::with_archive();
    world.commit_all();
    world.rst(["build", "small"]).exits(0);
    world
}

#[test]
fn an_archive_is_the_same_where_all_is_otherwise() {
    let world = built();
    let run = rebuild(&world, &[]).exits(0);
    assert!(run.stdout.contains(": identical, SHA-256 "), "{run}");
    rebuild(&world, &["--processors", "1", "--jobs", "5"]).exits(0);
    let renamed = world.path("hello (1).tar.gz");
    fs::copy(world.in_dist(".tar.gz"), &renamed).unwrap();
    world.rst(["rebuild", renamed.to_str().unwrap()]).exits(0);
    let run = rebuild(&world, &["--on-disk"]).exits(0);
    run.tells("the store is on disk: whether the order of files matters is not seen");
    let left: Vec<_> = fs::read_dir(world.path("temporary")).unwrap().collect();
    assert!(left.is_empty(), "{left:?}");
}

#[test]
fn what_an_archive_says_of_its_build_root_alone_may_be_of_another() {
    let world = built();
    let root = world.path("another root");
    fs::create_dir(&root).unwrap();
    let tar = Command::new("tar").arg("-xf").arg(world.path("tools/build-root-1.tar")).arg("-C").arg(&root).status();
    assert!(tar.unwrap().success());
    for folder in ["bin", "lib", "lib64"] {
        fs::os::unix::fs::symlink(format!("usr/{folder}"), root.join(folder)).unwrap();
    }
    fs::write(root.join("usr/more"), "of another version").unwrap();
    let run = rebuild(&world, &["--build-root", root.to_str().unwrap()]).exits(0);
    assert!(run.stdout.contains(": the same files, but for what it says of its build root (share/rst/)"), "{run}");
    assert!(!run.stdout.contains("identical"), "{run}");
}

#[test]
fn a_releases_sources_are_enough() {
    let world = built();
    world.rst(["build", "small", "--for-release"]).exits(0);
    let sources = world.project().join("dist/hello-v1-sources.tar.zst");
    let with = ["--sources", sources.to_str().unwrap()];
    // No origin has it any more, nor has a mirror.
    fs::remove_file(world.path("tools/hello-1.tar")).unwrap();
    rebuild(&world, &[]).exits(3).tells("hello 1");
    let run = rebuild(&world, &with).exits(0);
    assert!(run.stdout.contains(": identical, SHA-256 "), "{run}");
    rebuild(&world, &["--sources", "release.toml"]).exits(2).tells("expected the TOOL-vVERSION-sources.tar.zst");
}

#[test]
fn what_differs_is_shown_with_who_made_it() {
    let world = built();
    let (archive, unpacked) = (world.in_dist(".tar.gz"), world.path("unpacked"));
    fs::create_dir(&unpacked).unwrap();
    let tar = |how: &str| {
        let mut tar = Command::new("tar");
        tar.arg(how).arg("-C").arg(&unpacked).arg("-f").arg(&archive).arg("hello-v1");
        assert!(tar.status().unwrap().success());
    };
    let other = world.path("other.tar.gz");
    fs::copy(&archive, &other).unwrap();
    tar("-xz");
    fs::write(unpacked.join("hello-v1/share/hello"), "ho").unwrap();
    tar("-cz");
    let run = rebuild(&world, &[]).exits(5);
    for told in ["one file differs, share/hello\n", "first    ho\n", "second   hi\n", "made by  hello, action "] {
        assert!(run.stdout.contains(told), "{told}: {run}");
    }
    let why_not = world.rst(["why-not", archive.to_str().unwrap(), other.to_str().unwrap()]).exits(5);
    assert!(why_not.stdout.contains("one file differs, share/hello\n"), "{why_not}");
}

#[test]
fn what_cannot_be_built_again_is_told_before_anything_is() {
    let world = built();
    rebuild(&world, &["--commit", "no-such-commit"]).exits(3).tells("no-such-commit");
    rebuild(&world, &["--draft"]).exits(2).tells("a draft is a .tar.zst alone");
    rebuild(&world, &["--root", "nowhere"]).exits(1).tells("nowhere");
    world.replace("build/archives.toml", "a test", "another");
    world.replace("build/recipes/hello.toml", "share/hello", "share/hullo");
    world.commit_all();
    let run = rebuild(&world, &[]).exits(2);
    assert!(run.stderr.contains("hello"), "{run}");

    fs::write(world.in_dist(".tar.gz"), "no archive").unwrap();
    rebuild(&world, &[]).exits(1);
    world.write("release.toml", "no archive");
    world.rst(["rebuild", "release.toml"]).exits(2);
}
