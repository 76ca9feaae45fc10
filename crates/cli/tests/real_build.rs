//! This project's own recipes, toolchain and build root, under bad treatment. `make test` runs these, with
//! RST_TEST_STORE as the store; sources come from the machine's clients and RST_MIRROR.

mod fixture;

use std::{
    path::Path,
    process::{Child, Command},
    time::{Duration, Instant},
};

use fixture::{
    Run, World,
    archive::{file, tar},
    process::{running, signal, wait_for},
};
use fs_err as fs;
use nix::sys::signal::Signal;

/// A catatonit that nobody has built yet: a macro of its own, which its compiler's arguments show.
struct Fresh {
    world: World,
    mark: String,
}

impl Fresh {
    fn new(name: &str) -> Self {
        let world = World::of_this_project();
        let mark = format!("RST_{name}_{}", std::process::id());
        let define = format!("defines = [\"{mark}=1\", ");
        world.replace("build/recipes/catatonit.toml", "defines = [", &define);
        // What it links is there before, so that what is seen is its own build.
        world.rst(["build", "mimalloc"]).exits(0);
        Fresh { world, mark }
    }

    fn start(&self) -> Child {
        self.world.command(["build", "catatonit", "--format", "json"]).spawn().unwrap()
    }

    /// A build that has come as far as the compiler.
    fn start_compiling(&self) -> Child {
        let child = self.start();
        wait_for("the compiler", || running(&self.mark) > 0);
        child
    }

    /// Neither the compiler nor the sandbox around it is there any more.
    fn is_over(&self) -> bool {
        running(&self.mark) == 0 && running(self.world.store().join("tmp").to_str().unwrap()) == 0
    }

    fn next_run_succeeds(&self) {
        self.world.store_is_sound();
        self.world.rst(["build", "catatonit"]).exits(0);
    }
}

#[test]
#[ignore = "needs the real build root: make test runs it"]
fn after_ctrl_c_all_are_gone_within_two_seconds() {
    let fresh = Fresh::new("INTERRUPTED");
    let child = fresh.start_compiling();
    let begun = Instant::now();
    signal(&child, Signal::SIGINT);
    let run = Run::of(child.wait_with_output().unwrap()).exits(130);
    wait_for("the sandbox to end", || fresh.is_over());
    assert!(begun.elapsed() < Duration::from_secs(2), "{run}");
    fresh.next_run_succeeds();
}

#[test]
#[ignore = "needs the real build root: make test runs it"]
fn a_killed_build_leaves_nothing_that_the_next_would_trip_over() {
    let fresh = Fresh::new("KILLED");
    let mut child = fresh.start_compiling();
    child.kill().unwrap();
    child.wait().unwrap();
    wait_for("the sandbox to end", || fresh.is_over());
    fresh.next_run_succeeds();
}

#[test]
#[ignore = "needs the real build root: make test runs it"]
fn two_at_once_end_with_the_same() {
    let fresh = Fresh::new("TWICE");
    let (first, second) = (fresh.start(), fresh.start());
    let [first, second] = [first, second].map(|child| Run::of(child.wait_with_output().unwrap()).exits(0));
    assert_eq!(first.output("catatonit"), second.output("catatonit"));
    fresh.world.store_is_sound();
}

#[test]
#[ignore = "needs the real build root: make test runs it"]
fn a_compilers_complaint_is_shown() {
    let fresh = Fresh::new("BROKEN");
    let recipe = "build/recipes/catatonit.toml";
    fresh.world.replace(recipe, "defines = [", "defines = [\"main=1+\", ");
    let run = fresh.world.rst(["build", "catatonit"]).exits(4);
    run.tells("│ catatonit.c:").tells("error:").tells("/logs/").tells("--shell");
    let log = fresh.world.rst(["log", "catatonit"]).exits(0);
    assert!(log.stdout.contains("error:"), "{log}");

    fresh.world.replace(recipe, "\"main=1+\", ", "");
    let explained = fresh.world.rst(["build", "catatonit", "--explain"]).exits(0).stdout;
    assert!(explained.contains("file build.mk changed"), "{explained}");
    fresh.next_run_succeeds();
}

