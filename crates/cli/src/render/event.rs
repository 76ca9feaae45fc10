//! Events as they come: a live view in a terminal, plain lines elsewhere, JSON lines for programs.

use std::{
    collections::BTreeMap,
    io::{IsTerminal as _, Write as _},
    sync::{Arc, Mutex},
    time::Duration,
};

use indicatif::{MultiProgress, ProgressBar, ProgressStyle};
use rst_model::event::{Event, Reporter, Step};

use crate::args::Format;

/// The renderer for a format and for what standard error is.
pub fn reporter(format: Format) -> Arc<dyn Reporter> {
    match format {
        Format::Json => Arc::new(Json),
        Format::Human if std::io::stderr().is_terminal() => Arc::new(Live::default()),
        Format::Human => Arc::new(Plain::default()),
    }
}

/// One object a line, on standard output.
struct Json;

impl Reporter for Json {
    fn event(&self, event: Event) {
        if let Ok(line) = serde_json::to_string(&event) {
            let _ = writeln!(std::io::stdout(), "{line}");
        }
    }
}

/// How far a build is.
#[derive(Default)]
struct Progress {
    total: usize,
    done: usize,
}

impl Progress {
    /// `[3/17] `, once the total is known.
    fn counted(&mut self, event: &Event) -> String {
        match event {
            Event::Planned { actions } => {
                self.total = actions.len();
                self.done = 0;
            }
            Event::Finished { .. } => self.done += 1,
            _ => {}
        }
        if self.total == 0 { String::new() } else { format!("[{}/{}] ", self.done, self.total) }
    }
}

/// Plain lines.
#[derive(Default)]
struct Plain(Mutex<Progress>);

impl Reporter for Plain {
    fn event(&self, event: Event) {
        let count = self.0.lock().map(|mut progress| progress.counted(&event)).unwrap_or_default();
        if let Some(line) = line(&event, &count) {
            let _ = writeln!(std::io::stderr(), "{line}");
        }
    }
}

/// A bar for each thing that runs, and a line for each that ended.
#[derive(Default)]
struct Live {
    bars: MultiProgress,
    running: Mutex<(Progress, BTreeMap<String, ProgressBar>)>,
}

impl Reporter for Live {
    fn event(&self, event: Event) {
        let Ok(mut running) = self.running.lock() else { return };
        let count = running.0.counted(&event);
        match &event {
            Event::FetchStarted { source, size } => {
                let bar = self.bars.add(ProgressBar::new(size.unwrap_or_default()).with_message(source.clone()));
                let template = if size.is_some() {
                    "  fetch {msg:30} {bytes:>10} / {total_bytes:<10} {bar:20} {bytes_per_sec}"
                } else {
                    "  fetch {msg:30} {bytes:>10} {spinner} {elapsed}"
                };
                bar.set_style(style(template));
                bar.enable_steady_tick(Duration::from_millis(200));
                running.1.insert(source.clone(), bar);
            }
            Event::FetchProgress { source, bytes } => {
                if let Some(bar) = running.1.get(source) {
                    bar.set_position(*bytes);
                }
            }
            Event::FetchFinished { source, .. } => self.end(&mut running.1, source),
            Event::Started { step } => {
                let bar = self.bars.add(ProgressBar::new_spinner().with_message(label(step)));
                bar.set_style(style("  build {msg:40} {spinner} {elapsed}"));
                bar.enable_steady_tick(Duration::from_millis(200));
                running.1.insert(label(step), bar);
            }
            Event::Finished { step, .. } | Event::Failed { step, .. } => self.end(&mut running.1, &label(step)),
            _ => {}
        }
        if let Some(line) = line(&event, &count) {
            let _ = self.bars.println(line);
        }
    }
}

impl Live {
    fn end(&self, running: &mut BTreeMap<String, ProgressBar>, key: &str) {
        if let Some(bar) = running.remove(key) {
            bar.finish_and_clear();
            self.bars.remove(&bar);
        }
    }
}

fn style(template: &str) -> ProgressStyle {
    ProgressStyle::with_template(template).unwrap_or_else(|_| ProgressStyle::default_spinner())
}

fn label(step: &Step) -> String {
    format!("{} {} {}", step.name, step.version, step.platform)
}

/// An event that is worth a line that stays.
fn line(event: &Event, count: &str) -> Option<String> {
    Some(match event {
        Event::FetchFinished { source, origin, seconds } => format!("fetched {source} in {seconds:.1} s ({origin})"),
        Event::FetchRefused { source, origin, reason } => format!("{source}: {origin}: {reason}"),
        Event::Planned { actions } if actions.is_empty() => "nothing to build".to_owned(),
        Event::Planned { actions } => format!("{} to build", actions.len()),
        Event::Started { step } => format!("{count}building {}", label(step)),
        Event::Finished { step, seconds, cpu_seconds, size } => {
            format!(
                "{count}built {} in {seconds:.1} s ({cpu_seconds:.1} CPU-s, {})",
                label(step),
                super::table::bytes(*size)
            )
        }
        Event::Failed { step, reason } => format!("{count}failed {}: {reason}", label(step)),
        Event::Archived { path, size, .. } => format!("{path} ({})", super::table::bytes(*size)),
        Event::Warning { message } => format!("warning: {message}"),
        Event::FetchStarted { .. } | Event::FetchProgress { .. } | Event::Cached { .. } => return None,
    })
}
