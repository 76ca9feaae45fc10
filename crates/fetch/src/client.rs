//! The ordinary clients (go, cargo, pip, apt): run with the machine's own configuration, ended with all
//! that they started when we are asked to stop or when it takes too long.

use std::{
    os::unix::process::CommandExt as _,
    process::{Child, Command, Output, Stdio},
    time::{Duration, Instant},
};

use nix::{
    sys::signal::{Signal, killpg},
    unistd::Pid,
};

use crate::{Fetcher, error::OriginError};

/// Runs a client to its end; what it printed, or the last lines of its complaint.
pub(crate) fn run(command: &mut Command, fetcher: &Fetcher) -> Result<Output, OriginError> {
    let name = command.get_program().to_string_lossy().into_owned();
    let (begun, limit) = (Instant::now(), fetcher.settings.patience.whole);
    // A group of its own, so that all of it can be ended; Ctrl-C comes to us alone.
    command.process_group(0).stdin(Stdio::null()).stdout(Stdio::piped()).stderr(Stdio::piped());
    let mut child = command.spawn().map_err(|error| OriginError::reason(format!("`{name}` cannot be run: {error}")))?;
    let (stdout, stderr) = (child.stdout.take(), child.stderr.take());
    std::thread::scope(|scope| {
        let out = scope.spawn(move || drain(stdout));
        let err = scope.spawn(move || drain(stderr));
        let status = loop {
            if let Some(status) = child.try_wait()? {
                break status;
            }
            if fetcher.cancel.is_cancelled() {
                end(&mut child)?;
                return Err(OriginError::Cancelled);
            }
            if begun.elapsed() > limit {
                end(&mut child)?;
                return Err(OriginError::reason(format!("`{name}` took longer than {limit:?}")));
            }
            std::thread::sleep(Duration::from_millis(20));
        };
        let output = Output { status, stdout: out.join().unwrap_or_default(), stderr: err.join().unwrap_or_default() };
        if output.status.success() {
            return Ok(output);
        }
        Err(OriginError::reason(format!("`{name}` {}: {}", output.status, last_lines(&output))))
    })
}

fn end(child: &mut Child) -> std::io::Result<()> {
    killpg(Pid::from_raw(child.id().cast_signed()), Signal::SIGKILL)?;
    child.wait().map(drop)
}

fn drain(stream: Option<impl std::io::Read>) -> Vec<u8> {
    let mut bytes = Vec::new();
    if let Some(mut stream) = stream {
        // What a dying client did not say is not missed.
        let _ = stream.read_to_end(&mut bytes);
    }
    bytes
}

/// Clients tell what is wrong at the end.
fn last_lines(output: &Output) -> String {
    let stderr = String::from_utf8_lossy(&output.stderr);
    let stdout = String::from_utf8_lossy(&output.stdout);
    let text = if stderr.trim().is_empty() { stdout } else { stderr };
    let lines: Vec<_> = text.trim().lines().rev().take(3).collect();
    lines.into_iter().rev().collect::<Vec<_>>().join(" / ")
}
