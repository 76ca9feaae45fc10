//! `rst bump`

use rst_build::Request;

use super::{CommandError, lock};
use crate::{render, setup::Setup};

pub fn bump(setup: &Setup, requests: &[Request], dry_run: bool) -> Result<(), CommandError> {
    let mut project = setup.project()?;
    let store = setup.store()?;
    let fetcher = setup.fetcher(&store, &project);
    let bumped = rst_build::bump(&mut project, &fetcher, &store, setup.reporter.as_ref(), requests)?;
    if !dry_run && !bumped.changes.is_empty() {
        // The table first: with the old lock it names versions that are not there, which every command tells.
        if let Some(text) = &bumped.archives {
            lock::replace(&project.archives_path(), text)?;
        }
        lock::write(&project)?;
    }
    render::bumped(&bumped, !dry_run, setup.format())
}
