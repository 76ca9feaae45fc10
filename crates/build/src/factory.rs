//! The one road from a graph to archives in `dist/`: what is cached is found first, without fetching
//! anything; the rest becomes tasks.

use std::{
    collections::{BTreeMap, BTreeSet},
    path::PathBuf,
    sync::{Arc, Mutex},
    time::Instant,
};

use rst_fetch::Fetcher;
use rst_model::{
    Action, Digest, Platform, archive_name,
    event::{Event, Planned, Reporter, Step},
    recipe::Driver,
};
use rst_sandbox::Cancel;
use rst_store::{ActionResult, Store};

use crate::{
    assemble::Assembled,
    compose::{compose, tool_mounts},
    error::BuildError,
    execute::Executor,
    fallback::Choice,
    graph::{Graph, NodeId, WantedArchive},
    project::Project,
    schedule::{self, Lane, Limits, Task},
    slots::Slots,
    supply::{ordered, sources},
    toolchain::Libc,
};

pub(crate) type Tasks<'a> = Vec<Task<'a, BuildError>>;

/// How to build, as a person has chosen.
#[derive(Clone, Debug)]
pub struct Settings {
    /// Processes at once, over all builds.
    pub jobs: usize,
    /// Downloads at once.
    pub downloads: usize,
    /// Whether tools' caches may be used.
    pub warm: bool,
    /// Whether archives are packed fast instead of small.
    pub draft: bool,
    /// Leave what a release has beside archives, too.
    pub for_release: bool,
    /// Where archives go.
    pub dist: PathBuf,
    /// What compiles.
    pub toolchain: Choice,
}

/// All that building needs.
#[derive(Clone)]
pub struct Factory<'a> {
    /// Recipes, lock, archives.
    pub project: &'a Project,
    /// Where results are kept.
    pub store: &'a Store,
    /// Where sources come from.
    pub fetcher: &'a Fetcher,
    /// Who is told.
    pub reporter: Arc<dyn Reporter>,
    /// How it is ended early.
    pub cancel: &'a Cancel,
    /// How to build.
    pub settings: Settings,
}

/// What was built.
#[derive(Clone, Debug, Default, serde::Serialize)]
pub struct Built {
    /// A line for each component, those in the store already included.
    pub components: Vec<BuiltComponent>,
    /// A line for each file in `dist/`.
    pub archives: Vec<BuiltArchive>,
}

/// A component's line in the summary.
#[derive(Clone, Debug, serde::Serialize)]
pub struct BuiltComponent {
    /// Which, and for what.
    #[serde(flatten)]
    pub step: Step,
    /// Where its source is from, the first origin.
    pub source: String,
    /// Wall time of the build that made it, in seconds.
    pub seconds: f64,
    /// CPU time of all its processes, in seconds.
    pub cpu_seconds: f64,
    /// Whether it was there already.
    pub cached: bool,
    /// Of its output, in bytes.
    pub size: u64,
    /// Its output.
    pub output: Digest,
    /// Where the output lies in the store, for a component that was asked for by name.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub path: Option<PathBuf>,
}

/// A file in `dist/`.
#[derive(Clone, Debug, serde::Serialize)]
pub struct BuiltArchive {
    /// Where.
    pub path: PathBuf,
    /// What it is called in the release.
    pub sha256: Digest,
    /// In bytes.
    pub size: u64,
}

/// What is known before anything runs.
pub struct Survey {
    /// Results of the nodes that need not be built.
    pub done: BTreeMap<NodeId, ActionResult>,
    /// The nodes to be built.
    pub todo: Vec<NodeId>,
}

