//! From a node of the graph to the action that builds it: everything it will see, as plain data.

use std::collections::BTreeMap;

use rst_model::{
    Action, Arch, CacheMount, Collect, Digest, RelPath, Step,
    recipe::{Driver, Install},
};

use crate::{
    driver::{self, Context},
    graph::{Graph, Node, NodeId},
    toolchain::{License, Toolchain, Zig},
};

/// SOURCE_DATE_EPOCH of every build and the time of every file in an archive: 2026-01-01, in seconds
/// since 1970. A constant, so that the day of a build shows nowhere.
pub const EPOCH: i64 = 1_767_225_600;

/// Where the tree of a tool is seen.
pub(crate) fn tool_mount(name: &str) -> String {
    match name {
        "zig" => Zig::MOUNT.to_owned(),
        "go" => "/go".to_owned(),
        _ => format!("/tools/{name}"),
    }
}

/// The trees of a node's tools, by where they are seen.
pub(crate) fn tool_mounts(node: &Node) -> BTreeMap<String, Digest> {
    let mut mounts = node.toolchain.mounts();
    mounts.extend(node.sources.tools.iter().map(|(name, source)| (tool_mount(name), source.locked.tree)));
    mounts
}

/// The mount that stands for the whole root: the build root.
pub(crate) const ROOT_TOOL: &str = "build-root";

/// The action for a node, once what it needs is built: `outputs` has the trees of its needs.
pub fn compose(graph: &Graph, id: NodeId, outputs: &BTreeMap<NodeId, Digest>) -> Action {
    let node = &graph.nodes[id];
    let libraries: Vec<_> = node.libraries.iter().map(|need| graph.nodes[*need].component.name.clone()).collect();
    let context = context_of(node, &libraries);
    let toolchain = &node.toolchain;
    let plan = driver::plan(&context);

    let mut mounts = tool_mounts(node);
    for (need, name) in node.libraries.iter().zip(&libraries) {
        mounts.insert(format!("/deps/{name}"), outputs[need]);
    }
    for tool in &node.tools {
        mounts.insert(tool_mount(&graph.nodes[*tool].component.name), outputs[tool]);
    }
    let checkouts = checkouts(node, &mut mounts);

    let mut files = toolchain.commands(node.platform);
    files.extend(plan.files);
    let mut steps = patching(node, &mut files);
    steps.extend(plan.steps);
    if node.sources.vendor.is_some() {
        steps.extend(vendored_licenses());
    }
    for runtime in toolchain.runtimes_of(&node.component.driver) {
        match runtime.license_text {
            License::At(text) => {
                let file = text.rsplit('/').next().unwrap_or_default();
                let to = format!("/b/licenses/runtime/{}/{file}", runtime.name);
                steps.push(driver::step(["install", "-D", "--mode=644", text, &to]));
            }
            License::Here { file, text } => {
                files.insert(path(&format!("licenses/runtime/{file}")), text.to_owned());
            }
        }
    }

    let mut env = driver::base_env(EPOCH);
    env.extend(toolchain.env());
    env.extend(plan.env);
    toolchain.widen_path(&mut env);
    if let Some(flags) = env.get_mut("CGO_CFLAGS") {
        *flags = format!("{flags} {}", go_sees(node, outputs));
    }
    Action {
        name: node.component.name.clone(),
        platform: node.platform,
        cache: go_cache(node, &mounts),
        mounts,
        checkouts,
        files,
        env,
        steps,
        collect: collect(node, &context, &plan.products),
        links: links(node),
        unsandboxed: graph.unsandboxed,
    }
}

/// The source, with its vendored dependencies: what is copied into the work folder, and what is only seen.
pub(crate) fn checkouts(node: &Node, mounts: &mut BTreeMap<String, Digest>) -> BTreeMap<RelPath, Digest> {
    let mut checkouts = BTreeMap::from([(path("src"), node.sources.own.locked.tree)]);
    if let Some(vendor) = &node.sources.vendor {
        // Some have tens of thousands of files: copied only where a patch changes one.
        let patched = node.component.patches.values().any(|text| text.contains("\n+++ b/vendor/"));
        if patched {
            checkouts.insert(path("src/vendor"), vendor.locked.tree);
        } else {
            mounts.insert("/b/src/vendor".to_owned(), vendor.locked.tree);
        }
    }
    checkouts
}

/// How patches are applied, of the program `patch`.
pub(crate) const PATCH: [&str; 3] = ["-p1", "--fuzz=0", "--no-backup-if-mismatch"];

/// Writes the recipe's patches, and says how they are applied.
pub(crate) fn patching(node: &Node, files: &mut BTreeMap<RelPath, String>) -> Vec<Step> {
    let mut steps = Vec::new();
    for (name, text) in &node.component.patches {
        files.insert(path(&format!("patches/{name}")), text.clone());
        let input = format!("--input=/b/patches/{name}");
        steps.push(driver::step(["patch"].into_iter().chain(PATCH).chain([input.as_str()])));
    }
    steps
}

