//! Wheels, through pip.

use std::{path::PathBuf, process::Command};

use fs_err as fs;
use rst_model::Arch;

use super::{Delivered, Desk};
use crate::{client, error::OriginError};

/// By the wheel's own file name: `NAME-VERSION-PYTHON-ABI-PLATFORM.whl`.
pub(super) fn deliver(desk: &Desk, file_name: &str) -> Result<Delivered, OriginError> {
    let parts: Vec<_> = file_name.trim_end_matches(".whl").split('-').collect();
    let [name, version, .., platforms] = parts[..] else {
        return Err(OriginError::reason("expected a wheel's file name"));
    };
    let file = download(desk, name, version, &platforms.split('.').map(str::to_owned).collect::<Vec<_>>())?;
    if file.file_name().is_none_or(|found| found != file_name) {
        return Err(OriginError::reason(format!("pip chose {} instead", file.display())));
    }
    Ok(Delivered::archive(file))
}

/// Whatever wheel pip chooses for a machine.
pub(crate) fn choose(desk: &Desk, name: &str, version: &str) -> Result<PathBuf, OriginError> {
    download(desk, name, version, &platforms(desk))
}

/// The kinds of wheel that serve. What runs on the build root's glibc comes first: pip takes the first
/// kind there is.
pub(crate) fn platforms(desk: &Desk) -> Vec<String> {
    let cpu = desk.wanted_host.unwrap_or(Arch::HOST).cpu();
    let kinds = [
        "manylinux_2_28",
        "manylinux_2_24",
        "manylinux_2_17",
        "manylinux2014",
        "manylinux_2_12",
        "manylinux2010",
        "musllinux_1_1",
    ];
    kinds.iter().map(|kind| format!("{kind}_{cpu}")).chain(["any".to_owned()]).collect()
}

fn download(desk: &Desk, name: &str, version: &str, platforms: &[String]) -> Result<PathBuf, OriginError> {
    let to = desk.scratch.join("wheels");
    let mut pip = Command::new("python3");
    pip.args(["-m", "pip", "download", "--quiet", "--no-deps", "--only-binary=:all:", "--no-cache-dir", "--dest"])
        .arg(&to);
    for platform in platforms {
        pip.args(["--platform", platform]);
    }
    pip.arg(format!("{name}=={version}"));
    client::run(&mut pip, desk.fetcher)?;
    let entry = fs::read_dir(to)?.next().ok_or_else(|| OriginError::reason("pip left no file"))??;
    Ok(entry.path())
}
