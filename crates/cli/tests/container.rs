//! The fallback toolchain: images as folders, archives and registries have them, good ones and bad ones; and, with
//! a compiler of Debian's from a real registry, everything in C.

mod fixture;

use std::{
    collections::BTreeSet,
    path::Path,
    process::{Child, Command, Stdio},
};

use fixture::{
    Run, World,
    alpine::Repository,
    archive::{file, tar},
    image::{GCC, Image, layers},
    process::wait_for,
    server::Server,
};
use fs_err as fs;
use serde_json::Value;

/// A component that Zig can compile, unless its text says BROKEN.
fn world(text: &str) -> World {
    let world = World::with_toolchain();
    world.component("hello", "license-files = [\"hello.c\"]\n", "");
    world.pin_component("hello", "1", text);
    let archive = "[small]\ntool = \"hello\"\nsummary = \"a test\"\ncomponents = [\"hello\"]\n";
    world.write("build/archives.toml", archive);
    world
}

fn built(world: &World, run: &Run) -> String {
    fs::read_to_string(world.store().join("trees").join(run.output("hello")).join("share/hello")).unwrap()
}

fn pack(folder: &Path, to: &Path) {
    let status = Command::new("tar").arg("-cf").arg(to).arg("-C").arg(folder).arg(".").status().unwrap();
    assert!(status.success());
}

#[test]
fn wherever_an_image_is_from_it_is_one_tree() {
    let image = Image::new(layers(Some(GCC)));
    let server = Server::new();
    let base = world("hi");
    let layout = image.lay_out(&base.path("layout"));
    image.save(&base.path("saved"));
    pack(&base.path("saved"), &base.path("saved.tar"));
    pack(&base.path("layout"), &base.path("layout.tar"));
    let saved = format!("docker-archive:{}", base.path("saved.tar").display());
    let archive = format!("oci-archive:{}", base.path("layout.tar").display());
    let mut outputs = Vec::new();
    for place in [layout, saved, archive, image.serve(&server)] {
        let world = world("hi");
        let arguments = ["build", "hello", "--toolchain", "container", "--image", &place, "--format", "json"];
        let run = world.rst(arguments).exits(0);
        assert_eq!(built(&world, &run), "by GCC\nhi");
        outputs.push(run.output("hello"));
        world.rst(["build", "hello", "--toolchain", "container", "--image", &place]).exits(0).tells("nothing to build");
        // With Zig it is another thing.
        let run = world.rst(["build", "hello", "--format", "json"]).exits(0);
        assert_eq!(built(&world, &run), "hi");
        world.store_is_sound();
    }
    outputs.dedup();
    assert_eq!(outputs.len(), 1);
}

#[test]
fn an_image_that_is_not_what_its_digest_says_is_not_opened() {
    for number in 0..4 {
        let mut image = Image::new(layers(Some(GCC)));
        let (world, server) = (world("hi"), Server::new());
        let named = image.serve(&server);
        let path = world.path("layout");
        image.lay_out(&path);
        let blob = &mut image.blobs[number];
        let name = fixture::archive::sha256(blob);
        let at = blob.len() / 2;
        blob[at] ^= 1;
        fs::write(path.join("blobs/sha256").join(&name), &*blob).unwrap();
        for kind in ["manifests", "blobs"] {
            let answer = fixture::server::Answer::Whole(blob.clone());
            server.answers(&format!("/v2/musl/{kind}/sha256:{name}"), [answer]);
        }
        for place in [format!("oci:{}", path.display()), named] {
            let run = world.rst(["build", "hello", "--toolchain", "container", "--image", &place]).exits(6);
            run.tells(&format!("expected SHA-256 {name}, found ")).tells("the image ");
        }
        assert_eq!(world.kept("partial"), [""; 0]);
    }
}

