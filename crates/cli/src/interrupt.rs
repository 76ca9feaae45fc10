//! Ctrl-C and SIGTERM: everybody is asked to stop; who does not within two seconds is left behind.

use std::time::Duration;

use rst_model::Cancel;
use signal_hook::{consts::TERM_SIGNALS, iterator::Signals};

use crate::exit::Exit;

/// How long the work may take to end.
const GRACE: Duration = Duration::from_millis(1800);

/// Listens from now on.
pub fn listen(cancel: Cancel) -> std::io::Result<()> {
    let mut signals = Signals::new(TERM_SIGNALS)?;
    std::thread::spawn(move || {
        for _ in signals.forever() {
            if cancel.is_cancelled() {
                std::process::exit(Exit::Interrupted as i32);
            }
            cancel.cancel();
            std::thread::spawn(|| {
                std::thread::sleep(GRACE);
                std::process::exit(Exit::Interrupted as i32);
            });
        }
    });
    Ok(())
}
