//! Rust: the manifest of the stable channel, from where rustup has it.

use fs_err as fs;
use rst_model::Version;
use serde::Deserialize;

use crate::{error::OriginError, origin::Desk};

/// Where rustup asks unless RUSTUP_DIST_SERVER names another.
/// <https://rust-lang.github.io/rustup/environment-variables.html>
const SERVER: &str = "https://static.rust-lang.org";

pub(super) fn newest(desk: &Desk) -> Result<Vec<Version>, OriginError> {
    #[derive(Deserialize)]
    struct Manifest {
        pkg: Packages,
    }
    #[derive(Deserialize)]
    struct Packages {
        rustc: Package,
    }
    #[derive(Deserialize)]
    struct Package {
        /// `1.95.0 (59807616e 2026-04-14)`
        version: String,
    }
    let server = std::env::var("RUSTUP_DIST_SERVER").unwrap_or_else(|_| SERVER.to_owned());
    let file = desk.download(&format!("{server}/dist/channel-rust-stable.toml"), None)?;
    let manifest: Manifest = toml::from_str(&fs::read_to_string(file)?)
        .map_err(|error| OriginError::reason(format!("the channel's manifest cannot be read: {error}")))?;
    let version = manifest.pkg.rustc.version;
    Ok(vec![Version::new(version.split(' ').next().unwrap_or_default())])
}
