//! What upstream's tests are and what they need, for each tool.

use std::path::Path;

use fs_err as fs;
use rst_model::Version;
use serde::{Deserialize, Serialize};

use super::known::Known;

/// Whose programs are tried.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum Subject {
    /// The archive's.
    Ours,
    /// The distribution's.
    Debian,
}

/// Where the archive is unpacked in the root.
pub(super) const OURS: &str = "/opt/rst";
/// Which makes the images where the archive has no podman.
pub(super) const DEBIANS_PODMAN: &str = "/usr/bin/podman";
/// What upstream's tests damage a storage with; no archive has it.
const PODMAN_TESTING: &str = "/usr/libexec/podman/podman-testing";
/// Where the sources are in the root.
pub(super) const SOURCE: &str = "/src";

/// What the tests, or what makes their images, run beside the programs that are tried.
pub(super) const PACKAGES: [&str; 41] = [
    "aardvark-dns",
    "apache2-utils",
    "attr",
    "bats",
    "bsdextrautils",
    "bsdutils",
    "buildah",
    "busybox-static",
    "ca-certificates",
    "catatonit",
    "conmon",
    "crun",
    "curl",
    "docker-registry",
    "file",
    "fuse-overlayfs",
    "git",
    "gnupg",
    "hostname",
    "iproute2",
    "iputils-ping",
    "jq",
    "less",
    "lsof",
    "netavark",
    "netcat-openbsd",
    "nftables",
    "openssh-client",
    "openssl",
    "passt",
    "podman",
    "procps",
    "psmisc",
    "python3",
    "python3-yaml",
    "skopeo",
    "socat",
    "tzdata",
    "uidmap",
    "xz-utils",
    "zstd",
];

/// Upstream's tests of a tool.
pub(super) struct Suite {
    /// The tool, as it is called in build/lock.toml.
    pub tool: &'static str,
    /// Where they are in its source.
    pub folder: &'static str,
    /// How they are told what to try: a variable, the archive's program, Debian's.
    pub variables: &'static [(&'static str, &'static str, &'static str)],
    /// What of it cannot pass.
    table: &'static str,
}

const SUITES: [Suite; 2] = [PODMAN, SKOPEO];

const PODMAN: Suite = Suite {
    tool: "podman",
    folder: "test/system",
    variables: &[
        ("PODMAN", "/opt/rst/bin/podman", DEBIANS_PODMAN),
        ("QUADLET", "/opt/rst/lib/podman/quadlet", "/usr/libexec/podman/quadlet"),
        ("PODMAN_TESTING", PODMAN_TESTING, PODMAN_TESTING),
    ],
    table: include_str!("podman.toml"),
};

const SKOPEO: Suite = Suite {
    tool: "skopeo",
    folder: "systemtest",
    variables: &[("SKOPEO_BINARY", "/opt/rst/bin/skopeo", "/usr/bin/skopeo")],
    table: include_str!("skopeo.toml"),
};

impl Suite {
    /// That of a tool.
    pub(super) fn of(tool: &str) -> Option<&'static Self> {
        SUITES.iter().find(|suite| suite.tool == tool)
    }

    /// The names of its files, without `.bats`.
    pub(super) fn files(&self, source: &Path) -> std::io::Result<Vec<String>> {
        let mut files = Vec::new();
        for entry in fs::read_dir(source.join(self.folder))? {
            files.extend(entry?.file_name().to_string_lossy().strip_suffix(".bats").map(str::to_owned));
        }
        files.sort();
        Ok(files)
    }

    /// What is known to fail: of the archive's programs alone, since Debian's are only compared.
    pub(super) fn known(&self, subject: Subject, version: &Version) -> Known {
        match subject {
            Subject::Ours => Known::parse(self.table, version).expect("a test reads every table"),
            Subject::Debian => Known::default(),
        }
    }

    /// The podman that makes the images: the tool itself, or Debian's.
    pub(super) fn podman(&self, subject: Subject) -> &'static str {
        let podman = self.environment(subject).find(|(name, _)| *name == "PODMAN");
        podman.map_or(DEBIANS_PODMAN, |(_, path)| path)
    }

    /// The variables for whose programs are tried.
    pub(super) fn environment(&self, subject: Subject) -> impl Iterator<Item = (&'static str, &'static str)> {
        self.variables.iter().map(move |(name, ours, debian)| match subject {
            Subject::Ours => (*name, *ours),
            Subject::Debian => (*name, *debian),
        })
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_table_can_be_read() {
        for suite in &SUITES {
            Known::parse(suite.table, &Version::new("6.0.2")).unwrap();
        }
    }
}
