//! The proof of an archive: each of its programs against what its component promises.

use std::path::{Path, PathBuf};

use rst_model::{Digest, Manifest, ManifestFile, RelPath};
use rst_proof::{Expected, Subject};
use rst_store::{ActionResult, Store};

use crate::{
    assemble::{Assembled, FORMAT},
    compose::TWINS,
    error::BuildError,
    factory::Factory,
};

impl Assembled {
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
        let report = prove_files(&top, &Manifest::path(&self.tool), &self.manifest, twins, &machine, true);
        if !report.passed() {
            let lines: Vec<_> = report.failures().map(|failure| failure.to_string()).collect();
            return Err(BuildError::Proof {
                archive: self.manifest.file_name(""),
                failed: lines.len(),
                claims: report.claims(),
                lines,
            });
        }
        let result = ActionResult { output: self.tree, seconds: 0.0, cpu_seconds: 0.0, unsandboxed: false };
        factory.store.record(key, &result)?;
        Ok(())
    }
}

/// Proves an unpacked archive against its own manifest, which lies at `at`. The twins come from the
/// store, by the actions that the manifest names; without `symbols` what they show is not checked.
pub fn prove_tree(store: &Store, top: &Path, at: &RelPath, manifest: &Manifest, symbols: bool) -> rst_proof::Report {
    let twins = |component: &str| {
        let result = store.result(manifest.components.get(component)?.action)?;
        Some(store.tree_path(result.output).join(TWINS))
    };
    let mut report = prove_files(top, at, manifest, twins, &[], symbols);
    report.subjects.insert(0, rst_proof::prove_contents(top, at, manifest));
    report
}

fn prove_files(
    top: &Path,
    at: &RelPath,
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
    let mut report = rst_proof::prove(&subjects, &Expected { platform: manifest.platform, forbidden, symbols });
    report.subjects.insert(0, rst_proof::prove_whole(top, at, manifest));
    report
}

/// Paths of the sandbox, which must not show in a program.
const SANDBOX_PATHS: [&str; 13] = [
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
    "/kit/kernel",
];
