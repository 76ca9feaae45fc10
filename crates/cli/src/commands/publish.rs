//! `rst publish`

use rst_release::{GitHub, IndexOutcome, Publication, Published, Repository, Token, to_folder};
use serde_json::json;

use super::{CommandError, release::release_of};
use crate::{args::PublishArgs, render, setup::Setup};

/// Variables, since what is typed is seen by all processes.
const TOKENS: [&str; 2] = ["GITHUB_TOKEN", "GH_TOKEN"];

pub fn publish(setup: &Setup, arguments: &PublishArgs) -> Result<(), CommandError> {
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
    let index = match published.index {
        IndexOutcome::Is(number) => format!("index.json has number {number}"),
        IndexOutcome::Newer(number) => format!("index.json there is newer, number {number}, and was left"),
    };
    format!("{tag} {how}: {}\n{index}", published.place)
}
