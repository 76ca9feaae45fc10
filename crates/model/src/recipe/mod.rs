//! Recipes: one file a component, as people write it ([`Recipe`]) and, for one version, as it is
//! built ([`Component`]).

mod authored;
mod book;
mod driver;
mod error;
mod placeholder;

pub use authored::{
    Allocator, AllocatorChoice, DebianFile, Follows, Install, OwnSource, Recipe, SourceSpec, Upstream, Vendor,
};
pub use book::{Book, Component};
pub use driver::{Autotools, Cargo, Cc, CcOutput, Driver, Go, GoProgram, Make, Meson};
pub use error::RecipeError;
pub use placeholder::Placeholder;
