//! Why a release is not published.

use std::time::Duration;

use miette::Diagnostic;
use rst_model::Tag;

use crate::ReleaseError;

/// Why a release was not published. What was sent before stays, as a draft, and the next run goes on from there.
#[derive(Debug, thiserror::Error, Diagnostic)]
pub enum PublishError {
    /// The folder is not what it says.
    #[error(transparent)]
    #[diagnostic(transparent)]
    Release(#[from] ReleaseError),
    /// Nobody vouches for it.
    #[error("{what} is not signed: expected {bundle} in its folder, and there is none")]
    #[diagnostic(help("release it with a key or an identity (rst release); --unsigned publishes it as it is"))]
    Unsigned {
        /// A release's tag, or the index.
        what: String,
        /// What is missing.
        bundle: String,
    },
    /// The index that lies in the folder was made for another.
    #[error(
        "index.json does not have {tag} as it is here: expected release.json with SHA-256 {expected}, found {found}"
    )]
    #[diagnostic(help("make the release's folder again"))]
    NotIndexed {
        /// The release.
        tag: Tag,
        /// As it lies here.
        expected: String,
        /// As the index has it.
        found: String,
    },
    /// There is something else under this name.
    #[error("{tag} at {place} is not the one to be published: {claim}: expected {expected}, found {found}")]
    #[diagnostic(help(
        "somebody else changed it, and what is there is not overwritten: look at it, and remove by hand what should not \
         be there, or publish the next revision; then run this again"
    ))]
    Other {
        /// A release's tag, or `index`.
        tag: String,
        /// The repository or folder.
        place: String,
        /// What is compared.
        claim: String,
        /// As it is here.
        expected: String,
        /// As it is there.
        found: String,
    },
    /// No request makes sense without.
    #[error("the token has letters that no token has")]
    #[diagnostic(help("GITHUB_TOKEN or GH_TOKEN must be the token alone, without a line end or quotes"))]
    Token,
    /// The server does not want to.
    #[error("{request}: the server answered {status}: {message}")]
    #[diagnostic(help("{help}"))]
    Refused {
        /// The method and path.
        request: String,
        /// HTTP's.
        status: u16,
        /// The server's words.
        message: String,
        /// What to do.
        help: String,
    },
    /// The server answers what nobody understands.
    #[error("{request}: expected the answer of GitHub's API, found something else: {reason}")]
    #[diagnostic(help("is --api, or `repository` in release.toml, the address of GitHub's API?"))]
    Answer {
        /// The method and path.
        request: String,
        /// Why.
        reason: String,
    },
    /// It was tried often enough.
    #[error("{what}: {reason} (tried {attempts} times)")]
    #[diagnostic(help("run this again later: it goes on where it stopped"))]
    Unreachable {
        /// What was done.
        what: String,
        /// The last reason.
        reason: String,
        /// How often.
        attempts: u32,
    },
    /// The server asks for more patience than is reasonable.
    #[error("{what}: too many requests were made, and the server wants none before {until} (in {} minutes)", minutes(*.wait))]
    #[diagnostic(help("run this again then: it goes on where it stopped"))]
    RateLimited {
        /// What was done.
        what: String,
        /// RFC 3339.
        until: String,
        /// From now on.
        wait: Duration,
    },
    /// Asked to stop.
    #[error("interrupted")]
    Cancelled,
    /// A file could not be read or written.
    #[error(transparent)]
    Io(#[from] std::io::Error),
}

fn minutes(wait: Duration) -> u64 {
    wait.as_secs().div_ceil(60)
}

impl From<rst_fetch::Cancelled> for PublishError {
    fn from(_: rst_fetch::Cancelled) -> Self {
        Self::Cancelled
    }
}
