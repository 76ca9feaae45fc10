//! `rst revise`

use rst_build::{Revised, releases_text, revised};
use serde_json::json;

use super::{CommandError, lock, release};
use crate::{args::ReviseArgs, render, setup::Setup};

pub fn revise(setup: &Setup, arguments: &ReviseArgs) -> Result<(), CommandError> {
    let project = setup.project()?;
    let index = release::index(&arguments.index, arguments.key.as_deref(), &release::release_of(&project)?)?;
    let released = index.releases.into_iter().map(|(tag, release)| (tag, release.parts)).collect();
    let due = revised(&project, &released)?;
    if !arguments.dry_run && !due.is_empty() {
        lock::replace(&project.releases_path(), &releases_text(&project, &due)?)?;
    }
    let told = json!({ "event": "revised", "written": !arguments.dry_run && !due.is_empty(), "releases": due });
    render::done(&words(&due, arguments.dry_run), &told, setup.format())
}

fn words(due: &[Revised], dry_run: bool) -> String {
    let mut lines: Vec<String> = due.iter().map(line).collect();
    lines.push(match (due, dry_run) {
        ([], _) => "what is released is made of what is locked".to_owned(),
        (_, true) => "nothing is written (--dry-run)".to_owned(),
        (_, false) => "build/releases.toml is written".to_owned(),
    });
    lines.join("\n")
}

fn line(Revised { tag, released, parts }: &Revised) -> String {
    let version =
        |version: &Option<rst_model::Version>| version.as_ref().map_or("none".to_owned(), ToString::to_string);
    let parts: Vec<_> =
        parts.iter().map(|(name, (was, now))| format!("{name} {} → {}", version(was), version(now))).collect();
    format!("{released} is to be released as {tag}: {}", parts.join(", "))
}
