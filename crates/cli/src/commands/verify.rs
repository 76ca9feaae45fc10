//! `rst verify`

use fs_err as fs;
use rst_model::toml_file;
use rst_sign::{Release, Verifier, bundle_path};
use serde_json::json;

use super::CommandError;
use crate::{args::VerifyArgs, render, setup::Setup};

pub fn verify(setup: &Setup, arguments: &VerifyArgs) -> Result<(), CommandError> {
    let release = match &arguments.release {
        Some(path) => Release::parse(&toml_file::named(path.display().to_string(), fs::read_to_string(path)?))?,
        None => Release::built_in(),
    };
    let verifier = match &arguments.key {
        Some(key) => Verifier::of_key(release, key)?,
        None => Verifier::of_release(release, arguments.trusted_root.as_deref())?,
    };
    for file in &arguments.files {
        let signature = verifier.file(file, &bundle_path(file))?;
        let provenance = arguments.provenance.as_ref().map(|bundle| verifier.provenance(file, bundle)).transpose()?;
        let words = render::signature(&file.display().to_string(), &signature, provenance.is_some());
        let verified = json!({ "event": "verified", "file": file, "signature": signature, "provenance": provenance });
        render::done(&words, &verified, setup.format())?;
    }
    Ok(())
}
