//! SPDX 2.3 (ISO/IEC 5962 is 2.2.1): <https://spdx.github.io/spdx-spec/v2.3/>

use rst_model::Digest;
use serde::Serialize;

use super::{TOOL, UNKNOWN, time, urn};
use crate::{Inventory, Kind, License, Origin, Part, PartId};

const DOCUMENT: &str = "SPDXRef-DOCUMENT";
const ARCHIVE: &str = "SPDXRef-archive";

/// The document.
pub fn spdx(inventory: &Inventory) -> String {
    let creator = format!("Tool: {TOOL}");
    let time = time(inventory);
    let mut packages = vec![archive(inventory)];
    packages.extend(inventory.parts.iter().map(|(id, part)| package(id, part, &time, &creator)));
    let name = format!("{}-{}-{}", inventory.archive, inventory.version, inventory.platform.dashed());
    let document = Document {
        version: "SPDX-2.3",
        license: "CC0-1.0",
        id: DOCUMENT,
        name,
        namespace: urn(inventory),
        creation: Creation { created: time.clone(), creators: [creator.clone()] },
        packages,
        relationships: relationships(inventory),
    };
    serde_json::to_string_pretty(&document).expect("plain data") + "\n"
}

fn archive(inventory: &Inventory) -> Package<'_> {
    Package {
        id: ARCHIVE.to_owned(),
        name: &inventory.archive,
        version: &inventory.version,
        purpose: "ARCHIVE",
        location: UNKNOWN,
        files_analyzed: false,
        license: UNKNOWN,
        checksums: Vec::new(),
        source: Some(format!("for {}", inventory.platform)),
        references: Vec::new(),
        annotations: Vec::new(),
    }
}

fn package<'a>(id: &PartId, part: &'a Part, time: &str, creator: &str) -> Package<'a> {
    let mut package = Package {
        id: element(id),
        name: &part.name,
        version: &part.version,
        purpose: match part.kind {
            Kind::Program => "APPLICATION",
            Kind::Library => "LIBRARY",
            Kind::Files => "OTHER",
        },
        location: UNKNOWN,
        files_analyzed: false,
        license: match &part.license {
            License::Expression(text) => text,
            License::Unknown => UNKNOWN,
        },
        checksums: Vec::new(),
        source: None,
        references: part.purl.iter().map(|purl| Reference::purl(purl)).collect(),
        annotations: Vec::new(),
    };
    let mut source: Vec<String> = part.within.iter().map(|bearer| format!("from {bearer}")).collect();
    match &part.origin {
        Origin::Delivered { sha256, h1, url } => {
            package.checksums =
                sha256.iter().map(|digest| Checksum { kind: "SHA256", value: digest.to_string() }).collect();
            package.location = url.as_deref().unwrap_or(UNKNOWN);
            package.annotations = h1.iter().map(|h1| Annotation::new(time, creator, format!("go.sum: {h1}"))).collect();
        }
        Origin::Own { tree } => source.push(format!("a folder of this project, whose listing has the digest {tree}")),
        Origin::Overridden { tree } => {
            source.push(format!(
                "a folder of the builder's in place of what is pinned, whose listing has the digest {tree}"
            ));
        }
    }
    if !part.patches.is_empty() {
        source.push(format!("changed by {}", Vec::from_iter(part.patches.clone()).join(", ")));
    }
    package.source = (!source.is_empty()).then(|| source.join("; "));
    package
}

fn relationships(inventory: &Inventory) -> Vec<Relationship> {
    let of_archive = inventory.contains.iter().map(|id| relation(ARCHIVE.to_owned(), "CONTAINS", element(id)));
    let links = inventory
        .parts
        .iter()
        .flat_map(|(id, part)| part.links.iter().map(|linked| relation(element(id), "STATIC_LINK", element(linked))));
    let whole = relation(DOCUMENT.to_owned(), "DESCRIBES", ARCHIVE.to_owned());
    [whole].into_iter().chain(of_archive).chain(links).collect()
}

fn relation(from: String, kind: &'static str, to: String) -> Relationship {
    Relationship { from, kind, to }
}

/// Letters, digits, `.` and `-` are all that an identifier may hold; a digest tells apart what differs in others.
fn element(id: &PartId) -> String {
    let plain: String =
        id.as_str().chars().map(|c| if c.is_ascii_alphanumeric() || c == '.' { c } else { '-' }).collect();
    match plain == id.as_str() {
        true => format!("SPDXRef-part-{plain}"),
        false => format!("SPDXRef-part-{plain}-{}", Digest::of(id.as_str()).short()),
    }
}

#[derive(Serialize)]
struct Document<'a> {
    #[serde(rename = "spdxVersion")]
    version: &'static str,
    #[serde(rename = "dataLicense")]
    license: &'static str,
    #[serde(rename = "SPDXID")]
    id: &'static str,
    name: String,
    #[serde(rename = "documentNamespace")]
    namespace: String,
    #[serde(rename = "creationInfo")]
    creation: Creation,
    packages: Vec<Package<'a>>,
    relationships: Vec<Relationship>,
}

#[derive(Serialize)]
struct Creation {
    created: String,
    creators: [String; 1],
}

#[derive(Serialize)]
struct Package<'a> {
    #[serde(rename = "SPDXID")]
    id: String,
    name: &'a str,
    #[serde(rename = "versionInfo")]
    version: &'a str,
    #[serde(rename = "primaryPackagePurpose")]
    purpose: &'static str,
    #[serde(rename = "downloadLocation")]
    location: &'a str,
    #[serde(rename = "filesAnalyzed")]
    files_analyzed: bool,
    #[serde(rename = "licenseDeclared")]
    license: &'a str,
    #[serde(skip_serializing_if = "Vec::is_empty")]
    checksums: Vec<Checksum>,
    #[serde(rename = "sourceInfo", skip_serializing_if = "Option::is_none")]
    source: Option<String>,
    #[serde(rename = "externalRefs", skip_serializing_if = "Vec::is_empty")]
    references: Vec<Reference<'a>>,
    #[serde(skip_serializing_if = "Vec::is_empty")]
    annotations: Vec<Annotation>,
}

#[derive(Serialize)]
struct Checksum {
    #[serde(rename = "algorithm")]
    kind: &'static str,
    #[serde(rename = "checksumValue")]
    value: String,
}

#[derive(Serialize)]
struct Reference<'a> {
    #[serde(rename = "referenceCategory")]
    category: &'static str,
    #[serde(rename = "referenceType")]
    kind: &'static str,
    #[serde(rename = "referenceLocator")]
    locator: &'a str,
}

impl<'a> Reference<'a> {
    fn purl(purl: &'a str) -> Self {
        Self { category: "PACKAGE-MANAGER", kind: "purl", locator: purl }
    }
}

#[derive(Serialize)]
struct Annotation {
    #[serde(rename = "annotationDate")]
    date: String,
    #[serde(rename = "annotationType")]
    kind: &'static str,
    annotator: String,
    comment: String,
}

impl Annotation {
    fn new(time: &str, creator: &str, comment: String) -> Self {
        Self { date: time.to_owned(), kind: "OTHER", annotator: creator.to_owned(), comment }
    }
}

#[derive(Serialize)]
struct Relationship {
    #[serde(rename = "spdxElementId")]
    from: String,
    #[serde(rename = "relationshipType")]
    kind: &'static str,
    #[serde(rename = "relatedSpdxElement")]
    to: String,
}
