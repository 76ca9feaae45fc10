//! `index.json`: every release, for those who automate downloads. Its number grows and its expiry is near, so that
//! nobody can be served an older one (rollback) or the same one for ever (freeze).

use std::collections::BTreeMap;

use chrono::{DateTime, SecondsFormat, TimeDelta, Utc};
use rst_model::{Releases, Tag, Version};
use serde::{Deserialize, Serialize};

use crate::{
    Record,
    record::{ArchiveRecord, FileRecord},
};

/// Its name.
pub const INDEX: &str = "index.json";
/// How long an index is good for. It is renewed weekly, so that a fortnight of quiet is a fault.
const GOOD_FOR: TimeDelta = TimeDelta::days(14);

/// All releases.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct Index {
    /// The format of this file.
    pub format: u32,
    /// One more than the index before it.
    pub number: u64,
    /// When it was made: RFC 3339, UTC.
    pub made: DateTime<Utc>,
    /// From when on it must not be believed.
    pub expires: DateTime<Utc>,
    /// Of each tool and line the oldest version without a hole that is known.
    pub minimum_secure: BTreeMap<String, BTreeMap<String, Version>>,
    /// In ascending order.
    pub releases: BTreeMap<Tag, IndexRelease>,
}

/// One release.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct IndexRelease {
    /// The components in it, and what built them.
    pub parts: BTreeMap<String, Version>,
    /// Its archives by name.
    pub archives: BTreeMap<String, ArchiveRecord>,
    /// The record of all its files, by digest.
    pub record: FileRecord,
}

/// Why an index is not believed.
#[derive(Debug, thiserror::Error, PartialEq, Eq)]
pub enum IndexError {
    /// It is none.
    #[error("it is no index of releases: {0}")]
    Unreadable(String),
    /// It is too old.
    #[error("it has expired: it was good until {expires}, and now it is {now}")]
    Expired {
        /// RFC 3339.
        expires: String,
        /// RFC 3339.
        now: String,
    },
    /// The clock is wrong, or it is.
    #[error("it is from the future: made {made}, and now it is {now}; is this machine's clock right?")]
    Future {
        /// RFC 3339.
        made: String,
        /// RFC 3339.
        now: String,
    },
    /// An older one than was seen before.
    #[error("it is older than one that was seen before: expected number {expected} or a later one, found {found}")]
    Replayed {
        /// At least.
        expected: u64,
        /// What it says.
        found: u64,
    },
    /// A release is never made twice.
    #[error("{tag} is released already, with other bytes: {file} has the SHA-256 {released} there, and {found} here")]
    Other {
        /// The release.
        tag: Tag,
        /// The first file that differs.
        file: String,
        /// As the index has it.
        released: String,
        /// As it is here.
        found: String,
    },
}

impl Index {
    const FORMAT: u32 = 1;
    /// How far the clocks of two machines may be apart.
    const SKEW: TimeDelta = TimeDelta::minutes(10);

    /// That of a repository without releases.
    pub fn empty(now: DateTime<Utc>) -> Self {
        Self {
            format: Self::FORMAT,
            number: 0,
            made: now,
            expires: now,
            minimum_secure: BTreeMap::new(),
            releases: BTreeMap::new(),
        }
    }

    /// Reads one whose signature has been checked.
    pub fn parse(text: &[u8]) -> Result<Self, IndexError> {
        let index: Self = serde_json::from_slice(text).map_err(|error| IndexError::Unreadable(error.to_string()))?;
        match index.format {
            Self::FORMAT => Ok(index),
            other => Err(IndexError::Unreadable(format!("format {other}, expected {}", Self::FORMAT))),
        }
    }

    /// Whether it may be believed now, by somebody who has seen the index of this number.
    pub fn check(&self, now: DateTime<Utc>, seen: u64) -> Result<(), IndexError> {
        let text = |time: DateTime<Utc>| time.to_rfc3339_opts(SecondsFormat::Secs, true);
        if self.number < seen {
            return Err(IndexError::Replayed { expected: seen, found: self.number });
        }
        if now >= self.expires {
            return Err(IndexError::Expired { expires: text(self.expires), now: text(now) });
        }
        if self.made > now + Self::SKEW {
            return Err(IndexError::Future { made: text(self.made), now: text(now) });
        }
        Ok(())
    }

    /// The next one: with this release, if there is a new one.
    pub fn next(
        mut self,
        release: Option<(&Record, FileRecord)>,
        releases: &Releases,
        now: DateTime<Utc>,
    ) -> Result<Self, IndexError> {
        if let Some((record, file)) = release {
            let new = IndexRelease { parts: record.parts.clone(), archives: record.archives.clone(), record: file };
            if let Some(old) = self.releases.get(&record.tag) {
                same(&record.tag, old, &new)?;
            }
            self.releases.insert(record.tag.clone(), new);
        }
        let minimum = releases.tool.iter().map(|(tool, of)| (tool.clone(), of.minimum_secure.clone()));
        Ok(Self {
            number: self.number + 1,
            made: now,
            expires: now + GOOD_FOR,
            minimum_secure: minimum.collect(),
            ..self
        })
    }

