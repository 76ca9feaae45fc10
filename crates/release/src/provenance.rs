//! SLSA provenance, version 1, as an in-toto statement: <https://slsa.dev/spec/v1.0/provenance>.

use std::collections::{BTreeMap, BTreeSet};

use rst_model::{
    ApkPackage, Digest, ImageName, Lock, LockedSource, Manifest, ManifestSource, Origin as SourceOrigin, Place,
    recipe::Book,
};
use rst_sign::Release;
use serde_json::{Map, Value, json};

use crate::{Origin, record::FileRecord};

/// The statement about a release's files, which were made of what the manifests of its archives name.
pub fn statement<'a>(
    files: impl Iterator<Item = (&'a str, FileRecord)>,
    inputs: &Inputs,
    origin: &Origin,
    release: &Release,
) -> Value {
    let subject = |(name, file): (&str, FileRecord)| json!({ "name": name, "digest": { "sha256": file.sha256 } });
    let path = origin.workflow.as_ref().map_or("", |workflow| workflow.path.as_str());
    let mut metadata = Map::new();
    let mut internal = Map::new();
    if let Some(workflow) = &origin.workflow {
        metadata.insert("invocationId".to_owned(), json!(workflow.run));
        internal.insert("github".to_owned(), json!({ "event_name": workflow.event }));
    }
    let commit = json!({
        "uri": format!("git+{}@{}", origin.repository, origin.reference),
        "digest": { "gitCommit": origin.commit },
    });
    let dependencies: Vec<Value> = [commit].into_iter().chain(inputs.dependencies()).collect();
    json!({
        "_type": "https://in-toto.io/Statement/v1",
        "subject": files.map(subject).collect::<Vec<_>>(),
        "predicateType": "https://slsa.dev/provenance/v1",
        "predicate": {
            "buildDefinition": {
                "buildType": release.build_type,
                "externalParameters": {
                    "workflow": { "ref": origin.reference, "repository": origin.repository, "path": path },
                },
                "internalParameters": internal,
                "resolvedDependencies": dependencies,
            },
            "runDetails": { "builder": { "id": origin.builder(release) }, "metadata": metadata },
        },
    })
}

/// What archives were made of.
pub struct Inputs<'a> {
    /// Theirs.
    pub manifests: &'a [Manifest],
    /// Where sources are from.
    pub lock: &'a Lock,
    /// What is patched.
    pub book: &'a Book,
}

impl Inputs<'_> {
    /// Every source, tool and patch, sorted, as in-toto's resource descriptors.
    fn dependencies(&self) -> Vec<Value> {
        let mut trees = BTreeSet::new();
        let mut patches: BTreeMap<String, Digest> = BTreeMap::new();
        for manifest in self.manifests {
            trees.extend(manifest.toolchain.values().map(|tool| tool.tree));
            for (name, component) in &manifest.components {
                trees.insert(component.source);
                let vendored = self.lock.sources.iter().find(|locked| {
                    locked.name.strip_suffix("-vendor") == Some(name) && locked.version == component.version
                });
                trees.extend(vendored.map(|locked| locked.tree));
                let known =
                    self.book.component(name, &component.version).map(|known| known.patches).unwrap_or_default();
                patches.extend(known.into_iter().map(|(patch, text)| (format!("{name}/{patch}"), Digest::of(text))));
            }
        }
        let locked = self.lock.sources.iter().filter(|locked| trees.contains(&locked.tree));
        let tools = self.manifests.iter().flat_map(|manifest| manifest.toolchain.values());
        let images: BTreeMap<&ImageName, &ManifestSource> =
            tools.filter_map(|tool| Some((tool.image.as_ref()?, tool))).collect();
        let packages = images.values().flat_map(|tool| tool.packages.iter().map(of_package)).collect::<Vec<_>>();
        let images = images.into_iter().map(|(image, tool)| of_image(image, tool));
        let patches = patches
            .into_iter()
            .map(|(name, digest)| json!({ "name": format!("build/patches/{name}"), "digest": { "sha256": digest } }));
        locked.flat_map(descriptors).chain(images).chain(packages).chain(patches).collect()
    }
}

/// An image whose GCC took Zig's place.
fn of_image(image: &ImageName, tool: &ManifestSource) -> Value {
    let mut descriptor = json!({
        "name": format!("container image with GCC {}", tool.version),
        "digest": { "sha256": image.digest },
        "annotations": { "tree": tool.tree },
    });
    if image.name.is_some() {
        descriptor["uri"] = json!(format!("docker://{image}"));
    }
    descriptor
}

/// What was laid over such an image.
fn of_package((name, package): (&String, &ApkPackage)) -> Value {
    json!({
        "name": format!("{name} {}", package.version),
        "uri": package.url,
        "digest": { "sha256": package.sha256 },
    })
}

/// One for each archive that a source may be from. Where there is none that has a digest, or several make it
/// together, the tree is named by its own, as the lock has it.
fn descriptors(locked: &LockedSource) -> Vec<Value> {
    let name = format!("{} {}", locked.name, locked.version);
    let annotations = json!({ "tree": locked.tree });
    let of_file = |origin: &SourceOrigin| {
        let digest = match (&origin.sha256, &origin.h1) {
            (Some(sha256), _) => json!({ "sha256": sha256 }),
            // Go's own digest of a module: in-toto's dirHash.
            (None, Some(h1)) => json!({ "dirHash": h1 }),
            (None, None) => return None,
        };
        let uri = uri(&origin.place, locked)?;
        Some(json!({ "name": name, "uri": uri, "digest": digest, "annotations": annotations }))
    };
    let parts = |origin: &SourceOrigin| match &origin.place {
        Place::Parts(parts) => parts.iter().filter_map(of_file).collect(),
        _ => of_file(origin).into_iter().collect::<Vec<_>>(),
    };
    let files: Vec<Value> = locked.origins.iter().flat_map(parts).collect();
    match files.is_empty() {
        true => vec![json!({ "name": name, "digest": { "rstTree": locked.tree } })],
        false => files,
    }
}

/// Where a place is: its URL, or the package URL of what a registry keeps.
fn uri(place: &Place, locked: &LockedSource) -> Option<String> {
    match place {
        Place::Https(url) => Some(url.clone()),
        other => rst_sbom::of_source(other, &locked.name, locked.version.as_str()),
    }
}
