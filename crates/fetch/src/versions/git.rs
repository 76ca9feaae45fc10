//! Git repositories, through git: a tag for each version. What upstream withdraws loses its tag.

use std::process::Command;

use regex::Regex;
use rst_model::Version;

use crate::{client, error::OriginError, origin::Desk};

pub(super) fn versions(desk: &Desk, url: &str, tag: &str) -> Result<Vec<Version>, OriginError> {
    let mut git = Command::new("git");
    git.args(["ls-remote", "--tags", "--refs", "--", url]).current_dir(desk.scratch).env("GIT_TERMINAL_PROMPT", "0");
    let output = client::run(&mut git, desk.fetcher)?;
    let whole = Regex::new(&format!("^(?:{tag})$")).map_err(|error| OriginError::reason(error.to_string()))?;
    let text = String::from_utf8_lossy(&output.stdout);
    let tags = text.lines().filter_map(|line| line.split_once("\trefs/tags/").map(|(_, tag)| tag));
    let versions = tags.filter_map(|tag| Some(Version::new(&whole.captures(tag)?["version"])));
    some(versions.collect(), "tags", tag)
}

/// A place without a single version is not what the recipe takes it for.
pub(super) fn some(versions: Vec<Version>, what: &str, pattern: &str) -> Result<Vec<Version>, OriginError> {
    if versions.is_empty() {
        return Err(OriginError::reason(format!("it has no {what} like `{pattern}`")));
    }
    Ok(versions)
}
