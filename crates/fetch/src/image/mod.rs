//! Container images as trees: manifest, configuration and layers by their digests, each checked before it is
//! opened; layers unpacked over one another. No container engine has a part in it.
//! <https://github.com/opencontainers/image-spec/blob/v1.1.1/spec.md>

mod docker_archive;
mod error;
mod layout;
mod registry;

use std::{
    collections::BTreeMap,
    path::{Path, PathBuf},
    time::Instant,
};

use fs_err as fs;
use rst_archive::Format;
use rst_model::{ApkPackage, Arch, Digest, ImageName, ImagePlace, event::Event};
use rst_store::ActionResult;
use serde::Deserialize;

pub use error::ImageError;

use crate::{Fetcher, check, error::OriginError, origin::Desk};

/// An image in the store.
#[derive(Clone, Debug)]
pub struct Image {
    /// Which.
    pub name: ImageName,
    /// All its files.
    pub tree: Digest,
    /// What was laid over it.
    pub packages: BTreeMap<String, ApkPackage>,
}

/// Raised when the same layers give another tree.
const FORMAT: u32 = 1;

/// The most that a manifest or configuration may take, in bytes; registries take no larger ones.
const LARGEST_DOCUMENT: u64 = 4 << 20;

/// What is pointed to: `application/vnd.oci.descriptor.v1+json`.
#[derive(Clone, Debug, Deserialize)]
#[serde(rename_all = "camelCase")]
struct Descriptor {
    #[serde(default)]
    media_type: String,
    digest: String,
    platform: Option<Machine>,
    #[serde(default)]
    annotations: BTreeMap<String, String>,
}

/// What an image runs on, in an index and in a configuration.
#[derive(Clone, Debug, Deserialize)]
struct Machine {
    #[serde(default)]
    architecture: String,
    #[serde(default)]
    os: String,
}

/// An index has `manifests`, a manifest `config` and `layers`.
#[derive(Debug, Deserialize)]
struct Document {
    #[serde(default)]
    manifests: Vec<Descriptor>,
    config: Option<Descriptor>,
    #[serde(default)]
    layers: Vec<Descriptor>,
}

/// Which layers an image has, where they can be had, and by which digest it is called.
struct Found {
    digest: Digest,
    layers: Layers,
}

enum Layers {
    Blobs(Blobs, Vec<Descriptor>),
    /// Uncompressed, each with its digest.
    Files(Vec<(PathBuf, Digest)>),
}

/// Where parts are had by their digests.
enum Blobs {
    Registry(registry::Registry),
    Layout(layout::Layout),
}

impl Fetcher {
    /// Makes sure that an image is in the store.
    pub fn image(&self, place: &ImagePlace) -> Result<Image, ImageError> {
        self.image_at(place).map_err(|error| ImageError::at(place, error))
    }

    fn image_at(&self, place: &ImagePlace) -> Result<Image, OriginError> {
        let image = |digest, tree| {
            let name = ImageName { name: place.name(), digest };
            Image { name, tree, packages: BTreeMap::new() }
        };
        // What a digest names is known without asking.
        if let ImagePlace::Registry { digest, .. } = place
            && let Some(known) = self.store.result(key(*digest))
        {
            return Ok(image(*digest, known.output));
        }
        let scratch = self.store.scratch()?;
        let called = place.to_string();
        let desk = Desk { fetcher: self, scratch: scratch.path(), source_name: &called, wanted_host: None };
        let found = desk.find(place)?;
        let _held = self.store.hold(&format!("image-{}", found.digest.short()))?;
        if let Some(known) = self.store.result(key(found.digest)) {
            return Ok(image(found.digest, known.output));
        }
        let begun = Instant::now();
        self.reporter.event(Event::FetchStarted { source: called.clone(), size: None });
        let layers = desk.layers(&found.layers)?;
        let root = scratch.path().join("root");
        rst_archive::unpack_layers(&layers, &root, Default::default())?;
        let seconds = begun.elapsed().as_secs_f64();
        let tree = self.store.adopt(&root)?;
        let result = ActionResult { output: tree, seconds, cpu_seconds: 0.0, unsandboxed: false };
        self.store.record(key(found.digest), &result)?;
        // Whoever asks by the digest of an index need not read it again.
        if let ImagePlace::Registry { digest, .. } = place {
            self.store.record(key(*digest), &result)?;
        }
        self.reporter.event(Event::FetchFinished { source: called.clone(), origin: called, seconds });
        let digest = if let ImagePlace::Registry { digest, .. } = place { *digest } else { found.digest };
        Ok(image(digest, tree))
    }
}

fn key(image: Digest) -> Digest {
    Digest::of_json(&("image", FORMAT, Arch::HOST, image))
}

