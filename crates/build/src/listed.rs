//! What a listing left, read.

use std::{
    collections::{BTreeMap, BTreeSet},
    time::Instant,
};

use fs_err as fs;
use rst_model::{Carried, Digest, RelPath};
use rst_sbom::{Crate, Detector, License, Module};
use rst_store::Store;

use crate::{
    error::BuildError,
    listing::{CARGO_LOCK, CARRIED, CRATES, GO_SUM, MODULE_LICENSES, MODULES, MUSL},
};

/// What a node's listing left.
pub(crate) struct Listed<'a> {
    pub store: &'a Store,
    /// None, where nothing need be asked.
    pub tree: Option<Digest>,
}

impl Listed<'_> {
    fn text(&self, name: &str) -> Result<String, BuildError> {
        let tree = self.tree.map(|tree| self.store.tree_path(tree)).unwrap_or_default();
        Ok(String::from_utf8_lossy(&fs::read(tree.join(name))?).into_owned())
    }

    /// The modules in those programs that `is_wanted` takes.
    pub(crate) fn modules(&self, is_wanted: impl Fn(&str) -> bool) -> Result<BTreeSet<Module>, BuildError> {
        // A module without dependencies has no go.sum.
        let go_sum = self.text(GO_SUM).unwrap_or_default();
        Ok(rst_sbom::modules(&self.text(MODULES)?, &go_sum, is_wanted)?)
    }

    /// The crates in its programs, or in the library that it is.
    pub(crate) fn crates(&self) -> Result<Vec<Crate>, BuildError> {
        Ok(rst_sbom::crates(&self.text(CRATES)?, &self.text(CARGO_LOCK)?)?)
    }

    /// `1.2.5`, of the line `#define VERSION "1.2.5"`.
    pub(crate) fn musl_version(&self) -> Result<String, BuildError> {
        let text = self.text(MUSL)?;
        let version = text.split('"').nth(1).filter(|version| !version.is_empty());
        version.map(str::to_owned).ok_or(BuildError::MuslVersion { text })
    }

    /// The version of a code that a source of the node has within itself; none where no source has.
    pub(crate) fn carried_version(&self, carried: &Carried) -> Result<Option<String>, BuildError> {
        let Carried { name, within, version, .. } = carried;
        let told = match self.text(&format!("{CARRIED}/{within}/{name}")) {
            Ok(text) => text,
            Err(BuildError::Io(error)) if error.kind() == std::io::ErrorKind::NotFound => return Ok(None),
            Err(error) => return Err(error),
        };
        let unknown = || BuildError::CarriedVersion { carried: Box::new(carried.clone()) };
        version.version_in(&told).map(Some).ok_or_else(unknown)
    }

    /// The licence of each module that has texts of one. They are compared with all of SPDX's, which takes seconds: once
    /// for each listing.
    pub(crate) fn licenses(&self, modules: &BTreeSet<Module>) -> Result<BTreeMap<String, License>, BuildError> {
        let paths: Vec<_> = modules.iter().map(|module| &module.path).collect();
        let key = Digest::of_json(&("licences of modules", Detector::version(), self.tree, paths));
        if let Some(known) = self.store.value(key) {
            return Ok(known);
        }
        let begun = Instant::now();
        let detector = Detector::new();
        let texts = self.license_texts(modules)?;
        let license = |(module, texts): (String, Vec<String>)| {
            let license = detector.license(texts.iter().map(String::as_str));
            (module, license)
        };
        let licenses: BTreeMap<_, _> = texts.into_iter().map(license).collect();
        self.store.record_value(key, &licenses, begun.elapsed().as_secs_f64())?;
        Ok(licenses)
    }

    /// The licence texts of each module: those that lie highest in its folder.
    fn license_texts(&self, modules: &BTreeSet<Module>) -> Result<BTreeMap<String, Vec<String>>, BuildError> {
        let mut files: BTreeMap<&str, Vec<RelPath>> = BTreeMap::new();
        let Some(tree) = self.tree else { return Ok(BTreeMap::new()) };
        let listing = self.store.listing(tree)?;
        for (path, _) in listing.iter() {
            let Some(file) = path.as_str().strip_prefix(&format!("{MODULE_LICENSES}/")) else { continue };
            if let Some(module) = module_of(modules, file) {
                files.entry(&module.path).or_default().push(path.clone());
            }
        }
        let mut texts: BTreeMap<String, Vec<String>> = BTreeMap::new();
        for (module, paths) in files {
            let depth = |path: &RelPath| path.as_str().matches('/').count();
            let highest = paths.iter().map(depth).min();
            for path in paths.iter().filter(|path| Some(depth(path)) == highest) {
                texts.entry(module.to_owned()).or_default().push(self.text(path.as_str())?);
            }
        }
        Ok(texts)
    }
}

/// The module in whose folder a vendored file lies.
pub(crate) fn module_of<'a>(modules: &'a BTreeSet<Module>, file: &str) -> Option<&'a Module> {
    let is_in = |module: &&Module| file.strip_prefix(&module.path).is_some_and(|rest| rest.starts_with('/'));
    modules.iter().filter(is_in).max_by_key(|module| module.path.len())
}
