//! A request to stop, seen by all who work.

use std::sync::{
    Arc,
    atomic::{AtomicBool, Ordering},
};

/// Set once, by a signal or by the first failure; whoever waits for something looks at it often.
#[derive(Clone, Debug, Default)]
pub struct Cancel(Arc<AtomicBool>);

impl Cancel {
    /// Asks everybody to stop.
    pub fn cancel(&self) {
        self.0.store(true, Ordering::SeqCst);
    }

    /// Whether to stop.
    pub fn is_cancelled(&self) -> bool {
        self.0.load(Ordering::SeqCst)
    }
}
