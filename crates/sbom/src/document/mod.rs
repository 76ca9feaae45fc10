//! The two formats, each in one file, and what they have in common.

mod cyclonedx;
mod spdx;

pub use self::spdx::spdx;
pub use cyclonedx::cyclonedx;
pub(crate) use cyclonedx::{NAME as CYCLONEDX_NAME, VERSION as CYCLONEDX_VERSION};

use chrono::{DateTime, SecondsFormat};
use rst_model::Digest;

use crate::Inventory;

/// The program that makes them.
const TOOL: &str = "rst";

/// SPDX's word for what nobody says.
const UNKNOWN: &str = "NOASSERTION";

/// A name that this inventory alone has: a UUID of version 8, whose bits are those of its digest.
fn urn(inventory: &Inventory) -> String {
    let digest = Digest::of_json(inventory);
    let bytes = digest.as_bytes().first_chunk().expect("half of a digest");
    uuid::Builder::from_custom_bytes(*bytes).into_uuid().urn().to_string()
}

/// The build's epoch as both formats write times.
fn time(inventory: &Inventory) -> String {
    let time = i64::try_from(inventory.epoch).ok().and_then(|seconds| DateTime::from_timestamp(seconds, 0));
    time.unwrap_or_default().to_rfc3339_opts(SecondsFormat::Secs, true)
}

#[cfg(test)]
mod tests {
    use std::collections::{BTreeMap, BTreeSet};

    use proptest::prelude::*;
    use rst_model::{Arch, Platform};
    use serde_json::Value;

    use super::*;
    use crate::{Kind, License, Origin, Part, PartId};

    prop_compose! {
        fn part()(
            name in "[a-z][a-z0-9-]{0,6}",
            version in "[0-9]\\.[0-9]{1,2}",
            license in prop::sample::select(vec![License::declared("MIT"), License::declared("MIT OR ISC"), License::Unknown]),
            origin in prop::sample::select(vec![
                Origin::Own { tree: Digest::of("own") },
                Origin::Overridden { tree: Digest::of("overridden") },
                Origin::Delivered { sha256: vec![Digest::of("a")], h1: vec![], url: Some("https://example.org/a.tar".to_owned()) },
                Origin::Delivered { sha256: vec![], h1: vec!["h1:aaa=".to_owned()], url: None },
            ]),
            patches in prop::collection::btree_set("[a-z]{3}/[a-z]{3}\\.patch", 0..3),
        ) -> Part {
            Part {
                purl: crate::of_generic(&name, &version),
                kind: Kind::Library, within: None, links: BTreeSet::new(), name, version, license, origin, patches,
            }
        }
    }

    /// Parts that link those before them, every other one, with names that differ in one character.
    fn inventory() -> impl Strategy<Value = Inventory> {
        prop::collection::vec((part(), "[a-z/+-]{1,3}"), 1..12).prop_map(|parts| {
            let mut all: BTreeMap<PartId, Part> = BTreeMap::new();
            for (mut part, path) in parts {
                part.links = all.keys().step_by(2).cloned().collect();
                all.insert(PartId::module(&path, &part.version, None), part);
            }
            Inventory {
                archive: "tool-full".to_owned(),
                version: "1.0".to_owned(),
                platform: Platform { arch: Arch::Amd64 },
                epoch: 1_767_225_600,
                contains: all.keys().next_back().cloned().into_iter().collect(),
                parts: all,
            }
        })
    }

    fn texts<'a>(list: &'a Value, key: &str) -> Vec<&'a str> {
        list.as_array().unwrap().iter().map(|entry| entry[key].as_str().unwrap()).collect()
    }

    proptest! {
        #[test]
        fn both_name_every_part_once_and_refer_to_nothing_else(inventory in inventory()) {
            let document: Value = serde_json::from_str(&cyclonedx(&inventory)).unwrap();
            let named = texts(&document["components"], "bom-ref");
            let expected: Vec<_> = inventory.parts.keys().map(PartId::as_str).collect();
            prop_assert_eq!(&named, &expected);
            let links: usize = inventory.parts.values().map(|part| part.links.len()).sum();
            let dependencies = document["dependencies"].as_array().unwrap();
            let on = dependencies[1..].iter().flat_map(|of| of["dependsOn"].as_array().unwrap());
            let on: Vec<_> = on.map(|on| on.as_str().unwrap()).collect();
            prop_assert!(on.iter().all(|on| named.contains(on)));
            prop_assert_eq!(on.len(), links);

            let document: Value = serde_json::from_str(&spdx(&inventory)).unwrap();
            let named = texts(&document["packages"], "SPDXID");
            prop_assert_eq!(named.len(), inventory.parts.len() + 1);
            prop_assert_eq!(named.iter().collect::<BTreeSet<_>>().len(), named.len());
            let plain = |id: &str| id.chars().all(|c| c.is_ascii_alphanumeric() || c == '.' || c == '-');
            prop_assert!(named.iter().all(|id| plain(id)));
            let relations = &document["relationships"];
            prop_assert!(texts(relations, "relatedSpdxElement").iter().all(|id| named.contains(id)));
            let linked = texts(relations, "relationshipType").into_iter().filter(|kind| *kind == "STATIC_LINK");
            prop_assert_eq!(linked.count(), links);
        }

        #[test]
        fn other_facts_are_another_document_and_the_same_facts_the_same(a in inventory(), b in inventory()) {
            prop_assert_eq!(cyclonedx(&a), cyclonedx(&a.clone()));
            prop_assert_eq!(spdx(&a), spdx(&a.clone()));
            let same = serde_json::to_value(&a).unwrap() == serde_json::to_value(&b).unwrap();
            prop_assert_eq!(urn(&a) == urn(&b), same);
        }
    }

    #[test]
    fn the_time_is_the_builds() {
        let inventory = Inventory {
            archive: String::new(),
            version: String::new(),
            platform: Platform { arch: Arch::Arm64 },
            epoch: 1_767_225_600,
            contains: BTreeSet::new(),
            parts: BTreeMap::new(),
        };
        assert_eq!(time(&inventory), "2026-01-01T00:00:00Z");
        assert!(urn(&inventory).starts_with("urn:uuid:"));
    }
}
