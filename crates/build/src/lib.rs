//! The factory: from recipes and lock to proved archives.
//!
//! `project` reads what people write, `graph` says what has to be built, `compose` turns each node
//! into an action (with `driver` and `toolchain`), `execute` runs one, `schedule` runs all, `fallback` chooses the
//! compiler, `listing`
//! asks what is linked into a component's programs, and `assemble` (with `inventory` and `sbom`), `prove` and
//! `package` make archives. `pins` and `upstream` change the lock, `revise` says
//! what is to be released again, `unlike` what an archive was not built from. `factory` is the road through all of them.

mod assemble;
mod attach;
mod bare;
mod collect;
mod compose;
mod driver;
mod error;
mod execute;
mod explain;
mod factory;
mod fallback;
mod graph;
mod inventory;
mod listed;
mod listing;
mod package;
mod pins;
mod project;
mod prove;
mod revise;
mod sbom;
mod schedule;
mod slots;
mod supply;
mod toolchain;
mod unlike;
mod upstream;

pub use compose::{EPOCH, LICENSES, TWINS, compose};
pub use error::BuildError;
pub use explain::Why;
pub use factory::{Built, BuiltArchive, BuiltComponent, Factory, Settings, Survey, memory_of};
pub use fallback::Choice;
pub use graph::{Graph, GraphError, Node, NodeId, Request, Source, WantedArchive};
pub use pins::{PinError, export_mirror, kept, pin};
pub use project::{EtcFile, Project, ProjectError};
pub use prove::prove_tree;
pub use revise::{Parts, Revised, parts, releases_text, revised};
pub use unlike::unlike;
pub use upstream::{
    Advisories, AdvisoryError, BumpError, Bumped, Change, Finding, Place as AskedPlace, Refused, Row, Standing, State,
    advisories, bump, outdated,
};
