//! What a check is.

use serde::{Deserialize, Serialize};

use crate::person::Person;

/// Who does it. Each is a user of their own.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum Who {
    /// Has subordinate ids and a cgroup: a session on a common distribution.
    Person,
    /// Has subordinate ids, and works while the person does, so that two processors do.
    Colleague,
    /// Has neither: clusters, storage boxes, hosts of others.
    Poor,
    /// Neither, and /etc/passwd does not know them: LDAP, or an id that somebody made up.
    Stranger,
    /// Has subordinate ids, and goes again: nothing of theirs must be left.
    Visitor,
    /// Has subordinate ids, on a host without nft, and may take /dev/net/tun away.
    Frugal,
}

impl Who {
    /// All of them.
    pub const ALL: [Self; 6] = [Self::Person, Self::Colleague, Self::Poor, Self::Stranger, Self::Visitor, Self::Frugal];

    /// User and group, which the host need not know.
    pub(crate) fn id(self) -> u32 {
        match self {
            Self::Person => 54_321,
            Self::Poor => 54_322,
            Self::Stranger => 54_323,
            Self::Visitor => 54_324,
            Self::Frugal => 54_325,
            Self::Colleague => 54_326,
        }
    }

    /// The name in /etc/passwd.
    pub(crate) fn name(self) -> Option<&'static str> {
        match self {
            Self::Person => Some("person"),
            Self::Colleague => Some("colleague"),
            Self::Poor => Some("poor"),
            Self::Stranger => None,
            Self::Visitor => Some("visitor"),
            Self::Frugal => Some("frugal"),
        }
    }

    /// The first of 65536 subordinate ids.
    pub(crate) fn subordinate(self) -> Option<u32> {
        match self {
            Self::Person => Some(200_000),
            Self::Poor | Self::Stranger => None,
            Self::Visitor => Some(300_000),
            Self::Frugal => Some(400_000),
            Self::Colleague => Some(500_000),
        }
    }
}

/// When a check is done that nobody has asked for by its name.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize)]
#[serde(rename_all = "kebab-case")]
pub enum When {
    /// Always.
    Always,
    /// When there is time for what takes minutes.
    Long,
    /// When there is an older archive to come from.
    Upgrade,
}

/// Something a person does, and what they must see.
#[derive(Clone, Copy)]
pub struct Check {
    /// `published-port`
    pub name: &'static str,
    /// What is true when it passes, in a sentence.
    pub says: &'static str,
    /// By whom.
    pub who: Who,
    /// Files of the archive without which it is no check of it.
    pub needs: &'static [&'static str],
    /// When it is done unasked.
    pub when: When,
    /// Does it.
    pub(crate) run: fn(&Person) -> Verdict,
}

impl Check {
    /// The same, at another time.
    pub(crate) const fn when(self, when: When) -> Self {
        Self { when, ..self }
    }
}

/// How a check ended.
pub(crate) type Verdict<T = ()> = Result<T, Miss>;

/// Why a check did not pass.
#[derive(Debug)]
pub(crate) enum Miss {
    /// What was seen is not what must be.
    Failed(String),
    /// It cannot be tried here.
    Impossible(String),
}

impl From<std::io::Error> for Miss {
    fn from(error: std::io::Error) -> Self {
        Self::Failed(error.to_string())
    }
}

/// A failure in words.
pub(crate) fn failed<T>(reason: impl Into<String>) -> Verdict<T> {
    Err(Miss::Failed(reason.into()))
}

/// It cannot be tried here.
pub(crate) fn impossible<T>(reason: impl Into<String>) -> Verdict<T> {
    Err(Miss::Impossible(reason.into()))
}

/// Both must be equal.
pub(crate) fn same(found: &str, expected: &str) -> Verdict {
    if found == expected { Ok(()) } else { failed(format!("expected {expected:?}, found {found:?}")) }
}

/// One must be part of the other.
pub(crate) fn contains(found: &str, expected: &str) -> Verdict {
    if found.contains(expected) { Ok(()) } else { failed(format!("expected {expected:?} in {found:?}")) }
}

/// Tried until it passes, for a minute at most: a server, or a timer, needs a moment, and more where QEMU is the
/// processor.
pub(crate) fn patiently<T>(attempt: impl Fn() -> Verdict<T>) -> Verdict<T> {
    const PAUSE: std::time::Duration = std::time::Duration::from_millis(250);
    let begun = std::time::Instant::now();
    while begun.elapsed().as_secs() < 60 {
        if let Ok(answer) = attempt() {
            return Ok(answer);
        }
        std::thread::sleep(PAUSE);
    }
    attempt()
}
