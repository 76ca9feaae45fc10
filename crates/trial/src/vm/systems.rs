//! The table of systems, `systems.toml`.

use std::collections::BTreeMap;

use rst_model::Arch;
use serde::{Deserialize, Serialize};

/// The whole file.
#[derive(Debug, Deserialize)]
#[serde(deny_unknown_fields)]
struct Table {
    init: BTreeMap<Init, Common>,
    system: BTreeMap<String, System>,
    elsewhere: BTreeMap<String, Elsewhere>,
}

/// What process 1 is.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum Init {
    /// systemd, with a session for the person.
    Systemd,
    /// One that starts a script, and nobody who would give a user a session or a cgroup.
    Busybox,
    /// sysvinit's, with OpenRC to start services: cgroups, but none of a user's, and no session.
    Openrc,
}

impl Init {
    /// As in the table.
    pub(crate) fn name(self) -> &'static str {
        match self {
            Self::Systemd => "systemd",
            Self::Busybox => "busybox",
            Self::Openrc => "openrc",
        }
    }
}

/// What all systems with one kind of process 1 have.
#[derive(Debug, Deserialize)]
#[serde(deny_unknown_fields)]
struct Common {
    packages: Vec<String>,
}

/// A system that a virtual machine runs.
#[derive(Clone, Debug, Serialize, Deserialize)]
#[serde(deny_unknown_fields, rename_all = "kebab-case")]
pub struct System {
    /// Its name, for `--vm`.
    #[serde(skip_deserializing)]
    pub name: String,
    /// What it stands for.
    pub summary: String,
    /// Its processor.
    #[serde(default = "amd64")]
    pub arch: Arch,
    /// Of Debian.
    pub suite: String,
    /// A package that depends on the newest kernel of its kind.
    pub kernel: String,
    /// Process 1.
    pub init: Init,
    /// What is installed, besides what every Debian has.
    #[serde(default)]
    pub packages: Vec<String>,
    /// What is tried.
    pub checks: Vec<String>,
}

/// A system that no machine can be made of here.
#[derive(Clone, Debug, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Elsewhere {
    /// What it stands for.
    pub summary: String,
    /// Why not.
    pub reason: String,
}

fn amd64() -> Arch {
    Arch::Amd64
}

fn table() -> Table {
    toml::from_str(include_str!("systems.toml")).expect("a test reads it")
}

/// All systems, each with what its process 1 brings.
pub fn systems() -> Vec<System> {
    let Table { init, system, .. } = table();
    let whole = |(name, system): (String, System)| {
        let packages = [&init[&system.init].packages[..], &system.packages].concat();
        System { name, packages, ..system }
    };
    system.into_iter().map(whole).collect()
}

/// Those that are listed only to be named.
pub fn elsewhere() -> BTreeMap<String, Elsewhere> {
    table().elsewhere
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::checks;

    #[test]
    fn every_check_of_a_system_is_there_and_every_check_for_machines_is_of_a_system() {
        let systems = systems();
        let listed: Vec<_> = systems.iter().flat_map(|system| &system.checks).collect();
        for name in &listed {
            assert!(checks::known().any(|check| check.name == **name), "there is no check {name}");
        }
        for check in checks::for_machines() {
            assert!(listed.iter().any(|name| *name == check.name), "no system tries {}", check.name);
        }
        assert!(elsewhere().keys().all(|name| systems.iter().all(|system| system.name != *name)));
    }
}
