//! Changing the lock, and giving away what it names.

use std::{collections::BTreeSet, path::Path};

use miette::Diagnostic;
use rst_fetch::{FetchError, Fetcher, Vendoring, Wanted};
use rst_model::{
    Arch, Digest, LockedSource, Version,
    event::{Event, Reporter},
    recipe::SourceSpec,
};
use rst_store::Store;

use crate::{
    compose::compose,
    graph::{Graph, GraphError, Request},
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
        let locked = fetcher.pin(name, version, &spec, None)?;
        let tree = locked.tree;
        project.lock.put(locked);
        if let Some(vendor) = spec.vendor {
            let vendoring = Vendoring {
                source_tree: store.tree_path(tree),
                go: tool(project, fetcher, store, "go")?,
                rust: tool(project, fetcher, store, "rust")?,
                rust_library: tool(project, fetcher, store, "rust-library")?,
            };
            project.lock.put(fetcher.pin_vendor(name, version, vendor, vendoring)?);
        }
        return Ok(());
    }
    for host in Arch::ALL {
        match fetcher.pin(name, version, &spec, Some(host)) {
            Ok(locked) => project.lock.put(locked),
            Err(error) if host == Arch::HOST => return Err(error.into()),
            Err(error) => reporter
                .event(Event::Warning { message: format!("not pinned for building on {}: {error}", host.oci()) }),
        }
    }
    Ok(())
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
        rust_library: tool(project, fetcher, store, "rust-library")?,
    })
}

impl Project {
    /// Everything that can be built: each tool in each locked version.
    pub fn all_requests(&self) -> Vec<Request> {
        let tools: BTreeSet<_> = self.archives.values().map(|variant| variant.tool.clone()).collect();
        tools
            .into_iter()
            .flat_map(|name| {
                let versions = self.lock.versions(&name);
                versions
                    .into_iter()
                    .map(move |version| Request { name: name.clone(), version: Some(version.to_string()) })
            })
            .collect()
    }
}

/// What a graph's results are made of: keys and outputs, as far as the store has them.
pub fn kept(store: &Store, graph: &Graph) -> BTreeSet<Digest> {
    let mut keep = BTreeSet::new();
    let mut outputs = std::collections::BTreeMap::new();
    for (id, node) in graph.nodes.iter().enumerate() {
        if !node.needs.iter().all(|need| outputs.contains_key(need)) {
            continue;
        }
        let key = compose(graph, id, &outputs).key();
        if let Some(result) = store.result(key) {
            keep.extend([key, result.output]);
            outputs.insert(id, result.output);
        }
    }
    keep
}
