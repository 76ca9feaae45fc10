//! The sources of a graph: which there are, what vendoring needs first, and the tasks that fetch them.

use std::collections::BTreeMap;

use rst_fetch::{Vendoring, Wanted};
use rst_model::Digest;

use crate::{
    error::BuildError,
    factory::{Factory, Tasks},
    graph::{Graph, NodeId, Source},
    schedule::{self, Lane, Limits, Task},
};

impl Factory<'_> {
    /// Fetches every source of a graph; how many were not in the store.
    pub fn fetch_all(&self, graph: &Graph) -> Result<usize, BuildError> {
        let all: Vec<NodeId> = (0..graph.nodes.len()).collect();
        let limits = Limits { network: self.settings.downloads, action: 1, archive: 1 };
        let (tasks, _) = self.fetch_tasks(graph, &all)?;
        let count = tasks.len();
        schedule::run(tasks, limits, || self.cancel.cancel())?;
        Ok(count)
    }

    /// A task for each source that is not in the store, by its tree.
    pub(crate) fn fetch_tasks<'s>(
        &'s self,
        graph: &'s Graph,
        todo: &[NodeId],
    ) -> Result<(Tasks<'s>, BTreeMap<Digest, usize>), BuildError> {
        let mut missing: Vec<&Source> = Vec::new();
        for source in ordered(todo.iter().flat_map(|id| sources(graph, *id))) {
            let tree = source.locked.tree;
            if !self.store.has_tree(tree) && missing.iter().all(|other| other.locked.tree != tree) {
                missing.push(source);
            }
        }
        self.fetcher.check_at_hand(missing.iter().map(|source| &source.locked))?;
        let mut tasks: Tasks = Vec::new();
        let mut fetches: BTreeMap<Digest, usize> = BTreeMap::new();
        for source in missing {
            let after = inputs_of_vendoring(graph, source);
            let after = after.iter().filter_map(|input| fetches.get(&input.locked.tree).copied()).collect();
            fetches.insert(source.locked.tree, tasks.len());
            tasks.push(Task {
                after,
                lane: Lane::Network,
                cost: 5.0,
                run: Box::new(move || self.fetch(graph, source)),
            });
        }
        Ok((tasks, fetches))
    }

    pub(crate) fn fetch(&self, graph: &Graph, source: &Source) -> Result<(), BuildError> {
        if self.cancel.is_cancelled() {
            return Err(BuildError::Interrupted);
        }
        let tree = |name: &str| {
            let inputs = inputs_of_vendoring(graph, source);
            inputs.iter().find(|s| s.locked.name == name).map(|s| self.store.tree_path(s.locked.tree))
        };
        let own = source.locked.name.strip_suffix("-vendor");
        let vendoring =
            own.and_then(tree).map(|source_tree| Vendoring { source_tree, go: tree("go"), rust: tree("rust") });
        self.fetcher.fetch(&Wanted { locked: &source.locked, spec: &source.spec, vendoring })?;
        Ok(())
    }
}

pub(crate) fn sources(graph: &Graph, id: NodeId) -> Vec<&Source> {
    let sources = &graph.nodes[id].sources;
    sources.tools.values().chain([&sources.own]).chain(&sources.vendor).collect()
}

/// Vendored trees last: they are made from others.
pub(crate) fn ordered<'a>(sources: impl Iterator<Item = &'a Source>) -> Vec<&'a Source> {
    let (mut first, vendored): (Vec<_>, Vec<_>) = sources.partition(|source| !source.locked.name.ends_with("-vendor"));
    first.extend(vendored);
    first
}

/// The sources that vendoring needs: the program's own and its toolchain.
fn inputs_of_vendoring<'a>(graph: &'a Graph, source: &Source) -> Vec<&'a Source> {
    let owner = graph
        .nodes
        .iter()
        .find(|node| node.sources.vendor.as_ref().is_some_and(|vendor| vendor.locked.tree == source.locked.tree));
    match owner {
        Some(node) => std::iter::once(&node.sources.own).chain(node.sources.tools.values()).collect(),
        None => Vec::new(),
    }
}
