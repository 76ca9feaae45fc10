//! From built components to an archive's tree, with its manifest.

use std::{collections::BTreeMap, path::PathBuf};

use fs_err as fs;
use rst_model::{
    Digest, Entry, Kind, Listing, LockedSource, Manifest, ManifestComponent, ManifestFile, ManifestSource, RelPath,
    recipe::Driver,
};
use rst_store::ActionResult;

use crate::{
    compose::{EPOCH, LICENSES, TWINS, compose, link_time_values},
    error::BuildError,
    factory::Factory,
    graph::{Graph, NodeId, WantedArchive},
    inventory::Facts,
    sbom::Documents,
    supply::sources,
    toolchain::Toolchain,
};

/// An archive's tree, and what is known of it.
pub(crate) struct Assembled {
    pub wanted: WantedArchive,
    pub tool: String,
    pub tree: Digest,
    pub manifest: Manifest,
    /// Its bills of materials.
    pub sbom: Documents,
    /// The output of each component in it.
    pub outputs: BTreeMap<String, Digest>,
}

/// Raised when assembling, proving or packing changes what comes out.
pub(crate) const FORMAT: u32 = 1;

impl Assembled {
    pub(crate) fn make(
        factory: &Factory,
        graph: &Graph,
        wanted: &WantedArchive,
        outputs: &BTreeMap<NodeId, ActionResult>,
        listings: &BTreeMap<NodeId, Digest>,
    ) -> Result<Self, BuildError> {
        let variant = &factory.project.archives[&wanted.variant];
        let linked = wanted.linked(graph);
        let mut manifest = Manifest {
            format: FORMAT,
            variant: wanted.variant.clone(),
            version: wanted.version.clone(),
            revision: factory.project.revision(variant.tool.get_ref(), &wanted.version),
            platform: wanted.platform,
            epoch: EPOCH.unsigned_abs(),
            lock: Digest::of_json(&pins(graph, &linked)),
            toolchain: BTreeMap::new(),
            components: BTreeMap::new(),
            unsandboxed: false,
            files: BTreeMap::new(),
        };
        let trees: BTreeMap<NodeId, Digest> = outputs.iter().map(|(id, result)| (*id, result.output)).collect();
        let mut contents: BTreeMap<RelPath, Contents> = BTreeMap::new();
        let mut listed = BTreeMap::new();
        for id in linked.iter().copied() {
            let node = &graph.nodes[id];
            let name = &node.component.name;
            let output = trees[&id];
            let is_listed = wanted.components.contains(&id);
            manifest.unsandboxed |= outputs[&id].unsandboxed;
            manifest.components.insert(
                name.clone(),
                ManifestComponent {
                    version: node.component.version.clone(),
                    license: node.component.license.clone(),
                    source: node.sources.own.locked.tree,
                    toolchain: node.toolchain.name().to_owned(),
                    overridden: node.sources.own.is_overridden(),
                    recipe: node.component.digest(),
                    action: compose(graph, id, &trees).key(),
                    allocator: node.component.allocator,
                    c_code: !matches!(node.component.driver, Driver::Cargo(_)),
                    set: link_time_values(graph, id),
                },
            );
            let built = node.tools.iter().map(|tool| &graph.nodes[*tool]);
            let built = built.map(|tool| (&tool.component.name, &tool.sources.own));
            for (tool, source) in node.sources.tools.iter().chain(built) {
                let (version, tree) = (source.locked.version.clone(), source.locked.tree);
                let source = ManifestSource { version, tree, image: None, packages: BTreeMap::new() };
                manifest.toolchain.insert(tool.clone(), source);
            }
            if let Toolchain::Gcc(gcc) = &node.toolchain {
                let (version, image) = (gcc.version.clone(), Some(gcc.image.clone()));
                let source = ManifestSource { version, tree: gcc.tree, image, packages: gcc.packages.clone() };
                manifest.toolchain.insert(node.toolchain.name().to_owned(), source);
            }
            for (path, kind) in factory.store.listing(output)?.iter() {
                let Some(to) = place(path, is_listed, variant.tool.get_ref(), variant.only.as_deref()) else {
                    continue;
                };
                let file = factory.store.tree_path(output).join(path);
                add(&wanted.variant, &mut contents, &mut manifest, name, to, kind.clone(), Bytes::File(file))?;
            }
            if is_listed {
                listed.insert(name.clone(), output);
            }
        }
        for folder in &variant.etc {
            for (path, file) in factory.project.etc.get(folder).into_iter().flatten() {
                let kind = Kind::File {
                    executable: file.executable,
                    digest: Digest::of(&file.text),
                    size: file.text.len() as u64,
                };
                let bytes = Bytes::Text(file.text.clone());
                add(&wanted.variant, &mut contents, &mut manifest, "rst", path.clone(), kind, bytes)?;
            }
        }
        let tool = variant.tool.get_ref();
        let sbom = Facts { factory, graph, wanted, manifest: &manifest, listings }.documents(&linked)?;
        let (kind, bytes) = plain_text(sbom.cyclonedx.clone());
        add(&wanted.variant, &mut contents, &mut manifest, "rst", Manifest::sbom_path(tool), kind, bytes)?;
        let (kind, bytes) = plain_text(serde_json::to_string_pretty(&manifest).expect("plain data") + "\n");
        contents.insert(Manifest::path(tool), Contents { kind, bytes });
        let tree = lay_out(factory, &contents)?;
        Ok(Self { wanted: wanted.clone(), tool: tool.clone(), tree, manifest, sbom, outputs: listed })
    }
}

