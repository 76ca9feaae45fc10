//! From options to what commands work with: once, before any work.

use std::{
    path::{Path, PathBuf},
    sync::Arc,
};

use rst_build::Project;
use rst_fetch::{Fetcher, Settings as FetchSettings};
use rst_model::{
    Cancel,
    event::{Event, Reporter},
};
use rst_store::Store;

use crate::{
    args::{Format, Global},
    commands::CommandError,
    config::Config,
    interrupt::{self, Grace},
    render,
};

/// What every command has at hand.
pub struct Setup {
    options: Global,
    /// What the configuration file says.
    pub config: Config,
    /// Set by Ctrl-C.
    pub cancel: Cancel,
    /// After that.
    pub grace: Grace,
    /// Where events go.
    pub reporter: Arc<dyn Reporter>,
}

impl Setup {
    pub fn new(options: Global) -> Result<Self, CommandError> {
        let cancel = Cancel::default();
        let grace = interrupt::listen(cancel.clone())?;
        let reporter = render::reporter(options.format);
        let config = match base_folder("XDG_CONFIG_HOME", ".config") {
            Some(folder) => Config::read(&folder.join("rst/config.toml"))?,
            None => Config::default(),
        };
        Ok(Self { options, config, cancel, grace, reporter })
    }

    pub fn format(&self) -> Format {
        self.options.format
    }

    /// The options that another rst is given so that it has the same sources and tells the same way.
    pub fn options_for_another(&self) -> Vec<String> {
        let mut words = Vec::new();
        let mut add = |name: &str, value: &str| words.extend([name.to_owned(), value.to_owned()]);
        for mirror in &self.mirrors() {
            let folder = Path::new(mirror);
            // It works in another folder.
            let absolute = if folder.is_dir() { std::path::absolute(folder).ok() } else { None };
            add("--mirror", &absolute.map_or(mirror.clone(), |path| path.display().to_string()));
        }
        if let Some(mirror) = self.options.debian_mirror.as_ref().or(self.config.debian_mirror.as_ref()) {
            add("--debian-mirror", mirror);
        }
        if self.options.format == Format::Json {
            add("--format", "json");
        }
        if self.options.offline {
            words.push("--offline".to_owned());
        }
        words
    }

    fn mirrors(&self) -> Vec<String> {
        // A folder may have a comma in its name.
        let places = |text: &String| match Path::new(text).is_dir() {
            true => vec![text.clone()],
            false => text.split(',').map(str::to_owned).collect(),
        };
        match self.options.mirror.is_empty() {
            true => self.config.mirror.clone(),
            false => self.options.mirror.iter().flat_map(places).collect(),
        }
    }

    pub fn project(&self) -> Result<Project, CommandError> {
        let from = self.options.project.clone().unwrap_or_else(|| PathBuf::from("."));
        Ok(Project::find(&from)?)
    }

    pub fn store_path(&self) -> Result<PathBuf, CommandError> {
        if let Some(path) = self.options.store.as_ref().or(self.config.store.as_ref()) {
            return Ok(path.clone());
        }
        let cache = base_folder("XDG_CACHE_HOME", ".cache");
        cache.map(|cache| cache.join("rst")).ok_or_else(|| CommandError::Usage {
            message: "neither XDG_CACHE_HOME nor HOME is set".to_owned(),
            hint: "give --store FOLDER".to_owned(),
        })
    }

    pub fn store(&self) -> Result<Arc<Store>, CommandError> {
        Ok(Arc::new(Store::open(&self.store_path()?)?))
    }

    /// What a trial's machines boot from.
    pub fn images_path(&self) -> Result<PathBuf, CommandError> {
        Ok(self.store_path()?.join("machines"))
    }

    /// The mirror of Debian's packages, or why there is none.
    pub fn debian_mirror(&self) -> Result<String, String> {
        if self.options.offline {
            return Err("nothing may be fetched (--offline)".to_owned());
        }
        let store = self.store().map_err(|error| error.to_string())?;
        self.fetcher_in(&store, PathBuf::new()).debian_mirror()
    }

    pub fn fetcher(&self, store: &Arc<Store>, project: &Project) -> Fetcher {
        for mirror in self.mirrors().iter().filter(|it| !it.contains("://") && !Path::new(it).is_dir()) {
            // It may be a disk that is not there today, and origins are asked all the same.
            let message = format!("the mirror {mirror} is no folder, and is not asked");
            self.reporter.event(Event::Warning { message });
        }
        self.fetcher_in(store, project.root.clone())
    }

    fn fetcher_in(&self, store: &Arc<Store>, project: PathBuf) -> Fetcher {
        let settings = FetchSettings {
            mirrors: self.mirrors(),
            offline: self.options.offline,
            debian_mirror: self.options.debian_mirror.clone().or(self.config.debian_mirror.clone()),
            project,
            ..FetchSettings::default()
        };
        Fetcher::new(Arc::clone(store), settings, Arc::clone(&self.reporter), self.cancel.clone())
    }
}

/// A folder of the XDG base directory specification: the variable's, if it is absolute as it must be,
/// or one below HOME.
fn base_folder(variable: &str, below_home: &str) -> Option<PathBuf> {
    let absolute = |name: &str| std::env::var_os(name).map(PathBuf::from).filter(|path| path.is_absolute());
    absolute(variable).or_else(|| absolute("HOME").map(|home| home.join(below_home)))
}
