//! Debian's pool, from the mirror that this machine's apt is set up with.

use std::{io::Read as _, path::PathBuf, process::Command};

use fs_err as fs;
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

impl Desk<'_> {
    /// The text of one of a suite's lists, by the digest in its signed release file.
    pub(crate) fn debian_index(&self, suite: &str, index: &str) -> Result<String, OriginError> {
        let release = self.debian_release(suite)?;
        let expected: Digest = release
            .lines()
            .filter_map(|line| line.split_whitespace().collect::<Vec<_>>().try_into().ok())
            .find_map(|[digest, _size, name]: [&str; 3]| (name == index).then(|| digest.parse().ok()).flatten())
            .ok_or_else(|| OriginError::reason(format!("{suite} has no SHA-256 for {index}")))?;
        let file = deliver(self, &format!("dists/{suite}/{index}"), Some(expected))?;
        crate::check(&file, expected)?;
        let mut text = String::new();
        rst_archive::xz(fs::File::open(&file)?).read_to_string(&mut text)?;
        Ok(text)
    }

    /// The text of a suite's release file, once its signature is checked with Debian's archive keys.
    pub(crate) fn debian_release(&self, suite: &str) -> Result<String, OriginError> {
        let release = deliver(self, &format!("dists/{suite}/InRelease"), None)?;
        let keyring = "/usr/share/keyrings/debian-archive-keyring.gpg";
        let mut gpgv = Command::new("gpgv");
        gpgv.args(["--keyring", keyring, "--output", "-"]).arg(release);
        let output = client::run(&mut gpgv, self.fetcher).map_err(|error| {
            OriginError::reason(format!(
                "Debian's signature is not good ({error}); gpgv and debian-archive-keyring are needed"
            ))
        })?;
        Ok(String::from_utf8_lossy(&output.stdout).into_owned())
    }
}

impl Fetcher {
    /// The first mirror of Debian, for who installs packages; or why there is none.
    pub fn debian_mirror(&self) -> Result<String, String> {
        match self.debian_mirrors() {
            Ok(mirrors) => Ok(mirrors.into_iter().next().expect("at least one, or an error")),
            Err(error) => Err(error.to_string()),
        }
    }

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
        apt.args(["indextargets", "--format", "$(ORIGIN)|$(LABEL)|$(REPO_URI)", "Created-By: Packages"]);
        let output = client::run(&mut apt, self)
            .map_err(|error| OriginError::reason(format!("no apt to ask for a Debian mirror ({error}); {HINT}")))?;
        let mirrors = pools(&String::from_utf8_lossy(&output.stdout));
        match mirrors.is_empty() {
            true => Err(OriginError::reason(format!("this machine's apt knows no Debian mirror; {HINT}"))),
            false => Ok(mirrors),
        }
    }
}

/// The mirrors of Debian itself among apt's, each once: as the release files call themselves, or, before
/// the first `apt-get update`, as the URL does.
fn pools(targets: &str) -> Vec<String> {
    let mut mirrors: Vec<String> = targets
        .lines()
        .filter_map(|line| {
            let mut fields = line.trim().splitn(3, '|');
            let (origin, label, uri) = (fields.next()?, fields.next()?, fields.next()?.trim_end_matches('/'));
            let debian = match (origin, label) {
                ("", _) => uri.ends_with("/debian"),
                named => named == ("Debian", "Debian"),
            };
            (debian && uri.starts_with("http")).then(|| uri.to_owned())
        })
        .collect();
    mirrors.sort();
    mirrors.dedup();
    mirrors
}

#[cfg(test)]
mod tests {
    #[test]
    fn only_debians_own_pool_is_taken() {
        let targets = "Debian|Debian|https://a.example/pub/deb/\nDebian|Debian-Security|https://a.example/debian-security/\n\
                       Ubuntu|Ubuntu|https://b.example/ubuntu/\n||https://c.example/debian/\n||https://c.example/other/\n\
                       Debian|Debian|https://a.example/pub/deb\nDebian|Debian|file:/srv/debian/\n";
        assert_eq!(super::pools(targets), ["https://a.example/pub/deb", "https://c.example/debian"]);
    }
}
