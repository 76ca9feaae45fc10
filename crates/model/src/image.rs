//! Container images, by the names that podman and skopeo give the places they lie in (containers-transports(5)).

use std::{fmt, path::PathBuf, str::FromStr};

use serde::{Deserialize, Serialize};

use crate::{ApkRequest, Digest, RelPath};

/// Where an image is to be had.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum ImagePlace {
    /// In a registry, pinned.
    Registry {
        /// Its host, with the port if it is an unusual one.
        host: String,
        /// `library/alpine`
        repository: RelPath,
        /// For people alone.
        tag: Option<String>,
        /// Of its manifest, or of the index that names one for each platform.
        digest: Digest,
    },
    /// A folder that is laid out as the OCI's image specification says.
    Layout(PathBuf, Option<String>),
    /// The same in a tar archive.
    OciArchive(PathBuf, Option<String>),
    /// What `docker save` and `podman save` write.
    DockerArchive(PathBuf),
}

/// An image with a compiler: `build/toolchain.toml`, or `--image`.
#[derive(Clone, Debug, PartialEq, Eq, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct ToolchainImage {
    /// Where it is to be had.
    pub image: ImagePlace,
    /// What is laid over it, with what that needs: from the repositories that the image itself names.
    #[serde(default)]
    pub packages: Vec<ApkRequest>,
}

/// Which image something was made with.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize)]
pub struct ImageName {
    /// Its name in a registry; none for a file or folder of the builder's.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub name: Option<String>,
    /// Of its manifest; of its configuration, where an archive has no manifest.
    pub digest: Digest,
}

impl fmt::Display for ImageName {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match &self.name {
            Some(name) => write!(f, "{name}@sha256:{}", self.digest),
            None => write!(f, "sha256:{}", self.digest),
        }
    }
}

/// The text names no image.
#[derive(Debug, thiserror::Error)]
#[error(
    "`{0}` names no image: expected HOST/REPOSITORY@sha256:DIGEST, oci:FOLDER[:TAG], oci-archive:FILE[:TAG] or \
     docker-archive:FILE (a tag alone may mean another image tomorrow: `skopeo inspect docker://HOST/REPOSITORY:TAG` \
     prints its digest)"
)]
pub struct ImagePlaceError(String);

impl FromStr for ImagePlace {
    type Err = ImagePlaceError;

    fn from_str(text: &str) -> Result<Self, ImagePlaceError> {
        let tagged = |rest: &str| match rest.rsplit_once(':') {
            Some((path, tag)) if !tag.contains('/') => (PathBuf::from(path), Some(tag.to_owned())),
            _ => (PathBuf::from(rest), None),
        };
        match text.split_once(':') {
            Some(("oci", rest)) if !rest.is_empty() => {
                let (folder, tag) = tagged(rest);
                Ok(ImagePlace::Layout(folder, tag))
            }
            Some(("oci-archive", rest)) if !rest.is_empty() => {
                let (file, tag) = tagged(rest);
                Ok(ImagePlace::OciArchive(file, tag))
            }
            Some(("docker-archive", rest)) if !rest.is_empty() => Ok(ImagePlace::DockerArchive(PathBuf::from(rest))),
            _ => in_registry(text).ok_or_else(|| ImagePlaceError(text.to_owned())),
        }
    }
}

fn in_registry(text: &str) -> Option<ImagePlace> {
    let (name, digest) = text.strip_prefix("docker://").unwrap_or(text).split_once("@sha256:")?;
    let (host, rest) = name.split_once('/')?;
    // As everywhere: a first part without dot and port is no host.
    if !(host == "localhost" || host.contains(['.', ':'])) {
        return None;
    }
    let (repository, tag) = match rest.split_once(':') {
        Some((repository, tag)) => (repository, Some(tag.to_owned())),
        None => (rest, None),
    };
    let is_allowed = |c: char| c.is_ascii_lowercase() || c.is_ascii_digit() || "/._-".contains(c);
    let repository = RelPath::new(repository).ok().filter(|path| path.as_str().chars().all(is_allowed))?;
    Some(ImagePlace::Registry { host: host.to_owned(), repository, tag, digest: digest.parse().ok()? })
}

impl ImagePlace {
    /// What it is called in a registry.
    pub fn name(&self) -> Option<String> {
        let ImagePlace::Registry { host, repository, tag, .. } = self else { return None };
        let tag = tag.as_ref().map(|tag| format!(":{tag}")).unwrap_or_default();
        Some(format!("{host}/{repository}{tag}"))
    }
}

impl fmt::Display for ImagePlace {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let tag = |tag: &Option<String>| tag.as_ref().map(|tag| format!(":{tag}")).unwrap_or_default();
        match self {
            ImagePlace::Registry { digest, .. } => {
                write!(f, "{}@sha256:{digest}", self.name().unwrap_or_default())
            }
            ImagePlace::Layout(folder, name) => write!(f, "oci:{}{}", folder.display(), tag(name)),
            ImagePlace::OciArchive(file, name) => write!(f, "oci-archive:{}{}", file.display(), tag(name)),
            ImagePlace::DockerArchive(file) => write!(f, "docker-archive:{}", file.display()),
        }
    }
}

impl<'de> Deserialize<'de> for ImagePlace {
    fn deserialize<D: serde::Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        String::deserialize(deserializer)?.parse().map_err(serde::de::Error::custom)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_image_in_a_registry_is_pinned() {
        let digest = "ab".repeat(32);
        for text in [
            format!("docker.io/library/alpine:3.22.2@sha256:{digest}"),
            format!("127.0.0.1:5000/musl@sha256:{digest}"),
            "oci:/a/b:musl".to_owned(),
            "oci:a/b".to_owned(),
            "oci-archive:/a/b.tar".to_owned(),
            "docker-archive:b.tar".to_owned(),
        ] {
            assert_eq!(text.parse::<ImagePlace>().unwrap().to_string(), text);
        }
        for text in ["alpine", "docker.io/library/alpine:3.22.2", "oci:", &format!("alpine@sha256:{digest}")] {
            assert!(text.parse::<ImagePlace>().is_err(), "{text}");
        }
    }
}
