//! Following upstream: what is locked compared with what there is, the lock moved on, and what is
//! known to be wrong with what was built.

mod advisories;
mod bump;
mod go_mod;
mod goals;
mod lines;
mod outdated;
mod patches;

pub use advisories::{Advisories, AdvisoryError, Finding, advisories};
pub use bump::{BumpError, Bumped, Change, bump};
pub use outdated::{Place, Row, Standing, State, outdated};
pub use patches::Refused;
