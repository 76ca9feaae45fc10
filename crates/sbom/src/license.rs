//! Licences: as a recipe or a Cargo.toml declares them, and as a licence's text shows.

use std::collections::BTreeSet;

use serde::{Deserialize, Serialize};
use spdx::{
    Expression, LicenseId, ParseMode,
    detection::{LicenseType, Store, TextData},
};

/// Under which terms something may be used.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub enum License {
    /// An SPDX licence expression.
    Expression(String),
    /// Nobody says, or not in a way that is understood: SPDX calls it NOASSERTION.
    Unknown,
}

impl License {
    /// What a recipe or a Cargo.toml declares, `MIT/Apache-2.0` and the like included.
    pub fn declared(text: &str) -> Self {
        let canonical = Expression::canonicalize(text).ok().flatten().unwrap_or_else(|| text.to_owned());
        match Expression::parse_mode(&canonical, ParseMode::STRICT) {
            // Of a licence that is no licence of SPDX's the documents would need the text; NONE and NOASSERTION are
            // among the names that the crate knows.
            Ok(expression) if expression.requirements().all(|one| one.req.license.id().is_some_and(is_license)) => {
                Self::Expression(canonical)
            }
            _ => Self::Unknown,
        }
    }
}

fn is_license(id: LicenseId) -> bool {
    !matches!(id.name, "NONE" | "NOASSERTION")
}

/// Finds which licence a text is.
pub struct Detector {
    known: Store,
}

/// Raised when a text may show another licence.
const FORMAT: u32 = 1;
/// How alike a text and a licence must be; what askalono and cargo-about take.
const ALIKE: f32 = 0.9;
/// How many licences may be in one text.
const MOST: usize = 8;
/// How many are looked for in it at a time: of a text with several, one that is in it is among the most alike.
const CANDIDATES: usize = 8;
/// The line with which the terms of Apache-2.0 end.
const END_OF_TERMS: &str = "END OF TERMS AND CONDITIONS";

/// A licence beside a text.
struct Candidate<'a> {
    score: f32,
    name: &'a str,
    known: &'a TextData,
}

impl Detector {
    /// What the same text always shows the same licence to: of the rules here, and of SPDX's list.
    pub fn version() -> (u32, &'static str) {
        (FORMAT, spdx::license_version())
    }

    /// With the texts of all of SPDX's licences, which takes a moment.
    pub fn new() -> Self {
        let mut known = Store::load_inline().expect("the crate's own texts can be read");
        // Without its appendix, as many leave it, Apache's is more like Pixar's, which is made of it.
        let whole = known.get_original("Apache-2.0").expect("it is SPDX's").lines().join("\n");
        let terms = whole.split(END_OF_TERMS).next().unwrap_or(&whole);
        known.add_variant("Apache-2.0", LicenseType::Alternate, TextData::from(terms)).expect("it is there");
        Self { known }
    }

    /// The licence that these texts make together: all of them hold. Unknown, if one of them is.
    pub fn license<'a>(&self, texts: impl IntoIterator<Item = &'a str>) -> License {
        let mut all = BTreeSet::new();
        for text in texts {
            match self.licenses_in(text) {
                found if found.is_empty() => return License::Unknown,
                found => all.extend(found),
            }
        }
        match all.is_empty() {
            true => License::Unknown,
            false => License::Expression(Vec::from_iter(all).join(" AND ")),
        }
    }

    /// The licences in a text: the one that all of it is, or those that are found in it one after the other.
    fn licenses_in(&self, text: &str) -> BTreeSet<&str> {
        let mut rest = TextData::from(text);
        let mut found = BTreeSet::new();
        if let Some(whole) = self.candidates(&rest).first().filter(|whole| whole.score >= ALIKE) {
            found.insert(whole.name);
            return found;
        }
        for _ in 0..MOST {
            let candidates = self.candidates(&rest).into_iter().take(CANDIDATES);
            let parts = candidates.map(|candidate| (rest.optimize_bounds(candidate.known), candidate.name));
            match parts.max_by(|((_, a), _), ((_, b), _)| a.total_cmp(b)) {
                Some(((part, alike), name)) if alike >= ALIKE => {
                    found.insert(name);
                    rest = part.white_out();
                }
                _ => break,
            }
        }
        found
    }

    /// All licences, those most like a text first; of equal ones that of the shortest name. The crate's own search
    /// takes any of them.
    fn candidates(&self, text: &TextData) -> Vec<Candidate<'_>> {
        let entries = self.known.iter().filter_map(|(name, entry)| {
            // Some share one text (GPL-2.0-only, GPL-2.0-or-later): the shortest name says least.
            let names = [name].into_iter().chain(&entry.aliases).map(String::as_str);
            let current = names.filter(|name| spdx::license_id(name).is_some_and(|id| !id.is_deprecated()));
            Some((current.min_by_key(|name| (name.len(), *name))?, entry))
        });
        let texts = entries.flat_map(|(name, entry)| {
            let all = [&entry.original].into_iter().chain(&entry.alternates).chain(&entry.headers);
            all.map(move |known| Candidate { score: known.match_score(text), name, known })
        });
        let mut candidates: Vec<_> = texts.collect();
        candidates.sort_by(|a, b| {
            b.score.total_cmp(&a.score).then_with(|| (a.name.len(), a.name).cmp(&(b.name.len(), b.name)))
        });
        candidates
    }
}

