//! `rst bump`: the lock moved to other versions, in one step or not at all.

use std::collections::{BTreeMap, BTreeSet};

use fs_err as fs;
use miette::Diagnostic;
use rst_fetch::{FetchError, Fetcher};
use rst_model::{Arch, Digest, Platform, Version, event::Reporter, recipe::RecipeError};
use rst_store::Store;
use serde::Serialize;

use super::{
    go_mod::{self, Wanted},
    goals::{Goal, goals},
    patches::{Patched, Refused},
};
use crate::{
    graph::{Graph, GraphError, Request},
    pins::{PinError, pin},
    project::Project,
};

/// One source that has another version now.
#[derive(Clone, Debug, Serialize)]
pub struct Change {
    /// The recipe's name.
    pub name: String,
    /// Where several lines are kept.
    pub line: Option<String>,
    /// The version that was locked.
    pub from: Version,
    /// The one that is now.
    pub to: Version,
    /// Entries of the lock by name (`podman`, `podman-vendor`, `zig arm64`): tree before and after.
    pub trees: BTreeMap<String, (Option<Digest>, Option<Digest>)>,
    /// The patches that were tried on the new source, all of which apply.
    pub patches: Vec<String>,
    /// Whether the old version stays locked, since something else is built from it.
    pub kept: bool,
}

/// A bump as it would be written.
#[derive(Debug)]
pub struct Bumped {
    /// What differs.
    pub changes: Vec<Change>,
    /// The text of `build/archives.toml`, where that has to change.
    pub archives: Option<String>,
}

