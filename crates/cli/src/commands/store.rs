//! `rst store` and `rst gc`.

use std::{collections::BTreeSet, time::Duration};

use rst_build::Graph;
use rst_model::{Arch, Platform};

use super::CommandError;
use crate::{args::StoreCommand, render, setup::Setup};

pub fn store(setup: &Setup, command: &StoreCommand) -> Result<(), CommandError> {
    match command {
        StoreCommand::Path => {
            let path = setup.store_path()?;
            render::done(&path.display().to_string(), &serde_json::json!({ "store": path }), setup.format())?;
        }
        StoreCommand::Verify => {
            let verified = setup.store()?.verify()?;
            render::verified(&verified, setup.format())?;
            if !verified.damaged.is_empty() {
                return Err(CommandError::Damaged { count: verified.damaged.len() });
            }
        }
    }
    Ok(())
}

pub fn gc(setup: &Setup, days: u64) -> Result<(), CommandError> {
    let project = setup.project()?;
    let store = setup.store()?;
    let mut keep: BTreeSet<_> = project.lock.sources.iter().map(|source| source.tree).collect();
    for platform in Arch::ALL.map(|arch| Platform { arch }) {
        let requests: Vec<_> = project.all_requests();
        keep.extend(rst_build::kept(&store, &Graph::of(&project, &requests, &[platform])?));
    }
    let collected = store.gc(&keep, Duration::from_secs(days * 24 * 60 * 60))?;
    render::collected(&collected, setup.format())
}
