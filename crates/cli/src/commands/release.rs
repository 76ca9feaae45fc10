//! `rst release`

use std::{collections::BTreeSet, path::Path, time::SystemTime};

use rst_build::{GraphError, Project, Request};
use rst_model::Tag;
use rst_release::{Index, Made, Making, Origin, Tried, Wanted};
use rst_sign::{Release, bundle_path};
use serde_json::json;

use super::{CommandError, prove, verify::verifier};
use crate::{args::ReleaseArgs, render, setup::Setup};

pub fn release(setup: &Setup, arguments: &ReleaseArgs) -> Result<(), CommandError> {
    let project = setup.project()?;
    let release = release_of(&project)?;
    let tag = tag(&project, &arguments.tool)?;
    let dist = project.dist(&arguments.dist, &tag.tool, &tag.version);
    let untried = &project.releases.untried;
    let now = SystemTime::now().into();
    let making = Making {
        newest: project.is_newest(&tag.tool, &tag.version),
        dist: &dist,
        archives: &project.archives,
        lock: &project.lock,
        book: &project.book,
        releases: &project.releases,
        release: &release,
        origin: Origin::find(|name| std::env::var(name).ok(), &project.root, &release)?,
        tried: if arguments.untried { None } else { Some(Tried::read(&arguments.trial, untried)?) },
        index: match &arguments.index {
            Some(path) => index(path, arguments.key.as_deref(), &release)?,
            None => Index::empty(now),
        },
        now,
        tag,
    };
    making.check_at_hand()?;
    let signer = arguments.onward.signer()?;
    let store = setup.store()?;
    let mut manifests = Vec::new();
    for wanted in Wanted::of(&project.archives, &making.tag.tool) {
        let archive = dist.join(wanted.archive());
        let (manifest, report) = prove::report(&store, &archive, !arguments.without_symbols)?;
        prove::passed(&archive, &report)?;
        manifests.push((wanted, manifest));
    }
    let made = making.make(&manifests, signer.as_ref(), &arguments.out.join(making.tag.to_string()))?;
    told(setup, &made)?;
    arguments.onward.publish(setup, made.folder)
}

fn told(setup: &Setup, made: &Made) -> Result<(), CommandError> {
    let (tag, files) = (&made.record.tag, made.record.all().count());
    let words = format!("{tag} is in {}: {files} files", made.folder.display());
    let object = json!({ "event": "released", "folder": made.folder, "release": made.record });
    render::done(&words, &object, setup.format())
}

/// Who releases this checkout.
pub fn release_of(project: &Project) -> Result<Release, CommandError> {
    let path = project.root.join("release.toml");
    Ok(Release::parse(&rst_model::toml_file::named("release.toml", fs_err::read_to_string(path)?))?)
}

fn tag(project: &Project, request: &Request) -> Result<Tag, CommandError> {
    let tools = project.archives.values().map(|variant| variant.tool.get_ref().clone());
    let tools: Vec<_> = BTreeSet::from_iter(tools).into_iter().collect();
    if !tools.contains(&request.name) {
        return Err(CommandError::Usage {
            message: format!("`{}` is no tool that is released", request.name),
            hint: rst_model::names::way_out(&request.name, &tools),
        });
    }
    let version = project.lock.version(&request.name, request.version.as_deref()).map_err(GraphError::from)?;
    let revision = project.revision(&request.name, &version);
    Ok(Tag { tool: request.name.clone(), version, revision })
}

/// The releases so far. Their index is believed as every file of a release is: by its signature.
pub fn index(path: &Path, key: Option<&Path>, release: &Release) -> Result<Index, CommandError> {
    verifier(release.clone(), key, None)?.file(path, &bundle_path(path))?;
    Ok(Index::parse(&fs_err::read(path)?).map_err(rst_release::ReleaseError::from)?)
}
