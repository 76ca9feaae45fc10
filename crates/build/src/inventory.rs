//! From a graph, its listings and the lock to the inventory of an archive: every part that is in it.

use std::collections::{BTreeMap, BTreeSet};

use rst_model::{Digest, LockedSource, Manifest, Place, Version, recipe::Driver};
use rst_sbom::{Crate, Inventory, Kind, License, Module, Origin, Part, PartId};

use crate::{
    error::BuildError,
    factory::Factory,
    graph::{Graph, Node, NodeId, Source, WantedArchive, links_a_program},
    listed::{Listed, module_of},
    toolchain::{Gcc, Runtime, Toolchain},
};

/// What an inventory is made from.
pub(crate) struct Facts<'a> {
    pub factory: &'a Factory<'a>,
    pub graph: &'a Graph,
    pub wanted: &'a WantedArchive,
    pub manifest: &'a Manifest,
    /// What each node's listing left.
    pub listings: &'a BTreeMap<NodeId, Digest>,
}

impl Facts<'_> {
    /// The inventory of an archive that is made of these nodes, libraries included.
    pub(crate) fn inventory(&self, nodes: &[NodeId]) -> Result<Inventory, BuildError> {
        let mut parts = BTreeMap::new();
        for id in nodes {
            let node = &self.graph.nodes[*id];
            let listed = Listed { store: self.factory.store, tree: self.listings.get(id).copied() };
            let mut links: BTreeSet<PartId> = node.component.needs.iter().map(|need| PartId::component(need)).collect();
            let mut linked: Vec<(PartId, Part)> = Vec::new();
            if links_a_program(&node.component) {
                for runtime in node.toolchain.runtimes_of(&node.component.driver) {
                    linked.push(match &node.toolchain {
                        Toolchain::Gcc(gcc) if runtime.tool == Gcc::NAME => of_image(gcc, &runtime),
                        _ => self.runtime(node, &runtime, &listed)?,
                    });
                }
            }
            match &node.component.driver {
                Driver::Go(_) => linked.extend(self.modules(node, &listed)?),
                Driver::Cargo(_) => linked.extend(crate_parts(node, listed.crates()?)),
                _ => {}
            }
            links.extend(linked.iter().map(|(id, _)| id.clone()));
            linked.push((PartId::component(&node.component.name), self.component(*id, links)));
            parts.extend(self.carried(&mut linked, &listed)?);
            parts.extend(linked);
        }
        let contained =
            self.wanted.components.iter().map(|id| PartId::component(&self.graph.nodes[*id].component.name));
        Ok(Inventory {
            archive: self.manifest.variant.clone(),
            version: self.manifest.version.to_string(),
            platform: self.manifest.platform,
            epoch: self.manifest.epoch,
            contains: contained.collect(),
            parts,
        })
    }

    fn component(&self, id: NodeId, links: BTreeSet<PartId>) -> Part {
        let node = &self.graph.nodes[id];
        let component = &node.component;
        let kind = match (self.wanted.components.contains(&id), links_a_program(component)) {
            (false, _) => Kind::Library,
            (true, true) => Kind::Program,
            (true, false) => Kind::Files,
        };
        let origin = origin(&node.sources.own);
        let purl = match &origin {
            Origin::Delivered { .. } => purl(&node.sources.own.locked),
            _ => None,
        };
        Part {
            name: component.name.clone(),
            version: component.version.to_string(),
            kind,
            license: License::declared(&component.license),
            purl,
            origin,
            patches: patches(node)
                .into_iter()
                .filter(|(file, _)| vendored(file).is_none())
                .map(|(_, name)| name)
                .collect(),
            within: None,
            links,
        }
    }

    /// What a toolchain leaves in the node's programs.
    fn runtime(&self, node: &Node, runtime: &Runtime, listed: &Listed) -> Result<(PartId, Part), BuildError> {
        let tool = &node.sources.tools[runtime.tool].locked;
        let purl_of_tool = purl(tool);
        let (version, purl) = match runtime.name {
            "musl" => {
                let version = listed.musl_version()?;
                (version.clone(), rst_sbom::of_generic("musl", &version))
            }
            "go" => (tool.version.to_string(), rst_sbom::of_go_module("stdlib", tool.version.as_str())),
            _ => (tool.version.to_string(), purl_of_tool),
        };
        let part = Part {
            name: runtime.name.to_owned(),
            version,
            kind: Kind::Library,
            license: License::declared(runtime.license),
            purl,
            origin: self.of_all_hosts(&tool.name, &tool.version),
            patches: BTreeSet::new(),
            within: Some(format!("{} {}", tool.name, tool.version)),
            links: BTreeSet::new(),
        };
        Ok((PartId::component(runtime.name), part))
    }

    /// The code that these have within themselves, which they then link.
    fn carried(&self, carriers: &mut [(PartId, Part)], listed: &Listed) -> Result<Vec<(PartId, Part)>, BuildError> {
        let mut all = Vec::new();
        for carried in &self.graph.carried {
            let Some(version) = listed.carried_version(carried)? else { continue };
            // A vendored module need not be in the programs.
            for (_, carrier) in carriers.iter_mut().filter(|(_, carrier)| carrier.name == carried.within) {
                let id = PartId::carried(&carried.name, &version);
                carrier.links.insert(id.clone());
                let part = Part {
                    name: carried.name.clone(),
                    version: version.clone(),
                    kind: Kind::Library,
                    license: License::declared(&carried.license),
                    purl: rst_sbom::of_generic(&carried.name, &version),
                    origin: carrier.origin.clone(),
                    patches: BTreeSet::new(),
                    within: Some(format!("{} {}", carrier.name, carrier.version)),
                    links: BTreeSet::new(),
                };
                all.push((id, part));
            }
        }
        Ok(all)
    }

    /// A toolchain differs by building machine; what it leaves does not.
    fn of_all_hosts(&self, name: &str, version: &Version) -> Origin {
        let entries = self.factory.project.lock.sources.iter();
        delivered(entries.filter(|locked| locked.name == name && locked.version == *version))
    }

    fn modules(&self, node: &Node, listed: &Listed) -> Result<Vec<(PartId, Part)>, BuildError> {
        let is_shipped = |program: &str| {
            let ours = self.manifest.files.iter().filter(|(_, file)| file.component == node.component.name);
            ours.map(|(path, _)| path).any(|path| program.ends_with(&format!("/{path}")))
        };
        let modules = listed.modules(is_shipped)?;
        let licenses = listed.licenses(&modules)?;
        let owner = |file: &str| module_of(&modules, file);
        let patches = patches_by(node, |file| owner(file).map(|module| module.path.clone()));
        let part = |module: &Module| {
            let patches = patches.get(&module.path).cloned().unwrap_or_default();
            let patched_by = (!patches.is_empty()).then_some(node.component.name.as_str());
            let part = Part {
                name: module.path.clone(),
                version: module.version.clone(),
                kind: Kind::Library,
                license: licenses.get(&module.path).cloned().unwrap_or(License::Unknown),
                purl: rst_sbom::of_go_module(&module.path, &module.version),
                origin: Origin::Delivered { sha256: Vec::new(), h1: Vec::from_iter(module.h1.clone()), url: None },
                patches,
                within: None,
                links: BTreeSet::new(),
            };
            (PartId::module(&module.path, &module.version, patched_by), part)
        };
        Ok(modules.iter().map(part).collect())
    }
}

