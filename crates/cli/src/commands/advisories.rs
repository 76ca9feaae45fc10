//! `rst advisories`

use std::{
    path::PathBuf,
    time::{SystemTime, UNIX_EPOCH},
};

use super::CommandError;
use crate::{render, setup::Setup};

pub fn advisories(setup: &Setup, bills: &[PathBuf], osv: &str) -> Result<(), CommandError> {
    let project = setup.project()?;
    let store = setup.store()?;
    let now = SystemTime::now().duration_since(UNIX_EPOCH).map_err(std::io::Error::other)?;
    let fetcher = setup.fetcher(&store, &project);
    let all = rst_build::advisories(&project, &fetcher, osv, bills, now)?;
    render::advisories(&all, setup.format())?;
    match all.open().count() {
        0 => Ok(()),
        count => Err(CommandError::Vulnerable { count }),
    }
}