    /// The release of the same tool before this one, in its line or an older one.
    pub fn before(&self, tag: &Tag) -> Option<(&Tag, &IndexRelease)> {
        self.releases.range(..tag).next_back().filter(|(before, _)| before.tool == tag.tool)
    }
}

fn same(tag: &Tag, old: &IndexRelease, new: &IndexRelease) -> Result<(), IndexError> {
    let digest = |release: &IndexRelease, file: &str| {
        release.archives.get(file).map_or("no such file".to_owned(), |archive| archive.file.sha256.to_string())
    };
    let names = old.archives.keys().chain(new.archives.keys());
    let mut differing = names.filter(|name| old.archives.get(*name) != new.archives.get(*name));
    match differing.next() {
        None => Ok(()),
        Some(file) => Err(IndexError::Other {
            tag: tag.clone(),
            file: file.clone(),
            released: digest(old, file),
            found: digest(new, file),
        }),
    }
}

#[cfg(test)]
mod tests {
    use rst_model::Digest;

    use super::*;

    fn now() -> DateTime<Utc> {
        DateTime::from_timestamp(1_790_000_000, 0).unwrap()
    }

    fn record(tag: &str, bytes: &str) -> Record {
        let file = FileRecord { sha256: Digest::of(bytes), size: 1 };
        let platform = "linux/amd64".parse().unwrap();
        let archive = ArchiveRecord { platform, variant: "podman-full".to_owned(), file };
        Record {
            format: Record::FORMAT,
            tag: tag.parse().unwrap(),
            latest: false,
            commit: String::new(),
            parts: BTreeMap::from([("crun".to_owned(), Version::new("1.21"))]),
            archives: BTreeMap::from([("podman-full-linux-amd64.tar.zst".to_owned(), archive)]),
            files: BTreeMap::new(),
        }
    }

    fn with(index: Index, tag: &str, bytes: &str) -> Result<Index, IndexError> {
        let file = FileRecord { sha256: Digest::of("record"), size: 1 };
        index.next(Some((&record(tag, bytes), file)), &Releases::default(), now())
    }

    fn index() -> Index {
        let first = with(Index::empty(now()), "podman-v6.0.2", "a").unwrap();
        with(first, "podman-v5.8.6", "b").unwrap()
    }

    #[test]
    fn what_is_written_is_read() {
        let text = serde_json::to_vec(&index()).unwrap();
        assert_eq!(Index::parse(&text).unwrap(), index());
        assert_eq!(index().number, 2);
    }

    #[test]
    fn releases_are_in_order_of_version_then_revision() {
        let index = with(with(index(), "podman-v6.0.2-r2", "c").unwrap(), "podman-v6.0.10", "d").unwrap();
        let tags: Vec<_> = index.releases.keys().map(ToString::to_string).collect();
        assert_eq!(tags, ["podman-v5.8.6", "podman-v6.0.2", "podman-v6.0.2-r2", "podman-v6.0.10"]);
        let before = |tag: &str| index.before(&tag.parse().unwrap()).map(|(tag, _)| tag.to_string());
        assert_eq!(before("podman-v6.0.10").as_deref(), Some("podman-v6.0.2-r2"));
        assert_eq!(before("podman-v5.8.6"), None);
        assert_eq!(before("skopeo-v9"), None);
    }

    #[test]
    fn the_same_release_may_be_made_again_but_not_with_other_bytes() {
        with(index(), "podman-v6.0.2", "a").unwrap();
        let error = with(index(), "podman-v6.0.2", "other").unwrap_err();
        assert!(
            error.to_string().starts_with("podman-v6.0.2 is released already, with other bytes: podman-full-linux")
        );
    }

    #[test]
    fn an_old_a_replayed_and_a_future_index_are_not_believed() {
        let index = index();
        index.check(now(), 2).unwrap();
        assert_eq!(index.check(now(), 3), Err(IndexError::Replayed { expected: 3, found: 2 }));
        let late = now() + TimeDelta::days(14);
        assert!(matches!(index.check(late, 2), Err(IndexError::Expired { .. })));
        assert!(matches!(index.check(now() - TimeDelta::hours(1), 2), Err(IndexError::Future { .. })));
        index.check(now() - TimeDelta::minutes(9), 2).unwrap();
    }

    #[test]
    fn what_is_no_index_is_said_to_be_none() {
        for text in [
            "",
            "{}",
            "[]",
            r#"{"format":2,"number":1,"made":"2026-01-01T00:00:00Z","expires":"2026-01-01T00:00:00Z","minimumSecure":{},"releases":{}}"#,
        ] {
            assert!(matches!(Index::parse(text.as_bytes()), Err(IndexError::Unreadable(_))), "{text}");
        }
    }
}
