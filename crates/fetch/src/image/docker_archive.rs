//! What `docker save`, `podman save` and `skopeo copy … docker-archive:` write: `manifest.json` names the
//! configuration, which is called by its own digest, and the layers, whose digests the configuration has.

use std::path::PathBuf;

use rst_model::{Digest, RelPath};
use serde::Deserialize;

use super::{Found, Layers, Machine, document, sha256};
use crate::{check, error::OriginError};

/// The archive, unpacked.
pub(super) struct DockerArchive(pub PathBuf);

#[derive(Deserialize)]
#[serde(rename_all = "PascalCase")]
struct Item {
    config: RelPath,
    layers: Vec<RelPath>,
}

#[derive(Deserialize)]
struct Configuration {
    #[serde(flatten)]
    machine: Machine,
    rootfs: RootFs,
}

#[derive(Deserialize)]
struct RootFs {
    /// Of the uncompressed layers.
    diff_ids: Vec<String>,
}

impl DockerArchive {
    pub(super) fn find(&self) -> Result<Found, OriginError> {
        let items: Vec<Item> = document(&self.0.join("manifest.json"))?;
        let [item] = &items[..] else {
            return Err(OriginError::reason(format!("expected one image, found {}", items.len())));
        };
        let name = item.config.as_str().rsplit('/').next().unwrap_or_default();
        let digest = name.strip_suffix(".json").unwrap_or(name).parse();
        let digest: Digest = digest.map_err(|_| {
            OriginError::reason(format!("its configuration is called `{}`, expected its digest", item.config))
        })?;
        let file = self.0.join(&item.config);
        check(&file, digest)?;
        let configuration: Configuration = document(&file)?;
        configuration.machine.expect_ours()?;
        let digests = &configuration.rootfs.diff_ids;
        if digests.len() != item.layers.len() {
            let (files, named) = (item.layers.len(), digests.len());
            return Err(OriginError::reason(format!("{files} layers, of which its configuration names {named}")));
        }
        let layer = |(file, digest): (&RelPath, &String)| {
            let digest = sha256(digest).ok_or_else(|| OriginError::reason(format!("no digest of the layer {file}")))?;
            Ok((self.0.join(file), digest))
        };
        let layers = item.layers.iter().zip(digests).map(layer).collect::<Result<_, OriginError>>()?;
        Ok(Found { digest, layers: Layers::Files(layers) })
    }
}
