//! Who goes again leaves nothing.

use std::os::unix::fs::MetadataExt as _;

use fs_err as fs;
use nix::unistd::geteuid;
use walkdir::WalkDir;

use super::{Run, WITH_NETAVARK, check, processes};
use crate::{
    check::{Check, Verdict, Who, failed, patiently, same},
    person::Person,
};

pub(super) const CHECKS: &[Check] = &[visitor(
    "uninstall",
    "After `podman system reset`, and the removal of the folder and of what docs/trials.md names, nothing is left",
    uninstall,
)];

const fn visitor(name: &'static str, says: &'static str, run: Run) -> Check {
    check(Who::Visitor, WITH_NETAVARK, name, says, run)
}

/// All that belongs to this user or their subordinate ids, where any user can write, and is none of the trial's.
fn belongings(person: &Person) -> Vec<String> {
    let own = geteuid().as_raw();
    let range = Who::Visitor.subordinate().unwrap_or_default();
    let mut found = Vec::new();
    for place in ["/dev/shm", "/tmp", "/var/tmp", "/run", "/var/lib", "/var/cache"] {
        let outside = WalkDir::new(place).into_iter().filter_entry(|entry| entry.path() != person.home);
        for entry in outside.flatten() {
            let owner = entry.metadata().map(|metadata| metadata.uid()).unwrap_or_default();
            if owner == own || (range..range + 65_536).contains(&owner) {
                found.push(entry.path().display().to_string());
            }
        }
    }
    // Of the trial itself are a folder to build from and an empty one for XDG_RUNTIME_DIR.
    let context = person.home.join("context");
    let inside = WalkDir::new(&person.home).min_depth(1).into_iter().filter_entry(|entry| entry.path() != context);
    let inside = inside.flatten().filter(|entry| entry.path() != person.runtime);
    found.extend(inside.map(|entry| entry.path().display().to_string()));
    found
}

/// Uses much of what makes files: images, volumes, networks, pods, health checks, logins, secrets.
fn used(person: &Person) -> Verdict {
    person.run("network create net")?;
    person.run("volume create box")?;
    person.call("secret create word -").reading("hello").prints()?;
    person
        .run("run --detach --name served --network net --publish 127.0.0.1::80 --volume box:/box small sleep 1000")?;
    let health = "--health-cmd true --health-interval 1s";
    person.run(&format!("run --detach --name healthy --network pasta --init {health} small sleep 1000"))?;
    person.run("pod create --name pea")?;
    person.run("run --detach --pod pea --name inner small sleep 1000")?;
    same(&person.run("exec served echo hello")?, "hello")
}

/// What podman keeps after a reset: settings, caches and locks, in folders that other programs may use too.
const KEPT: [&str; 7] = [
    ".local/share/containers",
    ".config/containers",
    ".cache/containers",
    "run/containers",
    "run/libpod",
    "run/crun",
    "run/netns",
];

fn uninstall(person: &Person) -> Verdict {
    used(person)?;
    person.run("system reset --force")?;
    fs::remove_dir_all(&person.top)?;
    for place in KEPT.map(|place| person.home.join(place)).iter().filter(|place| place.exists()) {
        let size: u64 = WalkDir::new(place)
            .into_iter()
            .flatten()
            .filter_map(|entry| entry.metadata().ok())
            .filter(|m| m.is_file())
            .map(|m| m.len())
            .sum();
        if size > 65_536 {
            return failed(format!("{} holds {size} bytes after a reset", place.display()));
        }
        fs::remove_dir_all(place)?;
    }
    fs::remove_file(format!("/dev/shm/libpod_rootless_lock_{}", geteuid()))?;
    // Folders that were made on the way, and are empty.
    for folder in [".local/share", ".local", ".config", ".cache", "run/podman"] {
        fs::remove_dir(person.home.join(folder))?;
    }
    patiently(|| match belongings(person)[..] {
        [] => Ok(()),
        ref left => failed(format!("left: {}", left.join(", "))),
    })?;
    processes::none_left(|| Ok(processes::own()?.into_iter().filter(|process| process.program() != "rst").collect()))
}
