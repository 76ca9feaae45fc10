//! From built components to an archive: the tree with its manifest, its proof, its files in `dist/`.

use std::{
    collections::BTreeMap,
    path::{Path, PathBuf},
    sync::Mutex,
};

use fs_err as fs;
use rst_archive::Compression;
use rst_model::{
    Digest, Entry, Kind, Listing, Manifest, ManifestComponent, ManifestFile, ManifestSource, RelPath, recipe::Driver,
};
use rst_proof::{Expected, Subject};
use rst_store::{ActionResult, Store};

use crate::{
    compose::{EPOCH, LICENSES, TWINS, compose, link_time_values},
    error::BuildError,
    factory::{BuiltArchive, Factory},
    graph::{Graph, NodeId, WantedArchive},
};

/// An archive's tree, and what is known of it.
pub(crate) struct Assembled {
    wanted: WantedArchive,
    tool: String,
    tree: Digest,
    manifest: Manifest,
    /// The output of each component in it.
    outputs: BTreeMap<String, Digest>,
}

/// Held while an archive is packed as small as can be: that takes 110 MB of memory.
static SMALLEST: Mutex<()> = Mutex::new(());

/// Raised when assembling, proving or packing changes what comes out.
const FORMAT: u32 = 1;

impl Assembled {
    pub(crate) fn make(
        factory: &Factory,
        graph: &Graph,
        wanted: &WantedArchive,
        outputs: &BTreeMap<NodeId, ActionResult>,
    ) -> Result<Self, BuildError> {
        let variant = &factory.project.archives[&wanted.variant];
        let mut manifest = Manifest {
            format: FORMAT,
            variant: wanted.variant.clone(),
            version: wanted.version.clone(),
            platform: wanted.platform,
            epoch: EPOCH.unsigned_abs(),
            lock: Digest::of_json(&factory.project.lock),
            toolchain: BTreeMap::new(),
            components: BTreeMap::new(),
            unsandboxed: false,
            files: BTreeMap::new(),
        };
        let trees: BTreeMap<NodeId, Digest> = outputs.iter().map(|(id, result)| (*id, result.output)).collect();
        let mut contents: BTreeMap<RelPath, Contents> = BTreeMap::new();
        let mut listed = BTreeMap::new();
        let mut linked: Vec<NodeId> = wanted.components.clone();
        linked.extend(wanted.components.iter().flat_map(|id| graph.nodes[*id].needs.clone()));
        linked.sort_unstable();
        linked.dedup();
        for id in linked {
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
                    recipe: node.component.digest(),
                    action: compose(graph, id, &trees).key(),
                    allocator: node.component.allocator,
                    c_code: !matches!(node.component.driver, Driver::Cargo(_)),
                    set: link_time_values(graph, id),
                },
            );
            for (tool, source) in &node.sources.tools {
                let source = ManifestSource { version: source.locked.version.clone(), tree: source.locked.tree };
                manifest.toolchain.insert(tool.clone(), source);
            }
            for (path, kind) in factory.store.listing(output)?.iter() {
                let Some(to) = place(path, is_listed, &variant.tool, variant.only.as_deref()) else { continue };
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
        let text = serde_json::to_string_pretty(&manifest).expect("plain data") + "\n";
        let at = RelPath::new(&format!("share/rst/{}.manifest.json", variant.tool)).expect("a plain name");
        let kind = Kind::File { executable: false, digest: Digest::of(&text), size: text.len() as u64 };
        contents.insert(at, Contents { kind, bytes: Bytes::Text(text) });
        let tree = lay_out(factory, &contents)?;
        Ok(Self { wanted: wanted.clone(), tool: variant.tool.clone(), tree, manifest, outputs: listed })
    }

    /// Every program is what it must be, or this fails.
    pub(crate) fn prove(&self, factory: &Factory) -> Result<(), BuildError> {
        let key = Digest::of_json(&("proof", FORMAT, rst_proof::FORMAT, self.tree, &self.outputs));
        if factory.store.result(key).is_some() {
            return Ok(());
        }
        let top = factory.store.tree_path(self.tree);
        let twins = |component: &str| {
            let output = self.outputs.get(component)?;
            Some(factory.store.tree_path(*output).join(TWINS))
        };
        let machine = [factory.store.root(), &factory.project.root].map(|path| path.display().to_string());
        let report = prove_files(&top, &self.manifest, twins, &machine, true);
        if !report.passed() {
            let lines: Vec<_> = report.failures().map(|failure| failure.to_string()).collect();
            return Err(BuildError::Proof {
                archive: self.file_name(""),
                failed: lines.len(),
                claims: report.claims(),
                lines,
            });
        }
        let result = ActionResult { output: self.tree, seconds: 0.0, cpu_seconds: 0.0, unsandboxed: false };
        factory.store.record(key, &result)?;
        Ok(())
    }

