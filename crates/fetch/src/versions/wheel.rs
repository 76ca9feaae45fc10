//! Wheels, through pip: what it would install, which is neither withdrawn nor a preview.

use std::process::Command;

use rst_model::Version;
use serde::Deserialize;

use crate::{
    client,
    error::OriginError,
    origin::{Desk, wheel},
};

pub(super) fn newest(desk: &Desk, name: &str) -> Result<Vec<Version>, OriginError> {
    #[derive(Deserialize)]
    struct Report {
        install: Vec<Install>,
    }
    #[derive(Deserialize)]
    struct Install {
        metadata: Metadata,
    }
    #[derive(Deserialize)]
    struct Metadata {
        version: String,
    }
    let mut pip = Command::new("python3");
    pip.args(["-m", "pip", "install", "--dry-run", "--quiet", "--no-deps", "--ignore-installed", "--no-cache-dir"])
        .args(["--only-binary=:all:", "--report", "-", "--target"])
        .arg(desk.scratch.join("nothing"));
    for platform in wheel::platforms(desk) {
        pip.args(["--platform", &platform]);
    }
    pip.arg(name);
    let output = client::run(&mut pip, desk.fetcher)?;
    let report: Report = serde_json::from_slice(&output.stdout)
        .map_err(|error| OriginError::reason(format!("pip gave no report: {error}")))?;
    Ok(report.install.iter().map(|install| Version::new(&install.metadata.version)).collect())
}
