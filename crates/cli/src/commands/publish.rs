//! `rst publish`

use std::path::PathBuf;

use rst_release::{
    GitHub, IndexFiles, IndexOutcome, Publication, Published, Repository, Token, index_to_folder, to_folder,
};
use rst_sign::Signer;
use serde_json::json;

use super::{CommandError, release::release_of, sign::signer};
use crate::{
    args::{OnwardArgs, PublishArgs},
    render,
    setup::Setup,
};

/// Variables, since what is typed is seen by all processes.
const TOKENS: [&str; 2] = ["GITHUB_TOKEN", "GH_TOKEN"];

pub fn publish(setup: &Setup, arguments: &PublishArgs) -> Result<(), CommandError> {
    if arguments.folder.is_dir() && IndexFiles::are_alone_in(&arguments.folder)? {
        return publish_index(setup, arguments);
    }
    let publish = |publication: &Publication| match &arguments.to {
        Some(folder) => Ok(to_folder(publication, folder, &setup.cancel)?),
        None => github(setup, arguments)?.publish(publication).map_err(CommandError::from),
    };
    let publication = Publication::read(&arguments.folder, arguments.unsigned)?;
    let tag = &publication.record.tag;
    let published = publish(&publication)?;
    let told = json!({ "event": "published", "tag": tag, "published": published });
    render::done(&words(&tag.to_string(), &published), &told, setup.format())
}

impl OnwardArgs {
    /// Who signs what is made: nobody, if that is wanted.
    pub fn signer(&self) -> Result<Option<Signer>, CommandError> {
        match self.unsigned {
            true => Ok(None),
            false => signer(&self.signing).map(Some),
        }
    }

    /// Publishes a folder that was made, unless it is a dry run.
    pub fn publish(&self, setup: &Setup, folder: PathBuf) -> Result<(), CommandError> {
        match self.dry_run {
            true => Ok(()),
            false => publish(setup, &PublishArgs { folder, to: self.to.clone(), unsigned: self.unsigned, api: None }),
        }
    }
}

fn publish_index(setup: &Setup, arguments: &PublishArgs) -> Result<(), CommandError> {
    let index = IndexFiles::read(&arguments.folder, arguments.unsigned)?;
    let outcome = match &arguments.to {
        Some(folder) => index_to_folder(&index, folder)?,
        None => github(setup, arguments)?.publish_index(&index)?,
    };
    let told = json!({ "event": "published", "tag": null, "published": { "index": outcome } });
    render::done(&index_words(outcome), &told, setup.format())
}

fn github(setup: &Setup, arguments: &PublishArgs) -> Result<GitHub, CommandError> {
    let release = release_of(&setup.project()?)?;
    let given = TOKENS.iter().find_map(|name| std::env::var(name).ok().filter(|token| !token.is_empty()));
    let token = given.ok_or_else(|| CommandError::Usage {
        message: format!("there is no token for {}: neither GITHUB_TOKEN nor GH_TOKEN is set", release.repository),
        hint: "a token with contents: write for it is needed; --to FOLDER publishes without".to_owned(),
    })?;
    let repository = Repository::new(&release.repository, arguments.api.as_deref());
    Ok(GitHub::new(repository, Token::new(&token)?, setup.cancel.clone(), setup.reporter.clone()))
}

fn words(tag: &str, published: &Published) -> String {
    let how = if published.already { "was published already" } else { "is published" };
    format!("{tag} {how}: {}\n{}", published.place, index_words(published.index))
}

fn index_words(outcome: IndexOutcome) -> String {
    match outcome {
        IndexOutcome::Is(number) => format!("index.json has number {number}"),
        IndexOutcome::Newer(number) => format!("index.json there is newer, number {number}, and was left"),
    }
}
