//! Packages over an image: `build/toolchain.toml` as it is for Alpine's, with an image and a repository of our own; and
//! what Alpine itself has signed.

mod fixture;

use std::process::Command;

use fixture::{
    Run, World,
    alpine::{Repository, path, put},
    archive::{file, link, program, tar},
    image::{GCC, Image, layers},
    server::{Answer, Server},
};
use fs_err as fs;
use serde_json::Value;

/// A component that is built, by an image with packages over it.
fn world(image: &str, packages: &[&str]) -> World {
    let world = World::with_archive();
    world.write("build/toolchain.toml", &format!("image = \"{image}\"\npackages = {packages:?}\n"));
    world
}

/// An image without a compiler that trusts the repository.
fn image(repository: &Repository, server: &Server, more: &[Vec<u8>]) -> Image {
    let trusted = [repository.trusted(server), more.to_vec()].concat();
    Image::new([layers(None), vec![tar(&trusted)]].concat())
}

fn build(world: &World, arguments: &[&str]) -> Run {
    world.rst([&["build", "small", "--toolchain", "container"], arguments].concat())
}

/// The compiler needs a library, and that something of the image's is another.
fn compiler() -> Repository {
    let mut repository = Repository::new();
    repository.add("gcc", "14.2.0-r6", &["D:so:libhelp.so.1 changed=2-r0"], &tar(&[program("usr/bin/gcc", GCC)]));
    repository.add("help", "1-r0", &["p:so:libhelp.so.1=1"], &tar(&[file("usr/lib/libhelp.so.1", "help")]));
    let changed = [file("usr/share/changed", "new"), link("usr/share/link", "changed")];
    repository.add("changed", "2-r0", &[], &tar(&changed));
    repository
}

/// What the image has, as Alpine's has it since 3.23: the image of the tests has a link at /lib.
const DATABASE: &str = "usr/lib/apk/db/installed";
const INSTALLED: &str = "P:changed\nV:1-r0\nF:usr/share\nR:changed\n\n";

#[test]
fn a_compiler_comes_from_packages_and_the_manifest_names_them() {
    let (server, repository) = (Server::new(), compiler());
    repository.serve(&server);
    let old = [file(DATABASE, INSTALLED), file("usr/share/changed", "old"), file("usr/share/link", "old")];
    let image = image(&repository, &server, &old);
    let world = world(&image.serve(&server), &["gcc~14.2"]);
    build(&world, &[]).exits(0);
    assert_eq!(server.asked().iter().filter(|path| path.ends_with(".apk")).count(), 3);
    // Once laid over, they stay as they were.
    build(&world, &["--offline", "--cold"]).exits(0);
    world.store_is_sound();

    let mut tar = Command::new("tar");
    tar.arg("-xOf").arg(world.in_dist(".tar.gz")).arg("hello-v1/share/rst/hello.manifest.json");
    let manifest: Value = serde_json::from_slice(&tar.output().unwrap().stdout).unwrap();
    let container = &manifest["toolchain"]["container"];
    assert_eq!(container["image"]["digest"], image.digest());
    let gcc = &container["packages"]["gcc"];
    assert_eq!(gcc["version"], "14.2.0-r6");
    assert!(gcc["url"].as_str().unwrap().ends_with("/gcc-14.2.0-r6.apk"), "{gcc}");
    assert_eq!(container["packages"].as_object().unwrap().len(), 3);
    let tree = world.store().join("trees").join(container["tree"].as_str().unwrap());
    assert_eq!(fs::read_to_string(tree.join("usr/share/link")).unwrap(), "new");
}

/// Nothing of what somebody has changed is opened.
#[test]
fn what_is_not_as_it_was_signed_is_refused() {
    let (server, repository) = (Server::new(), compiler());
    let image = image(&repository, &server, &[]);
    let named = image.serve(&server);
    let refused = |says: &str| {
        let world = world(&named, &["gcc"]);
        build(&world, &[]).exits(6).tells(says);
        assert_eq!(world.kept("trees").len(), 1, "the image alone");
    };
    repository.serve(&server);
    for name in ["gcc-14.2.0-r6.apk", "help-1-r0.apk"] {
        let whole = repository.file(name);
        for place in [whole.len() - 20, whole.len() / 2] {
            let mut changed = whole.clone();
            changed[place] ^= 1;
            put(&server, name, changed);
            refused(&format!("/{name}: "));
        }
        put(&server, name, [&whole[..], b"x"].concat());
        refused(&format!("{name}: expected a size of {}, found {}", whole.len(), whole.len() + 1));
        put(&server, name, whole);
    }
    // Another's signature, by a key of the same name; and one by a key that the image does not have.
    compiler().serve(&server);
    refused("/APKINDEX.tar.gz: it is not what test.rsa.pub has signed");
    put(&server, "APKINDEX.tar.gz", repository.index_signed_as("other.rsa.pub"));
    refused("/APKINDEX.tar.gz: it is signed by other.rsa.pub, and the image trusts test.rsa.pub");
    put(&server, "APKINDEX.tar.gz", repository.index_signed_as("../../../test.rsa.pub"));
    refused("and the image trusts test.rsa.pub");
}

