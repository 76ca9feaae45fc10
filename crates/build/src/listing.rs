//! What is linked into a component's programs, asked of the programs and of its sources: an action beside the one
//! that builds it, whose key so stays as it is. What it leaves, `listed` reads.

use std::{
    collections::{BTreeMap, BTreeSet},
    sync::Mutex,
};

use rst_model::{
    Action, Carried, Collect, Digest,
    recipe::{Cargo, Driver, Go, Install},
};
use rst_store::ActionResult;

use crate::{
    compose::{EPOCH, checkouts, context_of, patching, tool_mounts},
    driver,
    error::BuildError,
    factory::Factory,
    graph::{Graph, Node, NodeId, links_a_program},
    slots::Slots,
    toolchain::Toolchain,
};

/// Zig's musl: the header that has its version.
pub(crate) const MUSL: &str = "musl";
/// What `go version -m` prints of the programs.
pub(crate) const MODULES: &str = "modules";
/// The source's go.sum, if it has one.
pub(crate) const GO_SUM: &str = "go.sum";
/// The folder of the licence texts of vendored modules.
pub(crate) const MODULE_LICENSES: &str = "licenses";
/// What `cargo tree` prints.
pub(crate) const CRATES: &str = "crates";
/// The source's Cargo.lock.
pub(crate) const CARGO_LOCK: &str = "Cargo.lock";

/// The folder of the files that tell versions of code that a source has within itself: `WITHIN/NAME`.
pub(crate) const CARRIED: &str = "carried";

/// Where a source is seen as it is.
const SOURCE: &str = "/source";

impl Factory<'_> {
    /// Asks what is linked into a node that is built.
    pub(crate) fn list_node(
        &self,
        graph: &Graph,
        id: NodeId,
        slots: &Slots,
        results: &Mutex<BTreeMap<NodeId, ActionResult>>,
        listings: &Mutex<BTreeMap<NodeId, Digest>>,
    ) -> Result<(), BuildError> {
        if self.cancel.is_cancelled() {
            return Err(BuildError::Interrupted);
        }
        let built = results.lock().expect("no task panics while holding it")[&id].output;
        if let Some(action) = listing(graph, id, built) {
            let version = graph.nodes[id].component.version.as_str();
            let listed = self.executor(slots).run(&action, version, &[])?.output;
            listings.lock().expect("no task panics while holding it").insert(id, listed);
        }
        Ok(())
    }

    /// The nodes that are built and have yet to be asked what is linked into them, for which sources are needed.
    pub(crate) fn unlisted(
        &self,
        graph: &Graph,
        nodes: &BTreeSet<NodeId>,
        built: &BTreeMap<NodeId, ActionResult>,
    ) -> Vec<NodeId> {
        let is_unlisted = |id: &&NodeId| {
            let action = built.get(id).and_then(|result| listing(graph, **id, result.output));
            action.is_some_and(|action| self.store.result(action.key()).is_none())
        };
        nodes.iter().filter(is_unlisted).copied().collect()
    }
}

/// The action for a node that is built; none for one of which nothing need be asked.
pub(crate) fn listing(graph: &Graph, id: NodeId, output: Digest) -> Option<Action> {
    let node = &graph.nodes[id];
    let mut action = Action {
        name: node.component.name.clone(),
        platform: node.platform,
        mounts: tool_mounts(node),
        checkouts: BTreeMap::new(),
        files: BTreeMap::new(),
        env: driver::base_env(EPOCH),
        steps: Vec::new(),
        collect: Vec::new(),
        links: BTreeMap::new(),
        cache: None,
        unsandboxed: graph.unsandboxed,
    };
    if node.toolchain == Toolchain::Zig && links_a_program(&node.component) {
        let header = "/zig/ziglang/lib/libc/musl/src/internal/version.h";
        action.steps.push(driver::step(["cp", header, "/b/out/musl"]));
        action.collect.push(taken("out/musl", MUSL));
    }
    match &node.component.driver {
        Driver::Go(options) => ask_programs(&mut action, node, options, output),
        Driver::Cargo(options) => ask_source(&mut action, node, options),
        _ => {}
    }
    ask_carriers(&mut action, node, &graph.carried);
    node.toolchain.widen_path(&mut action.env);
    (!action.collect.is_empty()).then_some(action)
}

