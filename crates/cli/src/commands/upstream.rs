//! `rst trial --upstream`

use std::path::{Path, PathBuf};

use rst_fetch::Wanted;
use rst_trial::{Counts, Line, Upstream};

use super::{CommandError, trial::all_known};
use crate::{args::TrialArgs, render, setup::Setup};

pub fn upstream(setup: &Setup, archive: &Path, arguments: &TrialArgs) -> Result<(), CommandError> {
    let format = setup.format();
    let upstream = Upstream::new(archive.to_owned())?;
    let source = source(setup, &upstream)?;
    let mut files = upstream.files(&source)?;
    all_known("file of tests", &arguments.only, files.clone())?;
    if !arguments.only.is_empty() {
        files.retain(|file| arguments.only.contains(file));
    }
    let tell = |line: &Line| render::trial_line(line, format);
    let report = upstream.run(&source, files, arguments.debian, arguments.keep, &setup.cancel, tell)?;
    render::upstream(&report, format)?;
    let counts = Counts::of(&report.ours);
    match (counts.failed, report.ours.len()) {
        (0, 1..) => Ok(()),
        (failed, checks) => Err(CommandError::Tried { archive: report.archive, failed, impossible: 0, checks }),
    }
}

/// The source that the archive was built from, by its digest, as the lock pins it.
fn source(setup: &Setup, upstream: &Upstream) -> Result<PathBuf, CommandError> {
    let project = setup.project()?;
    let (tool, tree) = upstream.source();
    let locked = project.lock.sources.iter().find(|source| source.name == tool && Some(source.tree) == tree);
    let Some(locked) = locked else {
        return Err(CommandError::Usage {
            message: format!("build/lock.toml does not have the source of {tool} that this archive was built from"),
            hint: "take the checkout that it was built in: `--project FOLDER`".to_owned(),
        });
    };
    let store = setup.store()?;
    if !store.has_tree(locked.tree) {
        let spec = project.book.component(tool, &locked.version).map_err(rst_build::GraphError::from)?.source;
        setup.fetcher(&store, &project).fetch(&Wanted { locked, spec: &spec, vendoring: None })?;
    }
    Ok(store.tree_path(locked.tree))
}
