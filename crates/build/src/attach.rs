//! What a release has beside its archives: the unstripped twins of its programs, and all sources.

use std::{
    collections::BTreeSet,
    path::{Path, PathBuf},
    process::Command,
};

use fs_err as fs;
use rst_archive::{ArchiveEntry, Compression, Content};
use rst_fetch::Wanted;
use rst_model::{Place, Version};

use crate::{
    assemble::Assembled,
    compose::{EPOCH, TWINS},
    error::BuildError,
    factory::{BuiltArchive, Factory},
    graph::{Graph, NodeId},
    package::named,
    supply::ordered,
};

impl Assembled {
    /// The twins of the programs in it, each where the program is, for readable backtraces:
    /// `podman-full-linux-amd64.debug.tar.zst`.
    pub(crate) fn twins(&self, factory: &Factory, folder: &Path) -> Result<BuiltArchive, BuildError> {
        let top = named(&format!("{}-v{}-debug", self.tool, self.wanted.version))?;
        let programs = factory.store.tree_path(self.tree);
        let mut entries = Vec::new();
        for (path, file) in &self.manifest.files {
            let (Some(output), Some(_)) = (self.outputs.get(&file.component), file.sha256) else { continue };
            let candidates = factory.store.tree_path(*output).join(TWINS);
            if !candidates.is_dir() {
                continue;
            }
            let twin = rst_proof::twin(&programs.join(path), &candidates)
                .map_err(|reason| BuildError::NoTwin { program: path.clone(), reason })?;
            if let Some(twin) = twin {
                let content = Content::File(twin);
                entries.push(ArchiveEntry { path: named(&format!("{top}/{path}"))?, content, executable: true });
            }
        }
        put(factory, entries, &folder.join(self.manifest.file_name(".debug.tar.zst")))
    }
}

impl Factory<'_> {
    /// All that was made into a tool's archives, but for the compilers: this project's files, and every source of
    /// theirs as a folder for `--mirror`. `podman-v6.0.2-sources.tar.zst`.
    pub(crate) fn pack_sources(
        &self,
        graph: &Graph,
        tool: &str,
        version: &Version,
    ) -> Result<BuiltArchive, BuildError> {
        let of_tool = graph.archives.iter().filter(|wanted| {
            self.project.archives[&wanted.variant].tool.get_ref() == tool && wanted.version == *version
        });
        let nodes: BTreeSet<NodeId> = of_tool.flat_map(|wanted| wanted.linked(graph)).collect();
        let linked = nodes.iter().map(|id| &graph.nodes[*id].sources);
        let scratch = self.store.scratch()?;
        let mirror = scratch.path().join("mirror");
        fs::create_dir(&mirror)?;
        for source in ordered(linked.flat_map(|sources| [&sources.own].into_iter().chain(&sources.vendor))) {
            // A folder of this project is among its files.
            if source.locked.origins.iter().any(|origin| matches!(origin.place, Place::Folder(_))) {
                continue;
            }
            if !self.store.has_tree(source.locked.tree) {
                self.fetch(graph, source)?;
            }
            self.fetcher.export(&Wanted { locked: &source.locked, spec: &source.spec, vendoring: None }, &mirror)?;
        }
        let top = format!("{tool}-v{version}-sources");
        let mut entries = self.own_files(&top)?;
        for file in fs::read_dir(&mirror)? {
            let file = file?;
            let path = named(&format!("{top}/mirror/{}", file.file_name().to_string_lossy()))?;
            entries.push(ArchiveEntry { path, content: Content::File(file.path()), executable: false });
        }
        put(self, entries, &self.project.dist(&self.settings.dist, tool, version).join(format!("{top}.tar.zst")))
    }

    /// The files of this project that git knows, as they are.
    fn own_files(&self, top: &str) -> Result<Vec<ArchiveEntry>, BuildError> {
        let mut git = Command::new("git");
        let listed = git.arg("-C").arg(&self.project.root).args(["ls-files", "-z", "--cached"]).output()?;
        if !listed.status.success() {
            let reason = String::from_utf8_lossy(&listed.stderr).trim().to_owned();
            return Err(BuildError::NoCheckout { folder: self.project.root.clone(), reason });
        }
        let names = String::from_utf8_lossy(&listed.stdout).into_owned();
        names.split_terminator('\0').map(|name| entry(&self.project.root.join(name), top, name)).collect()
    }
}

fn entry(file: &Path, top: &str, name: &str) -> Result<ArchiveEntry, BuildError> {
    let path = named(&format!("{top}/rootless-static-toolkits/{name}"))?;
    let metadata = fs::symlink_metadata(file)?;
    if metadata.is_symlink() {
        let target = fs::read_link(file)?.to_string_lossy().into_owned();
        return Ok(ArchiveEntry { path, content: Content::Symlink(target), executable: false });
    }
    let executable = std::os::unix::fs::PermissionsExt::mode(&metadata.permissions()) & 0o111 != 0;
    Ok(ArchiveEntry { path, content: Content::File(PathBuf::from(file)), executable })
}

/// Packs, fast, since it is large and seldom wanted.
fn put(factory: &Factory, entries: Vec<ArchiveEntry>, path: &Path) -> Result<BuiltArchive, BuildError> {
    let epoch = EPOCH.unsigned_abs();
    factory.leave(path, |part| Ok(rst_archive::write(entries, epoch, Compression::ZstdDraft, part)?))
}
