//! Following upstream: what is locked compared with what there is, and the lock moved on.

mod lines;
mod outdated;

pub use outdated::{Place, Row, Standing, State, outdated};
