//! A request to stop, seen by all who work.

use std::sync::{
    Arc,
    atomic::{AtomicBool, Ordering},
};

/// Set once, by a signal or by the first failure; whoever waits for something looks at it often.
#[derive(Clone, Debug, Default)]
pub struct Cancel {
    asked: Arc<AtomicBool>,
    /// Who asks these, asks us.
    above: Option<Box<Cancel>>,
}

impl Cancel {
    /// Asks everybody to stop.
    pub fn cancel(&self) {
        self.asked.store(true, Ordering::SeqCst);
    }

    /// Whether to stop.
    pub fn is_cancelled(&self) -> bool {
        self.asked.load(Ordering::SeqCst) || self.above.as_ref().is_some_and(|above| above.is_cancelled())
    }

    /// One for a part of the work, which may be given up alone.
    pub fn of_part(&self) -> Self {
        Self { asked: Arc::default(), above: Some(Box::new(self.clone())) }
    }
}
