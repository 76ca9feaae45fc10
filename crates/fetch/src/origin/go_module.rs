//! Go modules, through the go command: it checks each against the checksum database before it is
//! opened, and we compare its digest with the pinned one.

use std::process::Command;

use super::{Delivered, Desk};
use crate::{client, error::OriginError};

/// `PATH@vVERSION`; also gives the module's h1 digest.
pub(crate) fn deliver(desk: &Desk, spec: &str, expected: Option<&str>) -> Result<(Delivered, String), OriginError> {
    let output = client::run(go(desk).args(["mod", "download", "-json", spec]), desk.fetcher)?;
    let answer: serde_json::Value = serde_json::from_slice(&output.stdout)
        .map_err(|error| OriginError::reason(format!("`go mod download` gave no JSON: {error}")))?;
    let field = |name: &str| {
        let value = answer.get(name).and_then(|value| value.as_str());
        value.map(str::to_owned).ok_or_else(|| OriginError::reason(format!("`go mod download` gave no {name}")))
    };
    let (zip, sum) = (field("Zip")?, field("Sum")?);
    if let Some(expected) = expected.filter(|expected| *expected != sum) {
        return Err(OriginError::WrongBytes { expected: expected.to_owned(), found: sum });
    }
    Ok((Delivered::Archive { file: zip.into(), strip: Some(depth(spec)) }, sum))
}

/// The go command, as this machine has it, with a cache that is gone afterwards.
pub(crate) fn go(desk: &Desk) -> Command {
    let mut go = Command::new("go");
    go.current_dir(desk.scratch)
        .env("GOMODCACHE", desk.scratch.join("modules"))
        .env("GOFLAGS", "-modcacherw")
        .env("GOTOOLCHAIN", "local")
        .env("GO111MODULE", "on")
        .env("GOWORK", "off");
    go
}

/// A module's archive holds everything below `PATH@vVERSION/`.
pub(super) fn depth(spec: &str) -> usize {
    spec.split('/').count()
}
