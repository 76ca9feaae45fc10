//! `rst prove`

use std::path::Path;

use fs_err as fs;
use rst_archive::{Format, Limits};
use rst_model::Manifest;

use super::CommandError;
use crate::{render, setup::Setup};

pub fn prove(setup: &Setup, archive: &Path) -> Result<(), CommandError> {
    let store = setup.store()?;
    let scratch = store.scratch()?;
    let unpacked = scratch.path().join("archive");
    let name = archive.display().to_string();
    let format = Format::of(&name).ok_or_else(|| CommandError::Usage {
        message: format!("{name} is no archive"),
        hint: "expected a .tar.zst or a .tar.gz".to_owned(),
    })?;
    rst_archive::unpack(archive, format, &unpacked, Limits::default())?;
    let top = fs::read_dir(&unpacked)?.flatten().map(|entry| entry.path()).next().unwrap_or(unpacked);
    let manifest = manifest_of(&top).ok_or_else(|| CommandError::Usage {
        message: format!("{name} has no manifest in share/rst"),
        hint: "expected an archive that rst has made".to_owned(),
    })?;
    let report = rst_build::prove_tree(&store, &top, &manifest);
    render::proof(&report, setup.format())?;
    if report.passed() {
        return Ok(());
    }
    Err(CommandError::Proof { archive: name, failed: report.failures().count(), claims: report.claims() })
}

/// The manifest of an unpacked archive.
fn manifest_of(top: &Path) -> Option<Manifest> {
    let entries = fs::read_dir(top.join("share/rst")).ok()?;
    let path =
        entries.flatten().map(|entry| entry.path()).find(|path| path.to_string_lossy().ends_with(".manifest.json"))?;
    serde_json::from_slice(&fs::read(path).ok()?).ok()
}
