//! `make bench-containers`: archives' programs against a distribution's, in one Debian root, by one ordinary user,
//! in one run of hyperfine.

use std::{
    fmt::Write as _,
    path::{Path, PathBuf},
};

use fs_err as fs;
use rst_model::{Cancel, Manifest};
use rst_trial::DebianRoot;
use serde::Deserialize;

use crate::{
    report::Part,
    run::{Outcome, succeed},
};

const PACKAGES: [&str; 12] = [
    "podman",
    "crun",
    "conmon",
    "passt",
    "netavark",
    "aardvark-dns",
    "fuse-overlayfs",
    "catatonit",
    "uidmap",
    "hyperfine",
    "busybox-static",
    "iproute2",
];
/// What Debian has in /usr/bin, and the archives beside netavark.
const ELSEWHERE: [&str; 3] = ["conmon", "pasta", "catatonit"];
/// What all are told, so that the same is compared. Locks in shared memory would be one file for all, which two
/// libcs lay out differently.
const CONFIGURATION: &str = r#"[containers]
log_driver = "k8s-file"
[engine]
events_logger = "file"
cgroup_manager = "cgroupfs"
lock_type = "file"
"#;
const COMPARE: &str = include_str!("compare.sh");
/// What `compare.sh` measures, and its name there.
const MEASURED: [(&str, &str); 12] = [
    ("`podman --version`", "version"),
    ("`podman ps`", "ps"),
    ("`podman run --rm --network none`", "none"),
    ("`podman run --rm --network pasta`", "pasta"),
    ("`podman exec`", "exec"),
    ("`crun --version`", "crun"),
    ("`conmon --version`", "conmon"),
    ("`netavark --version`", "netavark"),
    ("`aardvark-dns --version`", "aardvark-dns"),
    ("`pasta --version`", "pasta-version"),
    ("`fuse-overlayfs --version`", "fuse-overlayfs"),
    ("`catatonit --version`", "catatonit"),
];

/// Compares the archives' podman with Debian's, and writes the table.
pub fn compare(project: &Path, archives: &[PathBuf]) -> Outcome {
    let work = tempfile::Builder::new().prefix("rst-bench-").tempdir()?;
    let root = DebianRoot::make(&work.path().join("root"), &PACKAGES, &Cancel::default())?;
    furnish(&root)?;
    let mut folders = vec!["/usr".to_owned()];
    let mut owners = vec!["Debian's".to_owned()];
    for archive in archives {
        let folder = format!("/opt/{}", folders.len());
        let place = root.unpack(archive, &folder)?;
        folders.push(folder);
        let manifest: Manifest =
            serde_json::from_str(&fs::read_to_string(place.join(Manifest::path("podman").as_str()))?)?;
        let others = manifest.components.iter().filter(|(_, component)| component.overridden);
        owners.push(others.fold("ours".to_owned(), |owner, (name, _)| format!("{owner} with another {name},")));
    }
    let mut world = root.world();
    succeed(world.args(DebianRoot::becoming_person()).args(["sh", "-c", COMPARE, "compare.sh"]).args(&folders))?;
    let home = root.outside(DebianRoot::HOME);
    let versions = fs::read_to_string(home.join("versions"))?;
    let names: Vec<_> =
        owners.iter().zip(versions.lines()).map(|(owner, said)| said.replace("podman version", owner)).collect();
    let rows = MEASURED.iter().map(|(what, name)| Ok((*what, costs(&rounds(&home, name)?)?)));
    Part::Containers.write(project, &table(&names, &rows.collect::<Outcome<Vec<_>>>()?))?;
    Ok(())
}

/// One configuration for all.
fn furnish(root: &DebianRoot) -> Outcome {
    root.append("/etc/containers/containers.conf", CONFIGURATION)?;
    for name in ELSEWHERE {
        fs::os::unix::fs::symlink(format!("/usr/bin/{name}"), root.outside("/usr/lib/podman").join(name))?;
    }
    Ok(())
}

/// Of a command's runs, the medians.
struct Cost {
    seconds: f64,
    /// The most memory at once.
    bytes: f64,
}

/// What hyperfine 2 writes, which is that suite's.
#[derive(Deserialize)]
struct Report {
    results: Vec<Entry>,
}
/// Of one command.
#[derive(Deserialize)]
struct Entry {
    measurements: Vec<Measurement>,
}
#[derive(Deserialize)]
struct Measurement {
    time_wall_clock: Quantity,
    memory_peak_resident: Quantity,
}
#[derive(Deserialize)]
struct Quantity {
    value: f64,
}

/// What `compare.sh` left of one thing, round by round.
fn rounds(home: &Path, name: &str) -> Outcome<Vec<Report>> {
    let mut reports = Vec::new();
    for round in 1.. {
        let path = home.join(format!("{name}.{round}.json"));
        if !path.exists() {
            break;
        }
        reports.push(serde_json::from_str(&fs::read_to_string(path)?)?);
    }
    Ok(reports)
}

/// Of each folder's command, over all rounds.
fn costs(rounds: &[Report]) -> Outcome<Vec<Cost>> {
    let commands = rounds.first().ok_or("hyperfine left no result")?.results.len();
    let median = |command: usize, what: fn(&Measurement) -> f64| -> Outcome<f64> {
        let runs = rounds.iter().filter_map(|round| round.results.get(command)).flat_map(|entry| &entry.measurements);
        let mut all: Vec<_> = runs.map(what).collect();
        all.sort_by(f64::total_cmp);
        all.get(all.len() / 2).copied().ok_or_else(|| "hyperfine counted no run".into())
    };
    let cost = |command| {
        let seconds = median(command, |one| one.time_wall_clock.value)?;
        Ok(Cost { seconds, bytes: median(command, |one| one.memory_peak_resident.value)? })
    };
    (0..commands).map(cost).collect()
}

fn table(names: &[String], rows: &[(&str, Vec<Cost>)]) -> String {
    let mut text = format!("\n| | {} |\n|---|{}\n", names.join(" | "), "---|".repeat(names.len()));
    for (what, costs) in rows {
        let base = costs.first().map_or(f64::NAN, |cost| cost.seconds);
        // hyperfine's own memory counts until a program is started: what takes less cannot be told.
        let has_memory = what.starts_with("`podman");
        let cells = costs.iter().map(|cost| {
            let time = format!("{:.1} ms ({:.2})", cost.seconds * 1e3, cost.seconds / base);
            if has_memory { format!("{time}, {:.1} MB", cost.bytes / 1e6) } else { time }
        });
        let _ = writeln!(text, "| {what} | {} |", cells.collect::<Vec<_>>().join(" | "));
    }
    text.push('\n');
    text
}
