//! Publishing to GitHub's releases: a draft, every file with its digest checked, and publishing last.
//!
//! GitHub cannot continue in the middle of a file: what is whole there is not sent again.

use std::{collections::BTreeMap, sync::Arc, time::Instant};

use rst_model::{
    Cancel,
    event::{Event, Reporter},
};
use serde::Deserialize;
use serde_json::{Value, json};
use ureq::http::Method;

use super::{
    Publication, PublishError, Published, Repository, Token,
    api::{Api, Trouble},
    index_release::IndexRelease,
    other,
};
use crate::record::FileRecord;

/// GitHub gives at most so many at once.
const PAGE: usize = 100;
/// GitHub shows ten thousand releases, and a release has at most a thousand files.
const PAGES: usize = 100;

/// A repository that is published to.
pub struct GitHub {
    pub(super) api: Api,
}

/// A release there.
#[derive(Clone, Debug, Deserialize)]
pub(super) struct Release {
    pub id: u64,
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
    pub id: u64,
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

/// Those of a release, by name.
pub(super) type Assets = BTreeMap<String, Asset>;

impl GitHub {
    /// A repository, and what lets us in.
    pub fn new(repository: Repository, token: Token, cancel: Cancel, reporter: Arc<dyn Reporter>) -> Self {
        Self { api: Api::new(repository, token, cancel, reporter) }
    }

    /// Publishes a release, or goes on where an earlier run was stopped, and then the index.
    pub fn publish(&self, publication: &Publication) -> Result<Published, PublishError> {
        let tag = publication.record.tag.to_string();
        let index = IndexRelease::look(self, publication)?;
        let release = self.find_or_create(&tag, &page(publication, true))?;
        let there = self.api.persist(&tag, |_| self.assets(&release))?;
        let already = !release.draft;
        if !already {
            self.refuse_strangers(publication, &there)?;
            for (name, expected) in &publication.files {
                self.settle(&release, name, name, publication, *expected, there.get(name))?;
            }
            // What another process did meanwhile is seen before anybody else sees it.
            let there = self.api.persist(&tag, |_| self.assets(&release))?;
            self.compare(publication, &there)?;
            self.edit(&release, &page(publication, false))?;
        } else {
            self.compare(publication, &there)?;
        }
        let index = index.replace(publication)?;
        let place = format!("{}/releases/tag/{tag}", self.api.repository.url);
        Ok(Published { place, already, index })
    }

    /// The release of a tag: the one that is published, or the only draft. Drafts are found by listing alone.
    pub fn find(&self, tag: &str) -> Result<Option<Release>, Trouble> {
        let of_tag = |release: &Release| release.tag_name == tag;
        let all: Vec<Release> = self.list("releases")?;
        let (drafts, published): (Vec<_>, Vec<_>) = all.into_iter().filter(of_tag).partition(|release| release.draft);
        match (published.into_iter().next(), &drafts[..]) {
            (Some(published), _) => Ok(Some(published)),
            (None, [_, _, ..]) => {
                Err(other(tag, &self.api.repository.url, "drafts", "one at most", drafts.len()).into())
            }
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

    pub fn edit(&self, release: &Release, page: &Value) -> Result<Release, PublishError> {
        let path = format!("releases/{}", release.id);
        let tag = &release.tag_name;
        let edited: Release = self.api.persist(tag, |_| self.api.json(Method::PATCH, &path, Some(page)))?;
        let place = &self.api.repository.url;
        if edited.tag_name != *tag {
            return Err(other(tag, place, "tag", tag, edited.tag_name));
        }
        if edited.draft {
            return Err(other(tag, place, "state after publishing", "published", "a draft"));
        }
        Ok(edited)
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

    /// Sees to it that a file of the folder is there under a name. `known` is what was there a moment ago.
    pub fn settle(
        &self,
        release: &Release,
        file: &str,
        name: &str,
        publication: &Publication,
        expected: FileRecord,
        known: Option<&Asset>,
    ) -> Result<(), PublishError> {
        let begun = Instant::now();
        let asset = || name.to_owned();
        let (base, _) = release.upload_url.split_once('{').unwrap_or((&release.upload_url, ""));
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
            let sent: Asset = self.api.upload(&url, name, &publication.path(file), expected.size)?;
            if sent.name != name {
                let place = &self.api.repository.url;
                return Err(other(&release.tag_name, place, "name of a file", name, sent.name).into());
            }
            self.same(&release.tag_name, &sent, expected)?;
            Ok(Some(begun.elapsed().as_secs_f64()))
        })?;
        self.api.reporter.event(Event::UploadFinished { asset: asset(), seconds });
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

    fn same(&self, tag: &str, asset: &Asset, expected: FileRecord) -> Result<(), Trouble> {
        let (place, name) = (&self.api.repository.url, &asset.name);
        if !asset.is_whole() {
            return Err(other(tag, place, &format!("state of {name}"), "uploaded", &asset.state).into());
        }
        let found = self.bytes(asset)?;
        if found.sha256 != expected.sha256 {
            return Err(other(tag, place, &format!("SHA-256 of {name}"), expected.sha256, found.sha256).into());
        }
        if found.size != expected.size {
            return Err(other(tag, place, &format!("bytes of {name}"), expected.size, found.size).into());
        }
        Ok(())
    }

    fn refuse_strangers(&self, publication: &Publication, there: &Assets) -> Result<(), PublishError> {
        match there.keys().find(|name| !publication.files.contains_key(*name)) {
            Some(stranger) => {
                Err(publication.other(&self.api.repository.url, "files", "those of release.json", stranger))
            }
            None => Ok(()),
        }
    }

    /// All files are there as they are here, and no other.
    fn compare(&self, publication: &Publication, there: &Assets) -> Result<(), PublishError> {
        self.refuse_strangers(publication, there)?;
        let tag = publication.record.tag.to_string();
        for (name, expected) in &publication.files {
            let missing = || publication.other(&self.api.repository.url, "files", name, "no such file");
            let asset = there.get(name).ok_or_else(missing)?;
            self.api.persist(name, |_| self.same(&tag, asset, *expected))?;
        }
        Ok(())
    }
}

/// What a release's page is made of. `latest` is of the whole repository: only podman's newest takes it.
fn page(publication: &Publication, draft: bool) -> Value {
    let record = &publication.record;
    json!({
        "tag_name": record.tag,
        "target_commitish": record.commit,
        "name": format!("{} {}{}", record.tag.tool, record.tag.version, record.tag.revision),
        "body": publication.notes,
        "draft": draft,
        "prerelease": false,
        "make_latest": if record.latest { "true" } else { "false" },
    })
}

/// As a query has it: all but letters, digits and `-._~` as `%` and two digits.
fn escaped(name: &str) -> String {
    let plain = |byte: u8| byte.is_ascii_alphanumeric() || b"-._~".contains(&byte);
    name.bytes().map(|byte| if plain(byte) { char::from(byte).to_string() } else { format!("%{byte:02X}") }).collect()
}
