//! What a bump comes to: which version of what, with all that has to match.

use rst_fetch::{Fetcher, Question};
use rst_model::{
    Version,
    recipe::{Follows, RecipeError},
};

use super::bump::BumpError;
use crate::{
    graph::{GraphError, Request},
    project::Project,
};

/// A source that is to be had in a version.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) struct Goal {
    pub(super) name: String,
    /// Where several lines are kept.
    pub(super) line: Option<String>,
    /// The newest that is locked of the line.
    pub(super) from: Version,
    pub(super) to: Version,
}

/// The goals of what a person asks for, and of all that goes with it by `line` in `build/archives.toml` and by
/// `follows` in recipes; what follows a go.mod is not known before that file is there.
pub(super) fn goals(project: &Project, fetcher: &Fetcher, requests: &[Request]) -> Result<Vec<Goal>, BumpError> {
    let mut goals: Vec<Goal> = Vec::new();
    for request in requests {
        if let Some(follows) = &project.book.recipe(&request.name)?.follows {
            return Err(BumpError::Follower { name: request.name.clone(), leader: leader(follows) });
        }
        for (line, wanted) in meant(project, request)? {
            let from = locked(project, &request.name, line.as_deref())?;
            let to = match wanted {
                Some(version) => version,
                None => newest(project, fetcher, &request.name, line.as_deref(), &from)?,
            };
            goals.push(Goal { name: request.name.clone(), line, from, to });
        }
    }
    for goal in goals.clone() {
        for (name, line) in partners(project, &goal) {
            let line = Some(line);
            let from = locked(project, &name, line.as_deref())?;
            if goals.iter().all(|other| (&other.name, &other.line) != (&name, &line)) {
                let to = newest(project, fetcher, &name, line.as_deref(), &from)?;
                goals.push(Goal { name, line, from, to });
            }
        }
        for name in followers(project, &goal.name)? {
            let from = locked(project, &name, None)?;
            goals.push(Goal { name, line: None, from, to: goal.to.clone() });
        }
    }
    Ok(goals)
}

pub(super) fn leader(follows: &Follows) -> String {
    match follows {
        Follows::Recipe(leader) => leader.clone(),
        Follows::GoMod => "the go.mod of the tool in whose archive it is".to_owned(),
    }
}

fn locked(project: &Project, name: &str, line: Option<&str>) -> Result<Version, BumpError> {
    Ok(project.lock.version(name, line).map_err(GraphError::from)?)
}

/// A line that is meant, where several are kept, and its version if that is said.
type Meant = (Option<String>, Option<Version>);

fn meant(project: &Project, request: &Request) -> Result<Vec<Meant>, BumpError> {
    let Some(version) = &request.version else {
        return Ok(project.lines_or_whole(&request.name)?.into_iter().map(|line| (line, None)).collect());
    };
    let lines = project.kept_lines(&request.name)?;
    if lines.contains(version) {
        return Ok(vec![(Some(version.clone()), None)]);
    }
    let version = Version::new(version);
    let line = lines.iter().find(|line| version.in_line(line)).cloned();
    if line.is_none() && !lines.is_empty() {
        return Err(BumpError::Line { name: request.name.clone(), version, lines });
    }
    Ok(vec![(line, Some(version))])
}

/// The newest stable version of a line, as upstream itself has it.
fn newest(
    project: &Project,
    fetcher: &Fetcher,
    name: &str,
    line: Option<&str>,
    from: &Version,
) -> Result<Version, BumpError> {
    let spec = project.book.component(name, from)?.source;
    let upstream = project.book.recipe(name)?.upstream.as_ref();
    let lines: Vec<_> = line.map(str::to_owned).into_iter().collect();
    let asked = fetcher.versions(&Question { name, spec: &spec, upstream, lines: &lines })?;
    let mut reasons = Vec::new();
    let mut newest = None;
    for asked in asked.into_iter().filter(|asked| asked.authority && !asked.next) {
        match asked.answer {
            Ok(versions) => {
                newest = newest.max(versions.into_iter().filter(|v| line.is_none_or(|line| v.in_line(line))).max());
            }
            Err(error) => reasons.push(format!("{}: {error}", asked.place)),
        }
    }
    newest.ok_or_else(|| BumpError::Unasked { name: name.to_owned(), reasons })
}

/// What goes with a tool, in its line: components and their lines.
fn partners(project: &Project, goal: &Goal) -> Vec<(String, String)> {
    let variants = project.archives.values().filter(|variant| *variant.tool.get_ref() == goal.name);
    let tables = variants.filter_map(|variant| variant.line.iter().find(|(line, _)| goal.to.in_line(line)));
    let mut partners: Vec<_> = tables.flat_map(|(_, components)| components.clone()).collect();
    partners.retain(|(name, _)| project.book.recipe(name).is_ok_and(|recipe| recipe.follows.is_none()));
    partners.sort();
    partners.dedup();
    partners
}

fn followers(project: &Project, leader: &str) -> Result<Vec<String>, RecipeError> {
    let mut followers = Vec::new();
    for name in project.book.names() {
        if project.book.recipe(&name)?.follows == Some(Follows::Recipe(leader.to_owned())) {
            followers.push(name);
        }
    }
    Ok(followers)
}
