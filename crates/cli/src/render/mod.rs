//! All that is printed: events while something happens, tables at the end, errors.

mod advisories;
mod bumped;
mod difference;
mod event;
mod outdated;
#[cfg(feature = "release")]
mod signature;
mod table;
mod upstream;

use tracing_subscriber::{EnvFilter, filter::LevelFilter};

pub use advisories::advisories;
pub use bumped::bumped;
pub use difference::{differences, rebuilt};
pub use event::reporter;
pub use outdated::outdated;
#[cfg(feature = "release")]
pub use signature::signature;
pub use table::{checks, collected, done, explanations, graph, proof, summary, systems, trial, trial_line, verified};
pub use upstream::upstream;

use crate::{args::Format, commands::CommandError};

/// Diagnostics for developers, on standard error.
pub fn start_log(verbose: u8) {
    let level = match verbose {
        0 => LevelFilter::WARN,
        1 => LevelFilter::DEBUG,
        _ => LevelFilter::TRACE,
    };
    let filter = EnvFilter::builder().with_default_directive(level.into()).with_env_var("RST_LOG").from_env_lossy();
    tracing_subscriber::fmt()
        .with_env_filter(filter)
        .with_writer(std::io::stderr)
        .with_ansi(colours(&std::io::stderr()))
        .without_time()
        .init();
}

/// Colours only in a terminal, and not where NO_COLOR is set.
pub fn colours(stream: &impl std::io::IsTerminal) -> bool {
    stream.is_terminal() && std::env::var_os("NO_COLOR").is_none_or(|value| value.is_empty())
}

/// Shows an error, on standard error.
pub fn error(error: &CommandError, format: Format) {
    if format == Format::Json {
        println!("{}", serde_json::json!({ "event": "error", "message": error.to_string() }));
    }
    if let CommandError::Build(rst_build::BuildError::Command { last_lines, .. }) = error {
        for line in last_lines {
            eprintln!("  │ {line}");
        }
    }
    if let CommandError::Build(rst_build::BuildError::Proof { lines, .. }) = error {
        for line in lines {
            eprintln!("  │ {line}");
        }
    }
    let theme = match colours(&std::io::stderr()) {
        true => miette::GraphicalTheme::unicode(),
        false => miette::GraphicalTheme::unicode_nocolor(),
    };
    let mut text = String::new();
    let handler = miette::GraphicalReportHandler::new_themed(theme).with_wrap_lines(false).with_links(false);
    match handler.render_report(&mut text, error) {
        Ok(()) => eprint!("{text}"),
        Err(_) => eprintln!("{error}"),
    }
    if no_space(error) {
        eprintln!("  there is no space left; `rst gc --days 0` frees what the current recipes do not need");
    }
}

/// A transparent error hides the one that it passes on from the chain, but not its words.
fn no_space(error: &CommandError) -> bool {
    if matches!(error, CommandError::Build(rst_build::BuildError::Command { no_space: true, .. })) {
        return true;
    }
    let chain = std::iter::successors(Some(error as &dyn std::error::Error), |error| error.source());
    chain.into_iter().any(|error| error.to_string().contains("No space left on device"))
}