fn ask_programs(action: &mut Action, node: &Node, options: &Go, output: Digest) {
    let built = format!("/deps/{}", node.component.name);
    let is_program = |from: &str| options.program.iter().any(|program| program.name == from);
    let programs = node.component.install.iter().filter_map(|(to, install)| match install {
        Install::Everywhere(from) if is_program(from) => Some(format!("{built}/{to}")),
        Install::On { from, arch } if is_program(from) && *arch == node.platform.arch => Some(format!("{built}/{to}")),
        _ => None,
    });
    let print = r#"go version -m "$@" >/b/out/modules"#;
    let argv = ["sh", "-c", print, "sh"].map(str::to_owned).into_iter().chain(programs);
    action.env.extend(driver::plan(&context_of(node, &[])).env);
    action.steps.push(driver::step(argv));
    action.steps.push(driver::step(["sh", "-c", "[ ! -e /source/go.sum ] || cp /source/go.sum /b/out/"]));
    action.mounts.insert(built, output);
    action.mounts.insert(SOURCE.to_owned(), node.sources.own.locked.tree);
    action.collect.push(taken("out/modules", MODULES));
    action.collect.push(Collect { optional: true, ..taken("out/go.sum", GO_SUM) });
    if let Some(vendor) = &node.sources.vendor {
        action.mounts.insert("/b/src/vendor".to_owned(), vendor.locked.tree);
        let find = [
            &["find", "vendor", "-type", "f", "(", "-iname", "*licen[cs]e*", "-o", "-iname", "copying*", ")"][..],
            &["!", "-name", "*.go", "-exec", "cp", "--parents", "-t", "/b/licenses", "{}", "+"],
        ];
        action.steps.extend([driver::step(["mkdir", "/b/licenses"]), driver::step(find.concat())]);
        action.collect.push(taken("licenses/vendor/", &format!("{MODULE_LICENSES}/")));
    }
}

fn ask_source(action: &mut Action, node: &Node, options: &Cargo) {
    let triple = node.platform.rust_triple();
    let print = r#"cargo tree "$@" >/b/out/crates"#;
    let tree = ["--locked", "--offline", "--edges", "normal,no-proc-macro", "--target", &triple];
    let shape = ["--prefix", "none", "--format", rst_sbom::TREE_FORMAT];
    let unstable = ["-Zhost-config", "-Ztarget-applies-to-host"];
    let packages = options.libraries.iter().flat_map(|library| ["-p", library.as_str()]);
    let argv = ["sh", "-c", print, "sh"].into_iter().chain(tree).chain(shape).chain(unstable).chain(packages);
    let plan = driver::plan(&context_of(node, &[]));
    action.env.extend(plan.env);
    action.files.extend(plan.files);
    action.checkouts = checkouts(node, &mut action.mounts);
    action.steps.extend(patching(node, &mut action.files));
    action.steps.push(driver::step(argv));
    action.collect.push(taken("out/crates", CRATES));
    action.collect.push(taken("src/Cargo.lock", CARGO_LOCK));
}

fn ask_carriers(action: &mut Action, node: &Node, carried: &[Carried]) {
    let is_vendored = node.sources.vendor.is_some() && matches!(node.component.driver, Driver::Go(_));
    for Carried { name, within, file, .. } in carried {
        let to = format!("{CARRIED}/{within}/{name}");
        let take = |from: &str| ["install", "-D", "-m", "644", from, &format!("/b/out/{to}")].map(str::to_owned);
        if *within == node.component.name {
            action.mounts.insert(SOURCE.to_owned(), node.sources.own.locked.tree);
            action.steps.push(driver::step(take(&format!("{SOURCE}/{file}"))));
            action.collect.push(taken(&format!("out/{to}"), &to));
        } else if is_vendored {
            let module = format!("/b/src/vendor/{within}");
            let if_there = ["sh", "-c", r#"[ ! -d "$0" ] || "$@""#, &module].map(str::to_owned);
            action.steps.push(driver::step(if_there.into_iter().chain(take(&format!("{module}/{file}")))));
            action.collect.push(Collect { optional: true, ..taken(&format!("out/{to}"), &to) });
        }
    }
}

fn taken(from: &str, to: &str) -> Collect {
    Collect { from: from.to_owned(), to: to.to_owned(), optional: false, merged: false }
}