pub(crate) fn context_of<'a>(node: &'a Node, libraries: &'a [String]) -> Context<'a> {
    Context {
        component: &node.component,
        platform: node.platform,
        toolchain: &node.toolchain,
        host: Arch::HOST,
        libraries,
        epoch: EPOCH,
    }
}

/// The Go variables that a node's programs are linked with, by program.
pub(crate) fn link_time_values(graph: &Graph, id: NodeId) -> BTreeMap<String, BTreeMap<String, String>> {
    let node = &graph.nodes[id];
    match &node.component.driver {
        Driver::Go(options) => driver::link_time_values(&context_of(node, &[]), options),
        _ => BTreeMap::new(),
    }
}

/// Go's cache knows Go sources and flags, not C headers, compilers or the build root: it is valid for
/// one set of tools. The libraries' headers are told to it by a flag (see [`go_sees`]): what
/// pkg-config prints is no part of its keys.
fn go_cache(node: &Node, mounts: &BTreeMap<String, Digest>) -> Option<CacheMount> {
    if !matches!(node.component.driver, Driver::Go(_)) {
        return None;
    }
    let tools: Vec<_> = node.sources.tools.keys().map(|name| mounts.get(&tool_mount(name))).collect();
    let validity = match &node.toolchain {
        Toolchain::Zig => Digest::of_json(&(node.platform, tools)),
        Toolchain::Gcc(gcc) => Digest::of_json(&(node.platform, tools, gcc.tree)),
    };
    Some(CacheMount { target: driver::GO_CACHE.to_owned(), name: "go-build".to_owned(), validity })
}

/// A define that nothing reads and that changes with the libraries, for flags that Go's cache keys hold.
fn go_sees(node: &Node, outputs: &BTreeMap<NodeId, Digest>) -> String {
    let libraries: Vec<_> = node.libraries.iter().map(|need| outputs[need]).collect();
    format!("-DRST_LIBRARIES_{}", Digest::of_json(&libraries).short())
}

/// Copies the licence texts of vendored dependencies to `/b/licenses`, each below its module's or crate's name.
fn vendored_licenses() -> Vec<Step> {
    let find = [
        &["find", "vendor", "-type", "f", "("][..],
        &["-iname", "licen[cs]e*", "-o", "-iname", "copying*", "-o", "-iname", "copyright*", "-o", "-iname", "notice*"],
        &[")", "!", "-name", "*.go", "!", "-name", "*.rs", "-exec", "cp", "--parents", "-t", "/b/licenses", "{}", "+"],
    ];
    vec![driver::step(["mkdir", "-p", "/b/licenses"]), driver::step(find.concat())]
}

fn collect(node: &Node, context: &Context, products: &str) -> Vec<Collect> {
    let mut collect = vec![Collect {
        from: "licenses/runtime/".to_owned(),
        to: format!("{LICENSES}/"),
        optional: true,
        merged: false,
    }];
    for (to, install) in &node.component.install {
        let from = match install {
            Install::Everywhere(from) => from,
            Install::On { from, arch } if *arch == node.platform.arch => from,
            Install::On { .. } | Install::Link { .. } => continue,
        };
        let from = context.fill(from);
        let from = match from.strip_prefix("/b/") {
            Some(absolute) => absolute.to_owned(),
            None => format!("{products}/{from}"),
        };
        collect.push(Collect { from, to: context.fill(to), optional: false, merged: false });
    }
    for from in &node.component.license_files {
        let to = format!("{LICENSES}/{}/", node.component.name);
        collect.push(Collect { from: format!("src/{from}"), to, optional: false, merged: false });
    }
    if node.sources.vendor.is_some() {
        let to = format!("{LICENSES}/{}/dependencies.txt", node.component.name);
        collect.push(Collect { from: "licenses/vendor/".to_owned(), to, optional: false, merged: true });
    }
    collect.push(Collect { from: "twin/".to_owned(), to: format!("{TWINS}/"), optional: true, merged: false });
    collect
}

fn links(node: &Node) -> BTreeMap<RelPath, RelPath> {
    let links = node.component.install.iter().filter_map(|(at, install)| match install {
        Install::Link { link } => Some((path(at), link.clone())),
        Install::Everywhere(_) | Install::On { .. } => None,
    });
    links.collect()
}

/// Where in an output tree the unstripped programs are.
pub const TWINS: &str = ".twins";
/// Where in an output tree the licence texts are, a folder for each component.
pub const LICENSES: &str = ".licenses";

fn path(text: &str) -> RelPath {
    RelPath::new(text).expect("a constant, or checked with its recipe")
}
