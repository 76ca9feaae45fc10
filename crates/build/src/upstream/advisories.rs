//! `rst advisories`: what OSV knows of the parts that bills of materials name.

use std::{
    collections::{BTreeMap, BTreeSet},
    time::Duration,
};

use chrono::{DateTime, NaiveDate};
use fs_err as fs;
use miette::Diagnostic;
use rst_fetch::{Advisory, FetchError, Fetcher, OsvPackage};
use rst_model::{
    Version,
    toml_file::{self, SyntaxError},
};
use serde::{Deserialize, Serialize};

use crate::project::Project;

const IGNORED: &str = "build/advisories.toml";

/// A part that has a known vulnerability.
#[derive(Clone, Debug, Serialize)]
pub struct Finding {
    /// `golang.org/x/net`
    pub part: String,
    /// The version that is built in.
    pub version: String,
    /// `GO-2026-1234`
    pub advisory: String,
    /// The same in other databases.
    pub aliases: Vec<String>,
    /// The oldest newer version without it, if there is one.
    pub fixed: Option<Version>,
    /// One line.
    pub summary: String,
    /// Why it does not count, by `build/advisories.toml`.
    pub ignored: Option<String>,
}

/// What OSV said.
#[derive(Clone, Debug, Default, Serialize)]
pub struct Advisories {
    /// By part, then by advisory.
    pub findings: Vec<Finding>,
    /// How many parts were asked about.
    pub asked: usize,
    /// The parts that no ecosystem of OSV's has, with their versions.
    pub unasked: Vec<String>,
    /// Entries of `build/advisories.toml` whose day has come.
    pub expired: Vec<String>,
}

impl Advisories {
    /// Those that somebody must look at.
    pub fn open(&self) -> impl Iterator<Item = &Finding> {
        self.findings.iter().filter(|finding| finding.ignored.is_none())
    }
}

