//! Ctrl-C and SIGTERM: everybody is asked to stop; who does not within their time, or before the second of these, is left
//! behind.

use std::{
    sync::{Arc, Mutex},
    time::Duration,
};

use rst_model::Cancel;
use signal_hook::{consts::TERM_SIGNALS, iterator::Signals};

use crate::exit::Exit;

/// How long the work may take to end: less than two seconds, unless it asks for more.
#[derive(Clone)]
pub struct Grace(Arc<Mutex<Duration>>);

impl Grace {
    /// For who has to end what they started, and to remove a whole system's files, which a slow disk takes minutes for.
    pub fn to_tidy(&self) {
        *self.lock() = Duration::from_secs(300);
    }

    fn lock(&self) -> std::sync::MutexGuard<'_, Duration> {
        self.0.lock().expect("nobody panics with it")
    }
}

/// Listens from now on.
pub fn listen(cancel: Cancel) -> std::io::Result<Grace> {
    let grace = Grace(Arc::new(Mutex::new(Duration::from_millis(1800))));
    let granted = grace.clone();
    let mut signals = Signals::new(TERM_SIGNALS)?;
    std::thread::spawn(move || {
        for _ in signals.forever() {
            if cancel.is_cancelled() {
                std::process::exit(Exit::Interrupted as i32);
            }
            cancel.cancel();
            let granted = *granted.lock();
            std::thread::spawn(move || {
                std::thread::sleep(granted);
                std::process::exit(Exit::Interrupted as i32);
            });
        }
    });
    Ok(grace)
}