#[test]
fn an_image_that_cannot_serve_is_told_by_name() {
    let world = world("hi");
    let place = |name: &str, image: Image| image.lay_out(&world.path(name));
    let with = |place: &str| world.rst(["build", "hello", "--toolchain", "container", "--image", place]);
    with(&place("none", Image::new(layers(None)))).exits(2).tells("found no gcc and no musl-gcc");
    let glibc = GCC.replace("x86_64-alpine-linux-musl", "x86_64-linux-gnu");
    with(&place("glibc", Image::new(layers(Some(&glibc))))).exits(2).tells("found gcc for x86_64-linux-gnu");
    with(&place("empty", Image::new(vec![tar(&[file("a", "")])]))).exits(2).tells("has no compiler");
    let other = if cfg!(target_arch = "x86_64") { "arm64" } else { "amd64" };
    let foreign = Image::for_arch(layers(Some(GCC)), other);
    with(&place("foreign", foreign)).exits(2).tells(&format!("is for linux/{other}, expected "));
    let hostile = Image::new(vec![tar(&[fixture::archive::link("usr", "../../etc")])]);
    with(&place("hostile", hostile)).exits(3).tells("archive refused: entry `usr`");
    with("oci:nowhere").exits(3).tells("the image oci:nowhere could not be had");
    with("docker.io/library/alpine").exits(2).tells("@sha256:DIGEST");

    let server = Server::new();
    let named = Image::new(layers(Some(GCC))).serve(&server);
    let offline = ["build", "hello", "--toolchain", "container", "--offline", "--image"];
    world.rst([&offline[..], &[&named]].concat()).exits(3).tells("nothing may be fetched");
    let other = format!("linux/{other}");
    let arguments = ["build", "hello", "--toolchain", "container", "--image", &named, "--platform", &other];
    world.rst(arguments).exits(2).tells("builds for linux/");
    world.rst(["build", "hello", "--toolchain", "container"]).exits(2).tells("--image");
    world.rst(["build", "hello", "--image", &named]).exits(2).tells("--toolchain container");
}

#[test]
fn what_zig_fails_at_gcc_builds_if_asked_and_the_manifest_says_so() {
    let world = world("BROKEN");
    let image = Image::new(layers(Some(GCC)));
    let place = image.lay_out(&world.path("layout"));
    world.rst(["build", "small"]).exits(4).tells("the same command with --toolchain container");
    let run = world.rst(["build", "small", "--toolchain", "auto", "--image", &place]).exits(0);
    run.tells("warning: Zig could not build hello 1").tells("GCC 14.2.0");

    let archive = fs::read_dir(world.project().join("dist")).unwrap().map(|entry| entry.unwrap().path());
    let archive = { archive }.find(|path| path.to_string_lossy().ends_with(".tar.gz")).unwrap();
    let tar = Command::new("tar").arg("-xOf").arg(archive).arg("hello-v1/share/rst/hello.manifest.json").output();
    let manifest: Value = serde_json::from_slice(&tar.unwrap().stdout).unwrap();
    assert_eq!(manifest["components"]["hello"]["toolchain"], "container");
    let container = &manifest["toolchain"]["container"];
    assert_eq!(container["image"]["digest"], image.digest());
    assert_eq!(container["version"], "14.2.0");
    assert_eq!(manifest["toolchain"].as_object().unwrap().len(), 1);
}

/// What is in the image of Debian's: the build root's tools.
const TOOLS: [&str; 20] = [
    "base-files",
    "dash",
    "bash",
    "coreutils",
    "findutils",
    "diffutils",
    "grep",
    "sed",
    "mawk",
    "make",
    "patch",
    "autoconf",
    "automake",
    "libtool",
    "gperf",
    "pkgconf-bin",
    "perl",
    "python3-minimal",
    "libpython3-stdlib",
    "ninja-build",
];
/// And what is laid over it.
const COMPILER: [&str; 3] = ["musl-tools", "linux-libc-dev", "gcc"];

