//! `index.json` at GitHub: the one thing that changes. Each release has it as it was then; the newest is a file of a
//! release of its own, `index`, which is a prerelease, so that it never is `latest`.

use rst_model::event::Event;
use serde_json::json;
use ureq::http::Method;

use super::{
    IndexOutcome, Publication, PublishError, another_index,
    api::Trouble,
    other,
    releases::{Asset, Assets, Release, Releases, Upload},
};
use crate::{INDEX, Index, ReleaseError, record::FileRecord};

const TAG: &str = "index";
const NOTES: &str = "`index.json` names every release, and replaces itself with each. There is nothing else here.\n";

/// What stands in the way of an index, looked at before anything is sent.
pub(super) struct IndexRelease<'a> {
    releases: &'a Releases,
    outcome: IndexOutcome,
}

impl<'a> IndexRelease<'a> {
    /// Reads the number that is there. The same number with other bytes is an error: two releases were made at once.
    pub fn look(releases: &'a Releases, publication: &Publication) -> Result<Self, PublishError> {
        let ours = publication.index.number;
        let there = releases.api.persist(INDEX, |_| match releases.find(TAG)? {
            Some(release) => releases.assets(&release),
            None => Ok(Assets::new()),
        })?;
        let mut outcome = IndexOutcome::Is(ours);
        if let Some(asset) = standing(&there) {
            let (index, found) = releases.api.persist(INDEX, |_| read(releases, asset))?;
            let expected = publication.files[INDEX];
            if index.number == ours && found != expected.sha256 {
                let place = &releases.api.repository.url;
                return Err(other(TAG, place, &another_index(ours), expected.sha256, found));
            }
            if index.number > ours {
                outcome = IndexOutcome::Newer(index.number);
                let tag = &publication.record.tag;
                if index.releases.get(tag) != publication.index.releases.get(tag) {
                    let message = format!(
                        "index.json there has number {} and does not name {tag}: make the index again",
                        index.number
                    );
                    releases.api.reporter.event(Event::Warning { message });
                }
            }
        }
        Ok(Self { releases, outcome })
    }

    /// Puts ours in place of an older one.
    ///
    /// The new files are sent first, under names with their number, since sending is what takes time and fails. Then
    /// each takes its place by two short requests, the index last: whoever reads in between finds a file missing or a
    /// bundle of another index, refuses it and asks again, and a run that is stopped here has left all that the next
    /// one needs. Older files are removed, never one with a higher number.
    pub fn replace(&self, publication: &Publication) -> Result<IndexOutcome, PublishError> {
        let IndexOutcome::Is(number) = self.outcome else { return Ok(self.outcome) };
        let release = self.release(publication)?;
        let files = publication.index_files();
        let there = self.assets(&release)?;
        for (name, expected) in &files {
            if !self.releases.api.persist(name, |_| self.is(there.get(*name), *expected))? {
                let next = next(name, number);
                let upload = Upload { file: &publication.path(name), name: &next, expected: *expected };
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
        Ok(self.outcome)
    }

    fn release(&self, publication: &Publication) -> Result<Release, PublishError> {
        let page = json!({
            "tag_name": TAG,
            "target_commitish": publication.record.commit,
            "name": "Index of all releases",
            "body": NOTES,
            "draft": false,
            "prerelease": true,
            "make_latest": "false",
        });
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
