//! What has to be built for what was asked: components at a version for a platform, and what each
//! needs. Made from recipes and lock alone; nothing is fetched.

use std::{collections::BTreeMap, sync::Arc};

use miette::Diagnostic;
use rst_model::{
    Arch, Carried, LockError, LockedSource, Place, Platform, Version,
    recipe::{AllocatorChoice, Component, Driver, RecipeError, SourceSpec},
};

use crate::{
    project::Project,
    toolchain::{Gcc, Toolchain},
};

/// `podman`, `podman@5.8.6`, `podman@5.8`, `podman-full`, `crun`: what a person may ask for.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Request {
    /// A tool, a variant or a component.
    pub name: String,
    /// A version or a line; absent: the newest in the lock.
    pub version: Option<String>,
}

impl std::str::FromStr for Request {
    type Err = String;
    fn from_str(text: &str) -> Result<Self, Self::Err> {
        let (name, version) = match text.split_once('@') {
            Some((name, version)) => (name, Some(version.to_owned())),
            None => (text, None),
        };
        if name.is_empty() || version.as_deref() == Some("") {
            return Err("expected NAME or NAME@VERSION".to_owned());
        }
        Ok(Request { name: name.to_owned(), version })
    }
}

/// A node's place in [`Graph::nodes`].
pub type NodeId = usize;

/// A component to be built for a platform.
#[derive(Clone, Debug)]
pub struct Node {
    /// What.
    pub component: Component,
    /// For what.
    pub platform: Platform,
    /// With which compiler.
    pub toolchain: Toolchain,
    /// The libraries it links, those they link included, dependents before what they depend on.
    pub libraries: Vec<NodeId>,
    /// Tools that run while it is built and are built themselves, for the building machine.
    pub tools: Vec<NodeId>,
    /// Its source and, beside it, its vendored dependencies.
    pub sources: NodeSources,
}

impl Node {
    /// All that is built before it.
    pub fn needs(&self) -> impl Iterator<Item = &NodeId> {
        self.libraries.iter().chain(&self.tools)
    }

    /// Has it built by the GCC of an image, if that may be.
    pub(crate) fn fall_back(&mut self, gcc: &Arc<Gcc>) {
        let driver = &self.component.driver;
        if self.may_fall_back() {
            let ours = self.toolchain.tools_of(driver);
            self.toolchain = Toolchain::Gcc(Arc::clone(gcc));
            let theirs = self.toolchain.tools_of(driver);
            self.sources.tools.retain(|name, _| !ours.contains(&name.as_str()) || theirs.contains(&name.as_str()));
        }
    }

    /// Whether another compiler than Zig could build it.
    pub(crate) fn may_fall_back(&self) -> bool {
        let is_native = self.platform == Platform::HOST;
        self.toolchain == Toolchain::Zig && is_native && Toolchain::may_be_gcc(&self.component.driver)
    }
}

/// What a node is made from, as pinned.
#[derive(Clone, Debug)]
pub struct NodeSources {
    /// The component's own source.
    pub own: Source,
    /// Its vendored dependencies.
    pub vendor: Option<Source>,
    /// Toolchain and tools that are used as they come, by recipe name.
    pub tools: BTreeMap<String, Source>,
}

/// A pinned source and how it is unpacked.
#[derive(Clone, Debug)]
pub struct Source {
    /// The pins.
    pub locked: LockedSource,
    /// The recipe's say.
    pub spec: SourceSpec,
}

impl Source {
    /// Whether it is a folder that a person named, in place of what the lock pins.
    pub fn is_overridden(&self) -> bool {
        self.spec.own.is_none() && self.locked.origins.iter().any(|origin| matches!(origin.place, Place::Folder(_)))
    }
}

/// An archive that was asked for.
#[derive(Clone, Debug)]
pub struct WantedArchive {
    /// `podman-full`
    pub variant: String,
    /// The tool's version.
    pub version: Version,
    /// What it runs on.
    pub platform: Platform,
    /// The components in it.
    pub components: Vec<NodeId>,
}

impl WantedArchive {
    /// The components in it, and the libraries that are linked into them: by name, since the nodes' numbers depend on
    /// what else is asked for, and of two that bring the same file the first is named in the manifest.
    pub(crate) fn linked(&self, graph: &Graph) -> Vec<NodeId> {
        let mut linked = self.components.clone();
        linked.extend(self.components.iter().flat_map(|id| graph.nodes[*id].libraries.clone()));
        linked.sort_by_key(|id| (&graph.nodes[*id].component.name, *id));
        linked.dedup();
        linked
    }
}

