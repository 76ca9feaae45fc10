//! Which toolchain builds what: Zig all of it, the GCC of an image all that it may, or that only where Zig fails.

use std::sync::Arc;

use rst_model::{Platform, ToolchainImage, event::Event};

use crate::{
    error::BuildError,
    factory::{Built, Factory, step_of},
    graph::{Graph, NodeId},
    slots::Slots,
    toolchain::{Gcc, Toolchain},
};

/// What a person has chosen to build with.
#[derive(Clone, Debug, Default)]
pub enum Choice {
    /// Zig.
    #[default]
    Zig,
    /// The GCC of an image.
    Container(ToolchainImage),
    /// Zig, and where it fails the GCC of an image.
    Auto(ToolchainImage),
}

impl Factory<'_> {
    /// The graph with the chosen toolchain in it: the image is in the store then. Where that is for failures alone
    /// nothing is asked for yet.
    pub fn chosen(&self, mut graph: Graph) -> Result<Graph, BuildError> {
        if let Choice::Container(image) = &self.settings.toolchain {
            let other = graph
                .nodes
                .iter()
                .find(|node| node.platform != Platform::HOST && Toolchain::may_be_gcc(&node.component.driver));
            if let Some(node) = other {
                return Err(BuildError::NotNative { name: node.component.name.clone(), platform: node.platform });
            }
            let gcc = self.gcc(image)?;
            for node in &mut graph.nodes {
                node.fall_back(&gcc);
            }
        }
        Ok(graph)
    }

    /// Builds everything of a graph and puts its archives into `dist/`.
    pub fn build(&self, graph: &Graph) -> Result<Built, BuildError> {
        let Choice::Auto(image) = &self.settings.toolchain else { return self.build_once(graph) };
        let mut graph = graph.clone();
        loop {
            // A failure ends what else is under way; the next round begins where that was.
            let cancel = self.cancel.of_part();
            let round = Factory { cancel: &cancel, reporter: Arc::clone(&self.reporter), ..self.clone() };
            let error = match round.build_once(&graph) {
                Ok(built) => return Ok(built),
                Err(error) => error,
            };
            let Some(id) = failed(&graph, &error) else { return Err(error) };
            let gcc = self.gcc(image)?;
            let message = format!(
                "Zig could not build {}: the GCC {} of {} does ({}; its log: {})",
                step_of(&graph, id),
                gcc.version,
                gcc.image,
                error.reason(),
                error.log().display(),
            );
            self.reporter.event(Event::Warning { message });
            graph.nodes[id].fall_back(&gcc);
        }
    }

    fn gcc(&self, image: &ToolchainImage) -> Result<Arc<Gcc>, BuildError> {
        let image = self.fetcher.toolchain_image(image)?;
        let slots = Slots::new(self.store, self.settings.jobs)?;
        Ok(Arc::new(Gcc::of(&image, &self.executor(&slots))?))
    }
}

/// The node at which a build has failed, if another compiler may do better.
fn failed(graph: &Graph, error: &BuildError) -> Option<NodeId> {
    let BuildError::Command { name, version, platform, by_zig: true, .. } = error else { return None };
    graph.nodes.iter().position(|node| {
        node.component.name == *name && node.component.version.as_str() == version && node.platform == *platform
    })
}
