//! `make bench-usual`: what our way costs: C components built by rst, and the same sources built as anybody builds them,
//! by a distribution's gcc with its libraries, in one run on one machine.

use std::{
    collections::BTreeMap,
    fmt::Write as _,
    path::{Path, PathBuf},
    process::Command,
    time::Instant,
};

use rst_model::Cancel;
use rst_trial::DebianRoot;

use crate::{
    report::Part,
    run::{self, Outcome, Rst, succeed},
};

/// What the distribution has for it.
const PACKAGES: [&str; 19] = [
    "gcc",
    "g++",
    "make",
    "libc6-dev",
    "autoconf",
    "automake",
    "libtool",
    "pkgconf",
    "gperf",
    "python3",
    "meson",
    "ninja-build",
    "libseccomp-dev",
    "libcap-dev",
    "libsystemd-dev",
    "libglib2.0-dev",
    "libfuse3-dev",
    "libyajl-dev",
    "iproute2",
];

const AUTOTOOLS: &str = "autoreconf -fi >/dev/null 2>&1 && ./configure >/dev/null && make -j2";
const MESON: &str = "meson setup o >/dev/null && ninja -C o";
/// Components, and how their README says that they are built.
const COMPONENTS: [(&str, &str); 9] = [
    ("catatonit", AUTOTOOLS),
    ("libcap", "make -j2 -C libcap libcap.a"),
    ("libseccomp", AUTOTOOLS),
    ("pcre2", AUTOTOOLS),
    ("libfuse", MESON),
    ("conmon", "make -j2 bin/conmon"),
    ("crun", AUTOTOOLS),
    ("fuse-overlayfs", AUTOTOOLS),
    ("passt", "make -j2"),
];

/// Builds all in both ways and writes the table.
pub fn compare(project: &Path) -> Outcome {
    let work = tempfile::Builder::new().prefix("rst-bench-").tempdir()?;
    let (store, dist) = (work.path().join("store"), work.path().join("dist"));
    let rst = Rst::build(project)?;
    let names = COMPONENTS.map(|(name, _)| name);
    rst.run(project, &store, &dist, &[&["fetch"][..], &names].concat())?;
    let built = rst.built(project, &store, &dist, &[&["build"][..], &names].concat())?;
    let ours: BTreeMap<_, _> = built.into_iter().map(|one| (one.name.clone(), one)).collect();

    let root = DebianRoot::make(&work.path().join("root"), &PACKAGES, &Cancel::default())?;
    let mut text = String::from(
        "\n| | rst: seconds | CPU seconds | gcc: seconds | CPU seconds | CPU, ratio |\n|---|---|---|---|---|---|\n",
    );
    for (name, build) in COMPONENTS {
        let graph = rst.graph(project, &store, name)?;
        let tree = graph.iter().find(|node| node.name == name).ok_or("not in its own graph")?.source.clone();
        let tree: PathBuf = store.join("trees").join(tree);
        let (seconds, cpu_seconds) = usual(&root, &tree, name, build)?;
        let own = ours.get(name).ok_or_else(|| format!("{name} was not built"))?;
        let ratio = own.cpu_seconds / cpu_seconds;
        let _ = writeln!(
            text,
            "| {name} | {:.1} | {:.1} | {seconds:.1} | {cpu_seconds:.1} | {ratio:.1} |",
            own.seconds, own.cpu_seconds
        );
    }
    text.push('\n');
    Part::Usual.write(project, &text)?;
    Ok(())
}

/// Builds a source there: wall and CPU time, in seconds.
fn usual(root: &DebianRoot, tree: &Path, name: &str, build: &str) -> Outcome<(f64, f64)> {
    let at = format!("/src/{name}");
    let copy = root.outside(&at);
    run::copy(tree, &copy)?;
    succeed(Command::new("chmod").args(["-R", "u+w"]).arg(&copy))?;
    // time: the shell's, which counts children.
    let script = format!("cd {at} && {{ {build} ; }} >/dev/null 2>/log-{name} && times >/times-{name}");
    let begun = Instant::now();
    if let Err(error) = succeed(root.world().args(["bash", "-c", &script])) {
        let log = fs_err::read_to_string(root.outside(&format!("/log-{name}"))).unwrap_or_default();
        return Err(format!("{name}, as usual: {error}\n{log}").into());
    }
    let seconds = begun.elapsed().as_secs_f64();
    let times = fs_err::read_to_string(root.outside(&format!("/times-{name}")))?;
    // The second line is of the children: user and system, each as 0m1.234s.
    let children = times.lines().nth(1).ok_or("bash's times printed one line")?;
    let mut cpu_seconds = 0.0;
    for word in children.split_whitespace() {
        let (minutes, rest) = word.trim_end_matches('s').split_once('m').ok_or("no time")?;
        cpu_seconds += minutes.parse::<f64>()? * 60.0 + rest.parse::<f64>()?;
    }
    eprintln!("{name}: {seconds:.1} s, {cpu_seconds:.1} CPU-s");
    Ok((seconds, cpu_seconds))
}
