//! docs/benchmarks.md.

use std::{collections::BTreeMap, fmt::Write as _, io, path::Path};

use fs_err as fs;

use crate::run::Measured;

/// A row of the table of builds.
pub struct Line {
    what: String,
    command: String,
    measured: Measured,
}

impl Line {
    pub fn new(what: &str, arguments: &[&str], measured: Measured) -> Self {
        let command = match arguments.first() {
            Some(&"build") => arguments.join(" "),
            _ => format!("build {} --platform linux/amd64,linux/arm64", arguments.join(" ")),
        };
        Self { what: what.to_owned(), command, measured }
    }
}

/// An archive.
#[derive(Clone)]
pub struct Size {
    pub name: String,
    pub bytes: u64,
}

/// A part of the document that a command makes.
#[derive(Clone, Copy)]
pub enum Part {
    /// `make bench`
    Builds,
    /// `make bench`, from the times of its actions
    Critical,
    /// `make bench-containers`
    Containers,
    /// `make bench-usual`
    Usual,
}

impl Part {
    /// Puts the figures between the part's two marks; what people wrote around them stays.
    pub fn write(self, root: &Path, figures: &str) -> io::Result<()> {
        let command = match self {
            Self::Builds => "make bench",
            Self::Critical => "make bench, on other machines",
            Self::Containers => "make bench-containers",
            Self::Usual => "make bench-usual",
        };
        let mark = |what: &str| format!("<!-- made by `{command}`: {what} -->");
        let (begin, end) = (mark("begin"), mark("end"));
        let path = root.join("docs/benchmarks.md");
        let text = fs::read_to_string(&path)?;
        let parts = text.split_once(&begin).and_then(|(before, rest)| Some((before, rest.split_once(&end)?.1)));
        let (before, after) = parts.ok_or_else(|| io::Error::other(format!("{} has no {begin}", path.display())))?;
        fs::write(&path, format!("{before}{begin}\n{figures}{end}{after}"))
    }
}

pub fn tables(lines: &[Line], sizes: &[Size]) -> String {
    let cores = std::thread::available_parallelism().map_or(0, usize::from);
    let base = lines.first().map_or(1.0, |line| line.measured.seconds);
    let mut text = format!("\nOn {cores} cores.\n\n");
    text.push_str("| what | command | seconds | of the first | peak memory of rst |\n|---|---|---|---|---|\n");
    for Line { what, command, measured } in lines {
        let _ = writeln!(
            text,
            "| {what} | `rst {command}` | {:.2} | {:.4} | {} MB |",
            measured.seconds,
            measured.seconds / base,
            measured.peak_kb / 1000,
        );
    }
    text.push_str("\n| archive | bytes |\n|---|---|\n");
    let sizes: BTreeMap<_, _> = sizes.iter().map(|size| (&size.name, size.bytes)).collect();
    for (name, bytes) in sizes {
        let _ = writeln!(text, "| {name} | {bytes} |");
    }
    text.push('\n');
    text
}