    /// Packs the tree and puts it into `dist/`.
    pub(crate) fn package(&self, factory: &Factory) -> Result<Vec<BuiltArchive>, BuildError> {
        let zstd = if factory.settings.draft { Compression::ZstdDraft } else { Compression::Zstd };
        let newest = factory.project.lock.version(&self.tool, None).is_ok_and(|newest| newest == self.wanted.version);
        let folder = match newest {
            true => factory.settings.dist.clone(),
            false => factory.settings.dist.join(format!("{}-v{}", self.tool, self.wanted.version)),
        };
        let mut kinds = vec![(zstd, ".tar.zst")];
        // A draft is for trying things out: one archive is enough.
        if !factory.settings.draft {
            kinds.push((Compression::Gzip, ".tar.gz"));
        }
        // While another archive is at it, gzip comes first.
        if SMALLEST.try_lock().is_err() {
            kinds.reverse();
        }
        let mut files = Vec::new();
        for (compression, ending) in kinds {
            let blob = self.pack(factory, compression)?;
            let path = folder.join(self.file_name(ending));
            factory.store.publish(blob, &path)?;
            let size = fs::metadata(&path)?.len();
            files.push(BuiltArchive { path, sha256: blob, size });
        }
        files.sort_by(|a, b| a.path.cmp(&b.path));
        Ok(files)
    }

    fn pack(&self, factory: &Factory, compression: Compression) -> Result<Digest, BuildError> {
        let top = format!("{}-v{}", self.tool, self.wanted.version);
        let key =
            Digest::of_json(&("package", FORMAT, rst_archive::FORMAT, self.tree, &top, format!("{compression:?}")));
        if let Some(result) = factory.store.result(key) {
            return Ok(result.output);
        }
        let begun = std::time::Instant::now();
        let tree = factory.store.tree_path(self.tree);
        let top = RelPath::new(&top).map_err(|error| BuildError::Pattern { reason: error.to_string() })?;
        let entries = rst_archive::entries(&factory.store.listing(self.tree)?, &tree, &top);
        let _alone = match compression {
            Compression::Zstd => SMALLEST.lock().ok(),
            Compression::ZstdDraft | Compression::Gzip => None,
        };
        let scratch = factory.store.scratch()?;
        let part = scratch.path().join("archive");
        rst_archive::write(entries, EPOCH.unsigned_abs(), compression, &part)?;
        let output = factory.store.put_blob(&part)?;
        let seconds = begun.elapsed().as_secs_f64();
        factory.store.record(key, &ActionResult { output, seconds, cpu_seconds: seconds, unsandboxed: false })?;
        Ok(output)
    }

    fn file_name(&self, ending: &str) -> String {
        format!("{}-{}{ending}", self.wanted.variant, self.wanted.platform.dashed())
    }
}

/// Proves an unpacked archive against its own manifest, which lies at `at`. The twins come from the
/// store, by the actions that the manifest names; without `symbols` what they show is not checked.
pub fn prove_tree(store: &Store, top: &Path, at: &RelPath, manifest: &Manifest, symbols: bool) -> rst_proof::Report {
    let twins = |component: &str| {
        let result = store.result(manifest.components.get(component)?.action)?;
        Some(store.tree_path(result.output).join(TWINS))
    };
    let mut report = prove_files(top, manifest, twins, &[], symbols);
    report.subjects.insert(0, rst_proof::prove_contents(top, at, manifest));
    report
}

fn prove_files(
    top: &Path,
    manifest: &Manifest,
    twins: impl Fn(&str) -> Option<PathBuf>,
    machine: &[String],
    symbols: bool,
) -> rst_proof::Report {
    let subject = |(path, file): (&RelPath, &ManifestFile)| {
        let component = manifest.components.get(&file.component);
        let program = path.as_str().rsplit('/').next().unwrap_or_default();
        Subject {
            path: path.clone(),
            file: top.join(path),
            component: file.component.clone(),
            // A program of no component fails: it has no twin.
            allocator: component.map(|component| component.allocator).unwrap_or_default(),
            c_code: component.is_none_or(|component| component.c_code),
            twins: twins(&file.component),
            set: component.and_then(|component| component.set.get(program)).cloned().unwrap_or_default(),
        }
    };
    let subjects: Vec<_> = manifest.files.iter().map(subject).collect();
    let forbidden = SANDBOX_PATHS.iter().map(|path| path.to_string()).chain(machine.iter().cloned()).collect();
    rst_proof::prove(&subjects, &Expected { platform: manifest.platform, forbidden, symbols })
}

/// Paths of the sandbox, which must not show in a program.
const SANDBOX_PATHS: [&str; 12] = [
    "/b/src",
    "/b/objects",
    "/b/gopath",
    "/b/home",
    "/b/tmp",
    "/b/dest",
    "/b/cargo-home",
    "/b/zig-cache",
    "/gocache",
    "/deps/",
    "/tools/rust",
    "/zig/ziglang",
];

struct Contents {
    kind: Kind,
    bytes: Bytes,
}

/// Where the bytes of a file are.
enum Bytes {
    File(PathBuf),
    Text(String),
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
