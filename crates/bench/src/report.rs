//! docs/benchmarks.md.

use std::{collections::BTreeMap, fmt::Write as _, path::Path};

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

const BEGIN: &str = "<!-- made by `make bench`: begin -->";
const END: &str = "<!-- made by `make bench`: end -->";

/// Puts the figures between the two marks of the document; what people wrote around them stays.
pub fn write(root: &Path, lines: &[Line], sizes: &[Size]) -> std::io::Result<()> {
    let path = root.join("docs/benchmarks.md");
    let text = fs::read_to_string(&path).unwrap_or_default();
    let (before, rest) = text.split_once(BEGIN).unwrap_or((&text, ""));
    let after = rest.split_once(END).map_or("", |(_, after)| after);
    fs::write(&path, format!("{before}{BEGIN}\n{}{END}{after}", tables(lines, sizes)))
}

fn tables(lines: &[Line], sizes: &[Size]) -> String {
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
