//! Licences: as a recipe or a Cargo.toml declares them, and as a licence's text shows.

use std::{cmp::Reverse, collections::BTreeSet};

use serde::Serialize;
use spdx::{
    Expression, LicenseId, ParseMode,
    detection::{Store, TextData},
};

/// Under which terms something may be used.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
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

/// How alike a text and a licence must be; what askalono and cargo-about take.
const ALIKE: f32 = 0.9;
/// By how much two may differ and still be as good as equally alike.
const AS_GOOD_AS: f32 = 0.02;
/// How many licences may be in one text.
const MOST: usize = 8;

impl Detector {
    /// With the texts of all of SPDX's licences, which takes a moment.
    pub fn new() -> Self {
        Self { known: Store::load_inline().expect("the crate's own texts can be read") }
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
        let (whole, name, _) = self.most_alike(&rest);
        if whole >= ALIKE {
            found.insert(name);
            return found;
        }
        for _ in 0..MOST {
            let (_, name, license) = self.most_alike(&rest);
            let (part, alike) = rest.optimize_bounds(license);
            if alike < ALIKE {
                break;
            }
            found.insert(name);
            rest = part.white_out();
        }
        found
    }

    /// The licence most like a text. Of those that are as good as equally alike it is one that the Open Source
    /// Initiative has approved (an Apache licence without its appendix is more like Pixar's, which is made of it), and
    /// of equal texts (`GPL-2.0-only`) the shortest name, which says least. The crate's own search takes any.
    fn most_alike(&self, text: &TextData) -> (f32, &str, &TextData) {
        let known = self.known.iter().filter_map(|(name, entry)| Some((spdx::license_id(name)?, name, entry)));
        let texts = known.filter(|(id, ..)| !id.is_deprecated()).flat_map(|(id, name, entry)| {
            let all = [&entry.original].into_iter().chain(&entry.alternates).chain(&entry.headers);
            all.map(move |known| (known.match_score(text), id, name.as_str(), known))
        });
        let texts: Vec<_> = texts.collect();
        let best = texts.iter().map(|(score, ..)| *score).fold(0.0, f32::max);
        let alike = texts.into_iter().filter(|(score, ..)| *score >= best - AS_GOOD_AS);
        let rank = |(score, id, name, _): &(f32, LicenseId, &str, &TextData)| {
            (id.is_osi_approved(), *score, Reverse(name.len()), Reverse(name.to_string()))
        };
        let better = |a: &_, b: &_| rank(a).partial_cmp(&rank(b)).expect("a score is a number");
        let (score, _, name, known) = alike.max_by(better).expect("there are licences");
        (score, name, known)
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

    /// The words of a licence of SPDX's.
    fn words(detector: &Detector, name: &str) -> String {
        detector.known.get_original(name).unwrap().lines().join("\n")
    }

    /// Some licences share one text, and a map's order is another in each run.
    #[test]
    fn a_shared_text_has_one_name() {
        let detector = Detector::new();
        for name in ["MPL-2.0", "GPL-2.0-only", "LGPL-2.1-only"] {
            assert_eq!(detector.license([words(&detector, name).as_str()]), expression(name));
        }
    }

    #[test]
    fn an_apache_licence_without_its_appendix_is_one() {
        let detector = Detector::new();
        let whole = words(&detector, "Apache-2.0");
        let (terms, _) = whole.split_once("end of terms and conditions").unwrap();
        assert_eq!(detector.license([terms]), expression("Apache-2.0"));
    }
}