impl Desk<'_> {
    fn find(&self, place: &ImagePlace) -> Result<Found, OriginError> {
        let in_layout = |folder, tag: &Option<String>| {
            let layout = layout::Layout(folder);
            let digest = layout.entry(tag.as_deref())?;
            self.find_in(Blobs::Layout(layout), digest)
        };
        match place {
            ImagePlace::Registry { .. } if self.fetcher.settings.offline => {
                Err(OriginError::reason("nothing may be fetched (--offline), and it is not in the store"))
            }
            ImagePlace::Registry { host, repository, digest, .. } => {
                let registry = registry::Registry::enter(self.fetcher, host, repository)?;
                self.find_in(Blobs::Registry(registry), *digest)
            }
            ImagePlace::Layout(folder, tag) => in_layout(folder.clone(), tag),
            ImagePlace::OciArchive(file, tag) => in_layout(self.opened(file)?, tag),
            ImagePlace::DockerArchive(file) => docker_archive::DockerArchive(self.opened(file)?).find(),
        }
    }

    /// Unpacks the archive around an image.
    fn opened(&self, file: &Path) -> Result<PathBuf, OriginError> {
        let format = Format::of(&file.to_string_lossy()).unwrap_or(Format::Tar);
        let folder = self.scratch.join("archive");
        rst_archive::unpack(file, format, &folder, Default::default())?;
        Ok(folder)
    }

    /// From a manifest, or from an index to this machine's.
    fn find_in(&self, blobs: Blobs, digest: Digest) -> Result<Found, OriginError> {
        let document: Document = self.document(&blobs, digest, true)?;
        if document.manifests.is_empty() {
            return self.found(blobs, digest, document);
        }
        let machines = document.manifests.iter().filter_map(|one| Some((one, one.platform.as_ref()?)));
        match machines.clone().find(|(_, machine)| machine.is_ours()) {
            Some((one, _)) => {
                let digest = one.digest()?;
                let document = self.document(&blobs, digest, true)?;
                self.found(blobs, digest, document)
            }
            None => {
                let found: Vec<_> = machines.map(|(_, machine)| machine.to_string()).collect();
                Err(OriginError::OtherMachine { found: found.join(", ") })
            }
        }
    }

    fn found(&self, blobs: Blobs, digest: Digest, manifest: Document) -> Result<Found, OriginError> {
        let config = manifest.config.ok_or_else(|| OriginError::reason("its manifest names no configuration"))?;
        let machine: Machine = self.document(&blobs, config.digest()?, false)?;
        machine.expect_ours()?;
        Ok(Found { digest, layers: Layers::Blobs(blobs, manifest.layers) })
    }

    fn document<T: serde::de::DeserializeOwned>(
        &self,
        blobs: &Blobs,
        digest: Digest,
        is_manifest: bool,
    ) -> Result<T, OriginError> {
        document(&self.blob(blobs, digest, is_manifest)?)
    }

    /// A blob in a file of our own, checked.
    fn blob(&self, blobs: &Blobs, digest: Digest, is_manifest: bool) -> Result<PathBuf, OriginError> {
        let file = match blobs {
            Blobs::Registry(registry) => registry.blob(self, digest, is_manifest)?,
            Blobs::Layout(layout) => self.copy(&layout.blob(digest))?,
        };
        check(&file, digest)?;
        Ok(file)
    }

    /// Copies a file here so that it cannot change under our eyes.
    fn copy(&self, file: &Path) -> Result<PathBuf, OriginError> {
        let copy = self.scratch.join(file.file_name().unwrap_or_default());
        fs::copy(file, &copy)?;
        Ok(copy)
    }

    fn layers(&self, layers: &Layers) -> Result<Vec<(PathBuf, Format)>, OriginError> {
        match layers {
            Layers::Blobs(blobs, layers) => {
                layers.iter().map(|one| Ok((self.blob(blobs, one.digest()?, false)?, one.format()?))).collect()
            }
            Layers::Files(files) => {
                let checked = |(file, digest): &(PathBuf, Digest)| {
                    check(file, *digest)?;
                    Ok((file.clone(), Format::Tar))
                };
                files.iter().map(checked).collect()
            }
        }
    }
}

fn document<T: serde::de::DeserializeOwned>(file: &Path) -> Result<T, OriginError> {
    if fs::metadata(file)?.len() > LARGEST_DOCUMENT {
        return Err(OriginError::reason(format!("{} has more than {LARGEST_DOCUMENT} bytes", file.display())));
    }
    let name = file.file_name().unwrap_or_default().to_string_lossy();
    serde_json::from_slice(&fs::read(file)?).map_err(|error| OriginError::reason(format!("{name}: {error}")))
}

/// A digest as images have it: `sha256:…`.
fn sha256(text: &str) -> Option<Digest> {
    text.strip_prefix("sha256:")?.parse().ok()
}

impl Descriptor {
    fn digest(&self) -> Result<Digest, OriginError> {
        sha256(&self.digest)
            .ok_or_else(|| OriginError::reason(format!("expected a digest sha256:…, found `{}`", self.digest)))
    }

    /// By the end of its media type; Docker's and the OCI's have the same ones.
    fn format(&self) -> Result<Format, OriginError> {
        let endings = [(".tar", Format::Tar), ("gzip", Format::TarGz), ("zstd", Format::TarZst)];
        let found = endings.into_iter().find(|(ending, _)| self.media_type.ends_with(ending));
        found.map(|(_, format)| format).ok_or_else(|| {
            OriginError::reason(format!("layer {} is a {}, expected a tar", self.digest, self.media_type))
        })
    }
}

impl Machine {
    fn is_ours(&self) -> bool {
        self.os == "linux" && self.architecture == Arch::HOST.oci()
    }

    /// What says nothing is shown by what its programs do.
    fn expect_ours(&self) -> Result<(), OriginError> {
        match self.is_ours() || self.architecture.is_empty() {
            true => Ok(()),
            false => Err(OriginError::OtherMachine { found: self.to_string() }),
        }
    }
}

impl std::fmt::Display for Machine {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        write!(f, "{}/{}", self.os, self.architecture)
    }
}
