//! Pages that name files: the listing of a folder that a server gives.

use fs_err as fs;
use regex::Regex;
use rst_model::Version;

use super::git::some;
use crate::{error::OriginError, origin::Desk};

pub(super) fn versions(desk: &Desk, url: &str, file: &str) -> Result<Vec<Version>, OriginError> {
    let to = desk.scratch.join("page");
    desk.fetcher.http.download(url, &[], &to, &desk.fetcher.cancel, &|_| ())?;
    let names = Regex::new(file).map_err(|error| OriginError::reason(error.to_string()))?;
    let page = fs::read(to)?;
    let page = String::from_utf8_lossy(&page);
    let versions = names.captures_iter(&page).map(|found| Version::new(&found["version"]));
    some(versions.collect(), "files", file)
}
