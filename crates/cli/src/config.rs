//! The configuration file: `$XDG_CONFIG_HOME/rst/config.toml`. Whatever is typed or stands in the
//! environment comes before it.

use std::path::{Path, PathBuf};

use fs_err as fs;
use rst_model::toml_file;
use serde::Deserialize;

/// What a person has chosen for good.
#[derive(Debug, Default, Deserialize)]
#[serde(deny_unknown_fields, rename_all = "kebab-case")]
pub struct Config {
    /// `--store`
    pub store: Option<PathBuf>,
    /// `--mirror`
    #[serde(default)]
    pub mirror: Vec<String>,
    /// `--debian-mirror`
    pub debian_mirror: Option<String>,
    /// `--jobs`
    pub jobs: Option<std::num::NonZeroU16>,
}

impl Config {
    /// Reads the file; there need not be one.
    pub fn read(path: &Path) -> Result<Self, crate::commands::CommandError> {
        let text = match fs::read_to_string(path) {
            Err(error) if error.kind() == std::io::ErrorKind::NotFound => return Ok(Self::default()),
            other => other?,
        };
        toml_file::parse(&toml_file::named(path.display().to_string(), text))
            .map_err(|error| error.with_help("it may have: store, mirror, debian-mirror, jobs".to_owned()).into())
    }
}
