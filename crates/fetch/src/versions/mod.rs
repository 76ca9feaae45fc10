//! Which versions upstreams have released: asked where sources come from, and of upstream's own
//! repository or page. One file for each kind of place; the ordinary clients ask, with the machine's own
//! configuration. What cannot be asked says why, and never counts as "nothing new".

mod debian;
mod git;
mod go;
mod krate;
mod page;
mod rust;
mod wheel;

use rst_model::{
    Version,
    recipe::{SourceSpec, Upstream},
};

use crate::{FetchError, Fetcher, error::OriginError, origin::Desk};

pub(crate) use debian::SourceIndex;

/// One source, of which the newest versions are wanted.
#[derive(Clone, Copy, Debug)]
pub struct Question<'a> {
    /// The recipe's name.
    pub name: &'a str,
    /// Where its source comes from.
    pub spec: &'a SourceSpec,
    /// Upstream's own place.
    pub upstream: Option<&'a Upstream>,
    /// The lines that are kept (`5.8`): the newest of each is wanted, beside the newest of all.
    pub lines: &'a [String],
}

/// What one place said.
#[derive(Clone, Debug)]
pub struct Asked {
    /// The place.
    pub place: String,
    /// Whether it is upstream's own word. A distribution lags behind.
    pub authority: bool,
    /// Whether it has only what comes after all that the recipe can be: a Go module of a next major version.
    pub next: bool,
    /// The stable versions that it has, withdrawn ones left out: of each line and of all at least the newest.
    pub answer: Result<Vec<Version>, String>,
}

impl Fetcher {
    /// Asks every place that may know; upstream's repository or page only if no registry does.
    /// Fails only when interrupted or when there is no room to work.
    pub fn versions(&self, question: &Question) -> Result<Vec<Asked>, FetchError> {
        let scratch = self.store.scratch()?;
        let desk = Desk { fetcher: self, scratch: scratch.path(), source_name: question.name, wanted_host: None };
        let mut asking = Asking { desk: &desk, asked: Vec::new() };
        let spec = question.spec;
        if let Some(module) = &spec.go_module {
            let module = go::listed(module);
            let listed = asking.ask(format!("Go module {module}"), true, |desk| go::versions(desk, module))?;
            let next = go::next_major(module).filter(|_| listed);
            if let Some(next) = next {
                asking.ask(format!("Go module {next}"), true, |desk| go::versions_if_any(desk, &next))?;
                asking.asked.last_mut().expect("just asked").next = true;
            }
        }
        if let Some(name) = &spec.krate {
            asking.ask(format!("crate {name}"), true, |desk| krate::versions(desk, name, question.lines))?;
        }
        if let Some(name) = &spec.wheel {
            asking.ask(format!("wheel {name}"), true, |desk| wheel::newest(desk, name))?;
        }
        if spec.rustup.is_some() {
            asking.ask("Rust's stable channel".to_owned(), true, rust::newest)?;
        }
        if let Some(suite) = &spec.debian_suite {
            asking.ask(format!("Debian {suite}"), true, |desk| debian::suite_date(desk, suite))?;
        }
        match question.upstream.filter(|_| !asking.is_known()) {
            Some(Upstream::Git { url, tag }) => {
                asking.ask(format!("tags of {url}"), true, |desk| git::versions(desk, url, tag))?;
            }
            Some(Upstream::Page { url, file }) => {
                asking.ask(url.clone(), true, |desk| page::versions(desk, url, file))?;
            }
            None => {}
        }
        if let Some(file) = &spec.debian {
            let place = format!("Debian source {}", file.package);
            asking.ask(place, false, |desk| debian::versions(desk, spec, file))?;
        }
        Ok(asking.asked)
    }
}

struct Asking<'a> {
    desk: &'a Desk<'a>,
    asked: Vec<Asked>,
}

impl Asking<'_> {
    /// Whether it was answered.
    fn ask(
        &mut self,
        place: String,
        authority: bool,
        ask: impl FnOnce(&Desk) -> Result<Vec<Version>, OriginError>,
    ) -> Result<bool, FetchError> {
        let offline = self.desk.fetcher.settings.offline;
        let answer = match offline {
            true => Err(OriginError::reason("nothing may be fetched (--offline)")),
            false => ask(self.desk),
        };
        let answer = match answer {
            Ok(versions) => {
                let mut stable: Vec<_> = versions.into_iter().filter(Version::is_stable).collect();
                stable.sort_by(|a, b| b.cmp(a));
                stable.dedup();
                Ok(stable)
            }
            Err(OriginError::Cancelled) => return Err(FetchError::Cancelled),
            Err(error) if error.is_no_space() => {
                let source_name = self.desk.source_name.to_owned();
                return Err(FetchError::NoSpace { source_name, source: error.into() });
            }
            Err(error) => Err(error.to_string()),
        };
        let answered = answer.is_ok();
        self.asked.push(Asked { place, authority, next: false, answer });
        Ok(answered)
    }

    fn is_known(&self) -> bool {
        self.asked.iter().any(|asked| asked.authority && asked.answer.is_ok())
    }
}