/// Everything to be done.
#[derive(Clone, Debug, Default)]
pub struct Graph {
    /// Needs stand before what needs them.
    pub nodes: Vec<Node>,
    /// The archives, in the order asked for.
    pub archives: Vec<WantedArchive>,
    /// Components that were asked for by name.
    pub asked: Vec<NodeId>,
    /// Whether everything is built on the host itself.
    pub unsandboxed: bool,
    /// Code of others that sources have within themselves.
    pub carried: Vec<Carried>,
}

/// Why no graph can be made.
#[derive(Debug, thiserror::Error, Diagnostic)]
pub enum GraphError {
    /// A recipe is wrong.
    #[error(transparent)]
    #[diagnostic(transparent)]
    Recipe(#[from] RecipeError),
    /// The lock lacks something.
    #[error(transparent)]
    #[diagnostic(transparent)]
    Lock(#[from] LockError),
    /// The name means nothing.
    #[error("there is no tool, archive or component `{name}`")]
    #[diagnostic(help("{}", rst_model::names::way_out(name, known)))]
    Unknown {
        /// What was asked for.
        name: String,
        /// What there is.
        known: Vec<String>,
    },
    /// What goes with a version is not said.
    #[error("build/archives.toml does not say what goes with {version} in {variant}: it has the lines {}", .lines.join(", "))]
    #[diagnostic(help("add a [{variant}.line.\"LINE\"] that {version} is in, with the lines of the components"))]
    NoLine {
        /// The archive.
        variant: String,
        /// The tool's version.
        version: Version,
        /// The lines that it has.
        lines: Vec<String>,
    },
}

impl Graph {
    /// The graph for these requests on these platforms.
    pub fn of(project: &Project, requests: &[Request], platforms: &[Platform]) -> Result<Self, GraphError> {
        let mut growing = Growing::new(project);
        for request in requests {
            for platform in platforms {
                growing.add_request(request, *platform)?;
            }
        }
        Ok(growing.graph)
    }

    /// The graph for one component, also where an archive is called like it (podman).
    pub fn of_component(project: &Project, request: &Request, platform: Platform) -> Result<Self, GraphError> {
        let mut growing = Growing::new(project);
        growing.add_component(request, platform)?;
        Ok(growing.graph)
    }
}

/// A graph while it is made.
struct Growing<'a> {
    project: &'a Project,
    graph: Graph,
    /// What is in it already.
    seen: BTreeMap<(String, Version, Platform), NodeId>,
}

impl<'a> Growing<'a> {
    fn new(project: &'a Project) -> Self {
        let graph = Graph { carried: project.carried.clone(), ..Graph::default() };
        Self { project, graph, seen: BTreeMap::new() }
    }

    fn add_component(&mut self, request: &Request, platform: Platform) -> Result<(), GraphError> {
        let project = self.project;
        if !project.book.names().contains(&request.name) {
            let mut known: Vec<_> = project.archives.keys().cloned().chain(project.book.names()).collect();
            known.sort();
            known.dedup();
            return Err(GraphError::Unknown { name: request.name.clone(), known });
        }
        let version = asked_version(project, request)?;
        let id = self.add_node(&request.name, &version, platform)?;
        self.graph.asked.push(id);
        Ok(())
    }

    fn add_request(&mut self, request: &Request, platform: Platform) -> Result<(), GraphError> {
        let project = self.project;
        let variants: Vec<_> = project
            .archives
            .iter()
            .filter(|(name, variant)| **name == request.name || *variant.tool.get_ref() == request.name)
            .collect();
        if variants.is_empty() {
            return self.add_component(request, platform);
        }
        for (name, variant) in variants {
            let tool = Request { name: variant.tool.get_ref().clone(), version: request.version.clone() };
            let version = asked_version(project, &tool)?;
            let lines = variant.line.iter().find(|(line, _)| version.in_line(line)).map(|(_, of)| of);
            if lines.is_none() && !variant.line.is_empty() {
                let lines = variant.line.keys().cloned().collect();
                return Err(GraphError::NoLine { variant: name.clone(), version, lines });
            }
            let mut components = Vec::new();
            for component in variant.components.iter().map(toml::Spanned::get_ref) {
                let version = if component == variant.tool.get_ref() {
                    version.clone()
                } else {
                    let line = lines.and_then(|lines| lines.get(component));
                    asked_version(project, &Request { name: component.clone(), version: line.cloned() })?
                };
                components.push(self.add_node(component, &version, platform)?);
            }
            self.graph.archives.push(WantedArchive { variant: name.clone(), version, platform, components });
        }
        Ok(())
    }

