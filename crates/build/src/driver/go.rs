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

/// Go's tools one at a time in the action's slot, others as the jobserver allows.
const TOOLS: [&str; 4] = ["-p", "{slots}", "-toolexec", "/b/bin/slot"];

/// Go runs each of its tools through this. One at a time has the slot that the action holds; each of the others
/// waits for one of the jobserver's (`RST_SLOTS`), or for that one: who waited for the jobserver alone would wait
/// for ever where every other slot is an action's own. What Go asks a tool about its version, for the keys of its
/// cache, is answered at once, and as without.
const SLOT: &str = r#"#!/bin/sh
case $2 in -V=*) exec "$@" ;; esac
own=$TMPDIR/slot slot=
set -C
if ! { true >"$own"; } 2>/dev/null; then
  # bash alone can wait for a while. This shell is what most tools need, and starts in half the time.
  slot=$(own=$own exec bash -C -c 'exec 2>/dev/null
    until true >"$own" || IFS= read -r -N 1 -t 0.05 slot <"$RST_SLOTS"; do :; done
    printf %s "$slot"') || exit
fi
set +C
"$@"
status=$?
if [ -n "$slot" ]; then printf %s "$slot" >"$RST_SLOTS"; else rm "$own"; fi
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
    step_with(argv, &[("CGO_ENABLED", "0"), ("GOARCH", context.zig.host.oci())])
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
    let argv = argv.chain(["-tags", &tags, "-ldflags", &linker, "-o", &output, &program.package]);
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
    use std::{process::Command, thread, time::Duration};

    use fs_err as fs;

    /// Two builds that hold all the slots there are: neither has more than its own.
    #[test]
    fn a_tool_that_waits_takes_the_actions_own_slot_when_that_is_free_again() {
        let folder = tempfile::tempdir().unwrap();
        let path = |name: &str| folder.path().join(name);
        fs::write(path("tool"), super::SLOT).unwrap();
        assert!(Command::new("mkfifo").arg(path("slots")).status().unwrap().success());
        // As rst holds it: without a writer, opening it to read would wait.
        let _slots = fs::OpenOptions::new().read(true).write(true).open(path("slots")).unwrap();
        fs::write(path("slot"), "").unwrap();
        let mut tool = Command::new("sh");
        tool.arg(path("tool")).args(["touch", path("ran").to_str().unwrap()]);
        let mut tool = tool.env("TMPDIR", folder.path()).env("RST_SLOTS", path("slots")).spawn().unwrap();
        thread::sleep(Duration::from_millis(200));
        assert!(!path("ran").exists(), "it ran without a slot");
        fs::remove_file(path("slot")).unwrap();
        for _ in 0..1000 {
            if let Some(status) = tool.try_wait().unwrap() {
                assert!(status.success() && path("ran").exists() && !path("slot").exists());
                return;
            }
            thread::sleep(Duration::from_millis(10));
        }
        tool.kill().unwrap();
        panic!("it waits for ever");
    }
}