/// The root of some packages, made without running anything in it: so its one alternative has to be made too.
fn debian(folder: &Path, packages: &[&str]) -> Vec<u8> {
    let include = format!("--include={}", packages.join(","));
    let hook = "mkdir -p \"$1\"/etc/alternatives; ln -s /usr/bin/mawk \"$1\"/etc/alternatives/awk; \
                ln -s /etc/alternatives/awk \"$1\"/usr/bin/awk";
    let tar = folder.join("debian.tar");
    let mut mmdebstrap = Command::new("mmdebstrap");
    mmdebstrap.args(["--quiet", "--variant=extract", &include, &format!("--extract-hook={hook}")]);
    mmdebstrap.args(["--aptopt=Acquire::Check-Valid-Until \"false\"", "--aptopt=Acquire::Languages \"none\""]);
    mmdebstrap.args(["--aptopt=APT::Install-Recommends \"false\"", "--dpkgopt=path-exclude=/usr/share/man/*"]);
    mmdebstrap.args(["--dpkgopt=path-exclude=/usr/share/doc/*", "--dpkgopt=path-exclude=/usr/share/locale/*"]);
    succeeds(mmdebstrap.arg("trixie").arg(&tar));
    let layer = fs::read(&tar).unwrap();
    fs::remove_file(tar).unwrap();
    layer
}

/// What one archive has beside all that another has: files and links.
fn beside(all: &[u8], without: &[u8]) -> Vec<u8> {
    let (mut there, mut archive) = (tar::Archive::new(without), tar::Archive::new(all));
    let there: BTreeSet<_> = there.entries().unwrap().map(|entry| entry.unwrap().path_bytes().into_owned()).collect();
    let mut rest = tar::Builder::new(Vec::new());
    for entry in archive.entries().unwrap() {
        let mut entry = entry.unwrap();
        let (mut header, path) = (entry.header().clone(), entry.path().unwrap().into_owned());
        if there.contains(&*entry.path_bytes()) || header.entry_type().is_dir() {
            continue;
        }
        match entry.link_name().unwrap() {
            Some(target) => rest.append_link(&mut header, path, target).unwrap(),
            None => rest.append_data(&mut header, path, &mut entry).unwrap(),
        }
    }
    rest.into_inner().unwrap()
}

#[track_caller]
fn succeeds(command: &mut Command) -> String {
    let output = command.output().unwrap();
    let said = String::from_utf8_lossy(&[output.stdout, output.stderr].concat()).into_owned();
    assert!(output.status.success(), "{command:?}: {said}");
    said
}

/// A real registry on loopback, which ends with the test.
struct Registry {
    place: String,
    child: Child,
}

impl Registry {
    fn start(folder: &Path) -> Self {
        let place = fixture::server::nobody().trim_start_matches("http://").to_owned();
        let kept = folder.join("registry");
        let configuration = folder.join("registry.yml");
        let text = format!(
            "version: 0.1\nlog: {{ level: error, accesslog: {{ disabled: true }} }}\n\
             storage: {{ filesystem: {{ rootdirectory: {} }} }}\nhttp: {{ addr: '{place}' }}\n",
            kept.display()
        );
        fs::write(&configuration, text).unwrap();
        let serving = |name: &str| {
            let mut program = Command::new(name);
            program.arg("serve").arg(&configuration).stdin(Stdio::null()).stdout(Stdio::null()).stderr(Stdio::null());
            program.spawn().ok()
        };
        let child = ["docker-registry", "registry"].into_iter().find_map(serving);
        let child = child.expect("a registry: make install-test-deps");
        wait_for("the registry", || std::net::TcpStream::connect(&place).is_ok());
        Self { place, child }
    }
}

impl Drop for Registry {
    fn drop(&mut self) {
        let _ = self.child.kill();
        let _ = self.child.wait();
    }
}

/// All that is written in C, and what is tried beside it.
const ARCHIVE: &str = r#"
[in-c]
tool = "crun"
summary = "all programs that are written in C"
components = ["crun", "conmon", "fuse-overlayfs", "passt", "catatonit", "health-timer"]
"#;

