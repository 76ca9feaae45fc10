//! Events as they come: a live view in a terminal, plain lines elsewhere, JSON lines for programs.

use std::{
    collections::{BTreeMap, BTreeSet},
    io::{IsTerminal as _, Write as _},
    sync::{Arc, Mutex},
    time::Duration,
};

use indicatif::{MultiProgress, ProgressBar, ProgressStyle};
use rst_model::event::{Event, Planned, Reporter};

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
            Event::Planned { actions, .. } => {
                self.total = actions.len();
                self.done = 0;
            }
            Event::Finished { .. } => self.done += 1,
            _ => {}
        }
        self.shown()
    }

    fn shown(&self) -> String {
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

/// A bar for each thing that runs, a line for each that ended, and last what waits for what.
#[derive(Default)]
struct Live {
    bars: MultiProgress,
    view: Mutex<View>,
}

#[derive(Default)]
struct View {
    progress: Progress,
    running: BTreeMap<String, ProgressBar>,
    /// What each component that has not begun still waits for.
    waiting: BTreeMap<String, BTreeSet<String>>,
    status: Option<ProgressBar>,
}

/// How many of those that wait are named.
const NAMED: usize = 3;

impl View {
    fn waits(&mut self, event: &Event) {
        match event {
            Event::Planned { actions, .. } => {
                let waits = |planned: &Planned| (planned.step.to_string(), planned.waits_for.iter().cloned().collect());
                self.waiting = actions.iter().map(waits).collect();
            }
            Event::Started { step } | Event::Cached { step } => {
                self.waiting.remove(&step.to_string());
            }
            _ => {}
        }
        let done = match event {
            Event::FetchFinished { source, .. } => source.clone(),
            Event::Finished { step, .. } | Event::Cached { step } => step.to_string(),
            _ => return,
        };
        for needs in self.waiting.values_mut() {
            needs.remove(&done);
        }
    }

    /// `[3/17] waiting: podman 6.0.2 linux/amd64 for go 1.26.8; …`
    fn status(&self) -> String {
        let named = self.waiting.iter().take(NAMED).map(|(step, needs)| match needs.first() {
            None => format!("{step} for a processor"),
            Some(first) if needs.len() == 1 => format!("{step} for {first}"),
            Some(first) => format!("{step} for {first} and {} more", needs.len() - 1),
        });
        let more = match self.waiting.len().saturating_sub(NAMED) {
            0 => String::new(),
            more => format!("; {more} more"),
        };
        let named: Vec<_> = named.collect();
        format!("{}waiting: {}{more}", self.progress.shown(), named.join("; "))
    }
}

impl Reporter for Live {
    fn event(&self, event: Event) {
        let Ok(mut view) = self.view.lock() else { return };
        let count = view.progress.counted(&event);
        view.waits(&event);
        match &event {
            Event::FetchStarted { source, size } => {
                let template = match size {
                    Some(_) => "  fetch {msg:30} {bytes:>10} / {total_bytes:<10} {bar:20} {bytes_per_sec}",
                    None => "  fetch {msg:30} {bytes:>10} {spinner} {elapsed}",
                };
                self.begin(&mut view, source, ProgressBar::new(size.unwrap_or_default()), template);
            }
            Event::FetchProgress { source, bytes } => {
                if let Some(bar) = view.running.get(source) {
                    bar.set_position(*bytes);
                }
            }
            Event::Started { step } => self.begin(&mut view, &step.to_string(), ProgressBar::new_spinner(), BUILDING),
            Event::Packing { archive } => self.begin(&mut view, archive, ProgressBar::new_spinner(), PACKING),
            Event::FetchFinished { source, .. } => self.end(&mut view, source),
            Event::Finished { step, .. } | Event::Failed { step, .. } => self.end(&mut view, &step.to_string()),
            Event::Packed { archive, .. } => self.end(&mut view, archive),
            Event::Preparing { name } => self.begin(&mut view, name, ProgressBar::new_spinner(), BUILDING),
            Event::Prepared { name, .. } => self.end(&mut view, name),
            // Anew for each attempt.
            Event::UploadStarted { asset, size } => {
                self.end(&mut view, asset);
                self.begin(&mut view, asset, ProgressBar::new(*size), UPLOADING);
            }
            Event::UploadProgress { asset, bytes } => {
                if let Some(bar) = view.running.get(asset) {
                    bar.set_position(*bytes);
                }
            }
            Event::UploadFinished { asset, .. } => self.end(&mut view, asset),
            _ => {}
        }
        if let Some(line) = line(&event, &count) {
            let _ = self.bars.println(line);
        }
        self.show_status(&mut view);
    }
}

const BUILDING: &str = "  build {msg:40} {spinner} {elapsed}";
const UPLOADING: &str = "  upload {msg:40} {bytes:>10} / {total_bytes:<10} {bar:20} {bytes_per_sec}";
const PACKING: &str = "  prove and pack {msg:31} {spinner} {elapsed}";

impl Live {
    fn begin(&self, view: &mut View, name: &str, bar: ProgressBar, template: &str) {
        let bar = match &view.status {
            Some(status) => self.bars.insert_before(status, bar),
            None => self.bars.add(bar),
        };
        bar.set_message(name.to_owned());
        bar.set_style(style(template));
        bar.enable_steady_tick(Duration::from_millis(200));
        view.running.insert(name.to_owned(), bar);
    }

    fn end(&self, view: &mut View, name: &str) {
        if let Some(bar) = view.running.remove(name) {
            bar.finish_and_clear();
            self.bars.remove(&bar);
        }
    }

    fn show_status(&self, view: &mut View) {
        if view.waiting.is_empty() {
            if let Some(status) = view.status.take() {
                status.finish_and_clear();
                self.bars.remove(&status);
            }
            return;
        }
        let text = view.status();
        let status = view.status.get_or_insert_with(|| {
            let bar = self.bars.add(ProgressBar::new_spinner());
            bar.set_style(style("{wide_msg}"));
            bar
        });
        status.set_message(text);
    }
}

fn style(template: &str) -> ProgressStyle {
    ProgressStyle::with_template(template).unwrap_or_else(|_| ProgressStyle::default_spinner())
}

/// An event that is worth a line that stays.
fn line(event: &Event, count: &str) -> Option<String> {
    Some(match event {
        Event::FetchFinished { source, origin, seconds } => format!("fetched {source} in {seconds:.1} s ({origin})"),
        Event::FetchRefused { source, origin, reason } => format!("{source}: {origin}: {reason}"),
        Event::Planned { actions, cached } if actions.is_empty() => format!("nothing to build, {cached} in the store"),
        Event::Planned { actions, cached } => format!("{} to build, {cached} in the store", actions.len()),
        Event::Started { step } => format!("{count}building {}", step),
        Event::Finished { step, seconds, cpu_seconds, size } => {
            format!("{count}built {} in {seconds:.1} s ({cpu_seconds:.1} CPU-s, {})", step, super::table::bytes(*size))
        }
        Event::Failed { step, reason } => format!("{count}failed {}: {reason}", step),
        Event::Archived { path, size, .. } => format!("{path} ({})", super::table::bytes(*size)),
        Event::Warning { message } => format!("warning: {message}"),
        Event::Packed { archive, seconds } if *seconds >= 1.0 => {
            format!("proved and packed {archive} in {seconds:.1} s")
        }
        Event::Prepared { name, seconds, cpu_seconds } => {
            format!("built {name} in {seconds:.1} s ({cpu_seconds:.1} CPU-s)")
        }
        Event::UploadFinished { asset, seconds: Some(seconds) } => format!("uploaded {asset} in {seconds:.1} s"),
        Event::UploadFinished { asset, seconds: None } => format!("{asset} is there already"),
        Event::UploadStarted { .. }
        | Event::UploadProgress { .. }
        | Event::Preparing { .. }
        | Event::FetchStarted { .. }
        | Event::FetchProgress { .. }
        | Event::Cached { .. }
        | Event::Packing { .. }
        | Event::Packed { .. } => return None,
    })
}
