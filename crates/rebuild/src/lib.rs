//! Whether an archive is what its sources give: built again where everything is different that must not matter, and
//! compared.
//!
//! `elsewhere` is that other place, `rebuild` the way there and back, `difference` says what differs first between two
//! archives and which action made it, `cause` guesses why.

mod cause;
mod difference;
mod elsewhere;
mod error;
mod rebuild;

pub use cause::Mark;
pub use difference::{Difference, MadeBy, What, differences};
pub use elsewhere::act_if_asked;
pub use error::RebuildError;
pub use rebuild::{Likeness, Options, Rebuild, Rebuilt, Sources, compare};
