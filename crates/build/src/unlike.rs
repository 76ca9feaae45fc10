//! What a manifest says that this project would not build.

use rst_model::{Digest, Manifest};

use crate::{
    assemble::pins,
    graph::{Graph, GraphError, Request},
    project::Project,
};

/// A line for each recipe, source or tool of an archive that is another here; none: what would be built now is what
/// was built then.
pub fn unlike(project: &Project, manifest: &Manifest) -> Result<Vec<String>, GraphError> {
    let request = Request { name: manifest.variant.clone(), version: Some(manifest.version.to_string()) };
    let graph = Graph::of(project, &[request], &[manifest.platform])?;
    let wanted = graph.archives.iter().find(|wanted| wanted.variant == manifest.variant);
    let Some(wanted) = wanted else {
        return Ok(vec![format!("there is no archive {} here", manifest.variant)]);
    };
    let linked = wanted.linked(&graph);
    let mut lines = Vec::new();
    let mut differs = |name: &str, what: &str, there: String, here: String| {
        if there != here {
            lines.push(format!("{name}: {what} {there} in the archive, {here} here"));
        }
    };
    for (name, component) in &manifest.components {
        let Some(node) = linked.iter().map(|id| &graph.nodes[*id]).find(|node| node.component.name == *name) else {
            differs(name, "is", "a component".to_owned(), "none".to_owned());
            continue;
        };
        differs(name, "version", component.version.to_string(), node.component.version.to_string());
        differs(name, "source", component.source.short(), node.sources.own.locked.tree.short());
        differs(name, "recipe", component.recipe.short(), node.component.digest().short());
        for (tool, source) in &node.sources.tools {
            if let Some(there) = manifest.toolchain.get(tool) {
                differs(name, &format!("built with {tool}"), there.tree.short(), source.locked.tree.short());
            }
        }
    }
    for id in &linked {
        let name = &graph.nodes[*id].component.name;
        if !manifest.components.contains_key(name) {
            differs(name, "is", "none".to_owned(), "a component".to_owned());
        }
    }
    differs("build/lock.toml", "entries", manifest.lock.short(), Digest::of_json(&pins(&graph, &linked)).short());
    let revision = project.revision(project.archives[&wanted.variant].tool.get_ref(), &wanted.version);
    differs("build/releases.toml", "revision", format!("{:?}", manifest.revision), format!("{revision:?}"));
    Ok(lines)
}
