//! What programs and people get to read: JSON lines, help, completions, colours.

mod fixture;

use std::process::Command;

use fixture::{
    Run, World,
    archive::hello,
    server::{Answer, Server},
};
use serde_json::Value;

/// Every line of standard output, each of them an object or array.
#[track_caller]
fn lines(run: &Run) -> Vec<Value> {
    run.stdout.lines().map(|line| serde_json::from_str(line).unwrap_or_else(|error| panic!("{error}\n{run}"))).collect()
}

/// The names of the events, without how far downloads are.
fn events(lines: &[Value]) -> Vec<&str> {
    lines.iter().map(|line| line["event"].as_str().unwrap()).filter(|event| *event != "fetch-progress").collect()
}

fn world() -> World {
    let world = World::with_toolchain();
    // A command that may link something, for which there must be a libc.
    world.component("hello", "", "prepare = [[\"cp\", \"hello.c\", \"copy\"]]\n");
    world.pin_component("hello", "1", "hi");
    world.rst(["fetch", "zig", "build-root"]).exits(0);
    world
}

#[test]
fn a_build_is_events_and_a_summary() {
    let run = world().rst(["build", "hello", "--format", "json"]).exits(0);
    let lines = lines(&run);
    // The libc is compiled while the source is fetched, and both are there before the build starts.
    let (libc, rest): (Vec<_>, Vec<_>) = events(&lines).into_iter().partition(|event| event.starts_with("prepar"));
    assert_eq!(libc, ["preparing", "prepared"], "{run}");
    assert_eq!(rest, ["planned", "fetch-started", "fetch-finished", "started", "finished", "summary"], "{run}");
    let place = |event: &str| events(&lines).iter().position(|other| *other == event);
    assert!(place("prepared") < place("started"), "{run}");
    let built = &lines[lines.len() - 1]["built"]["components"][0];
    assert_eq!((&built["name"], &built["version"], &built["cached"]), (&"hello".into(), &"1".into(), &false.into()));
    assert_eq!(run.stderr, "");
}

#[test]
fn a_failed_build_ends_with_the_error() {
    let world = world();
    world.pin_component("hello", "2", "BROKEN");
    let run = world.rst(["build", "hello", "--format", "json"]).exits(4);
    let lines = lines(&run);
    assert_eq!(events(&lines)[events(&lines).len() - 2..], ["failed", "error"], "{run}");
    assert!(lines[lines.len() - 1]["message"].as_str().unwrap().contains("hello 2"), "{run}");
}

#[test]
fn every_command_speaks_json_when_asked() {
    let world = world();
    for (arguments, last) in [
        (&["lock", "hello@1"][..], "pinned"),
        (&["fetch", "hello"], "summary"),
        (&["build", "hello"], "summary"),
        (&["mirror", "export", "../mirror"], "exported"),
        (&["build", "nothing"], "error"),
        (&["fetch", "hello@9"], "error"),
        (&["log", "nothing"], "error"),
    ] {
        let run = world.rst(arguments.iter().chain(&["--format", "json"]));
        assert_eq!(events(&lines(&run)).last(), Some(&last), "{arguments:?}: {run}");
    }
    for arguments in
        [&["graph", "hello"][..], &["build", "hello", "--explain"], &["store", "verify"], &["store", "path"], &["gc"]]
    {
        let run = world.rst(arguments.iter().chain(&["--format", "json"])).exits(0);
        assert_eq!(lines(&run).len(), 1, "{arguments:?}: {run}");
    }
}

#[test]
fn an_interrupted_or_refused_fetch_ends_with_the_error() {
    let (world, server) = (World::new(), Server::new());
    world.source("hello", &[server.url("/a.tar")]);
    server.answers("/a.tar", [Answer::Whole(hello("hi"))]);
    world.pin(&["hello@1"]);
    server.answers("/a.tar", [Answer::Status(404)]);
    let run = world.rst(["fetch", "hello", "--format", "json"]).exits(3);
    assert_eq!(events(&lines(&run)), ["fetch-started", "fetch-refused", "error"]);
}

#[test]
fn help_names_commands_and_exit_codes() {
    let world = World::new();
    let help = world.rst(["--help"]).exits(0).stdout;
    for text in ["build", "graph", "log", "prove", "lock", "fetch", "mirror", "store", "gc", "completions"] {
        assert!(help.contains(&format!("\n  {text} ")), "{text} is not in\n{help}");
    }
    assert!(help.contains("3  a source could not be had"), "{help}");
    assert!(world.rst(["build", "--help"]).exits(0).stdout.contains("rst build podman@5.8.6"));
    let version = world.rst(["--version"]).exits(0).stdout;
    assert_eq!(version, concat!("rst ", env!("CARGO_PKG_VERSION"), "\n"));
}

#[test]
fn completions_are_there_for_three_shells() {
    let world = World::new();
    for (shell, start) in [("bash", "_rst() {"), ("zsh", "#compdef rst"), ("fish", "# Print an optspec")] {
        let script = world.rst(["completions", shell]).exits(0).stdout;
        assert!(script.starts_with(start) && script.contains("--mirror"), "{shell}: {script}");
    }
}

#[test]
fn what_is_typed_wrong_ends_with_2() {
    let world = World::new();
    world.rst(["biuld"]).exits(2).tells("unrecognized subcommand");
    world.rst(["build"]).exits(2).tells("WHAT");
    world.rst(["build", "hello", "--platform", "linux/riscv64"]).exits(2).tells("riscv64");
    world.rst(["build", "hello", "--jobs", "0"]).exits(2);
}

/// In a terminal (made by script(1)) errors have colours, and with NO_COLOR none.
#[test]
fn colours_are_for_terminals_that_want_them() {
    let world = World::new();
    let rst = world.command([""; 0]);
    let in_a_terminal = |name: &str, value: &str| {
        let mut script = Command::new("script");
        script.args(["-qec", &format!("{} build nothing", rst.get_program().display()), "/dev/null"]);
        script.envs(rst.get_envs().filter_map(|(name, value)| Some((name, value?)))).env("TERM", "xterm");
        script.env(name, value).current_dir(world.project());
        Run::of(script.output().unwrap()).exits(2).stdout
    };
    assert!(in_a_terminal("SOME", "thing").contains("\u{1b}["));
    let plain = in_a_terminal("NO_COLOR", "1");
    assert!(plain.contains("there is no tool") && !plain.contains("\u{1b}["), "{plain:?}");
}
