//! Rust as rustup has installed it. Its files are those of the official archives, so the pinned tree
//! tells whether they are whole.

use std::{path::PathBuf, process::Command};

use rst_model::recipe::SourceSpec;

use super::{Delivered, Desk};
use crate::{error::OriginError, shape};

/// Copies what the recipe keeps: rustup's own folder is the user's.
pub(super) fn deliver(desk: &Desk, toolchain: &str, spec: &SourceSpec) -> Result<Delivered, OriginError> {
    let from = folder(toolchain)?;
    let to = desk.scratch.join("toolchain");
    shape::copy_kept(&from, &to, spec, desk.wanted_host)?;
    Ok(Delivered::Tree(to))
}

/// Where rustup keeps a toolchain.
pub(crate) fn folder(toolchain: &str) -> Result<PathBuf, OriginError> {
    let missing = || {
        OriginError::reason(format!(
            "rustup has no toolchain {toolchain}; install it: rustup toolchain install {toolchain} --profile minimal"
        ))
    };
    let output = Command::new("rustup")
        .args(["run", toolchain, "rustc", "--print", "sysroot"])
        .env("RUSTUP_AUTO_INSTALL", "0")
        .output()
        .map_err(|_| missing())?;
    let folder = String::from_utf8_lossy(&output.stdout).trim().to_owned();
    if !output.status.success() || folder.is_empty() {
        return Err(missing());
    }
    Ok(PathBuf::from(folder))
}
