//! Debian's pool, from the mirror that this machine's apt is set up with.

use std::{path::PathBuf, process::Command};

use rst_model::Digest;

use super::Desk;
use crate::{Fetcher, client, error::OriginError};

/// What to do where apt is not Debian's.
const HINT: &str = "set RST_DEBIAN_MIRROR, or debian-mirror in rst's config.toml, to a Debian mirror's URL, or give a folder \
                    that has the files: --mirror FOLDER";

pub(crate) fn deliver(desk: &Desk, path: &str, expected: Option<Digest>) -> Result<PathBuf, OriginError> {
    let mut reasons = Vec::new();
    for base in desk.fetcher.debian_mirrors()? {
        match desk.download(&format!("{base}/{path}"), expected) {
            Err(OriginError::Reason(reason)) => reasons.push(format!("{base}: {reason}")),
            other => return other,
        }
    }
    Err(OriginError::reason(reasons.join("; ")))
}

impl Fetcher {
    /// The mirrors to ask, without a trailing slash.
    pub(crate) fn debian_mirrors(&self) -> Result<Vec<String>, OriginError> {
        if let Some(mirror) = &self.settings.debian_mirror {
            return Ok(vec![mirror.trim_end_matches('/').to_owned()]);
        }
        let asked = self.debian.get_or_init(|| self.ask_apt().map_err(|error| error.to_string()));
        asked.clone().map_err(OriginError::reason)
    }

    fn ask_apt(&self) -> Result<Vec<String>, OriginError> {
        let mut apt = Command::new("apt-get");
        apt.args(["indextargets", "--format", "$(REPO_URI)", "Created-By: Packages"]);
        let output = client::run(&mut apt, self)
            .map_err(|error| OriginError::reason(format!("no apt to ask for a Debian mirror ({error}); {HINT}")))?;
        let mut mirrors: Vec<String> = String::from_utf8_lossy(&output.stdout)
            .lines()
            .map(|line| line.trim().trim_end_matches('/').to_owned())
            .filter(|uri| uri.starts_with("http") && uri.contains("debian") && !uri.contains("security"))
            .collect();
        mirrors.sort();
        mirrors.dedup();
        match mirrors.is_empty() {
            true => Err(OriginError::reason(format!("this machine's apt knows no Debian mirror; {HINT}"))),
            false => Ok(mirrors),
        }
    }
}
