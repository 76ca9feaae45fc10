//! `rst renew`

use std::time::SystemTime;

use serde_json::json;

use super::{
    CommandError,
    release::{index, release_of},
};
use crate::{args::RenewArgs, render, setup::Setup};

pub fn renew(setup: &Setup, arguments: &RenewArgs) -> Result<(), CommandError> {
    let project = setup.project()?;
    let before = index(&arguments.index, arguments.key.as_deref(), &release_of(&project)?)?;
    let signer = arguments.onward.signer()?;
    let (now, folder) = (SystemTime::now().into(), arguments.out.join("index"));
    let index = rst_release::renew(before, &project.releases, now, signer.as_ref(), &folder)?;
    let words = format!(
        "index.json number {} is in {}, good until {}",
        index.number,
        folder.display(),
        index.expires.format("%Y-%m-%d")
    );
    let told = json!({ "event": "renewed", "folder": folder, "number": index.number, "expires": index.expires });
    render::done(&words, &told, setup.format())?;
    arguments.onward.publish(setup, folder)
}
