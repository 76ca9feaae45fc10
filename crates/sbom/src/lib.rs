//! Software bills of materials: what an archive consists of, statically linked parts included, as CycloneDX 1.6
//! and SPDX 2.3 documents. Values in, JSON out: `rst-build` gathers the facts.

mod claim;
mod crates;
mod document;
mod inventory;
mod license;
mod modules;
mod purl;

pub use claim::lacking;
pub use crates::{Crate, CrateError, TREE_FORMAT, crates};
pub use document::{cyclonedx, spdx};
pub use inventory::{Inventory, Kind, Origin, Part, PartId};
pub use license::{Detector, License};
pub use modules::{Module, ModuleError, modules};
pub use purl::{of_crate, of_generic, of_go_module, of_source};

/// Raised when the documents change for the same facts, so that they are made again.
pub const FORMAT: u32 = 1;
