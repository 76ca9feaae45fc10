//! `index.json` at GitHub: the one thing that changes. Each release has it as it was then; the newest is a file of a
//! release of its own, `index`, which is a prerelease, so that it never is `latest`.

use rst_model::{Tag, event::Event};
use serde_json::json;
use ureq::http::Method;

use super::{
    IndexFiles, IndexOutcome, PublishError,
    api::Trouble,
    other,
    releases::{Asset, Assets, Release, Releases, Upload},
};
use crate::{INDEX, Index, ReleaseError, record::FileRecord};

const TAG: &str = "index";
const NOTES: &str = "`index.json` names every release, and replaces itself with each. There is nothing else here.\n";

/// An index on its way, and what stands in it, looked at before anything is sent.
pub(super) struct IndexRelease<'a> {
    releases: &'a Releases,
    ours: &'a IndexFiles,
    there: Option<Index>,
}

impl<'a> IndexRelease<'a> {
    /// Reads what is there. The same number with other bytes is an error: two indexes were made at once.
    pub fn look(releases: &'a Releases, ours: &'a IndexFiles) -> Result<Self, PublishError> {
        let assets = releases.api.persist(INDEX, |_| match releases.find(TAG)? {
            Some(release) => releases.assets(&release),
            None => Ok(Assets::new()),
        })?;
        let mut there = None;
        if let Some(asset) = standing(&assets) {
            let (index, found) = releases.api.persist(INDEX, |_| read(releases, asset))?;
            ours.is_not_another(index.number, found, &releases.api.repository.url)?;
            there = Some(index);
        }
        Ok(Self { releases, ours, there })
    }

    /// A newer one is left; one that lacks a release which ours has is told.
    pub fn warn_of_missing(&self, tag: &Tag) {
        let Some(there) = self.newer() else { return };
        if there.releases.get(tag) != self.ours.index.releases.get(tag) {
            let number = there.number;
            let message = format!("index.json there has number {number} and does not name {tag}: make the index again");
            self.releases.api.reporter.event(Event::Warning { message });
        }
    }

    fn newer(&self) -> Option<&Index> {
        self.there.as_ref().filter(|there| there.number > self.ours.index.number)
    }

    /// Puts ours in place of an older one.
    ///
    /// The new files are sent first, under names with their number, since sending is what takes time and fails. Then
    /// each takes its place by two short requests, the index last: whoever reads in between finds a file missing or a
    /// bundle of another index, refuses it and asks again, and a run that is stopped here has left all that the next
    /// one needs. Older files are removed, never one with a higher number.
    ///
    /// `commit`: what its tag is put at, if there is none yet; the newest of the default branch if none is given.
    pub fn replace(&self, commit: Option<&str>) -> Result<IndexOutcome, PublishError> {
        if let Some(newer) = self.newer() {
            return Ok(IndexOutcome::Newer(newer.number));
        }
        let number = self.ours.index.number;
        let release = self.release(commit)?;
        let files = self.ours.in_order();
        let there = self.assets(&release)?;
        for (name, expected) in &files {
            if !self.releases.api.persist(name, |_| self.is(there.get(*name), *expected))? {
                let next = next(name, number);
                let upload = Upload { file: &self.ours.path(name), name: &next, expected: *expected };
                self.releases.settle(&release, upload, there.get(&next))?;
            }
        }
        for (name, expected) in &files {
            self.releases.api.persist(name, |_| self.put(&release, name, &next(name, number), *expected))?;
        }
        for (name, asset) in self.assets(&release)? {
            let ours = files.iter().any(|(file, _)| *file == name);
            if name.starts_with(INDEX) && !ours && number_of(&name).is_none_or(|of| of <= number) {
                self.releases.api.persist(&name, |_| self.releases.api.delete(&asset.path()))?;
            }
        }
        Ok(IndexOutcome::Is(number))
    }

    fn release(&self, commit: Option<&str>) -> Result<Release, PublishError> {
        let mut page = json!({
            "tag_name": TAG,
            "name": "Index of all releases",
            "body": NOTES,
            "draft": false,
            "prerelease": true,
            "make_latest": "false",
        });
        if let Some(commit) = commit {
            page["target_commitish"] = json!(commit);
        }
        let release = self.releases.find_or_create(TAG, &page)?;
        match release.draft || !release.prerelease {
            true => self.releases.publish(&release, &page),
            false => Ok(release),
        }
    }

    fn assets(&self, release: &Release) -> Result<Assets, PublishError> {
        self.releases.api.persist(INDEX, |_| self.releases.assets(release))
    }

    fn is(&self, asset: Option<&Asset>, expected: FileRecord) -> Result<bool, Trouble> {
        match asset.filter(|asset| asset.is_whole()) {
            Some(asset) => Ok(self.releases.bytes(asset)? == expected),
            None => Ok(false),
        }
    }

    fn put(&self, release: &Release, name: &str, next: &str, expected: FileRecord) -> Result<(), Trouble> {
        let there = self.releases.assets(release)?;
        if self.is(there.get(name), expected)? {
            return Ok(());
        }
        let Some(new) = there.get(next) else {
            let place = &self.releases.api.repository.url;
            return Err(other(TAG, place, "files", next, "no such file").into());
        };
        if let Some(old) = there.get(name) {
            self.releases.api.delete(&old.path())?;
        }
        let renamed: Asset = self.releases.api.json(Method::PATCH, &new.path(), Some(&json!({ "name": name })))?;
        match renamed.name == name {
            true => Ok(()),
            false => Err(other(TAG, &self.releases.api.repository.url, "name of a file", name, renamed.name).into()),
        }
    }
}

/// `index.json.7`, on its way to be `index.json`.
fn next(name: &str, number: u64) -> String {
    format!("{name}.{number}")
}

fn number_of(name: &str) -> Option<u64> {
    name.rsplit('.').next()?.parse().ok()
}

/// The index that is there, or that was about to be when a run was stopped.
fn standing(there: &Assets) -> Option<&Asset> {
    let next = |asset: &&Asset| number_of(&asset.name).is_some_and(|number| asset.name == next(INDEX, number));
    let whole = |name: &str| there.get(name).filter(|asset| asset.is_whole());
    whole(INDEX).or_else(|| {
        there.values().filter(next).filter(|asset| asset.is_whole()).max_by_key(|asset| number_of(&asset.name))
    })
}

fn read(releases: &Releases, asset: &Asset) -> Result<(Index, rst_model::Digest), Trouble> {
    let mut bytes = vec![];
    releases.api.read(&asset.path(), &mut bytes)?;
    let index = Index::parse(&bytes).map_err(ReleaseError::Index)?;
    Ok((index, rst_model::Digest::of(&bytes)))
}
