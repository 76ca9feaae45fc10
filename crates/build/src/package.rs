//! An archive's files in `dist/`: in both compressions, with its bills of materials.

use std::{path::Path, thread};

use fs_err as fs;
use rst_archive::Compression;
use rst_model::{Digest, RelPath};
use rst_store::ActionResult;

use crate::{
    assemble::{Assembled, FORMAT},
    compose::EPOCH,
    error::BuildError,
    factory::{BuiltArchive, Factory},
};

impl Factory<'_> {
    /// A file in `dist/`, made elsewhere first, so that it is there whole or not at all.
    pub(crate) fn leave(
        &self,
        path: &Path,
        make: impl FnOnce(&Path) -> Result<(), BuildError>,
    ) -> Result<BuiltArchive, BuildError> {
        let scratch = self.store.scratch()?;
        let part = scratch.path().join("part");
        make(&part)?;
        let sha256 = self.store.put_blob(&part)?;
        self.store.publish(sha256, path)?;
        Ok(BuiltArchive { path: path.to_owned(), sha256, size: fs::metadata(path)?.len() })
    }
}

pub(crate) fn named(path: &str) -> Result<RelPath, BuildError> {
    RelPath::new(path).map_err(|error| BuildError::Pattern { reason: error.to_string() })
}

impl Assembled {
    /// Packs the tree and puts it into `dist/`, its bills of materials beside it.
    pub(crate) fn package(&self, factory: &Factory) -> Result<Vec<BuiltArchive>, BuildError> {
        let zstd = if factory.settings.draft { Compression::ZstdDraft } else { Compression::Zstd };
        let folder = factory.project.dist(&factory.settings.dist, &self.tool, &self.wanted.version);
        let mut kinds = vec![(zstd, ".tar.zst")];
        // A draft is for trying things out: one archive is enough.
        if !factory.settings.draft {
            kinds.push((Compression::Gzip, ".tar.gz"));
        }
        let pack = &|(compression, ending): (Compression, &str)| -> Result<_, BuildError> {
            let blob = self.pack(factory, compression)?;
            let path = folder.join(self.manifest.file_name(ending));
            if compression == Compression::Zstd {
                self.within_budget(factory, fs::metadata(factory.store.blob_path(blob))?.len())?;
            }
            factory.store.publish(blob, &path)?;
            let size = fs::metadata(&path)?.len();
            Ok(BuiltArchive { path, sha256: blob, size })
        };
        let mut files = thread::scope(|scope| {
            let packing: Vec<_> = kinds.into_iter().map(|kind| scope.spawn(move || pack(kind))).collect();
            packing.into_iter().map(|file| file.join().expect("packing does not panic")).collect::<Result<Vec<_>, _>>()
        })?;
        // What tries things out has it in the archive.
        if !factory.settings.draft {
            for (ending, text) in [(".cdx.json", &self.sbom.cyclonedx), (".spdx.json", &self.sbom.spdx)] {
                files.push(
                    factory.leave(&folder.join(self.manifest.file_name(ending)), |part| Ok(fs::write(part, text)?))?,
                );
            }
        }
        if factory.settings.for_release {
            files.push(self.twins(factory, &folder)?);
        }
        files.sort_by(|a, b| a.path.cmp(&b.path));
        Ok(files)
    }

    fn within_budget(&self, factory: &Factory, size: u64) -> Result<(), BuildError> {
        match factory.project.archives[&self.wanted.variant].exceeded(self.wanted.platform.arch, size) {
            Some(budget) => Err(BuildError::Budget { archive: self.manifest.file_name(".tar.zst"), size, budget }),
            None => Ok(()),
        }
    }

    fn pack(&self, factory: &Factory, compression: Compression) -> Result<Digest, BuildError> {
        let top = format!("{}-v{}", self.tool, self.wanted.version);
        let key = Digest::of_json(&("package", FORMAT, rst_archive::FORMAT, self.tree, &top, compression.settings()));
        if let Some(result) = factory.store.result(key) {
            return Ok(result.output);
        }
        let begun = std::time::Instant::now();
        let tree = factory.store.tree_path(self.tree);
        let entries = rst_archive::entries(&factory.store.listing(self.tree)?, &tree, &named(&top)?);
        let scratch = factory.store.scratch()?;
        let part = scratch.path().join("archive");
        rst_archive::write(entries, EPOCH.unsigned_abs(), compression, &part)?;
        let output = factory.store.put_blob(&part)?;
        let seconds = begun.elapsed().as_secs_f64();
        factory.store.record(key, &ActionResult { output, seconds, cpu_seconds: seconds, unsandboxed: false })?;
        Ok(output)
    }
}