struct Contents {
    kind: Kind,
    bytes: Bytes,
}

/// The lock's entries from which these components are made, each once, in a fixed order.
pub(crate) fn pins<'a>(graph: &'a Graph, components: &[NodeId]) -> Vec<&'a LockedSource> {
    let with_tools = components.iter().flat_map(|id| graph.nodes[*id].tools.iter().chain([id]));
    let all = with_tools.flat_map(|id| sources(graph, *id)).map(|source| &source.locked);
    let sorted: BTreeMap<_, _> = all.map(|locked| ((&locked.name, &locked.version), locked)).collect();
    sorted.into_values().collect()
}

/// Where the bytes of a file are.
enum Bytes {
    File(PathBuf),
    Text(String),
}

fn plain_text(text: String) -> (Kind, Bytes) {
    let kind = Kind::File { executable: false, digest: Digest::of(&text), size: text.len() as u64 };
    (kind, Bytes::Text(text))
}

/// Where a file of a component's output goes in the archive, if anywhere.
fn place(path: &RelPath, is_listed: bool, tool: &str, only: Option<&[String]>) -> Option<RelPath> {
    if let Some(license) = path.as_str().strip_prefix(&format!("{LICENSES}/")) {
        return RelPath::new(&format!("share/doc/{tool}/licenses/{license}")).ok();
    }
    if !is_listed || path.as_str().starts_with(&format!("{TWINS}/")) {
        return None;
    }
    let wanted = only.is_none_or(|only| {
        only.iter().any(|rule| match rule.ends_with('/') {
            true => path.as_str().starts_with(rule),
            false => path.as_str() == rule,
        })
    });
    wanted.then(|| path.clone())
}

fn add(
    archive: &str,
    contents: &mut BTreeMap<RelPath, Contents>,
    manifest: &mut Manifest,
    component: &str,
    path: RelPath,
    kind: Kind,
    bytes: Bytes,
) -> Result<(), BuildError> {
    if let Some(other) = manifest.files.get(&path) {
        // The licence of what a toolchain leaves in programs comes with each of them.
        if path.as_str().starts_with("share/doc/") && contents.get(&path).is_some_and(|there| there.kind == kind) {
            return Ok(());
        }
        return Err(BuildError::Twice {
            archive: archive.to_owned(),
            path: path.to_string(),
            first: other.component.clone(),
            second: component.to_owned(),
        });
    }
    let mut file = ManifestFile {
        component: component.to_owned(),
        mode: "0644".to_owned(),
        sha256: None,
        size: None,
        target: None,
    };
    match &kind {
        Kind::File { executable, digest, size } => {
            file.sha256 = Some(*digest);
            file.size = Some(*size);
            if *executable {
                file.mode = "0755".to_owned();
            }
        }
        Kind::Symlink(target) => {
            file.mode = "0777".to_owned();
            file.target = Some(target.clone());
        }
        Kind::EmptyDir => return Ok(()),
    }
    manifest.files.insert(path.clone(), file);
    contents.insert(path, Contents { kind, bytes });
    Ok(())
}

/// The archive's tree, copied together unless the store has it.
fn lay_out(factory: &Factory, contents: &BTreeMap<RelPath, Contents>) -> Result<Digest, BuildError> {
    let entries = contents.iter().map(|(path, contents)| Entry { path: path.clone(), kind: contents.kind.clone() });
    let tree = entries.collect::<Listing>().digest();
    if factory.store.has_tree(tree) {
        return Ok(tree);
    }
    let scratch = factory.store.scratch()?;
    let top = scratch.path().join("tree");
    for (path, contents) in contents {
        let to = top.join(path);
        fs::create_dir_all(to.parent().expect("below top"))?;
        let executable = match &contents.kind {
            Kind::File { executable, .. } => *executable,
            Kind::Symlink(target) => {
                fs::os::unix::fs::symlink(target, &to)?;
                continue;
            }
            Kind::EmptyDir => continue,
        };
        match &contents.bytes {
            Bytes::File(file) => fs::copy(file, &to).map(drop)?,
            Bytes::Text(text) => fs::write(&to, text)?,
        }
        let mode = if executable { 0o755 } else { 0o644 };
        fs::set_permissions(&to, std::os::unix::fs::PermissionsExt::from_mode(mode))?;
    }
    Ok(factory.store.adopt(&top)?)
}
