//! `rst rebuild`, `rst why-not`.

use std::path::{Path, PathBuf};

use fs_err as fs;
use rst_model::event::Event;
use rst_rebuild::{Options, Rebuild, Sources};

use super::CommandError;
use crate::{args::RebuildArgs, render, setup::Setup};

pub fn rebuild(setup: &Setup, arguments: &RebuildArgs) -> Result<(), CommandError> {
    let sources = match &arguments.sources {
        Some(file) => Sources::Archive(file.clone()),
        None => Sources::Checkout { root: setup.project()?.root, commit: arguments.commit.clone() },
    };
    if arguments.on_disk {
        let message = "the store is on disk: whether the order of files matters is not seen".to_owned();
        setup.reporter.event(Event::Warning { message });
    }
    // Found before anything is fetched for them; what works there has another working folder.
    let there = |folder: &Option<PathBuf>| folder.as_deref().map(fs::canonicalize).transpose();
    let options = Options {
        global: setup.options_for_another(),
        draft: arguments.draft,
        build_root: there(&arguments.build_root)?,
        jobs: arguments.jobs,
        processors: arguments.processors.map(usize::from),
        root: there(&arguments.root)?,
        in_memory: !arguments.on_disk,
    };
    let mut scratch = tempfile::Builder::new().prefix("rst-rebuild-").tempdir()?;
    scratch.disable_cleanup(arguments.keep);
    let rebuild = Rebuild { archives: arguments.archives.clone(), sources, options };
    // What works there ends first, and then a whole store is removed.
    setup.grace.to_tidy();
    let rebuilt = rebuild.run(scratch.path(), &setup.cancel)?;
    let kept = arguments.keep.then(|| scratch.path());
    render::rebuilt(&rebuilt, kept, setup.format())?;
    match rebuilt.iter().filter(|one| !one.is_the_same()).count() {
        0 => Ok(()),
        differing => Err(CommandError::NotIdentical { differing, archives: rebuilt.len() }),
    }
}

pub fn why_not(setup: &Setup, first: &Path, second: &Path) -> Result<(), CommandError> {
    let scratch = tempfile::tempdir()?;
    let compared = rst_rebuild::compare(first, second, scratch.path())?;
    render::differences(&compared, setup.format())?;
    match compared.is_the_same() {
        true => Ok(()),
        false => Err(CommandError::NotIdentical { differing: 1, archives: 1 }),
    }
}
