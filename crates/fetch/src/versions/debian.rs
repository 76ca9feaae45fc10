//! Debian: which sources its newest suite has, and when a suite last changed; both by signed files.

use std::sync::{Mutex, OnceLock};

use rst_model::{
    Version,
    recipe::{DebianFile, SourceSpec},
};

use crate::{error::OriginError, origin::Desk};

/// Where new sources come first. The pool, from which they are fetched, has those of all suites.
const SUITE: &str = "sid";

/// The suite's list of sources, read once.
#[derive(Default)]
pub(crate) struct SourceIndex {
    text: OnceLock<Result<String, String>>,
    /// Who comes second waits for it.
    reading: Mutex<()>,
}

/// The versions whose file Debian has, by the file's name.
pub(super) fn versions(desk: &Desk, spec: &SourceSpec, file: &DebianFile) -> Result<Vec<Version>, OriginError> {
    let sources = sources(desk)?;
    let first = format!("Package: {}", file.package);
    let stanzas = sources.split("\n\n").filter(|stanza| stanza.lines().next() == Some(&first));
    let names = stanzas.flat_map(str::lines).filter_map(|line| line.strip_prefix(' ')?.split(' ').nth(2));
    let versions: Vec<_> = names.filter_map(|name| spec.version_in(&file.file, name)).collect();
    if versions.is_empty() {
        return Err(OriginError::reason(format!("{SUITE} has no file like {}", file.file)));
    }
    Ok(versions)
}

fn sources<'a>(desk: &Desk<'a>) -> Result<&'a str, OriginError> {
    let index = &desk.fetcher.sources;
    let _reading = index.reading.lock().unwrap_or_else(std::sync::PoisonError::into_inner);
    let read = || desk.debian_index(SUITE, "main/source/Sources.xz").map_err(|error| error.to_string());
    let text = index.text.get_or_init(read);
    text.as_deref().map_err(|reason| OriginError::reason(reason.clone()))
}

/// The day of the suite's last change, which is a version of what is made from it.
pub(super) fn suite_date(desk: &Desk, suite: &str) -> Result<Vec<Version>, OriginError> {
    let release = desk.debian_release(suite)?;
    let date = release.lines().find_map(|line| line.strip_prefix("Date: "));
    let date = date.ok_or_else(|| OriginError::reason(format!("{suite}'s release file has no Date")))?;
    let day = chrono::DateTime::parse_from_rfc2822(&date.replace("UTC", "+0000"))
        .map_err(|error| OriginError::reason(format!("{suite} is of `{date}`, which is no date: {error}")))?;
    Ok(vec![Version::new(&day.format("%Y-%m-%d").to_string())])
}
