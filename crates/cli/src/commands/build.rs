//! `rst build`, `rst graph`, `rst fetch`, `rst log`.

use std::sync::Arc;

use fs_err as fs;
use rst_build::{Choice, Factory, Graph, Project, Settings};
use rst_fetch::Fetcher;
use rst_model::{Action, Platform, ToolchainImage, event::Event};
use rst_store::Store;

use super::CommandError;
use crate::{
    args::{BuildArgs, Override, TargetArgs, Toolchain},
    render,
    setup::Setup,
};

/// Downloads at once.
const DOWNLOADS: usize = 4;

struct Workshop {
    project: Project,
    store: Arc<Store>,
    fetcher: Fetcher,
}

impl Workshop {
    fn open(setup: &Setup) -> Result<Self, CommandError> {
        let project = setup.project()?;
        let store = setup.store()?;
        let fetcher = setup.fetcher(&store, &project);
        Ok(Self { project, store, fetcher })
    }

    fn factory<'a>(&'a self, setup: &'a Setup, settings: Settings) -> Factory<'a> {
        Factory {
            project: &self.project,
            store: &self.store,
            fetcher: &self.fetcher,
            reporter: Arc::clone(&setup.reporter),
            cancel: &setup.cancel,
            settings,
        }
    }
}

/// With what to build, the image included where it may be needed.
fn toolchain(project: &Project, arguments: &BuildArgs) -> Result<Choice, CommandError> {
    let image = || {
        let named = arguments.image.clone().map(|image| ToolchainImage { image, packages: Vec::new() });
        named.or_else(|| project.image.clone()).ok_or_else(|| CommandError::Usage {
            message: "which container image has the compiler?".to_owned(),
            hint: "give --image IMAGE, or name one in build/toolchain.toml".to_owned(),
        })
    };
    Ok(match arguments.toolchain {
        Toolchain::Zig if arguments.image.is_some() => {
            return Err(CommandError::Usage {
                message: "--image is for --toolchain container or auto".to_owned(),
                hint: "add --toolchain container".to_owned(),
            });
        }
        Toolchain::Zig => Choice::Zig,
        Toolchain::Container => Choice::Container(image()?),
        Toolchain::Auto => Choice::Auto(image()?),
    })
}

fn settings(setup: &Setup, arguments: Option<&BuildArgs>) -> Settings {
    let processors = std::thread::available_parallelism().map_or(1, usize::from);
    let jobs = arguments.and_then(|a| a.jobs).or(setup.config.jobs.map(u16::from));
    Settings {
        jobs: jobs.map_or(processors, usize::from),
        downloads: DOWNLOADS,
        warm: !arguments.is_some_and(|a| a.cold),
        draft: arguments.is_some_and(|a| a.draft),
        for_release: arguments.is_some_and(|a| a.for_release),
        dist: arguments.map(|a| a.dist.clone()).unwrap_or_default(),
        toolchain: Choice::Zig,
    }
}

pub fn build(setup: &Setup, arguments: &BuildArgs) -> Result<(), CommandError> {
    let mut workshop = Workshop::open(setup)?;
    for Override { component, folder } in &arguments.overrides {
        workshop.project.override_source(component, folder)?;
    }
    let target = &arguments.target;
    let mut graph = match (&target.targets[..], &target.platform[..]) {
        ([component], [platform]) if arguments.shell => Graph::of_component(&workshop.project, component, *platform)?,
        _ => Graph::of(&workshop.project, &target.targets, &target.platform)?,
    };
    graph.unsandboxed = arguments.no_sandbox;
    if arguments.no_sandbox {
        let message = "no sandbox: the host's own tools and files may be in what comes out".to_owned();
        setup.reporter.event(Event::Warning { message });
    }
    let toolchain = toolchain(&workshop.project, arguments)?;
    let factory = workshop.factory(setup, Settings { toolchain, ..settings(setup, Some(arguments)) });
    let graph = factory.chosen(graph)?;
    if arguments.explain {
        let reasons = factory.explain(&graph)?;
        return render::explanations(&reasons, setup.format());
    }
    if arguments.shell {
        let [id] = graph.asked[..] else {
            return Err(CommandError::Usage {
                message: "--shell wants one component and one platform".to_owned(),
                hint: "for example: rst build crun --shell".to_owned(),
            });
        };
        return Ok(factory.shell(&graph, id)?);
    }
    let built = factory.build(&graph)?;
    render::summary(&built, setup.format())
}

pub fn graph(setup: &Setup, arguments: &TargetArgs) -> Result<(), CommandError> {
    let workshop = Workshop::open(setup)?;
    let graph = Graph::of(&workshop.project, &arguments.targets, &arguments.platform)?;
    let factory = workshop.factory(setup, settings(setup, None));
    let survey = factory.survey(&graph);
    render::graph(&graph, &survey, setup.format())
}

pub fn fetch(setup: &Setup, arguments: &TargetArgs) -> Result<(), CommandError> {
    let workshop = Workshop::open(setup)?;
    let graph = Graph::of(&workshop.project, &arguments.targets, &arguments.platform)?;
    let fetched = workshop.factory(setup, settings(setup, None)).fetch_all(&graph)?;
    let words = if fetched == 0 { "nothing to fetch".to_owned() } else { format!("{fetched} fetched") };
    render::done(&words, &serde_json::json!({ "event": "summary", "fetched": fetched }), setup.format())
}

pub fn log(setup: &Setup, component: &str, platform: Platform) -> Result<(), CommandError> {
    let store = setup.store()?;
    let remembered: Option<Action> = store.recall(&rst_build::memory_of(component, platform));
    let log = remembered.map(|action| store.log_path(action.key())).filter(|log| log.exists());
    let Some(log) = log else {
        return Err(CommandError::Usage {
            message: format!("{component} has not been built for {platform} with this store"),
            hint: format!("build it: rst build {component} --platform {platform}"),
        });
    };
    let mut file = fs::File::open(log)?;
    std::io::copy(&mut file, &mut std::io::stdout())?;
    Ok(())
}