/// Why nothing is known.
#[derive(Debug, thiserror::Error, Diagnostic)]
pub enum AdvisoryError {
    /// OSV could not be asked.
    #[error(transparent)]
    #[diagnostic(transparent)]
    Fetch(#[from] FetchError),
    /// `build/advisories.toml` is wrong.
    #[error(transparent)]
    #[diagnostic(transparent)]
    Syntax(#[from] SyntaxError),
    /// Not what `rst build` leaves.
    #[error("{file} is no CycloneDX bill of materials: {reason}")]
    #[diagnostic(help("expected a .cdx.json of dist/"))]
    NoBill {
        /// The file.
        file: String,
        /// Why not.
        reason: String,
    },
    /// A file could not be read.
    #[error(transparent)]
    Io(#[from] std::io::Error),
}

/// `build/advisories.toml`
#[derive(Default, Deserialize)]
#[serde(deny_unknown_fields)]
struct Ignored {
    #[serde(default)]
    ignore: Vec<Ignore>,
}

/// An advisory that does not count, until a day.
#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct Ignore {
    /// Its name in any database.
    id: String,
    /// What about it does not concern us.
    why: String,
    /// From that day on it counts again.
    #[serde(deserialize_with = "date")]
    until: NaiveDate,
}

#[derive(Deserialize)]
struct Bill {
    components: Vec<Part>,
}

#[derive(Clone, PartialEq, Eq, PartialOrd, Ord, Deserialize)]
struct Part {
    name: String,
    version: String,
    purl: Option<String>,
    #[serde(default, rename = "externalReferences")]
    references: Vec<Reference>,
}

#[derive(Clone, PartialEq, Eq, PartialOrd, Ord, Deserialize)]
struct Reference {
    url: String,
}

/// Asks about all parts of these bills, each once. `now` is the time since 1970, and decides
/// what is ignored.
pub fn advisories(
    project: &Project,
    fetcher: &Fetcher,
    osv: &str,
    bills: &[std::path::PathBuf],
    now: Duration,
) -> Result<Advisories, AdvisoryError> {
    let path = project.root.join(IGNORED);
    let ignored: Ignored = match path.exists() {
        true => toml_file::parse(&toml_file::named(IGNORED, fs::read_to_string(path)?))?,
        false => Ignored::default(),
    };
    let mut parts = BTreeSet::new();
    for file in bills {
        let bill: Result<Bill, _> = serde_json::from_str(&fs::read_to_string(file)?);
        let file = file.display().to_string();
        parts.extend(bill.map_err(|error| AdvisoryError::NoBill { file, reason: error.to_string() })?.components);
    }
    let mut all = Advisories::default();
    let mut packages = Vec::new();
    for part in &parts {
        match package(part) {
            Some(package) => packages.push(package),
            None => all.unasked.push(format!("{} {}", part.name, part.version)),
        }
    }
    packages.sort();
    packages.dedup();
    all.asked = packages.len();
    let ids = fetcher.advisory_ids(osv, &packages)?;
    let distinct: BTreeSet<_> = ids.iter().flatten().collect();
    let mut known = BTreeMap::new();
    for id in distinct {
        known.insert(id, fetcher.advisory(osv, id)?);
    }
    let today = DateTime::from_timestamp(now.as_secs().cast_signed(), 0).unwrap_or_default().date_naive();
    let current = |ignore: &&Ignore| ignore.until > today;
    for ((package, version), ids) in packages.iter().zip(&ids) {
        let mut told: Vec<&Advisory> = Vec::new();
        for advisory in ids.iter().filter_map(|id| known.get(id)).filter(|advisory| advisory.withdrawn.is_none()) {
            // Several databases have the same one.
            if told.iter().all(|other| !other.aliases.contains(&advisory.id)) {
                told.push(advisory);
            }
        }
        let findings = told.into_iter().map(|advisory| {
            let named = |ignore: &&Ignore| ignore.id == advisory.id || advisory.aliases.contains(&ignore.id);
            let ignored = ignored.ignore.iter().filter(current).find(named).map(|ignore| ignore.why.clone());
            finding(package, version, advisory, ignored)
        });
        all.findings.extend(findings);
    }
    all.expired = ignored.ignore.iter().filter(|ignore| !current(ignore)).map(|ignore| ignore.id.clone()).collect();
    Ok(all)
}

/// A date as TOML has it: `2026-12-31`.
fn date<'de, D: serde::Deserializer<'de>>(deserializer: D) -> Result<NaiveDate, D::Error> {
    let written = toml::value::Datetime::deserialize(deserializer)?;
    let date = written.date.map(|date| (date.year, date.month, date.day));
    date.and_then(|(year, month, day)| NaiveDate::from_ymd_opt(year.into(), month.into(), day.into()))
        .ok_or_else(|| serde::de::Error::custom("expected a date, such as 2026-12-31"))
}

/// What a part is called in OSV. A purl's letters are lower case where those of Go's modules and GitHub's
/// repositories are not, so these names are the part's own, and its source's.
fn package(part: &Part) -> Option<(OsvPackage, String)> {
    let purl = part.purl.as_deref()?.strip_prefix("pkg:")?;
    let (kind, rest) = purl.split_once('/')?;
    let package = |name: &str, ecosystem| OsvPackage { name: name.to_owned(), ecosystem };
    let go_version = part.version.trim_start_matches('v').to_owned();
    Some(match kind {
        "golang" if rest.starts_with("stdlib@") => (package("stdlib", "Go"), go_version),
        "golang" => (package(&part.name, "Go"), go_version),
        "cargo" => {
            let (name, version) = rest.split_once('@')?;
            (package(name, "crates.io"), version.to_owned())
        }
        "pypi" => {
            let (name, version) = rest.split_once('@')?;
            (package(name, "PyPI"), version.to_owned())
        }
        // By tag: <https://google.github.io/osv.dev/faq/>
        "github" => {
            let (_, tag) = rest.split_once('@')?;
            let path = part.references.iter().find_map(|from| from.url.strip_prefix("https://github.com/"))?;
            let repository: Vec<_> = path.split('/').take(2).collect();
            (package(&format!("https://github.com/{}", repository.join("/")), "GIT"), tag.to_owned())
        }
        _ => return None,
    })
}

fn finding(package: &OsvPackage, version: &str, advisory: &Advisory, ignored: Option<String>) -> Finding {
    let ours = advisory
        .affected
        .iter()
        .filter(|affected| affected.package.as_ref().is_some_and(|affected| affected.name == package.name));
    let ranges = ours.flat_map(|affected| &affected.ranges).filter(|range| range.kind != "GIT");
    let fixed = ranges.flat_map(|range| &range.events).filter_map(|event| event.fixed.as_deref()).map(Version::new);
    let summary = if advisory.summary.is_empty() { &advisory.details } else { &advisory.summary };
    Finding {
        part: package.name.clone(),
        version: version.to_owned(),
        advisory: advisory.id.clone(),
        aliases: advisory.aliases.clone(),
        fixed: fixed.filter(|fixed| *fixed > Version::new(version)).min(),
        summary: summary.lines().next().unwrap_or_default().to_owned(),
        ignored,
    }
}
