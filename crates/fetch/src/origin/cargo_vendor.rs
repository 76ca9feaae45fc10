//! `cargo vendor`: the crates that a source needs, by its Cargo.lock.

use std::{path::Path, process::Command};

use fs_err as fs;

use super::{Delivered, Desk, go_vendor::copy};
use crate::{Wanted, client, error::OriginError};

pub(super) fn deliver(desk: &Desk, wanted: &Wanted) -> Result<Delivered, OriginError> {
    let missing = || OriginError::reason("the source that needs them is not known");
    let vendoring = wanted.vendoring.as_ref().ok_or_else(missing)?;
    let source = desk.scratch.join("source");
    copy(&vendoring.source_tree, &source)?;
    let vendor = desk.scratch.join("vendor");
    let cargo = vendoring.rust.as_ref().map_or_else(|| "cargo".into(), |rust| rust.join("bin/cargo"));
    let mut cargo = Command::new(cargo);
    cargo
        .args(["vendor", "--locked", "--versioned-dirs", "--quiet"])
        .arg(&vendor)
        .current_dir(&source)
        .env("CARGO_TERM_COLOR", "never")
        // The standard library's manifest has features that only its own compiler may use.
        .env("RUSTC_BOOTSTRAP", "1")
        .env_remove("RUSTUP_TOOLCHAIN");
    if let Some(rust) = &vendoring.rust {
        cargo.env("RUSTC", rust.join("bin/rustc"));
    }
    client::run(&mut cargo, desk.fetcher)?;
    for entry in fs::read_dir(&vendor)? {
        let path = entry?.path();
        forget_files(&path.join(".cargo-checksum.json"))?;
    }
    Ok(Delivered::Tree(vendor))
}

/// Cargo refuses a vendored crate with a changed file, so that none could be patched; the tree's
/// digest has checked them all.
fn forget_files(checksum: &Path) -> Result<(), OriginError> {
    let unreadable = |error| OriginError::reason(format!("{}: {error}", checksum.display()));
    let mut value: serde_json::Value = serde_json::from_slice(&fs::read(checksum)?).map_err(unreadable)?;
    value["files"] = serde_json::json!({});
    fs::write(checksum, value.to_string())?;
    Ok(())
}
