//! CycloneDX 1.6 (ECMA-424): <https://cyclonedx.org/docs/1.6/json/>. In one line, since it lies in every archive.

use serde::Serialize;

use super::{TOOL, UNKNOWN, time, urn};
use crate::{Inventory, Kind, License, Origin, Part, PartId};

/// How it is known which format a document has.
pub(crate) const NAME: &str = "CycloneDX";
pub(crate) const VERSION: &str = "1.6";

/// The document.
pub fn cyclonedx(inventory: &Inventory) -> String {
    let top = format!("{}@{}", inventory.archive, inventory.version);
    let parts = inventory.parts.iter();
    let mut dependencies = vec![Dependency { of: top.clone(), on: inventory.contains.iter().collect() }];
    let with_links = parts.clone().filter(|(_, part)| !part.links.is_empty());
    dependencies
        .extend(with_links.map(|(id, part)| Dependency { of: id.to_string(), on: part.links.iter().collect() }));
    let document = Document {
        format: NAME,
        spec: VERSION,
        serial: urn(inventory),
        version: 1,
        metadata: Metadata {
            timestamp: time(inventory),
            tools: Tools { components: [Tool { kind: "application", name: TOOL }] },
            component: Top {
                kind: "application",
                reference: top,
                name: &inventory.archive,
                version: &inventory.version,
            },
            properties: vec![property("rst:platform", inventory.platform.to_string())],
        },
        components: parts.map(|(id, part)| component(id, part)).collect(),
        dependencies,
    };
    serde_json::to_string(&document).expect("plain data") + "\n"
}

fn component<'a>(id: &'a PartId, part: &'a Part) -> Component<'a> {
    let mut component = Component {
        kind: match part.kind {
            Kind::Program => "application",
            Kind::Library => "library",
            Kind::Files => "data",
        },
        reference: id,
        name: &part.name,
        version: &part.version,
        hashes: Vec::new(),
        licenses: [licence(&part.license)],
        purl: part.purl.as_deref(),
        references: Vec::new(),
        pedigree: None,
        properties: Vec::new(),
    };
    match &part.origin {
        Origin::Delivered { sha256, h1, url } => {
            component.hashes =
                sha256.iter().map(|digest| Hash { kind: "SHA-256", digest: digest.to_string() }).collect();
            component.references = url.iter().map(|url| Reference { kind: "source-distribution", url }).collect();
            component.properties = h1.iter().map(|h1| property("rst:h1", h1)).collect();
        }
        Origin::Own { tree } => component.properties.push(property("rst:own-source", tree.to_string())),
        Origin::Overridden { tree } => component.properties.push(property("rst:overridden-source", tree.to_string())),
    }
    component.properties.extend(part.within.iter().map(|bearer| property("rst:within", bearer)));
    if !part.patches.is_empty() {
        let patches = part.patches.iter().map(|_| Patch { kind: "unofficial" }).collect();
        component.pedigree = Some(Pedigree { patches, notes: Vec::from_iter(part.patches.clone()).join(", ") });
    }
    component
}

/// The schema has no word for an unknown licence; a name may be anything.
fn licence(license: &License) -> Licence<'_> {
    match license {
        License::Unknown => Licence::License { license: Named::Name(UNKNOWN) },
        License::Expression(text) if ::spdx::license_id(text).is_some() => {
            Licence::License { license: Named::Id(text) }
        }
        License::Expression(text) => Licence::Expression { expression: text },
    }
}

fn property(name: &'static str, value: impl Into<String>) -> Property {
    Property { name, value: value.into() }
}

#[derive(Serialize)]
struct Document<'a> {
    #[serde(rename = "bomFormat")]
    format: &'static str,
    #[serde(rename = "specVersion")]
    spec: &'static str,
    #[serde(rename = "serialNumber")]
    serial: String,
    version: u32,
    metadata: Metadata<'a>,
    components: Vec<Component<'a>>,
    dependencies: Vec<Dependency<'a>>,
}

#[derive(Serialize)]
struct Metadata<'a> {
    timestamp: String,
    tools: Tools,
    component: Top<'a>,
    properties: Vec<Property>,
}

#[derive(Serialize)]
struct Tools {
    components: [Tool; 1],
}

#[derive(Serialize)]
struct Tool {
    #[serde(rename = "type")]
    kind: &'static str,
    name: &'static str,
}

#[derive(Serialize)]
struct Top<'a> {
    #[serde(rename = "type")]
    kind: &'static str,
    #[serde(rename = "bom-ref")]
    reference: String,
    name: &'a str,
    version: &'a str,
}

#[derive(Serialize)]
struct Component<'a> {
    #[serde(rename = "type")]
    kind: &'static str,
    #[serde(rename = "bom-ref")]
    reference: &'a PartId,
    name: &'a str,
    version: &'a str,
    #[serde(skip_serializing_if = "Vec::is_empty")]
    hashes: Vec<Hash>,
    licenses: [Licence<'a>; 1],
    #[serde(skip_serializing_if = "Option::is_none")]
    purl: Option<&'a str>,
    #[serde(rename = "externalReferences", skip_serializing_if = "Vec::is_empty")]
    references: Vec<Reference<'a>>,
    #[serde(skip_serializing_if = "Option::is_none")]
    pedigree: Option<Pedigree>,
    #[serde(skip_serializing_if = "Vec::is_empty")]
    properties: Vec<Property>,
}

#[derive(Serialize)]
struct Hash {
    #[serde(rename = "alg")]
    kind: &'static str,
    #[serde(rename = "content")]
    digest: String,
}

#[derive(Serialize)]
#[serde(untagged)]
enum Licence<'a> {
    License { license: Named<'a> },
    Expression { expression: &'a str },
}

#[derive(Serialize)]
#[serde(rename_all = "lowercase")]
enum Named<'a> {
    Id(&'a str),
    Name(&'a str),
}

#[derive(Serialize)]
struct Reference<'a> {
    #[serde(rename = "type")]
    kind: &'static str,
    url: &'a str,
}

#[derive(Serialize)]
struct Pedigree {
    patches: Vec<Patch>,
    notes: String,
}

#[derive(Serialize)]
struct Patch {
    #[serde(rename = "type")]
    kind: &'static str,
}

#[derive(Serialize)]
struct Property {
    name: &'static str,
    value: String,
}

#[derive(Serialize)]
struct Dependency<'a> {
    #[serde(rename = "ref")]
    of: String,
    #[serde(rename = "dependsOn")]
    on: Vec<&'a PartId>,
}
