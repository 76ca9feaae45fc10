//! `rst outdated`: each locked version beside the newest stable one of its line.

use std::{cmp::Ordering, collections::BTreeSet};

use rayon::prelude::*;
use rst_fetch::{Asked, Fetcher, Question};
use rst_model::{
    Platform, Tag, Version,
    recipe::{Follows, Recipe, SourceSpec},
};
use serde::Serialize;

use crate::{
    graph::{Graph, GraphError, Request},
    pins::PinError,
    project::Project,
};

/// How many sources are asked about at once: the clients mostly wait.
const AT_ONCE: usize = 6;

/// A line of a source.
#[derive(Clone, Debug, Serialize)]
pub struct Row {
    /// The recipe's name.
    pub name: String,
    /// `5.8`, where several lines are kept.
    pub line: Option<String>,
    /// What it is to the project.
    pub standing: Standing,
    /// What the lock has.
    pub locked: Version,
    /// Of a tool, the name under which that version is released.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub tag: Option<Tag>,
    /// The newest stable version that anybody named.
    pub newest: Option<Version>,
    /// How they compare. Where upstream itself could not be heard it is never [`State::Current`].
    #[serde(flatten)]
    pub state: State,
    /// Who was asked.
    pub asked: Vec<Place>,
}

/// What a source is to the project.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize)]
#[serde(rename_all = "kebab-case")]
pub enum Standing {
    /// Archives are called after it.
    Tool,
    /// It is in an archive, or linked into what is.
    Component,
    /// It only runs while others are built.
    Toolchain,
}

/// How a locked version compares.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
#[serde(tag = "state", rename_all = "kebab-case")]
pub enum State {
    /// Nothing is newer.
    Current,
    /// There is a newer one in the line.
    Outdated,
    /// There is a newer one of a line that is not kept.
    NewLine,
    /// Upstream does not have the locked version any more, nor a newer one.
    Withdrawn,
    /// Nobody who must know could be asked.
    Unknown,
    /// Its version is not its own choice.
    Follows {
        /// Whose it is.
        leader: String,
    },
}

impl State {
    /// Whether somebody should do something.
    pub fn is_outdated(&self) -> bool {
        matches!(self, State::Outdated | State::NewLine | State::Withdrawn)
    }
}

/// What one place said.
#[derive(Clone, Debug, Serialize)]
pub struct Place {
    /// The place.
    pub place: String,
    /// Whether it is upstream's own word.
    pub authority: bool,
    /// The newest stable version that it has, of the line.
    pub newest: Option<Version>,
    /// Why it could not be asked.
    pub error: Option<String>,
}

impl Row {
    /// Whether upstream itself was heard, so that nothing is newer than `newest`.
    pub fn is_known(&self) -> bool {
        matches!(self.state, State::Follows { .. }) || is_known(&self.asked)
    }
}

/// Compares these recipes, or all, in the order of their names.
pub fn outdated(project: &Project, fetcher: &Fetcher, names: &[String]) -> Result<Vec<Row>, PinError> {
    let linked = linked(project)?;
    for name in names {
        project.book.recipe(name)?;
    }
    let mut wanted = project.book.names();
    wanted.retain(|name| names.is_empty() || names.contains(name));
    let pool = rayon::ThreadPoolBuilder::new().num_threads(AT_ONCE).build().map_err(std::io::Error::other);
    let pool = pool.map_err(rst_fetch::FetchError::from)?;
    let rows: Result<Vec<_>, PinError> =
        pool.install(|| wanted.par_iter().map(|name| compare(project, fetcher, &linked, name)).collect());
    Ok(rows?.concat())
}