    fn add_node(&mut self, name: &str, version: &Version, platform: Platform) -> Result<NodeId, GraphError> {
        let project = self.project;
        let key = (name.to_owned(), version.clone(), platform);
        if let Some(id) = self.seen.get(&key) {
            return Ok(*id);
        }
        let mut component = project.book.component(name, version)?;
        if links_a_program(&component) {
            if matches!(component.driver, Driver::Cargo(_)) {
                component.needs.push("rust-library".to_owned());
            }
            if component.allocator == AllocatorChoice::Mimalloc {
                component.needs.push("mimalloc".to_owned());
            }
        }
        let mut libraries = Vec::new();
        for need in &component.needs {
            let version = newest(project, name, need)?;
            let id = self.add_node(need, &version, platform)?;
            libraries.push(id);
            libraries.extend(self.graph.nodes[id].libraries.clone());
        }
        dedup_keeping_last(&mut libraries);
        let mut sources = sources_of(project, &component)?;
        let mut tools = Vec::new();
        for tool in &component.tools {
            let version = newest(project, name, tool)?;
            match project.book.component(tool, &version)? {
                Component { driver: Driver::Source, source, .. } => {
                    sources.tools.insert(tool.clone(), pinned(project, name, tool, &version, source)?);
                }
                _ => tools.push(self.add_node(tool, &version, Platform { arch: Arch::HOST })?),
            }
        }
        let id = self.graph.nodes.len();
        let toolchain = Toolchain::default();
        self.graph.nodes.push(Node { component, platform, toolchain, libraries, tools, sources });
        self.seen.insert(key, id);
        Ok(id)
    }
}

/// Whether a program comes out, into which an allocator is linked and the language's own library.
pub(crate) fn links_a_program(component: &Component) -> bool {
    match &component.driver {
        Driver::Source => false,
        Driver::Go(_) => true,
        Driver::Cargo(options) => options.libraries.is_empty(),
        _ => component.install.keys().any(|to| to.starts_with("bin/") || to.starts_with("lib/podman/")),
    }
}

fn sources_of(project: &Project, component: &Component) -> Result<NodeSources, GraphError> {
    let of = &component.name;
    let own = pinned(project, of, of, &component.version, component.source.clone())?;
    let vendor = match component.source.vendor {
        Some(_) => {
            let name = format!("{of}-vendor");
            Some(pinned(project, of, &name, &component.version, SourceSpec::default())?)
        }
        None => None,
    };
    let mut tools = BTreeMap::new();
    for name in Toolchain::default().tools_of(&component.driver) {
        let version = newest(project, of, name)?;
        let spec = project.book.component(name, &version)?.source;
        tools.insert(name.to_string(), pinned(project, of, name, &version, spec)?);
    }
    Ok(NodeSources { own, vendor, tools })
}

/// The pins of what the recipe `of` asks for.
fn pinned(project: &Project, of: &str, name: &str, version: &Version, spec: SourceSpec) -> Result<Source, GraphError> {
    let locked = project.lock.source(name, version, Arch::HOST).map_err(|error| shown(project, of, name, error))?;
    Ok(Source { locked: locked.clone(), spec })
}

/// The newest locked version of what the recipe `of` asks for.
fn newest(project: &Project, of: &str, wanted: &str) -> Result<Version, GraphError> {
    project.lock.version(wanted, None).map_err(|error| shown(project, of, wanted, error))
}

/// The version that a person means. One that the lock lacks is their word against the lock; a recipe
/// that the lock lacks altogether is shown.
fn asked_version(project: &Project, request: &Request) -> Result<Version, GraphError> {
    project.lock.version(&request.name, request.version.as_deref()).map_err(|error| match error {
        LockError::Missing { .. } => shown(project, &request.name, &request.name, error),
        other => other.into(),
    })
}

/// What the lock lacks, shown where the recipe `of` asks for it.
fn shown(project: &Project, of: &str, wanted: &str, error: LockError) -> GraphError {
    let help = error.help().map(|help| help.to_string());
    project.book.error_at(of, wanted, error.to_string(), help).into()
}

/// Static libraries must stand after all that use them.
fn dedup_keeping_last(ids: &mut Vec<NodeId>) {
    let mut kept: Vec<NodeId> = Vec::new();
    for id in ids.iter().rev() {
        if !kept.contains(id) {
            kept.push(*id);
        }
    }
    kept.reverse();
    *ids = kept;
}
