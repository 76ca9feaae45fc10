//! An archive's bills of materials. Telling licences by their texts takes seconds: what was made once is kept.

use std::path::Path;

use fs_err as fs;
use rst_model::Digest;
use rst_store::ActionResult;

use crate::{error::BuildError, graph::NodeId, inventory::Facts};

/// The documents of one archive.
pub(crate) struct Documents {
    /// CycloneDX, which is in the archive too.
    pub cyclonedx: String,
    /// SPDX.
    pub spdx: String,
}

const CYCLONEDX: &str = "cyclonedx";
const SPDX: &str = "spdx";

impl Facts<'_> {
    /// The documents of an archive that is made of these nodes. All that they say is in the key: the whole lock, since
    /// a toolchain is named as it is delivered to every kind of building machine.
    pub(crate) fn documents(&self, nodes: &[NodeId]) -> Result<Documents, BuildError> {
        let listings: Vec<_> = nodes.iter().map(|id| self.listings.get(id)).collect();
        let project = self.factory.project;
        let told = (self.manifest, &project.lock, &project.carried, listings);
        let key = Digest::of_json(&("sbom", rst_sbom::FORMAT, told));
        if let Some(result) = self.factory.store.result(key) {
            return Documents::read(&self.factory.store.tree_path(result.output));
        }
        let begun = std::time::Instant::now();
        let inventory = self.inventory(nodes)?;
        let documents = Documents { cyclonedx: rst_sbom::cyclonedx(&inventory), spdx: rst_sbom::spdx(&inventory) };
        let scratch = self.factory.store.scratch()?;
        let folder = scratch.path().join("sbom");
        fs::create_dir(&folder)?;
        fs::write(folder.join(CYCLONEDX), &documents.cyclonedx)?;
        fs::write(folder.join(SPDX), &documents.spdx)?;
        let output = self.factory.store.adopt(&folder)?;
        let seconds = begun.elapsed().as_secs_f64();
        let result = ActionResult { output, seconds, cpu_seconds: seconds, unsandboxed: false };
        self.factory.store.record(key, &result)?;
        Ok(documents)
    }
}

impl Documents {
    fn read(folder: &Path) -> Result<Self, BuildError> {
        let text = |name: &str| fs::read_to_string(folder.join(name));
        Ok(Self { cyclonedx: text(CYCLONEDX)?, spdx: text(SPDX)? })
    }
}