/// Building proves.
#[test]
#[ignore = "takes minutes: make container-test runs it"]
fn debians_gcc_builds_all_that_is_in_c_and_skopeo_and_a_container_runs() {
    if cfg!(not(target_arch = "x86_64")) {
        return;
    }
    let world = World::of_this_project();
    let archives = fs::read_to_string(world.project().join("build/archives.toml")).unwrap();
    world.write("build/archives.toml", &(archives + ARCHIVE));
    let tools = debian(&world.path("tools"), &TOOLS);
    let compiler = beside(&debian(&world.path("tools"), &[&TOOLS[..], &COMPILER].concat()), &tools);
    let (server, mut repository) = (Server::new(), Repository::new());
    repository.add("compiler", "14-r0", &[], &compiler);
    repository.serve(&server);
    let image = Image::new(vec![tools, tar(&repository.trusted(&server))]);
    let layout = image.lay_out(&world.path("layout"));
    let registry = Registry::start(&world.path("tools"));

    // By the skopeo that Zig has built.
    let by_zig = world.rst(["build", "skopeo", "--draft", "--format", "json"]).exits(0);
    let skopeo = world.store().join("trees").join(by_zig.output("skopeo")).join("bin/skopeo");
    let copy = |program: &Path, words: &[&str]| {
        let mut skopeo = Command::new(program);
        succeeds(skopeo.arg("--insecure-policy").args(words))
    };
    let there = format!("docker://{}/musl:trixie", registry.place);
    copy(&skopeo, &["copy", "--quiet", "--preserve-digests", "--dest-tls-verify=false", &layout, &there]);

    let named = format!("{}/musl:trixie@sha256:{}", registry.place, image.digest());
    world.write("build/toolchain.toml", &format!("image = \"{named}\"\npackages = [\"compiler\"]\n"));
    let toolchain = ["--draft", "--toolchain", "container", "--format", "json"];
    let run = world.rst([&["build", "in-c", "skopeo"], &toolchain[..]].concat()).exits(0);
    let built = |component: &str| world.store().join("trees").join(run.output(component));
    let skopeo = built("skopeo").join("bin/skopeo");
    let shown = copy(&skopeo, &["inspect", "--tls-verify=false", "--format", "{{.Digest}}", &there]);
    assert_eq!(shown.trim(), format!("sha256:{}", image.digest()));
    runs_a_container(&world.path("bundle"), &built("crun").join("bin/crun"));
}

/// Where a host has both hierarchies of cgroups, of which crun knows no mixture, root hides the first.
const CONTAINER: &str = "
[ $(id -u) != 0 ] || { umount --recursive /sys/fs/cgroup; mount -t cgroup2 none /sys/fs/cgroup; }
exec \"$0\" --root state --cgroup-manager disabled run \"$1\"
";

fn runs_a_container(bundle: &Path, crun: &Path) {
    let bin = bundle.join("rootfs/bin");
    fs::create_dir_all(&bin).unwrap();
    let busybox = ["/usr/bin/busybox", "/bin/busybox"].into_iter().find(|path| Path::new(path).exists());
    fs::copy(busybox.expect("busybox: make install-test-deps"), bin.join("sh")).unwrap();
    succeeds(Command::new(crun).args(["spec", "--rootless"]).current_dir(bundle));
    let config = bundle.join("config.json");
    let mut value: Value = serde_json::from_str(&fs::read_to_string(&config).unwrap()).unwrap();
    value["process"]["args"] = serde_json::json!(["/bin/sh", "-c", "echo $$ in a container"]);
    value["process"]["terminal"] = false.into();
    fs::write(&config, value.to_string()).unwrap();
    let mut run = match nix::unistd::geteuid().is_root() {
        true => Command::new("unshare"),
        false => Command::new("env"),
    };
    if nix::unistd::geteuid().is_root() {
        run.arg("--mount");
    }
    run.args(["sh", "-c", CONTAINER]).arg(crun).arg(format!("rst-test-{}", std::process::id()));
    assert_eq!(succeeds(run.current_dir(bundle).stdin(Stdio::null())), "1 in a container\n");
}
