//! `rst sign`

use rst_sign::Signer;
use serde_json::json;

use super::CommandError;
use crate::{
    args::{SignArgs, SigningArgs},
    render,
    setup::Setup,
};

/// A key for those whom no OIDC issuer knows. Variables, since what is typed is seen by all processes.
const KEY: &str = "RST_SIGNING_KEY";
const PASSWORD: &str = "RST_SIGNING_KEY_PASSWORD";

pub fn sign(setup: &Setup, arguments: &SignArgs) -> Result<(), CommandError> {
    let signer = signer(&arguments.signing)?;
    for file in &arguments.files {
        let written = match arguments.statement {
            true => vec![signer.statement(file)?],
            false => signer.file(file)?,
        };
        let names: Vec<_> = written.iter().map(|path| path.display().to_string()).collect();
        let signed = json!({ "event": "signed", "file": file, "written": names });
        render::done(&format!("{} is signed: {}", file.display(), names.join(", ")), &signed, setup.format())?;
    }
    Ok(())
}

/// Whoever signs: an error where there is nobody.
pub fn signer(arguments: &SigningArgs) -> Result<Signer, CommandError> {
    let variable = |name| std::env::var(name).ok().filter(|value: &String| !value.is_empty());
    match (variable(KEY), &arguments.identity_token_file) {
        (Some(_), Some(_)) => Err(CommandError::Usage {
            message: format!("both a key ({KEY}) and an identity token are given"),
            hint: "a file is signed once: leave one of them out".to_owned(),
        }),
        (Some(key), None) => Ok(Signer::by_key(&key, variable(PASSWORD).as_deref())?),
        (None, token) => Ok(Signer::keyless(token.as_deref(), arguments.signing_config.as_deref())?),
    }
}
