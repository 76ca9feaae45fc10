//! Following upstream: what is locked compared with what there is, and the lock moved on.

mod bump;
mod go_mod;
mod goals;
mod lines;
mod outdated;
mod patches;

pub use bump::{BumpError, Bumped, Change, bump};
pub use outdated::{Place, Row, Standing, State, outdated};
pub use patches::Refused;
