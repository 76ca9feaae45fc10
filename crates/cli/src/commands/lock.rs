//! `rst lock` and `rst mirror`.

use std::path::Path;

use fs_err as fs;
use rst_build::{Project, Request};
use rst_model::Version;
use serde_json::json;

use super::CommandError;
use crate::{args::MirrorCommand, render, setup::Setup};

pub fn lock(setup: &Setup, requests: &[Request]) -> Result<(), CommandError> {
    let mut project = setup.project()?;
    let store = setup.store()?;
    let fetcher = setup.fetcher(&store, &project);
    for request in requests {
        let version = match &request.version {
            Some(version) => Version::new(version),
            None => project.lock.version(&request.name, None).map_err(rst_build::GraphError::from)?,
        };
        rst_build::pin(&mut project, &fetcher, &store, setup.reporter.as_ref(), &request.name, &version)?;
        write(&project)?;
        let pinned = json!({ "event": "pinned", "name": request.name, "version": version });
        render::done(&format!("{} {version} is pinned", request.name), &pinned, setup.format())?;
    }
    Ok(())
}

pub fn remove(setup: &Setup, requests: &[Request]) -> Result<(), CommandError> {
    let mut project = setup.project()?;
    for request in requests {
        let version = request.version.as_deref().map(Version::new).ok_or_else(|| CommandError::Usage {
            message: format!("which version of {}?", request.name),
            hint: format!("give it whole: rst lock --remove {}@VERSION", request.name),
        })?;
        if !project.lock.remove(&request.name, &version) {
            let has: Vec<_> = project.lock.versions(&request.name).iter().map(ToString::to_string).collect();
            return Err(CommandError::Usage {
                message: format!("the lock has no {} {version}", request.name),
                hint: format!("it has: {}", has.join(", ")),
            });
        }
    }
    write(&project)?;
    Ok(())
}

pub fn write(project: &Project) -> Result<(), CommandError> {
    replace(&project.lock_path(), &project.lock.to_text())
}

/// In one step, so that an interrupted command leaves the old file.
pub fn replace(path: &Path, text: &str) -> Result<(), CommandError> {
    let part = path.with_extension("toml.part");
    fs::write(&part, text)?;
    fs::rename(part, path)?;
    Ok(())
}

pub fn mirror(setup: &Setup, command: &MirrorCommand) -> Result<(), CommandError> {
    let MirrorCommand::Export { folder } = command;
    let project = setup.project()?;
    let store = setup.store()?;
    let fetcher = setup.fetcher(&store, &project);
    fs::create_dir_all(folder)?;
    rst_build::export_mirror(&project, &fetcher, &store, folder)?;
    let exported = json!({ "event": "exported", "folder": folder });
    render::done(&format!("{} is a mirror: rst --mirror {0} build …", folder.display()), &exported, setup.format())
}
