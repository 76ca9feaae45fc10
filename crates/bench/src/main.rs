//! `make bench`: whole builds by the real `rst`, from cold to nothing at all to do, and what they leave.
//! `make bench-containers`: what they leave, at work. `make bench-usual`: beside builds by gcc. All write
//! docs/benchmarks.md. Nothing here passes or fails: machines differ, and a person compares.

mod containers;
mod critical;
mod report;
mod run;
mod usual;

use std::path::{Path, PathBuf};

use fs_err as fs;
use rst_model::Arch;

use crate::{
    report::{Line, Part, Size, tables},
    run::{Measured, Outcome, Rst},
};

/// How often what takes less than a second is run; the median counts.
const REPEATS: usize = 11;

fn main() -> Outcome {
    let root = Path::new(env!("CARGO_MANIFEST_DIR")).join("../..");
    let root = fs::canonicalize(root)?;
    let archives: Vec<PathBuf> = std::env::args_os().skip(1).map(PathBuf::from).collect();
    match archives.first().and_then(|first| first.to_str()) {
        None => builds(&root),
        Some("usual") => usual::compare(&root),
        Some(_) => containers::compare(&root, &archives),
    }
}

fn builds(root: &Path) -> Outcome {
    let rst = Rst::build(root)?;
    let bench = tempfile::Builder::new().prefix("rst-bench-").tempdir()?;
    let (store, dist) = (bench.path().join("store"), bench.path().join("dist"));
    let both = "linux/amd64,linux/arm64";
    let all = ["podman", "buildah", "skopeo"];

    // Downloads are the network's doing, not ours.
    rst.run(root, &store, &dist, &[&["fetch"][..], &all, &["--platform", both]].concat())?;
    let everything = rst.run(root, &store, &dist, &[&["build"][..], &all, &["--platform", both]].concat())?;
    let own = format!("linux/{}", Arch::HOST.oci());
    let one = ["build", "podman-full", "--platform", &own];
    let idle = median(REPEATS, || rst.run(root, &store, &dist, &one))?;
    let sizes = sizes(&dist)?;

    let changed = one_line_changed(root, bench.path())?;
    let draft = [&one[..], &["--draft"]].concat();
    // What it is compared with: the unchanged draft is there.
    rst.run(root, &store, &dist, &draft)?;
    let change = rst.run(&changed, &store, &dist, &draft)?;

    // Sources stay; whatever was built or cached is forgotten.
    for folder in ["actions", "caches"] {
        fs::remove_dir_all(store.join(folder))?;
    }
    let cold = rst.run(root, &store, &dist, &one)?;
    let lines = [
        Line::new("podman-full, one platform, downloads done, no cache", &one, cold),
        Line::new("all eight archives, both platforms, downloads done, no cache", &all, everything),
        Line::new(&format!("nothing changed (median of {REPEATS})"), &one, idle),
        Line::new("one C component changed (a define of conmon), --draft", &draft, change),
    ];
    let critical = critical::table(&rst.graph(root, &store, "podman-full")?, &rst.built(root, &store, &dist, &one)?)?;
    Part::Builds.write(root, &tables(&lines, &sizes))?;
    Part::Critical.write(root, &critical)?;
    Ok(())
}

fn median(repeats: usize, measure: impl Fn() -> Outcome<Measured>) -> Outcome<Measured> {
    let mut all = (0..repeats).map(|_| measure()).collect::<Result<Vec<_>, _>>()?;
    all.sort_by(|a, b| a.seconds.total_cmp(&b.seconds));
    Ok(all.swap_remove(repeats / 2))
}

/// A copy of what a person writes, with one line of one recipe changed.
fn one_line_changed(root: &Path, bench: &Path) -> Outcome<PathBuf> {
    let copy = bench.join("changed");
    fs::create_dir(&copy)?;
    run::copy(&root.join("build"), &copy.join("build"))?;
    let recipe = copy.join("build/recipes/conmon.toml");
    let text = fs::read_to_string(&recipe)?;
    let changed = text.replace(r#"GIT_COMMIT="unknown""#, r#"GIT_COMMIT="changed""#);
    if changed == text {
        return Err("conmon's recipe has no GIT_COMMIT to change any more".into());
    }
    fs::write(&recipe, changed)?;
    Ok(copy)
}

fn sizes(dist: &Path) -> Outcome<Vec<Size>> {
    let mut sizes = Vec::new();
    for entry in fs::read_dir(dist)? {
        let entry = entry?;
        let name = entry.file_name().to_string_lossy().into_owned();
        if name.ends_with(".tar.zst") || name.ends_with(".tar.gz") {
            sizes.push(Size { name, bytes: entry.metadata()?.len() });
        }
    }
    Ok(sizes)
}