impl Default for Detector {
    fn default() -> Self {
        Self::new()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn expression(text: &str) -> License {
        License::Expression(text.to_owned())
    }

    #[test]
    fn what_is_declared_loosely_is_written_properly() {
        assert_eq!(License::declared("MIT/Apache-2.0"), expression("MIT OR Apache-2.0"));
        assert_eq!(License::declared("GPL-2.0+"), expression("GPL-2.0-or-later"));
        assert_eq!(
            License::declared("(MIT OR Apache-2.0) AND Unicode-3.0"),
            expression("(MIT OR Apache-2.0) AND Unicode-3.0")
        );
    }

    #[test]
    fn what_is_no_licence_is_not_made_one() {
        for text in ["", "non-standard", "see LICENSE", "LicenseRef-own", "MIT AND", "NOASSERTION"] {
            assert_eq!(License::declared(text), License::Unknown, "{text:?}");
        }
    }

    const MIT: &str = "Copyright (c) 2026 Somebody\n\nPermission is hereby granted, free of charge, to any person \
        obtaining a copy of this software and associated documentation files (the \"Software\"), to deal in the \
        Software without restriction, including without limitation the rights to use, copy, modify, merge, publish, \
        distribute, sublicense, and/or sell copies of the Software, and to permit persons to whom the Software is \
        furnished to do so, subject to the following conditions:\n\nThe above copyright notice and this permission \
        notice shall be included in all copies or substantial portions of the Software.\n\nTHE SOFTWARE IS PROVIDED \
        \"AS IS\", WITHOUT WARRANTY OF ANY KIND, EXPRESS OR IMPLIED, INCLUDING BUT NOT LIMITED TO THE WARRANTIES OF \
        MERCHANTABILITY, FITNESS FOR A PARTICULAR PURPOSE AND NONINFRINGEMENT. IN NO EVENT SHALL THE AUTHORS OR \
        COPYRIGHT HOLDERS BE LIABLE FOR ANY CLAIM, DAMAGES OR OTHER LIABILITY, WHETHER IN AN ACTION OF CONTRACT, \
        TORT OR OTHERWISE, ARISING FROM, OUT OF OR IN CONNECTION WITH THE SOFTWARE OR THE USE OR OTHER DEALINGS IN \
        THE SOFTWARE.\n";
    const ISC: &str = "Copyright (c) 2026 Somebody\n\nPermission to use, copy, modify, and/or distribute this software \
        for any purpose with or without fee is hereby granted, provided that the above copyright notice and this \
        permission notice appear in all copies.\n\nTHE SOFTWARE IS PROVIDED \"AS IS\" AND THE AUTHOR DISCLAIMS ALL \
        WARRANTIES WITH REGARD TO THIS SOFTWARE INCLUDING ALL IMPLIED WARRANTIES OF MERCHANTABILITY AND FITNESS. IN NO \
        EVENT SHALL THE AUTHOR BE LIABLE FOR ANY SPECIAL, DIRECT, INDIRECT, OR CONSEQUENTIAL DAMAGES OR ANY DAMAGES \
        WHATSOEVER RESULTING FROM LOSS OF USE, DATA OR PROFITS, WHETHER IN AN ACTION OF CONTRACT, NEGLIGENCE OR OTHER \
        TORTIOUS ACTION, ARISING OUT OF OR IN CONNECTION WITH THE USE OR PERFORMANCE OF THIS SOFTWARE.\n";

    #[test]
    fn a_text_shows_its_licence() {
        let detector = Detector::new();
        assert_eq!(detector.license([MIT]), expression("MIT"));
        assert_eq!(detector.license([ISC, MIT]), expression("ISC AND MIT"));
        assert_eq!(detector.license(["All rights reserved. Ask us."]), License::Unknown);
        assert_eq!(detector.license([MIT, "All rights reserved. Ask us."]), License::Unknown);
        assert_eq!(detector.license([]), License::Unknown);
    }

    /// The words of a licence, as the crate knows them.
    fn words(detector: &Detector, name: &str) -> String {
        detector.known.get_original(name).unwrap().lines().join("\n")
    }

    /// Some licences share one text, and a map's order is another in each run.
    #[test]
    fn a_shared_text_has_one_name() {
        let detector = Detector::new();
        for (entry, name) in [("MPL-2.0", "MPL-2.0"), ("GPL-2.0-or-later", "GPL-2.0-only")] {
            assert_eq!(detector.license([words(&detector, entry).as_str()]), expression(name));
        }
    }

    #[test]
    fn an_apache_licence_without_its_appendix_is_one_and_pixars_is_none() {
        let detector = Detector::new();
        let whole = words(&detector, "Apache-2.0");
        let (terms, appendix) = whole.split_once(END_OF_TERMS).unwrap();
        assert!(!appendix.is_empty());
        assert_eq!(detector.license([terms]), expression("Apache-2.0"));
        assert_eq!(detector.license([words(&detector, "Pixar").as_str()]), expression("Pixar"));
    }

    #[test]
    fn of_a_text_with_several_licences_each_is_found() {
        let detector = Detector::new();
        let bsd = words(&detector, "BSD-3-Clause");
        let twice = format!("Distributed under the terms below.\n\n{bsd}\n\n-------\nThe rest:\n\n{MIT}");
        assert_eq!(detector.license([twice.as_str()]), expression("BSD-3-Clause AND MIT"));
    }
}
