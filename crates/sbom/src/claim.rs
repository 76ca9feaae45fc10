//! Whether a CycloneDX document names what a manifest names.

use rst_model::Manifest;
use serde::Deserialize;

use crate::document::{CYCLONEDX_NAME, CYCLONEDX_VERSION};

#[derive(Deserialize)]
#[serde(rename_all = "camelCase")]
struct Document {
    bom_format: String,
    spec_version: String,
    metadata: Metadata,
    components: Vec<Component>,
}

#[derive(Deserialize)]
struct Metadata {
    component: Component,
}

#[derive(Deserialize)]
struct Component {
    name: String,
    version: String,
}

/// What the document should name and does not, `NAME VERSION` each: the archive itself, every component of its
/// manifest in its version, and these parts of its toolchains, in whatever version. An error is a document that
/// cannot be read.
pub fn lacking<'a>(
    text: &[u8],
    manifest: &Manifest,
    runtimes: impl IntoIterator<Item = &'a str>,
) -> Result<Vec<String>, String> {
    let document: Document = serde_json::from_slice(text).map_err(|error| error.to_string())?;
    if (document.bom_format.as_str(), document.spec_version.as_str()) != (CYCLONEDX_NAME, CYCLONEDX_VERSION) {
        return Err(format!("it is {} {}", document.bom_format, document.spec_version));
    }
    let is = |component: &Component, name: &str, version: &str| component.name == name && component.version == version;
    let mut lacking = Vec::new();
    if !is(&document.metadata.component, &manifest.variant, manifest.version.as_str()) {
        lacking.push(format!("{} {}", manifest.variant, manifest.version));
    }
    for (name, component) in &manifest.components {
        if !document.components.iter().any(|one| is(one, name, component.version.as_str())) {
            lacking.push(format!("{name} {}", component.version));
        }
    }
    let missing = runtimes.into_iter().filter(|name| document.components.iter().all(|one| one.name != *name));
    lacking.extend(missing.map(str::to_owned));
    Ok(lacking)
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    fn manifest() -> Manifest {
        let digest = rst_model::Digest::of("x");
        let component = |version: &str| {
            json!({
                "version": version, "license": "MIT", "source": digest, "recipe": digest, "action": digest,
                "allocator": "mimalloc", "c_code": true,
            })
        };
        let manifest = json!({
            "format": 1, "variant": "tool-full", "version": "2.0", "platform": "linux/amd64", "epoch": 0, "lock": digest,
            "toolchain": {}, "components": { "tool": component("2.0"), "library": component("1.5") },
            "unsandboxed": false, "files": {},
        });
        serde_json::from_value(manifest).unwrap()
    }

    fn document() -> serde_json::Value {
        json!({
            "bomFormat": "CycloneDX", "specVersion": "1.6",
            "metadata": { "component": { "name": "tool-full", "version": "2.0" } },
            "components": [
                { "name": "tool", "version": "2.0" }, { "name": "library", "version": "1.5" },
                { "name": "musl", "version": "1.2.5" },
            ],
        })
    }

    fn lacks(document: &serde_json::Value) -> Result<Vec<String>, String> {
        lacking(document.to_string().as_bytes(), &manifest(), ["musl"])
    }

    #[test]
    fn all_that_is_named_is_not_lacking() {
        assert_eq!(lacks(&document()), Ok(vec![]));
    }

    #[test]
    fn each_part_that_is_not_named_is_told() {
        for (place, told) in [(0, "tool 2.0"), (1, "library 1.5"), (2, "musl")] {
            let mut document = document();
            document["components"].as_array_mut().unwrap().remove(place);
            assert_eq!(lacks(&document), Ok(vec![told.to_owned()]));
        }
    }

    #[test]
    fn another_version_or_another_archive_does_not_count() {
        let mut other = document();
        other["components"][1]["version"] = json!("1.6");
        other["metadata"]["component"]["name"] = json!("tool-minimal");
        assert_eq!(lacks(&other), Ok(vec!["tool-full 2.0".to_owned(), "library 1.5".to_owned()]));
    }

    #[test]
    fn what_is_no_such_document_is_an_error() {
        let mut other = document();
        other["specVersion"] = json!("1.4");
        assert_eq!(lacks(&other), Err("it is CycloneDX 1.4".to_owned()));
        assert!(lacking(b"{}", &manifest(), []).is_err());
        assert!(lacking(b"", &manifest(), []).is_err());
    }
}