/// A Go program whose C code prints what a library's header says.
fn program_with_header(value: &str) -> World {
    let world = World::of_this_project();
    world.component("answer", "", "");
    world.replace("build/recipes/answer.toml", "[install]\n", "[install]\n\"include/answer.h\" = \"answer.h\"\n");
    let header = format!("#define ANSWER {value}\n");
    let code = "#include \"answer.h\"\nint answer(void) { return 0; }\n";
    world.deliver("answer-1.tar", &tar(&[file("answer/answer.h", header), file("answer/answer.c", code)]));

    let go = "package main\n\n// #include <answer.h>\n// static int answer_now(void) { return ANSWER; }\nimport \"C\"\n\n\
              func main() { println(C.answer_now()) }\n";
    go_program(&world, "asker", "[\"answer\"]", &[("main.go", go)]);
    world.pin(&["answer@1", "asker@1"]);
    world
}

/// Writes the recipe and delivers the source of a program of one module.
fn go_program(world: &World, name: &str, needs: &str, files: &[(&str, &str)]) {
    world.recipe(
        name,
        &format!(
            "needs = {needs}\nallocator = {{ choice = \"libc\", why = \"a test\" }}\n\
             [source]\nhttps = [\"https://nowhere.invalid/{name}-{{version}}.tar\"]\n\
             [[go.program]]\nname = \"{name}\"\npackage = \".\"\n[install]\n\"bin/{name}\" = \"{name}\"\n"
        ),
    );
    let module = format!("module {name}\n\ngo 1.24\n");
    let all = [&[("go.mod", module.as_str()), ("vendor/modules.txt", "")], files].concat();
    let entries: Vec<_> = all.iter().map(|(path, text)| file(&format!("{name}/{path}"), text)).collect();
    world.deliver(&format!("{name}-1.tar"), &tar(&entries));
}

/// Go remembers what a file imports by its path, time and size, which are the same here in both.
#[test]
#[ignore = "needs the real build root: make test runs it"]
fn a_source_of_the_same_size_is_another_source() {
    let number = std::process::id() % 1_000_000;
    for import in [format!("a{number:06}"), format!("b{number:06}")] {
        let world = World::of_this_project();
        let main = format!("package main\n\nimport \"same/{import}\"\n\nfunc main() {{ {import}.Say() }}\n");
        let said = format!("package {import}\n\nfunc Say() {{ println(\"{import}\") }}\n");
        go_program(&world, "same", "[]", &[("main.go", &main), (&format!("{import}/say.go"), &said)]);
        world.pin(&["same@1"]);
        world.rst(["build", "same"]).exits(0);
    }
}

/// Go's own cache does not see a C header: it must not be trusted when one has changed.
#[test]
#[ignore = "needs the real build root: make test runs it"]
fn a_changed_header_gives_the_same_bytes_warm_and_cold() {
    // Two values that no earlier run in this store had.
    let value = std::process::id() * 2;
    let first = program_with_header(&value.to_string()).output("asker", &[]);
    let world = program_with_header(&(value + 1).to_string());
    let warm = world.output("asker", &[]);
    assert_ne!(warm, first);

    for entry in fs::read_dir(world.store().join("actions")).unwrap() {
        let path = entry.unwrap().path();
        if fs::read_to_string(&path).unwrap().contains(&warm) {
            fs::remove_file(path).unwrap();
        }
    }
    fs::remove_dir_all(world.store().join("trees").join(&warm)).unwrap();
    assert_eq!(world.output("asker", &["--cold"]), warm);
}

