//! The two platforms, and what each toolchain calls them.

use std::{fmt, str::FromStr};

use serde::{Deserialize, Serialize};

/// A processor architecture, by its OCI name.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum Arch {
    /// x86_64
    Amd64,
    /// aarch64
    Arm64,
}

impl Arch {
    /// Every architecture there is.
    pub const ALL: [Arch; 2] = [Arch::Amd64, Arch::Arm64];

    /// The architecture this program was compiled for, which is that of the building machine.
    pub const HOST: Arch = if cfg!(target_arch = "aarch64") { Arch::Arm64 } else { Arch::Amd64 };

    /// The name that GNU triples, Zig, Rust and `uname -m` use.
    pub fn cpu(self) -> &'static str {
        match self {
            Arch::Amd64 => "x86_64",
            Arch::Arm64 => "aarch64",
        }
    }

    /// The name that OCI, Go and Debian use.
    pub fn oci(self) -> &'static str {
        match self {
            Arch::Amd64 => "amd64",
            Arch::Arm64 => "arm64",
        }
    }
}

/// What a program is built for. The operating system is always Linux.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[serde(into = "String", try_from = "String")]
pub struct Platform {
    /// Its processor.
    pub arch: Arch,
}

impl Platform {
    /// The platform of the building machine.
    pub const HOST: Platform = Platform { arch: Arch::HOST };

    /// `linux-amd64`, as in the names of archives.
    pub fn dashed(self) -> String {
        format!("linux-{}", self.arch.oci())
    }

    /// `x86_64-linux-musl`, as Zig and autotools' `--host` name it.
    pub fn musl_triple(self) -> String {
        format!("{}-linux-musl", self.arch.cpu())
    }

    /// `x86_64-unknown-linux-musl`, Rust's target.
    pub fn rust_triple(self) -> String {
        format!("{}-unknown-linux-musl", self.arch.cpu())
    }
}

/// The text names no platform that is built here.
#[derive(Debug, thiserror::Error)]
#[error("`{0}` is no platform: expected linux/amd64 or linux/arm64")]
pub struct PlatformError(String);

impl fmt::Display for Platform {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "linux/{}", self.arch.oci())
    }
}

impl FromStr for Platform {
    type Err = PlatformError;
    fn from_str(text: &str) -> Result<Self, PlatformError> {
        Arch::ALL
            .into_iter()
            .map(|arch| Platform { arch })
            .find(|platform| platform.to_string() == text)
            .ok_or_else(|| PlatformError(text.to_owned()))
    }
}

impl From<Platform> for String {
    fn from(platform: Platform) -> Self {
        platform.to_string()
    }
}

impl TryFrom<String> for Platform {
    type Error = PlatformError;
    fn try_from(text: String) -> Result<Self, PlatformError> {
        text.parse()
    }
}
