//! The index made again without a new release, before it expires.

use std::path::Path;

use chrono::{DateTime, Utc};
use fs_err as fs;
use rst_model::Releases;
use rst_sign::Signer;

use crate::{
    INDEX, Index, IndexFiles, ReleaseError,
    folder::{pretty, whole},
};

/// Makes the folder `to`, in place of one that has an index alone, with the next index after this one. It is there
/// whole or not at all.
pub fn renew(
    before: Index,
    releases: &Releases,
    now: DateTime<Utc>,
    signer: Option<&Signer>,
    to: &Path,
) -> Result<Index, ReleaseError> {
    if to.exists() && !IndexFiles::are_alone_in(to)? {
        let reason = format!("it has more than {INDEX}, and is left as it is");
        return Err(ReleaseError::NoRelease { folder: to.to_owned(), reason });
    }
    let index = before.next(None, releases, now)?;
    whole(to, |part| {
        let path = part.join(INDEX);
        fs::write(&path, pretty(&index))?;
        if let Some(signer) = signer {
            signer.file(&path)?;
        }
        Ok(())
    })?;
    Ok(index)
}
