//! `rst verify`

use std::{path::Path, time::SystemTime};

use fs_err as fs;
use rst_model::toml_file;
use rst_release::{CHECKSUMS, INDEX, Index, PROVENANCE, ReleaseError};
use rst_sign::{Release, Verified, Verifier, bundle_path};
use serde_json::json;

use super::CommandError;
use crate::{args::VerifyArgs, render, setup::Setup};

pub fn verify(setup: &Setup, arguments: &VerifyArgs) -> Result<(), CommandError> {
    let release = match &arguments.release {
        Some(path) => Release::parse(&toml_file::named(path.display().to_string(), fs::read_to_string(path)?))?,
        None => Release::built_in(),
    };
    let verifier = verifier(release, arguments.key.as_deref(), arguments.trusted_root.as_deref())?;
    for file in &arguments.files {
        let signature = signature(&verifier, file)?;
        let provenance = arguments.provenance.as_ref().map(|bundle| verifier.provenance(file, bundle)).transpose()?;
        if is_called(file, INDEX) {
            let index = Index::parse(&fs::read(file)?).map_err(ReleaseError::from)?;
            index.check(SystemTime::now().into(), arguments.seen).map_err(ReleaseError::from)?;
        }
        let words = render::signature(&file.display().to_string(), &signature, provenance.is_some());
        let verified = json!({ "event": "verified", "file": file, "signature": signature, "provenance": provenance });
        render::done(&words, &verified, setup.format())?;
    }
    Ok(())
}

/// By the file's own signature, or, since a release signs a few of its files alone, by that of the checksums beside it.
fn signature(verifier: &Verifier, file: &Path) -> Result<Verified, CommandError> {
    let own = bundle_path(file);
    let sums = file.with_file_name(CHECKSUMS);
    // The provenance's bundle holds a statement, and is no signature over the file.
    let has_own = own.is_file() && !is_called(file, PROVENANCE);
    let by_sums = match !has_own && sums.is_file() {
        true => verifier.listed(file, &sums, &bundle_path(&sums))?,
        false => None,
    };
    Ok(by_sums.map_or_else(|| verifier.file(file, &own), Ok)?)
}

fn is_called(file: &Path, name: &str) -> bool {
    file.file_name().is_some_and(|it| it == name)
}

/// Who believes the owner of a key, or else the release's workflow.
pub fn verifier(release: Release, key: Option<&Path>, trusted_root: Option<&Path>) -> Result<Verifier, CommandError> {
    Ok(match key {
        Some(key) => Verifier::of_key(release, key)?,
        None => Verifier::of_release(release, trusted_root)?,
    })
}
