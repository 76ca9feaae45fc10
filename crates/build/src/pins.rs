//! Changing the lock, and giving away what it names.

use std::{collections::BTreeSet, path::Path};

use miette::Diagnostic;
use rst_fetch::{FetchError, Fetcher, Vendoring, Wanted};
use rst_model::{
    Arch, Digest, LockedSource, Version,
    event::{Event, Reporter},
    recipe::{Driver, SourceSpec},
};
use rst_store::Store;

use crate::{
    compose::compose,
    graph::{Graph, GraphError, Request},
    listing::listing,
    project::Project,
};

/// Why something was not pinned.
#[derive(Debug, thiserror::Error, Diagnostic)]
pub enum PinError {
    /// The recipe or the lock.
    #[error(transparent)]
    #[diagnostic(transparent)]
    Graph(#[from] GraphError),
    /// The bytes.
    #[error(transparent)]
    #[diagnostic(transparent)]
    Fetch(#[from] FetchError),
}

impl From<rst_model::recipe::RecipeError> for PinError {
    fn from(error: rst_model::recipe::RecipeError) -> Self {
        PinError::Graph(error.into())
    }
}

/// Pins a version of a recipe's source: fetches it from everywhere and puts its digests into the
/// lock, its vendored dependencies with it. A tool of the building machine is pinned for every kind
/// of machine for which it can be had from here.
pub fn pin(
    project: &mut Project,
    fetcher: &Fetcher,
    store: &Store,
    reporter: &dyn Reporter,
    name: &str,
    version: &Version,
) -> Result<(), PinError> {
    let spec = project.book.component(name, version)?.source;
    if !spec.host {
        let locked = with_known_origins(project, fetcher.pin(name, version, &spec, None)?);
        let tree = locked.tree;
        project.lock.put(locked);
        if let Some(vendor) = spec.vendor {
            let vendoring = Vendoring {
                source_tree: store.tree_path(tree),
                go: tool(project, fetcher, store, "go")?,
                rust: tool(project, fetcher, store, "rust")?,
            };
            project.lock.put(fetcher.pin_vendor(name, version, vendor, vendoring)?);
        }
        return Ok(());
    }
    for host in Arch::ALL {
        match fetcher.pin(name, version, &spec, Some(host)) {
            Ok(locked) => {
                let locked = with_known_origins(project, locked);
                project.lock.put(locked);
            }
            Err(error) if host == Arch::HOST => return Err(error.into()),
            Err(error) => reporter
                .event(Event::Warning { message: format!("not pinned for building on {}: {error}", host.oci()) }),
        }
    }
    Ok(())
}

/// An origin that the lock has, of the same tree, is not forgotten because it could not be reached today.
fn with_known_origins(project: &Project, mut locked: LockedSource) -> LockedSource {
    let same = |old: &&LockedSource| {
        (&old.name, &old.version, old.host, old.tree) == (&locked.name, &locked.version, locked.host, locked.tree)
    };
    let known = project.lock.sources.iter().find(same).map(|old| old.origins.clone()).unwrap_or_default();
    let forgotten = known.into_iter().filter(|old| locked.origins.iter().all(|origin| origin.place != old.place));
    let forgotten: Vec<_> = forgotten.collect();
    locked.origins.extend(forgotten);
    locked
}

/// The tree of a tool, fetched, if the lock has it.
fn tool(
    project: &Project,
    fetcher: &Fetcher,
    store: &Store,
    name: &str,
) -> Result<Option<std::path::PathBuf>, PinError> {
    let Ok(version) = project.lock.version(name, None) else { return Ok(None) };
    let spec = project.book.component(name, &version)?.source;
    let locked = project.lock.source(name, &version, Arch::HOST).map_err(GraphError::from)?;
    let tree = fetcher.fetch(&Wanted { locked, spec: &spec, vendoring: None })?;
    Ok(Some(store.tree_path(tree)))
}

/// Writes everything that the lock names, for this building machine, into a folder for `--mirror`.
pub fn export_mirror(project: &Project, fetcher: &Fetcher, store: &Store, folder: &Path) -> Result<(), PinError> {
    for locked in &project.lock.sources {
        if locked.host.is_some_and(|host| host != Arch::HOST) {
            continue;
        }
        let owner = locked.name.strip_suffix("-vendor");
        let spec = match owner {
            Some(_) => SourceSpec::default(),
            None => project.book.component(&locked.name, &locked.version)?.source,
        };
        let vendoring = match owner {
            Some(owner) => Some(vendoring(project, fetcher, store, owner, locked)?),
            None => None,
        };
        fetcher.export(&Wanted { locked, spec: &spec, vendoring }, folder)?;
    }
    Ok(())
}

fn vendoring(
    project: &Project,
    fetcher: &Fetcher,
    store: &Store,
    owner: &str,
    locked: &LockedSource,
) -> Result<Vendoring, PinError> {
    let spec = project.book.component(owner, &locked.version)?.source;
    let own = project.lock.source(owner, &locked.version, Arch::HOST).map_err(GraphError::from)?;
    let tree = fetcher.fetch(&Wanted { locked: own, spec: &spec, vendoring: None })?;
    Ok(Vendoring {
        source_tree: store.tree_path(tree),
        go: tool(project, fetcher, store, "go")?,
        rust: tool(project, fetcher, store, "rust")?,
    })
}

impl Project {
    /// Everything that can be built: each tool and component in each locked version.
    pub fn all_requests(&self) -> Vec<Request> {
        let built = |locked: &&LockedSource| {
            let component = self.book.component(&locked.name, &locked.version);
            component.is_ok_and(|component| component.driver != Driver::Source)
        };
        let requests = self.lock.sources.iter().filter(built);
        requests
            .map(|locked| Request { name: locked.name.clone(), version: Some(locked.version.to_string()) })
            .collect()
    }
}

/// What a graph's results are made of: keys and outputs, as far as the store has them.
pub fn kept(store: &Store, graph: &Graph) -> BTreeSet<Digest> {
    let mut keep = BTreeSet::new();
    let mut outputs = std::collections::BTreeMap::new();
    for (id, node) in graph.nodes.iter().enumerate() {
        if !node.needs().all(|need| outputs.contains_key(need)) {
            continue;
        }
        let key = compose(graph, id, &outputs).key();
        if let Some(result) = store.result(key) {
            keep.extend([key, result.output]);
            if let Some(listed) = listing(graph, id, result.output).map(|action| action.key()) {
                keep.extend([listed].into_iter().chain(store.result(listed).map(|result| result.output)));
            }
            outputs.insert(id, result.output);
        }
    }
    keep
}
