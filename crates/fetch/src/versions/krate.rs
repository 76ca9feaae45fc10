//! Crates, through cargo: a package that depends on a crate is resolved, and cargo takes the newest
//! version that is neither yanked nor a preview. Once for each line, and once for all.

use fs_err as fs;
use rst_model::Version;
use serde::Deserialize;

use crate::{
    client,
    error::OriginError,
    origin::{
        Desk,
        krate::{cargo_in, package_with},
    },
};

pub(super) fn versions(desk: &Desk, name: &str, lines: &[String]) -> Result<Vec<Version>, OriginError> {
    let lines = lines.iter().map(|line| requirement(line));
    lines.chain(["*".to_owned()]).map(|requirement| newest(desk, name, &requirement)).collect()
}

/// `1.17` → `1.17.*`
fn requirement(line: &str) -> String {
    if line.split('.').count() < 3 { format!("{line}.*") } else { format!("={line}") }
}

fn newest(desk: &Desk, name: &str, requirement: &str) -> Result<Version, OriginError> {
    #[derive(Deserialize)]
    struct Lockfile {
        package: Vec<Package>,
    }
    #[derive(Deserialize)]
    struct Package {
        name: String,
        version: String,
    }
    let package = package_with(desk, name, requirement)?;
    let lockfile = package.join("Cargo.lock");
    if lockfile.exists() {
        fs::remove_file(&lockfile)?;
    }
    let mut cargo = cargo_in(&package);
    // Not the newest that this machine's compiler could build: the newest.
    cargo.args(["generate-lockfile", "--quiet"]).env("CARGO_RESOLVER_INCOMPATIBLE_RUST_VERSIONS", "allow");
    client::run(&mut cargo, desk.fetcher)?;
    let resolved: Lockfile = toml::from_str(&fs::read_to_string(lockfile)?)
        .map_err(|error| OriginError::reason(format!("Cargo.lock cannot be read: {error}")))?;
    // Dependencies may bring another version of the same crate; ours is the newest.
    let versions = resolved.package.iter().filter(|package| package.name == name);
    let newest = versions.map(|package| Version::new(&package.version)).max();
    newest.ok_or_else(|| OriginError::reason(format!("cargo resolved no {name} {requirement}")))
}