impl Factory<'_> {
    /// Finds what is in the store already. Touches neither network nor sandbox.
    pub fn survey(&self, graph: &Graph) -> Survey {
        let mut survey = Survey { done: BTreeMap::new(), todo: Vec::new() };
        let mut outputs = BTreeMap::new();
        for (id, node) in graph.nodes.iter().enumerate() {
            let known = node.needs().all(|need| outputs.contains_key(need));
            let result = known.then(|| self.store.result(compose(graph, id, &outputs).key())).flatten();
            match result {
                Some(result) => {
                    outputs.insert(id, result.output);
                    survey.done.insert(id, result);
                }
                None => survey.todo.push(id),
            }
        }
        survey
    }

    /// Builds everything with the toolchains that the graph names.
    pub(crate) fn build_once(&self, graph: &Graph) -> Result<Built, BuildError> {
        let survey = self.survey(graph);
        for id in survey.done.keys() {
            self.reporter.event(Event::Cached { step: step_of(graph, *id) });
        }
        let (actions, cached) = (self.planned(graph, &survey.todo), survey.done.len());
        self.reporter.event(Event::Planned { actions, cached });
        let found: Vec<NodeId> = survey.done.keys().copied().collect();
        let results = Mutex::new(survey.done);
        let (archives, listings) = (Mutex::new(BTreeMap::new()), Mutex::new(BTreeMap::new()));
        let limits = Limits { network: self.settings.downloads, action: self.settings.jobs, archive: 1 };
        let slots = Slots::new(self.store, self.settings.jobs)?;
        let tasks = self.tasks(graph, &survey.todo, &slots, &results, &listings, &archives)?;
        schedule::run(tasks, limits, || self.cancel.cancel())?;
        let results = results.into_inner().expect("all tasks are done");
        let components = results.iter().map(|(id, result)| self.line(graph, *id, result, &found)).collect();
        let mut archives: Vec<_> = archives.into_inner().expect("all tasks are done").into_values().flatten().collect();
        if self.settings.for_release {
            let tool = |wanted: &WantedArchive| self.project.archives[&wanted.variant].tool.get_ref().clone();
            let tools: BTreeSet<_> = graph.archives.iter().map(|one| (tool(one), one.version.clone())).collect();
            for (tool, version) in tools {
                archives.push(self.pack_sources(graph, &tool, &version)?);
            }
        }
        Ok(Built { components, archives })
    }

    fn planned(&self, graph: &Graph, todo: &[NodeId]) -> Vec<Planned> {
        let planned = |id: &NodeId| {
            let sources = sources(graph, *id).into_iter().filter(|source| !self.store.has_tree(source.locked.tree));
            let sources = sources.map(|source| format!("{} {}", source.locked.name, source.locked.version));
            let needs = graph.nodes[*id].needs().filter(|need| todo.contains(need));
            let needs = needs.map(|need| step_of(graph, *need).to_string());
            Planned { step: step_of(graph, *id), waits_for: sources.chain(needs).collect() }
        };
        todo.iter().map(planned).collect()
    }

    /// Opens a shell in the sandbox of one component, building first what it needs.
    pub fn shell(&self, graph: &Graph, id: NodeId) -> Result<(), BuildError> {
        let mut needs = graph.clone();
        needs.archives.clear();
        needs.nodes.truncate(id);
        let built = self.build(&needs)?;
        let outputs = built.components.iter().enumerate().map(|(id, line)| (id, line.output)).collect();
        let node = &graph.nodes[id];
        let wanted = ordered(node.sources.tools.values().chain([&node.sources.own]).chain(&node.sources.vendor));
        self.fetcher.check_at_hand(wanted.iter().map(|source| &source.locked))?;
        for source in wanted {
            self.fetch(graph, source)?;
        }
        let slots = Slots::new(self.store, self.settings.jobs)?;
        self.executor(&slots).shell(&compose(graph, id, &outputs), &libcs_of_node(graph, id))
    }

    /// The tasks, in an order in which each comes after what it waits for.
    fn tasks<'s>(
        &'s self,
        graph: &'s Graph,
        todo: &[NodeId],
        slots: &'s Slots,
        results: &'s Mutex<BTreeMap<NodeId, ActionResult>>,
        listings: &'s Mutex<BTreeMap<NodeId, Digest>>,
        archives: &'s Mutex<BTreeMap<usize, Vec<BuiltArchive>>>,
    ) -> Result<Tasks<'s>, BuildError> {
        let shipped: BTreeSet<NodeId> = graph.archives.iter().flat_map(|wanted| wanted.linked(graph)).collect();
        let unlisted = self.unlisted(graph, &shipped, &results.lock().expect("nobody else has it yet"));
        let with_sources: Vec<NodeId> =
            BTreeSet::from_iter(todo.iter().chain(&unlisted).copied()).into_iter().collect();
        let (mut tasks, fetches) = self.fetch_tasks(graph, &with_sources)?;
        let libcs = self.libc_tasks(graph, todo, slots, &fetches, &mut tasks);
        let mut builds: BTreeMap<NodeId, usize> = BTreeMap::new();
        for id in todo.iter().copied() {
            let needs = graph.nodes[id].needs().filter_map(|need| builds.get(need));
            let inputs = sources(graph, id);
            let fetched = inputs.iter().filter_map(|source| fetches.get(&source.locked.tree));
            let linked = libcs_of_node(graph, id);
            let linked = linked.iter().filter_map(|libc| libcs.get(libc));
            let after = needs.chain(fetched).chain(linked).copied().collect();
            builds.insert(id, tasks.len());
            tasks.push(Task {
                after,
                lane: Lane::Action,
                cost: cost(&graph.nodes[id].component.driver),
                run: Box::new(move || self.build_node(graph, id, slots, results)),
            });
        }
        let mut lists: BTreeMap<NodeId, usize> = BTreeMap::new();
        for id in shipped {
            let fetched = sources(graph, id).into_iter().filter_map(|source| fetches.get(&source.locked.tree));
            lists.insert(id, tasks.len());
            tasks.push(Task {
                after: builds.get(&id).into_iter().chain(fetched).copied().collect(),
                lane: Lane::Action,
                cost: 3.0,
                run: Box::new(move || self.list_node(graph, id, slots, results, listings)),
            });
        }
        for (place, wanted) in graph.archives.iter().enumerate() {
            tasks.push(Task {
                after: wanted.linked(graph).iter().filter_map(|id| lists.get(id)).copied().collect(),
                lane: Lane::Archive,
                cost: 60.0,
                run: Box::new(move || {
                    let _turn = slots.take(1, self.cancel)?;
                    let files = self.archive(graph, wanted, results, listings)?;
                    archives.lock().expect("no task panics while holding it").insert(place, files);
                    Ok(())
                }),
            });
        }
        Ok(tasks)
    }

    /// A task for each libc that is linked with: at the front and side by side, since all else waits.
    fn libc_tasks<'s>(
        &'s self,
        graph: &'s Graph,
        todo: &[NodeId],
        slots: &'s Slots,
        fetches: &BTreeMap<Digest, usize>,
        tasks: &mut Tasks<'s>,
    ) -> BTreeMap<Libc, usize> {
        let mut libcs = BTreeMap::new();
        if !self.settings.warm || graph.unsandboxed {
            return libcs;
        }
        for (id, libc) in todo.iter().flat_map(|id| libcs_of_node(graph, *id).into_iter().map(move |libc| (id, libc))) {
            libcs.entry(libc).or_insert_with(|| {
                let mounts = tool_mounts(&graph.nodes[*id]);
                tasks.push(Task {
                    after: mounts.values().filter_map(|tree| fetches.get(tree)).copied().collect(),
                    lane: Lane::Action,
                    cost: 40.0,
                    run: Box::new(move || self.executor(slots).compiled(libc, &mounts).map(drop)),
                });
                tasks.len() - 1
            });
        }
        libcs
    }

    fn build_node(
        &self,
        graph: &Graph,
        id: NodeId,
        slots: &Slots,
        results: &Mutex<BTreeMap<NodeId, ActionResult>>,
    ) -> Result<(), BuildError> {
        if self.cancel.is_cancelled() {
            return Err(BuildError::Interrupted);
        }
        let outputs = {
            let results = results.lock().expect("no task panics while holding it");
            results.iter().map(|(id, result)| (*id, result.output)).collect()
        };
        let action = compose(graph, id, &outputs);
        let step = step_of(graph, id);
        let found = self.store.result(action.key());
        let result = match found {
            Some(result) => {
                self.reporter.event(Event::Cached { step });
                result
            }
            None => {
                let result = self.run_action(&action, &libcs_of_node(graph, id), slots, step);
                result.map_err(|error| error.at(&graph.nodes[id]))?
            }
        };
        results.lock().expect("no task panics while holding it").insert(id, result);
        Ok(())
    }

    fn run_action(
        &self,
        action: &Action,
        libcs: &[Libc],
        slots: &Slots,
        step: Step,
    ) -> Result<ActionResult, BuildError> {
        self.reporter.event(Event::Started { step: step.clone() });
        self.store.remember(&memory_of(&action.name, action.platform), action)?;
        match self.executor(slots).run(action, &step.version, libcs) {
            Ok(result) => {
                self.reporter.event(Event::Finished {
                    step,
                    seconds: result.seconds,
                    cpu_seconds: result.cpu_seconds,
                    size: self.store.listing(result.output)?.size(),
                });
                Ok(result)
            }
            Err(error) => {
                if !matches!(error, BuildError::Interrupted) {
                    self.reporter.event(Event::Failed { step, reason: error.reason() });
                }
                Err(error)
            }
        }
    }

    fn archive(
        &self,
        graph: &Graph,
        wanted: &WantedArchive,
        results: &Mutex<BTreeMap<NodeId, ActionResult>>,
        listings: &Mutex<BTreeMap<NodeId, Digest>>,
    ) -> Result<Vec<BuiltArchive>, BuildError> {
        let outputs = results.lock().expect("no task panics while holding it").clone();
        let listings = listings.lock().expect("no task panics while holding it").clone();
        let begun = Instant::now();
        let archive = archive_name(&wanted.variant, wanted.platform);
        self.reporter.event(Event::Packing { archive: archive.clone() });
        let assembled = Assembled::make(self, graph, wanted, &outputs, &listings)?;
        assembled.prove(self)?;
        let files = assembled.package(self)?;
        self.reporter.event(Event::Packed { archive, seconds: begun.elapsed().as_secs_f64() });
        for file in &files {
            self.reporter.event(Event::Archived {
                path: file.path.display().to_string(),
                sha256: file.sha256,
                size: file.size,
            });
        }
        Ok(files)
    }

    pub(crate) fn executor<'a>(&'a self, slots: &'a Slots) -> Executor<'a> {
        Executor {
            store: self.store,
            slots,
            cancel: self.cancel,
            warm: self.settings.warm,
            reporter: self.reporter.as_ref(),
        }
    }

    fn line(&self, graph: &Graph, id: NodeId, result: &ActionResult, found: &[NodeId]) -> BuiltComponent {
        BuiltComponent {
            step: step_of(graph, id),
            source: graph.nodes[id].sources.own.locked.origins.first().map(|o| o.place.to_string()).unwrap_or_default(),
            seconds: result.seconds,
            cpu_seconds: result.cpu_seconds,
            cached: found.contains(&id),
            size: self.store.listing(result.output).map(|listing| listing.size()).unwrap_or_default(),
            output: result.output,
            path: graph.asked.contains(&id).then(|| self.store.tree_path(result.output)),
        }
    }
}

fn libcs_of_node(graph: &Graph, id: NodeId) -> Vec<Libc> {
    let node = &graph.nodes[id];
    node.toolchain.libcs_of(&node.component.driver, node.platform)
}

/// Under which name the store remembers the last action of a component, for `explain` and `log`.
pub fn memory_of(name: &str, platform: Platform) -> String {
    format!("{name}-{}", platform.dashed())
}

pub(crate) fn step_of(graph: &Graph, id: NodeId) -> Step {
    let node = &graph.nodes[id];
    Step { name: node.component.name.clone(), version: node.component.version.to_string(), platform: node.platform }
}

/// CPU seconds, roughly, as measured: only the order of starting depends on it.
fn cost(driver: &Driver) -> f64 {
    match driver {
        Driver::Source => 0.0,
        Driver::Cc(_) | Driver::Make(_) => 5.0,
        Driver::Autotools(_) => 40.0,
        Driver::Meson(_) => 30.0,
        Driver::Go(go) => 80.0 * go.program.len() as f64,
        Driver::Cargo(cargo) if cargo.programs.is_empty() => 40.0,
        Driver::Cargo(_) => 300.0,
    }
}
