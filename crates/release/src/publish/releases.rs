//! A repository's releases at GitHub, and their files: finding, making, sending, comparing.

use std::{collections::BTreeMap, path::Path, time::Instant};

use rst_model::event::Event;
use serde::Deserialize;
use serde_json::Value;
use ureq::http::Method;

use super::{
    PublishError,
    api::{Api, Trouble},
    other,
};
use crate::record::FileRecord;

/// GitHub gives at most so many at once.
const PAGE: usize = 100;
/// GitHub shows ten thousand releases, and a release has at most a thousand files.
const PAGES: usize = 100;

/// Those of a repository.
pub(super) struct Releases {
    pub api: Api,
}

/// A release there.
#[derive(Clone, Debug, Deserialize)]
pub(super) struct Release {
    id: u64,
    pub tag_name: String,
    pub draft: bool,
    pub prerelease: bool,
    /// Where its files are sent to, as a URI template.
    upload_url: String,
    pub html_url: String,
}

/// A file of it there.
#[derive(Clone, Debug, Deserialize)]
pub(super) struct Asset {
    id: u64,
    pub name: String,
    /// `uploaded`; anything else is what a cut upload leaves.
    state: String,
    size: u64,
    /// `sha256:…`, of files that were sent since June 2025.
    digest: Option<String>,
}

impl Asset {
    pub fn is_whole(&self) -> bool {
        self.state == "uploaded"
    }

    pub fn path(&self) -> String {
        format!("releases/assets/{}", self.id)
    }
}

/// What a tag names.
#[derive(Deserialize)]
struct Commit {
    sha: String,
}

/// Those of a release, by name.
pub(super) type Assets = BTreeMap<String, Asset>;

/// A file that is to be there.
#[derive(Clone, Copy)]
pub(super) struct Upload<'a> {
    /// Here.
    pub file: &'a Path,
    /// Its name there.
    pub name: &'a str,
    /// Its bytes.
    pub expected: FileRecord,
}

impl Releases {
    fn place(&self) -> &str {
        &self.api.repository.url
    }

    /// The release of a tag: the one that is published, or the only draft. Drafts are found by listing alone.
    pub fn find(&self, tag: &str) -> Result<Option<Release>, Trouble> {
        let of_tag = |release: &Release| release.tag_name == tag;
        let all: Vec<Release> = self.list("releases")?;
        let (drafts, published): (Vec<_>, Vec<_>) = all.into_iter().filter(of_tag).partition(|release| release.draft);
        match (published.into_iter().next(), &drafts[..]) {
            (Some(published), _) => Ok(Some(published)),
            (None, [_, _, ..]) => Err(other(tag, self.place(), "drafts", "one at most", drafts.len()).into()),
            (None, drafts) => Ok(drafts.first().cloned()),
        }
    }

    pub fn find_or_create(&self, tag: &str, page: &Value) -> Result<Release, PublishError> {
        // A lost answer may have been to a release that was made, so that it is looked for first each time.
        self.api.persist(tag, |_| match self.find(tag)? {
            Some(release) => Ok(release),
            None => self.api.json(Method::POST, "releases", Some(page)),
        })
    }

    /// Publishes a draft, with this page.
    pub fn publish(&self, release: &Release, page: &Value) -> Result<Release, PublishError> {
        let path = format!("releases/{}", release.id);
        let tag = &release.tag_name;
        let published: Release = self.api.persist(tag, |_| self.api.json(Method::PATCH, &path, Some(page)))?;
        if published.tag_name != *tag {
            return Err(other(tag, self.place(), "tag", tag, published.tag_name));
        }
        match published.draft {
            true => Err(other(tag, self.place(), "state after publishing", "published", "a draft")),
            false => Ok(published),
        }
    }