/// The host's own tools are used, so what comes out is another thing, whatever its bytes.
#[test]
#[ignore = "needs the real build root: make test runs it"]
fn without_a_sandbox_it_is_said_and_kept_apart() {
    let world = Fresh::new("BARE").world;
    let small = "[small]\ntool = \"catatonit\"\nsummary = \"a test\"\ncomponents = [\"catatonit\"]\n";
    world.write("build/archives.toml", small);
    world.rst(["build", "small", "--no-sandbox", "--draft"]).exits(0).tells("warning: no sandbox");
    world.rst(["build", "small", "--no-sandbox", "--draft"]).exits(0).tells("nothing to build");

    let graph = world.rst(["graph", "small", "--format", "json"]).exits(0).stdout;
    let graph: serde_json::Value = serde_json::from_str(&graph).unwrap();
    let catatonit = graph.as_array().unwrap().iter().find(|node| node["name"] == "catatonit").unwrap();
    assert_eq!(catatonit["cached"], false, "for a build in the sandbox it is not there");

    let archive = fs::read_dir(world.project().join("dist")).unwrap().next().unwrap().unwrap().path();
    let tar =
        Command::new("tar").args(["-xOf"]).arg(archive).args(["--wildcards", "*/share/rst/*.manifest.json"]).output();
    let manifest: serde_json::Value = serde_json::from_slice(&tar.unwrap().stdout).unwrap();
    assert_eq!(manifest["unsandboxed"], true);
}

/// By those who keep the two formats, installed for this test alone.
#[test]
#[ignore = "needs the real build root: make test runs it"]
fn the_official_validators_take_the_bills_of_materials() {
    let world = World::of_this_project();
    let platform = rst_model::Platform::HOST.dashed();
    let python = world.path("venv/bin/python");
    let run = |program: &Path, arguments: &[&str]| {
        let output = Command::new(program).args(arguments).output().unwrap();
        let said = [output.stdout, output.stderr].concat();
        assert!(output.status.success(), "{arguments:?}: {}", String::from_utf8_lossy(&said));
    };
    run(Path::new("python3"), &["-m", "venv", world.path("venv").to_str().unwrap()]);
    let requirements = concat!(env!("CARGO_MANIFEST_DIR"), "/tests/fixture/sbom-validators.txt");
    run(&python, &["-m", "pip", "install", "--quiet", "--require-hashes", "--requirement", requirements]);

    world.rst(["build", "podman-full"]).exits(0);
    let sbom = |kind: &str| {
        let path = world.project().join("dist").join(format!("podman-full-{platform}.{kind}.json"));
        path.to_str().unwrap().to_owned()
    };
    run(&python, &["-c", CYCLONEDX_VALIDATOR, &sbom("cdx")]);
    run(&world.path("venv/bin/pyspdxtools"), &["--infile", &sbom("spdx")]);

    let document: serde_json::Value = serde_json::from_str(&fs::read_to_string(sbom("cdx")).unwrap()).unwrap();
    let parts = document["components"].as_array().unwrap();
    // One of each kind: program, C library, allocator, Go module, crate, what these have within, what toolchains leave.
    let kinds = [
        "podman",
        "libseccomp",
        "mimalloc",
        "go.podman.io/storage",
        "libc",
        "sqlite",
        "yajl",
        "musl",
        "compiler-rt",
        "go",
        "rust-library",
    ];
    for name in kinds {
        assert!(parts.iter().any(|part| part["name"] == name), "{name}");
    }
    let has = |part: &serde_json::Value, what: &str| part.get(what).is_some();
    for part in parts.iter().filter(|part| part["name"] != "health-timer") {
        let digest = has(part, "hashes") || part["properties"].to_string().contains("rst:h1");
        assert!(digest && has(part, "purl") && has(part, "licenses"), "{part}");
    }
}

const CYCLONEDX_VALIDATOR: &str = "
import sys
from cyclonedx.schema import SchemaVersion
from cyclonedx.validation.json import JsonStrictValidator
error = JsonStrictValidator(SchemaVersion.V1_6).validate_str(open(sys.argv[1]).read())
sys.exit(str(error) if error else 0)
";
