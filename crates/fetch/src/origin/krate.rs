//! Crates, through cargo: a package that depends on just this version is fetched, and the archive is
//! then in cargo's cache.

use std::{
    path::{Path, PathBuf},
    process::Command,
};

use fs_err as fs;

use super::{Delivered, Desk};
use crate::{client, error::OriginError};

pub(super) fn deliver(desk: &Desk, spec: &str) -> Result<Delivered, OriginError> {
    let (name, version) = spec.split_once('@').ok_or_else(|| OriginError::reason("expected NAME@VERSION"))?;
    let package = package_with(desk, name, &format!("={version}"))?;
    client::run(cargo_in(&package).arg("fetch"), desk.fetcher)?;
    let file = cached(&format!("{name}-{version}.crate"))
        .ok_or_else(|| OriginError::reason("cargo fetched it, but its cache does not have it"))?;
    let copy = desk.scratch.join(file.file_name().unwrap_or_default());
    fs::copy(file, &copy)?;
    Ok(Delivered::archive(copy))
}

/// A package that needs a crate, and nothing else, in a workspace of its own.
pub(crate) fn package_with(desk: &Desk, name: &str, requirement: &str) -> Result<PathBuf, OriginError> {
    let package = desk.scratch.join("package");
    fs::create_dir_all(package.join("src"))?;
    fs::write(package.join("src/lib.rs"), "")?;
    fs::write(
        package.join("Cargo.toml"),
        // A name that no crate has, lest the package be taken for it.
        format!(
            "[workspace]\n[package]\nname = \"rst-asks\"\nversion = \"0.0.0\"\nedition = \"2021\"\n\
             [dependencies]\n{name} = {{ version = \"{requirement}\", default-features = false }}\n"
        ),
    )?;
    Ok(package)
}

/// cargo, as this machine has it.
pub(crate) fn cargo_in(package: &Path) -> Command {
    let mut cargo = Command::new("cargo");
    cargo.current_dir(package).env("CARGO_TERM_COLOR", "never").env_remove("RUSTUP_TOOLCHAIN");
    cargo
}

/// The file in cargo's cache, whichever registry it came from.
fn cached(file: &str) -> Option<PathBuf> {
    let home = std::env::var_os("CARGO_HOME").map(PathBuf::from);
    let home = home.or_else(|| std::env::var_os("HOME").map(|home| PathBuf::from(home).join(".cargo")))?;
    let registries = fs::read_dir(home.join("registry/cache")).ok()?;
    registries.flatten().map(|registry| registry.path().join(file)).find(|path| path.exists())
}
