//! `rst prove`

use std::path::{Path, PathBuf};

use fs_err as fs;
use rst_archive::{Format, Limits};
use rst_model::{Manifest, RelPath};
use rst_proof::Report;
use rst_store::Store;

use super::CommandError;
use crate::{render, setup::Setup};

pub fn prove(setup: &Setup, archive: &Path, symbols: bool) -> Result<(), CommandError> {
    let (_, report) = report(&*setup.store()?, archive, symbols)?;
    render::proof(&report, setup.format())?;
    passed(archive, &report)
}

/// An error unless all claims hold.
pub fn passed(archive: &Path, report: &Report) -> Result<(), CommandError> {
    if report.passed() {
        return Ok(());
    }
    let archive = archive.display().to_string();
    Err(CommandError::Proof { archive, failed: report.failures().count(), claims: report.claims() })
}

/// The manifest of an archive, and what it proves to be.
pub fn report(store: &Store, archive: &Path, symbols: bool) -> Result<(Manifest, Report), CommandError> {
    let scratch = store.scratch()?;
    let unpacked = scratch.path().join("archive");
    let name = archive.display().to_string();
    let format = Format::of(&name).ok_or_else(|| CommandError::Usage {
        message: format!("{name} is no archive"),
        hint: "expected a .tar.zst or a .tar.gz".to_owned(),
    })?;
    rst_archive::unpack(archive, format, &unpacked, Limits::default())?;
    let not_ours = || CommandError::Usage {
        message: format!("{name} has no manifest in share/rst below one folder at its top"),
        hint: "expected an archive that rst has made".to_owned(),
    };
    let top = only(&unpacked).ok_or_else(not_ours)?;
    let (at, manifest) = manifest_of(&top).ok_or_else(not_ours)?;
    let report = rst_build::prove_tree(store, &top, &at, &manifest, symbols);
    Ok((manifest, report))
}

/// The one thing that lies in a folder.
fn only(folder: &Path) -> Option<PathBuf> {
    let mut entries = fs::read_dir(folder).ok()?;
    let first = entries.next()?.ok()?.path();
    entries.next().is_none().then_some(first)
}

/// The manifest of an unpacked archive, and where it lies in it.
fn manifest_of(top: &Path) -> Option<(RelPath, Manifest)> {
    let entries = fs::read_dir(top.join("share/rst")).ok()?;
    let mut names = entries.flatten().map(|entry| entry.file_name().to_string_lossy().into_owned());
    let at = RelPath::new(&format!("share/rst/{}", names.find(|name| name.ends_with(".manifest.json"))?)).ok()?;
    let manifest = serde_json::from_slice(&fs::read(top.join(&at)).ok()?).ok()?;
    Some((at, manifest))
}
