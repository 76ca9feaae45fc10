//! The configuration file: `$XDG_CONFIG_HOME/rst/config.toml`. Whatever is typed or stands in the
//! environment comes before it.

use std::path::{Path, PathBuf};

use fs_err as fs;
use miette::{Diagnostic, NamedSource, SourceSpan};
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

/// A file that is there and is no configuration.
#[derive(Debug, thiserror::Error, Diagnostic)]
#[error("{message}")]
#[diagnostic(help("it may have: store, mirror, debian-mirror, jobs"))]
pub struct ConfigError {
    message: String,
    #[source_code]
    text: NamedSource<String>,
    #[label("here")]
    at: SourceSpan,
}

impl Config {
    /// Reads the file; there need not be one.
    pub fn read(path: &Path) -> Result<Self, crate::commands::CommandError> {
        let text = match fs::read_to_string(path) {
            Err(error) if error.kind() == std::io::ErrorKind::NotFound => return Ok(Self::default()),
            other => other?,
        };
        toml::from_str(&text).map_err(|error| {
            let at = error.span().unwrap_or(0..0).into();
            let message = error.message().to_owned();
            ConfigError { message, at, text: NamedSource::new(path.display().to_string(), text).with_language("TOML") }
                .into()
        })
    }
}
