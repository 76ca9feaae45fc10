//! A folder that holds images: `index.json` and `blobs/`.
//! <https://github.com/opencontainers/image-spec/blob/v1.1.1/image-layout.md>

use std::path::PathBuf;

use rst_model::Digest;

use super::{Descriptor, Document, document};
use crate::error::OriginError;

pub(super) struct Layout(pub PathBuf);

/// What a tag is kept under.
const TAG: &str = "org.opencontainers.image.ref.name";

impl Layout {
    pub(super) fn blob(&self, digest: Digest) -> PathBuf {
        self.0.join("blobs/sha256").join(digest.to_string())
    }

    /// The image of this tag, or the only one there is.
    pub(super) fn entry(&self, tag: Option<&str>) -> Result<Digest, OriginError> {
        let index: Document = document(&self.0.join("index.json"))?;
        let found: Vec<_> = index.manifests.iter().filter(|entry| tag.is_none() || tag_of(entry) == tag).collect();
        match found[..] {
            [entry] => entry.digest(),
            _ => {
                let tags: Vec<_> = index.manifests.iter().filter_map(tag_of).collect();
                let wanted = tag.map_or("one image".to_owned(), |tag| format!("one image with the tag {tag}"));
                Err(OriginError::reason(format!(
                    "expected {wanted}, found {} of {} (tags: {})",
                    found.len(),
                    index.manifests.len(),
                    tags.join(", ")
                )))
            }
        }
    }
}

fn tag_of(entry: &Descriptor) -> Option<&str> {
    entry.annotations.get(TAG).map(String::as_str)
}
