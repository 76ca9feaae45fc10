//! `rst outdated`

use super::CommandError;
use crate::{render, setup::Setup};

pub fn outdated(setup: &Setup, names: &[String], exit_code: bool) -> Result<(), CommandError> {
    let project = setup.project()?;
    let store = setup.store()?;
    let rows = rst_build::outdated(&project, &setup.fetcher(&store, &project), names)?;
    render::outdated(&rows, setup.format())?;
    let unknown = rows.iter().filter(|row| !row.is_known()).count();
    let count = rows.iter().filter(|row| row.state.is_outdated()).count();
    match (unknown, count) {
        (1.., _) => Err(CommandError::Unasked { unknown, rows: rows.len() }),
        (0, 1..) if exit_code => Err(CommandError::Outdated { count, rows: rows.len() }),
        _ => Ok(()),
    }
}
