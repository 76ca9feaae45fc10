//! Crates, through cargo: a package that depends on just this version is fetched, and the archive is
//! then in cargo's cache.

use std::{path::PathBuf, process::Command};

use fs_err as fs;

use super::{Delivered, Desk};
use crate::{client, error::OriginError};

pub(super) fn deliver(desk: &Desk, spec: &str) -> Result<Delivered, OriginError> {
    let (name, version) = spec.split_once('@').ok_or_else(|| OriginError::reason("expected NAME@VERSION"))?;
    let package = desk.scratch.join("package");
    fs::create_dir_all(package.join("src"))?;
    fs::write(package.join("src/lib.rs"), "")?;
    fs::write(
        package.join("Cargo.toml"),
        format!(
            "[workspace]\n[package]\nname = \"fetch\"\nversion = \"0.0.0\"\nedition = \"2021\"\n\
             [dependencies]\n{name} = {{ version = \"={version}\", default-features = false }}\n"
        ),
    )?;
    let mut cargo = Command::new("cargo");
    cargo.arg("fetch").current_dir(&package).env("CARGO_TERM_COLOR", "never").env_remove("RUSTUP_TOOLCHAIN");
    client::run(&mut cargo, desk.fetcher)?;
    let file = cached(&format!("{name}-{version}.crate"))
        .ok_or_else(|| OriginError::reason("cargo fetched it, but its cache does not have it"))?;
    let copy = desk.scratch.join(file.file_name().unwrap_or_default());
    fs::copy(file, &copy)?;
    Ok(Delivered::archive(copy))
}

/// The file in cargo's cache, whichever registry it came from.
fn cached(file: &str) -> Option<PathBuf> {
    let home = std::env::var_os("CARGO_HOME").map(PathBuf::from);
    let home = home.or_else(|| std::env::var_os("HOME").map(|home| PathBuf::from(home).join(".cargo")))?;
    let registries = fs::read_dir(home.join("registry/cache")).ok()?;
    registries.flatten().map(|registry| registry.path().join(file)).find(|path| path.exists())
}
