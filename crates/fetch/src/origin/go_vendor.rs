//! `go mod vendor`: the modules that a program needs, checked by its go.sum and the checksum database.

use std::{os::unix::fs::PermissionsExt, path::Path, process::Command};

use fs_err as fs;

use super::{Delivered, Desk};
use crate::{Wanted, client, error::OriginError};

pub(super) fn deliver(desk: &Desk, wanted: &Wanted) -> Result<Delivered, OriginError> {
    let vendoring =
        wanted.vendoring.as_ref().ok_or_else(|| OriginError::reason("its program's source is not known"))?;
    let source = desk.scratch.join("source");
    copy(&vendoring.source_tree, &source)?;
    // The pinned Go where there is one, so that what it vendors does not depend on the machine's.
    let go = vendoring.go.as_ref().map_or_else(|| "go".into(), |go| go.join("bin/go"));
    let mut go = Command::new(go);
    go.args(["mod", "vendor"])
        .current_dir(&source)
        .env_remove("GOROOT")
        .env("GOFLAGS", "-mod=mod -modcacherw")
        .env("GOTOOLCHAIN", "local")
        .env("GOWORK", "off");
    client::run(&mut go, desk.fetcher)?;
    Ok(Delivered::Tree(source.join("vendor")))
}

/// A writable copy of a folder.
pub(super) fn copy(from: &Path, to: &Path) -> Result<(), OriginError> {
    for entry in walkdir::WalkDir::new(from) {
        let entry = entry.map_err(std::io::Error::from)?;
        let at = to.join(entry.path().strip_prefix(from).unwrap_or(entry.path()));
        if entry.file_type().is_dir() {
            fs::create_dir_all(&at)?;
        } else if entry.file_type().is_symlink() {
            fs::os::unix::fs::symlink(fs::read_link(entry.path())?, &at)?;
        } else {
            fs::copy(entry.path(), &at)?;
            let executable = entry.metadata().map_err(std::io::Error::from)?.permissions().mode() & 0o111 != 0;
            fs::set_permissions(&at, PermissionsExt::from_mode(if executable { 0o755 } else { 0o644 }))?;
        }
    }
    Ok(())
}