    /// A tag that is there already stays where it is, whatever a release says, so that it must be at this commit.
    pub fn check_tag(&self, tag: &str, commit: &str) -> Result<(), PublishError> {
        let path = format!("commits/{}", escaped(tag));
        let found: Option<Commit> = self.api.persist(tag, |_| match self.api.json(Method::GET, &path, None) {
            Err(Trouble::Final(PublishError::Refused { status: 404 | 422, .. })) => Ok(None),
            other => other.map(Some),
        })?;
        match found {
            Some(found) if found.sha != commit => Err(other(tag, self.place(), "commit of the tag", commit, found.sha)),
            _ => Ok(()),
        }
    }

    pub fn assets(&self, release: &Release) -> Result<Assets, Trouble> {
        let all: Vec<Asset> = self.list(&format!("releases/{}/assets", release.id))?;
        Ok(all.into_iter().map(|asset| (asset.name.clone(), asset)).collect())
    }

    fn list<T: for<'a> Deserialize<'a>>(&self, path: &str) -> Result<Vec<T>, Trouble> {
        let mut all = vec![];
        for page in 1..=PAGES {
            let mut some: Vec<T> = self.api.json(Method::GET, &format!("{path}?per_page={PAGE}&page={page}"), None)?;
            let last = some.len() < PAGE;
            all.append(&mut some);
            if last {
                break;
            }
        }
        Ok(all)
    }

    /// Sees to it that a file is there. `known` is what had its name a moment ago.
    pub fn settle(&self, release: &Release, upload: Upload, known: Option<&Asset>) -> Result<(), PublishError> {
        let begun = Instant::now();
        let Upload { file, name, expected } = upload;
        let base = release.upload_url.split('{').next().unwrap_or_default();
        let url = format!("{base}?name={}", escaped(name));
        let seconds = self.api.persist(name, |attempt| {
            // An upload whose answer was lost may be there, whole or not.
            let there = match attempt {
                1 => known.cloned(),
                _ => self.assets(release)?.remove(name),
            };
            match there {
                Some(there) if there.is_whole() => {
                    self.same(&release.tag_name, &there, expected)?;
                    return Ok((attempt > 1).then(|| begun.elapsed().as_secs_f64()));
                }
                Some(cut) => self.api.delete(&cut.path())?,
                None => {}
            }
            let sent: Asset = self.api.upload(&url, name, file, expected.size)?;
            if sent.name != name {
                return Err(other(&release.tag_name, self.place(), "name of a file", name, sent.name).into());
            }
            self.same(&release.tag_name, &sent, expected)?;
            Ok(Some(begun.elapsed().as_secs_f64()))
        })?;
        self.api.reporter.event(Event::UploadFinished { asset: name.to_owned(), seconds });
        Ok(())
    }

    /// What is there, by the digest that the server gives, or by digesting it.
    pub fn bytes(&self, asset: &Asset) -> Result<FileRecord, Trouble> {
        let given = asset.digest.as_deref().and_then(|digest| digest.strip_prefix("sha256:")?.parse().ok());
        match given {
            Some(sha256) => Ok(FileRecord { sha256, size: asset.size }),
            None => self.api.digest(&asset.path()),
        }
    }

    /// A file there is the one that is expected, or the error says what it is.
    pub fn same(&self, tag: &str, asset: &Asset, expected: FileRecord) -> Result<(), Trouble> {
        let name = &asset.name;
        if !asset.is_whole() {
            return Err(other(tag, self.place(), &format!("state of {name}"), "uploaded", &asset.state).into());
        }
        let found = self.bytes(asset)?;
        if found.sha256 != expected.sha256 {
            let claim = format!("SHA-256 of {name}");
            return Err(other(tag, self.place(), &claim, expected.sha256, found.sha256).into());
        }
        if found.size != expected.size {
            return Err(other(tag, self.place(), &format!("bytes of {name}"), expected.size, found.size).into());
        }
        Ok(())
    }
}

/// As a query has it: all but letters, digits and `-._~` as `%` and two digits.
fn escaped(name: &str) -> String {
    let plain = |byte: u8| byte.is_ascii_alphanumeric() || b"-._~".contains(&byte);
    name.bytes().map(|byte| if plain(byte) { char::from(byte).to_string() } else { format!("%{byte:02X}") }).collect()
}