/// What an image's GCC leaves in programs: of which source it is made, its distributor knows.
fn of_image(gcc: &Gcc, runtime: &Runtime) -> (PartId, Part) {
    let version = if runtime.name == "musl" { &gcc.musl } else { &gcc.version };
    let part = Part {
        name: runtime.name.to_owned(),
        version: version.to_string(),
        kind: Kind::Library,
        license: License::declared(runtime.license),
        purl: rst_sbom::of_generic(runtime.name, version.as_str()),
        origin: Origin::Delivered { sha256: vec![gcc.image.digest], h1: Vec::new(), url: None },
        patches: BTreeSet::new(),
        within: Some(gcc.whole()),
        links: BTreeSet::new(),
    };
    // Another than Zig's, which may be in other programs of the archive.
    (PartId::component(&format!("{}+{}", runtime.name, Gcc::NAME)), part)
}

fn crate_parts(node: &Node, crates: Vec<Crate>) -> Vec<(PartId, Part)> {
    // Of a crate that is there in several versions, `cargo vendor` gives the newest the bare name.
    let newest = |name: &str| {
        let versions = crates.iter().filter(|krate| krate.name == name).map(|krate| Version::new(&krate.version));
        versions.max()
    };
    let is_in = |krate: &Crate, folder: &str| {
        folder == format!("{}-{}", krate.name, krate.version)
            || (folder == krate.name && newest(&krate.name) == Some(Version::new(&krate.version)))
    };
    let patches = patches_by(node, |file| {
        let folder = file.split('/').next()?;
        crates.iter().find(|krate| is_in(krate, folder)).map(|krate| (krate.name.clone(), krate.version.clone()))
    });
    let part = |krate: &Crate| {
        let patches = patches.get(&(krate.name.clone(), krate.version.clone())).cloned().unwrap_or_default();
        let patched_by = (!patches.is_empty()).then_some(node.component.name.as_str());
        let part = Part {
            name: krate.name.clone(),
            version: krate.version.clone(),
            kind: Kind::Library,
            license: krate.license.clone(),
            purl: rst_sbom::of_crate(&krate.name, &krate.version),
            origin: Origin::Delivered { sha256: Vec::from_iter(krate.sha256), h1: Vec::new(), url: None },
            patches,
            within: None,
            links: BTreeSet::new(),
        };
        (PartId::krate(&krate.name, &krate.version, patched_by), part)
    };
    crates.iter().map(part).collect()
}