/// Why nothing was bumped.
#[derive(Debug, thiserror::Error, Diagnostic)]
pub enum BumpError {
    /// Something could not be pinned.
    #[error(transparent)]
    #[diagnostic(transparent)]
    Pin(#[from] PinError),
    /// Upstream could not be asked for its newest version.
    #[error("the newest version of {name} is not known:{}", reasons.iter().map(|reason| format!("\n  {reason}")).collect::<String>())]
    #[diagnostic(help("name the version: rst bump {name}@VERSION"))]
    Unasked {
        /// The recipe.
        name: String,
        /// Why nobody answered.
        reasons: Vec<String>,
    },
    /// A version of no line that is kept.
    #[error("{name} {version} is of no line that is kept: {}", lines.join(", "))]
    #[diagnostic(help("add the line first: to the recipe ([line.\"…\"]), or to the tables of build/archives.toml"))]
    Line {
        /// The recipe.
        name: String,
        /// What was asked for.
        version: Version,
        /// The kept lines.
        lines: Vec<String>,
    },
    /// Its version is decided elsewhere.
    #[error("{name} has no version of its own: it follows {leader}")]
    #[diagnostic(help("bump that, and {name} goes with it"))]
    Follower {
        /// The recipe.
        name: String,
        /// What it follows.
        leader: String,
    },
    /// A tool's go.mod does not have what goes with it.
    #[error("the go.mod of {tool} requires no {module}, which would decide the version of {name}")]
    #[diagnostic(help(
        "look at what took its place upstream; the line tables of build/archives.toml say what goes with a tool"
    ))]
    NotRequired {
        /// With its version.
        tool: String,
        /// The module.
        module: String,
        /// The component that is this module.
        name: String,
    },
    /// A tool of the building machine that one kind of machine would lack.
    #[error("{name} {version} could not be pinned for building on {}", .host.oci())]
    #[diagnostic(help("the lock has {name} for it now, and would not any more; what went wrong stands above"))]
    Host {
        /// The tool.
        name: String,
        /// Its version.
        version: Version,
        /// The kind of machine.
        host: Arch,
    },
    /// Patches that do not fit the new source.
    #[error("patches that do not apply to {name} {version}:{}", lines(refused))]
    #[diagnostic(help(
        "pin it alone, then mend or drop them in build/patches/{name} (CONTRIBUTING, \"Write a patch\"): rst lock {name}@{version}"
    ))]
    Patches {
        /// The component.
        name: String,
        /// Its new version.
        version: Version,
        /// Each with what `patch` said.
        refused: Vec<Refused>,
    },
    /// `build/archives.toml` cannot be changed.
    #[error("build/archives.toml: {0}")]
    Archives(#[from] toml_edit::TomlError),
    /// A file could not be read or written.
    #[error(transparent)]
    Io(#[from] std::io::Error),
}

fn lines(refused: &[Refused]) -> String {
    refused.iter().map(|refused| format!("\n  {}: {}", refused.patch, refused.said)).collect()
}

impl From<GraphError> for BumpError {
    fn from(error: GraphError) -> Self {
        BumpError::Pin(error.into())
    }
}

impl From<RecipeError> for BumpError {
    fn from(error: RecipeError) -> Self {
        BumpError::Pin(error.into())
    }
}

impl From<FetchError> for BumpError {
    fn from(error: FetchError) -> Self {
        BumpError::Pin(error.into())
    }
}

/// Pins what was asked for and all that goes with it in `project`, takes out what nothing is built from any
/// more, and tries the patches. Nothing is written: that is left to who has seen the result.
pub fn bump(
    project: &mut Project,
    fetcher: &Fetcher,
    store: &Store,
    reporter: &dyn Reporter,
    requests: &[Request],
) -> Result<Bumped, BumpError> {
    let before = project.lock.clone();
    let mut goals = goals(project, fetcher, requests)?;
    goals.retain(|goal| goal.to != goal.from);
    let mut decided: Vec<Wanted> = Vec::new();
    for goal in &goals {
        pin_whole(project, fetcher, store, reporter, goal)?;
        let tree = project.lock.source(&goal.name, &goal.to, Arch::HOST).map_err(GraphError::from)?.tree;
        decided.extend(go_mod::wanted(project, goal, &store.tree_path(tree))?);
    }
    for Wanted { variant, tool_line, goal } in &decided {
        if !goals.contains(goal) {
            pin_whole(project, fetcher, store, reporter, goal)?;
            goals.push(goal.clone());
        }
        let tables = project.archives.get_mut(variant).and_then(|variant| variant.line.get_mut(tool_line));
        tables.expect("where it was found").insert(goal.name.clone(), goal.to.to_string());
    }
    let archives = match decided.is_empty() {
        true => None,
        false => Some(go_mod::archives_text(&fs::read_to_string(project.archives_path())?, &decided)?),
    };
    let mut changes = Vec::new();
    for goal in goals {
        let patches = try_patches(project, store, &goal)?;
        let kept = !take_out(project, &goal)?;
        let trees = trees(&before, &project.lock, &goal);
        changes.push(Change { name: goal.name, line: goal.line, from: goal.from, to: goal.to, trees, patches, kept });
    }
    Ok(Bumped { changes, archives })
}

/// Pins a version for every kind of machine that the one before was pinned for.
fn pin_whole(
    project: &mut Project,
    fetcher: &Fetcher,
    store: &Store,
    reporter: &dyn Reporter,
    goal: &Goal,
) -> Result<(), BumpError> {
    let Goal { name, from, to, .. } = goal;
    pin(project, fetcher, store, reporter, name, to)?;
    let sources = &project.lock.sources;
    let has = |version: &Version, host| sources.iter().any(|s| (&s.name, &s.version, s.host) == (name, version, host));
    match Arch::ALL.into_iter().find(|host| has(from, Some(*host)) && !has(to, Some(*host)) && !has(to, None)) {
        Some(host) => Err(BumpError::Host { name: name.clone(), version: to.clone(), host }),
        None => Ok(()),
    }
}

fn try_patches(project: &Project, store: &Store, goal: &Goal) -> Result<Vec<String>, BumpError> {
    let component = project.book.component(&goal.name, &goal.to)?;
    if component.patches.is_empty() {
        return Ok(Vec::new());
    }
    let tree = |name: &str| project.lock.source(name, &goal.to, Arch::HOST).map(|locked| store.tree_path(locked.tree));
    let vendor = component.source.vendor.map(|_| tree(&format!("{}-vendor", goal.name)));
    let patched = Patched {
        tree: tree(&goal.name).map_err(GraphError::from)?,
        vendor: vendor.transpose().map_err(GraphError::from)?,
        patches: &component.patches,
    };
    let scratch = store.scratch().map_err(FetchError::from)?;
    let refused = patched.refused(scratch.path())?;
    match refused.is_empty() {
        true => Ok(component.patches.into_keys().collect()),
        false => Err(BumpError::Patches { name: goal.name.clone(), version: goal.to.clone(), refused }),
    }
}

/// Takes the version before out of the lock, unless what is built of all archives needs it; whether it did.
fn take_out(project: &mut Project, goal: &Goal) -> Result<bool, BumpError> {
    let whole = project.lock.clone();
    project.lock.remove(&goal.name, &goal.from);
    if Graph::of(project, &project.kept_requests()?, &[Platform::HOST]).is_ok() {
        return Ok(true);
    }
    project.lock = whole;
    Ok(false)
}

impl Project {
    /// The newest of each kept line of every tool.
    fn kept_requests(&self) -> Result<Vec<Request>, RecipeError> {
        let mut requests = Vec::new();
        for variant in self.archives.values() {
            let name = variant.tool.get_ref();
            let lines = self.lines_or_whole(name)?;
            requests.extend(lines.into_iter().map(|version| Request { name: name.clone(), version }));
        }
        Ok(requests)
    }
}

/// The trees of a source before and after.
fn trees(
    before: &rst_model::Lock,
    after: &rst_model::Lock,
    goal: &Goal,
) -> BTreeMap<String, (Option<Digest>, Option<Digest>)> {
    let vendored = format!("{}-vendor", goal.name);
    let of = |lock: &rst_model::Lock, version: &Version| {
        let mut trees = BTreeMap::new();
        for source in
            lock.sources.iter().filter(|s| (s.name == goal.name || s.name == vendored) && s.version == *version)
        {
            let host = source.host.map(|host| format!(" {}", host.oci())).unwrap_or_default();
            trees.insert(format!("{}{host}", source.name), source.tree);
        }
        trees
    };
    let (mut old, mut new) = (of(before, &goal.from), of(after, &goal.to));
    let names: BTreeSet<_> = old.keys().chain(new.keys()).cloned().collect();
    names.into_iter().map(|name| (name.clone(), (old.remove(&name), new.remove(&name)))).collect()
}
