//! `go`: programs of one module, with cgo through Zig and its dependencies vendored.

use std::collections::BTreeMap;

use rst_model::{
    Command, RelPath, Step,
    recipe::{Go, GoProgram},
};

use super::{Context, Plan, SOURCE, TWINS, joined, make_steps, step_with};

/// Where Go's build cache is seen.
pub const CACHE: &str = "/gocache";

/// The program that writes completions.
const COMPLETIONS: &str = include_str!("completions.go");

/// Each of Go's tools in a slot of the jobserver's.
const TOOLS: [&str; 4] = ["-p", "{slots}", "-toolexec", "/b/bin/slot"];

/// A program's own packages, not those it depends on, without inlining: they are long and do little in loops.
const SMALLER: &str = "-gcflags=./...=-l";

/// Go runs each of its tools through this, which waits for a slot (`RST_SLOTS`) and gives it back. What Go asks a
/// tool about its version, for the keys of its cache, is answered at once, and as without.
const SLOT: &str = r#"#!/bin/sh
case $2 in -V=*) exec "$@" ;; esac
slot=$(exec dd bs=1 count=1 status=none <"$RST_SLOTS") || exit
"$@"
status=$?
printf %s "$slot" >"$RST_SLOTS"
exit $status
"#;

pub(super) fn plan(context: &Context, options: &Go) -> Plan {
    let mut steps: Vec<_> = options.program.iter().map(|program| build(context, options, program)).collect();
    let mut files = vec![("bin/slot", SLOT)];
    for program in options.program.iter().filter(|program| program.completions) {
        files.push(("src/rst-completions/main.go", COMPLETIONS));
        steps.push(complete(context, program));
    }
    steps.extend(make_steps(context, &options.make));
    let cflags = context.cflags(&["-D_LARGEFILE64_SOURCE".to_owned()]);
    let ldflags = context.ldflags().into_iter().filter(|flag| flag != "-s").collect::<Vec<_>>();
    let env = [
        ("PATH", "/b/bin:/go/bin:/usr/bin".to_owned()),
        ("GOROOT", "/go".to_owned()),
        ("GOPATH", "/b/gopath".to_owned()),
        ("GOCACHE", CACHE.to_owned()),
        ("GOOS", "linux".to_owned()),
        ("GOARCH", context.platform.arch.oci().to_owned()),
        // The oldest processors of each architecture, said rather than inherited.
        ("GOAMD64", "v1".to_owned()),
        ("GOARM64", "v8.0".to_owned()),
        ("GOENV", "off".to_owned()),
        // Go keeps an index of each folder's imports in its cache, by path, times and sizes: here all
        // paths and times are the same.
        ("GODEBUG", "goindex=0".to_owned()),
        ("GOFLAGS", "-mod=vendor -trimpath -buildvcs=false".to_owned()),
        ("GOPROXY", "off".to_owned()),
        ("GOSUMDB", "off".to_owned()),
        ("GOTELEMETRY", "off".to_owned()),
        ("GOTOOLCHAIN", "local".to_owned()),
        ("GOWORK", "off".to_owned()),
        ("CGO_ENABLED", "1".to_owned()),
        ("CC", "cc".to_owned()),
        ("PKG_CONFIG", "pkg-config".to_owned()),
        ("PKG_CONFIG_LIBDIR", context.pkg_config_path()),
        ("CGO_CFLAGS", joined(&cflags)),
        ("CGO_LDFLAGS", joined(&ldflags)),
    ];
    Plan {
        files: files
            .into_iter()
            .map(|(name, text)| (RelPath::new(name).expect("a plain name"), text.to_owned()))
            .collect(),
        env: env.into_iter().map(|(name, value)| (name.to_owned(), value)).collect(),
        steps,
        products: "out".to_owned(),
    }
}

/// The program may be another platform's, which cannot be asked for its completions here. They depend on its name
/// and on its version of cobra, which a small program shares.
fn complete(context: &Context, program: &GoProgram) -> Step {
    let argv = ["go", "run"].into_iter().chain(TOOLS);
    let argv = argv.chain(["./rst-completions", &program.name, "/b/out/completions"]);
    step_with(argv, &[("CGO_ENABLED", "0"), ("GOARCH", context.host.oci())])
}

/// What each program's variables are set to when it is linked, by the program's name.
pub(crate) fn link_time_values(context: &Context, options: &Go) -> BTreeMap<String, BTreeMap<String, String>> {
    let filled =
        |program: &GoProgram| program.set.iter().map(|(symbol, value)| (symbol.clone(), context.fill(value))).collect();
    let programs = options.program.iter().filter(|program| !program.set.is_empty());
    programs.map(|program| (program.name.clone(), filled(program))).collect()
}

fn build(context: &Context, options: &Go, program: &GoProgram) -> Step {
    let external = [context.ldflags(), context.allocator()].concat();
    let mut linker =
        vec!["-s -w -buildid= -linkmode external".to_owned(), format!("-extldflags '{}'", joined(&external))];
    for (symbol, value) in &program.set {
        linker.push(format!("-X '{symbol}={}'", context.fill(value)));
    }
    let output = format!("/b/out/{}", program.name);
    let tags = options.tags.join(",");
    let linker = linker.join(" ");
    let argv = ["go", "build"].into_iter().chain(TOOLS);
    let argv = argv.chain(["-tags", &tags, SMALLER, "-ldflags", &linker, "-o", &output, &program.package]);
    Step {
        commands: vec![Command {
            argv: argv.map(str::to_owned).collect(),
            cwd: SOURCE.to_owned(),
            // Go links every program as a.out: a folder of its own for each twin.
            env: [("RST_TWIN".to_owned(), format!("{TWINS}/{}", program.name))].into(),
        }],
    }
}

#[cfg(test)]
mod tests {
    use std::{
        io::{Read as _, Write as _},
        process::{Child, Command},
    };

    use fs_err::{self as fs, os::unix::fs::OpenOptionsExt as _};

    #[test]
    fn no_more_tools_run_than_there_are_slots_and_all_are_given_back() {
        let folder = tempfile::tempdir().unwrap();
        let path = |name: &str| folder.path().join(name);
        fs::write(path("tool"), super::SLOT).unwrap();
        assert!(Command::new("mkfifo").arg(path("slots")).status().unwrap().success());
        // As rst holds it: without a writer, opening it to read would wait.
        let mut options = fs::OpenOptions::new();
        let mut slots = options.read(true).write(true).custom_flags(nix::libc::O_NONBLOCK).open(path("slots")).unwrap();
        slots.write_all(b"++").unwrap();
        // Each begins with a line, ends with another, and one in three fails.
        let tool = |number: u32| {
            let script = "echo begin >>$0; sleep 0.02; echo end >>$0; exit $1";
            let mut tool = Command::new("sh");
            tool.arg(path("tool")).args(["sh", "-c", script]).arg(path("said")).arg((number % 3).to_string());
            tool.env("RST_SLOTS", path("slots")).spawn().unwrap()
        };
        let mut tools: Vec<Child> = (0..30).map(tool).collect();
        let codes: Vec<_> = tools.iter_mut().map(|tool| tool.wait().unwrap().code()).collect();
        assert_eq!(codes, (0..30).map(|number| Some(number % 3)).collect::<Vec<_>>());
        let mut at_once = 0;
        for line in fs::read_to_string(path("said")).unwrap().lines() {
            at_once += if line == "begin" { 1 } else { -1 };
            assert!((0..=2).contains(&at_once), "{at_once} at once");
        }
        let mut left = [0; 9];
        assert_eq!(slots.read(&mut left).unwrap(), 2);
    }
}