/// The lines of one recipe.
fn compare(project: &Project, fetcher: &Fetcher, linked: &BTreeSet<String>, name: &str) -> Result<Vec<Row>, PinError> {
    let recipe = project.book.recipe(name)?;
    if recipe.source.get_ref().own.is_some() {
        return Ok(Vec::new());
    }
    let standing = match project.archives.values().any(|variant| variant.tool.get_ref() == name) {
        true => Standing::Tool,
        false if linked.contains(name) => Standing::Component,
        false => Standing::Toolchain,
    };
    let lines = project.kept_lines(name)?;
    let (mut rows, mut said) = (Vec::new(), Vec::new());
    for (spec, lines) in by_source(project, name)? {
        let asked = match recipe.follows {
            Some(_) => Vec::new(),
            None => {
                let lines: Vec<_> = lines.iter().flatten().cloned().collect();
                fetcher.versions(&Question { name, spec: &spec, upstream: recipe.upstream.as_ref(), lines: &lines })?
            }
        };
        for line in lines {
            let locked = project.lock.version(name, line.as_deref()).map_err(GraphError::from)?;
            let in_line = |version: &Version| line.as_ref().is_none_or(|line| version.in_line(line));
            let asked: Vec<_> = asked.iter().filter(|asked| !asked.next).map(|asked| place(asked, in_line)).collect();
            let newest = asked.iter().filter_map(|place| place.newest.clone()).max();
            let state = state(recipe, &spec, &locked, newest.as_ref(), is_known(&asked));
            let tag = (standing == Standing::Tool).then(|| Tag {
                tool: name.to_owned(),
                revision: project.revision(name, &locked),
                version: locked.clone(),
            });
            rows.push(Row { name: name.to_owned(), line, standing, locked, tag, newest, state, asked });
        }
        said.extend(asked);
    }
    rows.extend(new_line(&rows, &lines, &said));
    Ok(rows)
}

/// A source, and the lines that have it.
type Group = (SourceSpec, Vec<Option<String>>);

/// The lines that have one source together: a new major version of a Go module is another module.
fn by_source(project: &Project, name: &str) -> Result<Vec<Group>, PinError> {
    let mut groups: Vec<Group> = Vec::new();
    for line in project.lines_or_whole(name)? {
        let locked = project.lock.version(name, line.as_deref()).map_err(GraphError::from)?;
        let spec = project.book.component(name, &locked)?.source;
        match groups.iter_mut().find(|(other, _)| *other == spec) {
            Some((_, lines)) => lines.push(line),
            None => groups.push((spec, vec![line])),
        }
    }
    Ok(groups)
}

fn place(asked: &Asked, in_line: impl Fn(&Version) -> bool) -> Place {
    let newest = asked.answer.iter().flatten().filter(|version| in_line(version)).max();
    Place {
        place: asked.place.clone(),
        authority: asked.authority,
        newest: newest.cloned(),
        error: asked.answer.clone().err(),
    }
}

fn is_known(asked: &[Place]) -> bool {
    asked.iter().any(|place| place.authority && place.newest.is_some())
}

fn state(recipe: &Recipe, spec: &SourceSpec, locked: &Version, newest: Option<&Version>, known: bool) -> State {
    match (&recipe.follows, newest.map(|newest| newest.cmp(locked))) {
        (Some(Follows::Recipe(leader)), _) => State::Follows { leader: leader.clone() },
        (Some(Follows::GoMod), _) => State::Follows { leader: "the tool's go.mod".to_owned() },
        (None, Some(Ordering::Greater)) => State::Outdated,
        (None, _) if !known => State::Unknown,
        // A suite's day is when it last changed; what was made from it later is as new.
        (None, Some(Ordering::Less)) if spec.debian_suite.is_none() => State::Withdrawn,
        (None, _) => State::Current,
    }
}

/// A version newer than the newest line, and of none that is kept.
fn new_line(rows: &[Row], lines: &[String], said: &[Asked]) -> Option<Row> {
    let of_newest_line = rows.iter().max_by(|a, b| a.locked.cmp(&b.locked))?;
    let floor = of_newest_line.newest.as_ref().max(Some(&of_newest_line.locked));
    let of_kept = |version: &Version| lines.is_empty() || lines.iter().any(|line| version.in_line(line));
    let others = said.iter().flat_map(|asked| {
        let versions = asked.answer.iter().flatten();
        versions.filter(|version| (asked.next || !of_kept(version)) && Some(*version) > floor)
    });
    let newest = others.max()?;
    let asked = said.iter().map(|asked| place(asked, |version| version == newest)).collect();
    Some(Row { line: None, newest: Some(newest.clone()), state: State::NewLine, asked, ..of_newest_line.clone() })
}

/// All that ends up in archives.
fn linked(project: &Project) -> Result<BTreeSet<String>, GraphError> {
    let tools: BTreeSet<_> = project.archives.values().map(|variant| variant.tool.get_ref()).collect();
    let requests: Vec<_> = tools.into_iter().map(|tool| Request { name: tool.clone(), version: None }).collect();
    let graph = Graph::of(project, &requests, &[Platform::HOST])?;
    let ids: BTreeSet<_> = graph.archives.iter().flat_map(|archive| archive.linked(&graph)).collect();
    Ok(ids.into_iter().map(|id| graph.nodes[id].component.name.clone()).collect())
}