#[test]
fn packages_that_cannot_be_had_are_told_by_name() {
    let (server, mut repository) = (Server::new(), compiler());
    repository.add("unmet", "1-r0", &["D:so:libnowhere.so.1"], &tar(&[]));
    repository.serve(&server);
    let named = image(&repository, &server, &[]).serve(&server);
    let fails = |packages: &[&str], says: &str| {
        build(&world(&named, packages), &[]).exits(3).tells(says);
    };
    fails(&["gperf"], "no repository of the image has `gperf`, which build/toolchain.toml wants");
    fails(&["unmet"], "no repository of the image has `so:libnowhere.so.1`, which unmet wants");
    fails(&["gcc~15"], "build/toolchain.toml wants `gcc~15`, and its repositories have 14.2.0-r6");
    build(&world(&named, &["gcc>15"]), &[]).exits(2).tells("`gcc>15` names no package");
    build(&world(&named, &["help"]), &[]).exits(2).tells("found no gcc and no musl-gcc");
    server.answers(&path("APKINDEX.tar.gz"), [Answer::Status(404)]);
    fails(&["gcc"], "/APKINDEX.tar.gz: the server answered 404");
    put(&server, "APKINDEX.tar.gz", b"no index".to_vec());
    fails(&["gcc"], "/APKINDEX.tar.gz: archive cannot be read");
    let bare = world(&Image::new(layers(None)).serve(&server), &["gcc"]);
    build(&bare, &[]).exits(3).tells("the image names no repository: it has no URL in etc/apk/repositories");
    // The image alone is in the store.
    let world = world(&named, &["gcc"]);
    build(&world, &[]).exits(3);
    build(&world, &["--offline"]).exits(3).tells("nothing may be fetched (--offline)");
}

/// Alpine's own index of 3.17 with Alpine's key, and a package of 3.16, which the tests of apko have in them: as much of
/// Alpine as there is where its servers are not.
#[test]
#[ignore = "fetches apko's source: make container-test runs it"]
fn what_alpine_has_signed_is_taken_and_what_is_changed_in_it_is_not() {
    let real = World::of_this_project();
    real.recipe("apko", "[source]\ngo-module = \"chainguard.dev/apko\"\n");
    real.rst(["lock", "apko@0.30.0"]).exits(0);
    let lock = real.lock_text();
    let (_, entry) = lock.split_once("name = \"apko\"").unwrap();
    let tree = entry.split_once("tree = \"").unwrap().1.split_once('"').unwrap().0;
    let apk = real.store().join("trees").join(tree).join("pkg/apk/apk");
    let sources = fs::read_to_string(apk.join("repo_test.go")).unwrap();
    const KEY: &str = "alpine-devel@lists.alpinelinux.org-616ae350.rsa.pub";
    let pem = sources.split_once(&format!("\"{KEY}\": `\n")).unwrap().1.split_once('`').unwrap().0;
    let index = fs::read(apk.join("testdata/alpine-317/APKINDEX.tar.gz")).unwrap();
    let package = fs::read(apk.join("testdata/alpine-316/alpine-baselayout-3.2.0-r23.apk")).unwrap();

    // What build/toolchain.toml wants is there by these names, with all that it needs; of that we have nothing.
    let server = Server::new();
    let trusted = [file(&format!("etc/apk/keys/{KEY}"), pem), file("etc/apk/repositories", server.url("/alpine"))];
    let named = Image::new([layers(None), vec![tar(&trusted)]].concat()).serve(&server);
    put(&server, "APKINDEX.tar.gz", index.clone());
    let wanted = fs::read_to_string(real.project().join("build/toolchain.toml")).unwrap();
    let wanted: toml::Table = toml::from_str(&wanted).unwrap();
    let wanted = wanted["packages"].as_array().unwrap().iter().map(|name| name.as_str().unwrap());
    let names: Vec<_> = wanted.map(|name| name.split('~').next().unwrap()).collect();
    build(&world(&named, &names), &[]).exits(3).tells(".apk: the server answered 404");
    let mut changed = index;
    *changed.last_mut().unwrap() ^= 1;
    put(&server, "APKINDEX.tar.gz", changed);
    build(&world(&named, &names), &[]).exits(6).tells(&format!("it is not what {KEY} has signed"));

    // Alpine's own package, under a key of ours.
    let (server, mut repository) = (Server::new(), compiler());
    repository.add_made("alpine-baselayout", "3.2.0-r23", &package);
    repository.serve(&server);
    let named = image(&repository, &server, &[]).serve(&server);
    let world = world(&named, &["gcc", "alpine-baselayout"]);
    build(&world, &[]).exits(0);
    let trees = fs::read_dir(world.store().join("trees")).unwrap().map(|tree| tree.unwrap().path());
    let mut greetings = trees.filter_map(|tree| fs::read_to_string(tree.join("etc/motd")).ok());
    assert!(greetings.any(|greeting| greeting.starts_with("Welcome to Alpine!")));
}
