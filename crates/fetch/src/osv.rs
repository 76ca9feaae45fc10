//! OSV, the database of known vulnerabilities: <https://google.github.io/osv.dev/api/>.

use std::collections::BTreeSet;

use serde::{Deserialize, Serialize, de::DeserializeOwned};
use serde_json::json;

use crate::{FetchError, Fetcher, error::OriginError};

/// Where it answers.
pub const OSV: &str = "https://api.osv.dev";

/// How many packages one question may be about.
const AT_ONCE: usize = 1000;

/// A package as OSV names it.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord, Serialize)]
pub struct OsvPackage {
    /// `golang.org/x/net`
    pub name: String,
    /// `Go`, `crates.io`, `PyPI`, `GIT`.
    pub ecosystem: &'static str,
}

/// A known vulnerability, as far as we tell of it: <https://ossf.github.io/osv-schema/>.
#[derive(Clone, Debug, Deserialize)]
pub struct Advisory {
    /// `GO-2026-1234`
    pub id: String,
    /// The same in other databases.
    #[serde(default)]
    pub aliases: Vec<String>,
    /// One line.
    #[serde(default)]
    pub summary: String,
    /// At length.
    #[serde(default)]
    pub details: String,
    /// When it was taken back.
    pub withdrawn: Option<String>,
    /// What has it.
    #[serde(default)]
    pub affected: Vec<Affected>,
}

/// A package that has a vulnerability.
#[derive(Clone, Debug, Deserialize)]
pub struct Affected {
    /// Which; a range of commits may stand alone.
    pub package: Option<AffectedPackage>,
    /// From when to when.
    #[serde(default)]
    pub ranges: Vec<Range>,
}

/// Its name.
#[derive(Clone, Debug, Deserialize)]
pub struct AffectedPackage {
    /// In its ecosystem.
    pub name: String,
}

/// Versions, or commits.
#[derive(Clone, Debug, Deserialize)]
pub struct Range {
    /// `SEMVER`, `ECOSYSTEM` or `GIT`.
    #[serde(rename = "type")]
    pub kind: String,
    /// What happened in order.
    pub events: Vec<RangeEvent>,
}

/// One of `introduced`, `fixed` and others.
#[derive(Clone, Debug, Deserialize)]
pub struct RangeEvent {
    /// The version, or commit, that does not have it any more.
    pub fixed: Option<String>,
}

#[derive(Deserialize)]
struct Answers {
    results: Vec<Answer>,
}

#[derive(Deserialize)]
struct Answer {
    #[serde(default)]
    vulns: Vec<Known>,
    next_page_token: Option<String>,
}

#[derive(Deserialize)]
struct Known {
    id: String,
}

impl Fetcher {
    /// For each package in a version the names of its advisories, in the same order.
    pub fn advisory_ids(
        &self,
        osv: &str,
        packages: &[(OsvPackage, String)],
    ) -> Result<Vec<BTreeSet<String>>, FetchError> {
        let mut ids = vec![BTreeSet::new(); packages.len()];
        let mut open: Vec<(usize, Option<String>)> = (0..packages.len()).map(|place| (place, None)).collect();
        while !open.is_empty() {
            let rest = open.split_off(open.len().min(AT_ONCE));
            let queries: Vec<_> = open
                .iter()
                .map(|(place, page)| {
                    let (package, version) = &packages[*place];
                    let mut query = json!({ "package": package, "version": version });
                    if let Some(page) = page {
                        query["page_token"] = page.as_str().into();
                    }
                    query
                })
                .collect();
            let answers: Answers = self.osv(osv, "/v1/querybatch", Some(&json!({ "queries": queries })))?;
            if answers.results.len() != open.len() {
                let reason = format!("{} answers to {} questions", answers.results.len(), open.len());
                return Err(refused(osv, reason));
            }
            let mut next = rest;
            for ((place, _), answer) in open.into_iter().zip(answers.results) {
                ids[place].extend(answer.vulns.into_iter().map(|known| known.id));
                next.extend(answer.next_page_token.map(|page| (place, Some(page))));
            }
            open = next;
        }
        Ok(ids)
    }

    /// What there is to know about one.
    pub fn advisory(&self, osv: &str, id: &str) -> Result<Advisory, FetchError> {
        self.osv(osv, &format!("/v1/vulns/{id}"), None)
    }

    fn osv<T: DeserializeOwned>(
        &self,
        osv: &str,
        path: &str,
        posted: Option<&serde_json::Value>,
    ) -> Result<T, FetchError> {
        if self.settings.offline {
            return Err(refused(osv, "nothing may be fetched (--offline)".to_owned()));
        }
        let url = format!("{}{path}", osv.trim_end_matches('/'));
        let answer = self.http.json(&url, posted, &self.cancel).map_err(|error| match error {
            OriginError::Cancelled => FetchError::Cancelled,
            error => refused(&url, error.to_string()),
        })?;
        serde_json::from_value(answer)
            .map_err(|error| refused(&url, format!("the answer is not as OSV's documentation has it: {error}")))
    }
}

fn refused(url: &str, reason: String) -> FetchError {
    FetchError::Service { url: url.to_owned(), reason }
}