/// Every file that a patch of the component changes, with the patch's name, `COMPONENT/NAME.patch`.
fn patches(node: &Node) -> BTreeSet<(String, String)> {
    let of = |(name, text): (&String, &String)| {
        let files = text.lines().filter_map(|line| line.strip_prefix("+++ b/"));
        let files = files.map(|file| file.split('\t').next().unwrap_or(file).to_owned());
        files.map(|file| (file, format!("{}/{name}", node.component.name))).collect::<Vec<_>>()
    };
    node.component.patches.iter().flat_map(of).collect()
}

/// A file of a vendored dependency, from the top of the vendored tree.
fn vendored(file: &str) -> Option<&str> {
    file.strip_prefix("vendor/")
}

/// The patches that change vendored files, by whose file it is.
fn patches_by<T: Ord>(node: &Node, owner: impl Fn(&str) -> Option<T>) -> BTreeMap<T, BTreeSet<String>> {
    let mut by: BTreeMap<T, BTreeSet<String>> = BTreeMap::new();
    for (file, name) in patches(node) {
        if let Some(owner) = vendored(&file).and_then(&owner) {
            by.entry(owner).or_default().insert(name);
        }
    }
    by
}

fn origin(source: &Source) -> Origin {
    let tree = source.locked.tree;
    match (&source.spec.own, source.is_overridden()) {
        (Some(_), _) => Origin::Own { tree },
        (None, true) => Origin::Overridden { tree },
        (None, false) => delivered([&source.locked].into_iter()),
    }
}

/// The first origin of each entry that has a digest.
fn delivered<'a>(entries: impl Iterator<Item = &'a LockedSource>) -> Origin {
    let (mut sha256, mut h1, mut urls) = (Vec::new(), Vec::new(), Vec::new());
    for origin in entries.filter_map(|locked| locked.origins.iter().find(|o| o.sha256.is_some() || o.h1.is_some())) {
        sha256.extend(origin.sha256);
        h1.extend(origin.h1.clone());
        if let Place::Https(url) = &origin.place {
            urls.push(url.clone());
        }
    }
    Origin::Delivered { sha256, h1, url: urls.into_iter().next() }
}

fn purl(locked: &LockedSource) -> Option<String> {
    let origin = locked.origins.first()?;
    rst_sbom::of_source(&origin.place, &locked.name, locked.version.as_str())
}
