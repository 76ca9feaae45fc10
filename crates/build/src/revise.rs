//! `rst revise`: which released versions would now be made of other parts, and so are due as the next revision.

use std::collections::BTreeMap;

use fs_err as fs;
use rst_model::{Arch, Platform, Tag, Version};
use serde::Serialize;
use toml_edit::{DocumentMut, Item, Table, value};

use crate::{
    graph::{Graph, GraphError, Request},
    project::{Project, ProjectError},
};

/// The versions of all parts by name: components, and the tools that build them.
pub type Parts = BTreeMap<String, Version>;

/// A version that is to be released again.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
pub struct Revised {
    /// The release that is next.
    pub tag: Tag,
    /// The one that is out.
    pub released: Tag,
    /// The parts that differ: as released, and as they are locked now.
    pub parts: BTreeMap<String, (Option<Version>, Option<Version>)>,
}

/// What a version of a tool is made of now, on all platforms.
pub fn parts(project: &Project, tool: &str, version: &Version) -> Result<Parts, GraphError> {
    let request = Request { name: tool.to_owned(), version: Some(version.to_string()) };
    let platforms = Arch::ALL.map(|arch| Platform { arch });
    let graph = Graph::of(project, &[request], &platforms)?;
    let mut parts = Parts::new();
    for id in graph.archives.iter().flat_map(|wanted| wanted.linked(&graph)) {
        let node = &graph.nodes[id];
        parts.insert(node.component.name.clone(), node.component.version.clone());
        let tools = node.sources.tools.iter().map(|(name, source)| (name.clone(), source.locked.version.clone()));
        let built = node.tools.iter().map(|tool| &graph.nodes[*tool].component);
        parts.extend(tools.chain(built.map(|tool| (tool.name.clone(), tool.version.clone()))));
    }
    Ok(parts)
}

/// The locked versions that are released at the revision they are at now, with other parts.
pub fn revised(project: &Project, released: &BTreeMap<Tag, Parts>) -> Result<Vec<Revised>, GraphError> {
    let mut all = Vec::new();
    for (out, was) in released {
        let is_locked = project.lock.versions(&out.tool).contains(&out.version);
        if !is_locked || out.revision != project.revision(&out.tool, &out.version) {
            continue;
        }
        let now = parts(project, &out.tool, &out.version)?;
        let differing: BTreeMap<_, _> = was
            .keys()
            .chain(now.keys())
            .filter(|name| was.get(*name) != now.get(*name))
            .map(|name| (name.clone(), (was.get(name).cloned(), now.get(name).cloned())))
            .collect();
        if !differing.is_empty() {
            let tag = Tag { revision: out.revision.next(), ..out.clone() };
            all.push(Revised { tag, released: out.clone(), parts: differing });
        }
    }
    Ok(all)
}

/// The text of `build/releases.toml` with these revisions, all else as a person has written it.
pub fn releases_text(project: &Project, revised: &[Revised]) -> Result<String, ProjectError> {
    let path = project.releases_path();
    let text = if path.exists() { fs::read_to_string(path)? } else { String::new() };
    let mut document: DocumentMut = text.parse().map_err(std::io::Error::other)?;
    for Revised { tag, .. } in revised {
        set(&mut document, tag);
    }
    Ok(document.to_string())
}

fn set(document: &mut DocumentMut, tag: &Tag) {
    let mut table: &mut Item = document.as_item_mut();
    for key in ["tool", &tag.tool, "revision"] {
        let implicit = || {
            let mut table = Table::new();
            table.set_implicit(key != "revision");
            Item::Table(table)
        };
        table = table.as_table_like_mut().expect("parsed as tables").entry(key).or_insert_with(implicit);
    }
    table[tag.version.as_str()] = value(i64::from(u32::from(tag.revision)));
}

#[cfg(test)]
mod tests {
    use super::*;

    fn with(text: &str, tag: &str) -> String {
        let mut document: DocumentMut = text.parse().unwrap();
        set(&mut document, &tag.parse().unwrap());
        document.to_string()
    }

    #[test]
    fn a_revision_is_written_beside_what_a_person_wrote() {
        let text = "# why\n[tool.podman.minimum-secure]\n\"6\" = \"6.0.2\" # here\n";
        let once = with(text, "podman-v6.0.2-r2");
        assert_eq!(once, format!("{text}\n[tool.podman.revision]\n\"6.0.2\" = 2\n"));
        assert_eq!(with(&once, "podman-v6.0.2-r3"), once.replace("= 2\n", "= 3\n"));
        assert_eq!(with("", "skopeo-v1-r2"), "[tool.skopeo.revision]\n1 = 2\n");
        let parsed: rst_model::Releases = toml::from_str(&once).unwrap();
        assert_eq!(parsed.tool["podman"].revision.len(), 1);
    }
}
