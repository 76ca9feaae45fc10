//! `rst verify`

use std::{path::Path, time::SystemTime};

use fs_err as fs;
use rst_model::toml_file;
use rst_release::{INDEX, Index, ReleaseError};
use rst_sign::{Release, Verifier, bundle_path};
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
        let signature = verifier.file(file, &bundle_path(file))?;
        let provenance = arguments.provenance.as_ref().map(|bundle| verifier.provenance(file, bundle)).transpose()?;
        if file.file_name().is_some_and(|name| name == INDEX) {
            let index = Index::parse(&fs::read(file)?).map_err(ReleaseError::from)?;
            index.check(SystemTime::now().into(), arguments.seen).map_err(ReleaseError::from)?;
        }
        let words = render::signature(&file.display().to_string(), &signature, provenance.is_some());
        let verified = json!({ "event": "verified", "file": file, "signature": signature, "provenance": provenance });
        render::done(&words, &verified, setup.format())?;
    }
    Ok(())
}

/// Who believes the owner of a key, or else the release's workflow.
pub fn verifier(release: Release, key: Option<&Path>, trusted_root: Option<&Path>) -> Result<Verifier, CommandError> {
    Ok(match key {
        Some(key) => Verifier::of_key(release, key)?,
        None => Verifier::of_release(release, trusted_root)?,
    })
}
