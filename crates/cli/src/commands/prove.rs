//! `rst prove`

use std::path::Path;

use rst_archive::Packed;
use rst_model::Manifest;
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
    let Packed { top, at, manifest } = Packed::open(archive, &scratch.path().join("archive"))?;
    let report = rst_build::prove_tree(store, &top, &at, &manifest, symbols);
    Ok((manifest, report))
}
