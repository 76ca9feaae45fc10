//! Publishing to GitHub's releases: a draft, every file with its digest checked, and publishing last.
//!
//! GitHub cannot continue in the middle of a file: what is whole there is not sent again.

use std::sync::Arc;

use rst_model::{Cancel, event::Reporter};
use serde_json::{Value, json};

use super::{
    IndexFiles, IndexOutcome, Publication, PublishError, Published, Repository, Token,
    api::Api,
    index_release::IndexRelease,
    releases::{Assets, Releases, Upload},
};

/// A repository that is published to.
pub struct GitHub {
    releases: Releases,
}

impl GitHub {
    /// A repository, and what lets us in.
    pub fn new(repository: Repository, token: Token, cancel: Cancel, reporter: Arc<dyn Reporter>) -> Self {
        Self { releases: Releases { api: Api::new(repository, token, cancel, reporter) } }
    }

    /// Publishes a release, or goes on where an earlier run was stopped, and then the index.
    pub fn publish(&self, publication: &Publication) -> Result<Published, PublishError> {
        let releases = &self.releases;
        let tag = publication.record.tag.to_string();
        let index = IndexRelease::look(releases, &publication.index)?;
        index.warn_of_missing(&publication.record.tag);
        releases.check_tag(&tag, &publication.record.commit)?;
        let mut release = releases.find_or_create(&tag, &page(publication, true))?;
        let there = releases.api.persist(&tag, |_| releases.assets(&release))?;
        let already = !release.draft;
        if already {
            self.compare(publication, &there)?;
        } else {
            self.refuse_others(publication, &there)?;
            for (name, expected) in &publication.files {
                let upload = Upload { file: &publication.path(name), name, expected: *expected };
                releases.settle(&release, upload, there.get(name))?;
            }
            // What another process did meanwhile is seen before anybody else sees it.
            let there = releases.api.persist(&tag, |_| releases.assets(&release))?;
            self.compare(publication, &there)?;
            release = releases.publish(&release, &page(publication, false))?;
        }
        let index = index.replace(Some(&publication.record.commit))?;
        Ok(Published { place: release.html_url, already, index })
    }

    /// Publishes an index alone.
    pub fn publish_index(&self, index: &IndexFiles) -> Result<IndexOutcome, PublishError> {
        IndexRelease::look(&self.releases, index)?.replace(None)
    }

    /// Whatever is there, whole or not, is of the release, and whatever is whole has its bytes.
    fn refuse_others(&self, publication: &Publication, there: &Assets) -> Result<(), PublishError> {
        let tag = publication.record.tag.to_string();
        for (name, asset) in there {
            let Some(expected) = publication.files.get(name) else {
                return Err(self.other(publication, "those of release.json", name));
            };
            if asset.is_whole() {
                self.releases.api.persist(name, |_| self.releases.same(&tag, asset, *expected))?;
            }
        }
        Ok(())
    }

    /// All files are there as they are here, and no other.
    fn compare(&self, publication: &Publication, there: &Assets) -> Result<(), PublishError> {
        self.refuse_others(publication, there)?;
        match publication.files.keys().find(|name| there.get(*name).is_none_or(|asset| !asset.is_whole())) {
            Some(missing) => Err(self.other(publication, missing, "no such file, or a part of it")),
            None => Ok(()),
        }
    }

    fn other(&self, publication: &Publication, expected: &str, found: &str) -> PublishError {
        publication.other(&self.releases.api.repository.url, "files", expected, found)
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
