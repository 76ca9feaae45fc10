//! What came of building again, and what differs.

use std::{fmt::Write as _, path::Path};

use rst_rebuild::{Difference, Likeness, Rebuilt, What};

use super::table::json;
use crate::{args::Format, commands::CommandError};

/// How many differing files are named.
const NAMED: usize = 10;

/// What came of each archive.
pub fn rebuilt(all: &[Rebuilt], kept: Option<&Path>, format: Format) -> Result<(), CommandError> {
    if format == Format::Json {
        return json(&serde_json::json!({ "event": "rebuilt", "archives": all, "kept": kept }));
    }
    for one in all {
        print!("{}", words(one, kept.is_some()));
    }
    if let Some(folder) = kept {
        println!("\nwhat was built is left in {}", folder.display());
    }
    Ok(())
}

/// What two archives differ in.
pub fn differences(one: &Rebuilt, format: Format) -> Result<(), CommandError> {
    match format {
        Format::Json => json(&serde_json::json!({ "event": "compared", "archive": one })),
        Format::Human => {
            print!("{}", words(one, true));
            Ok(())
        }
    }
}

/// `stays`: whether the second archive is there afterwards.
fn words(one: &Rebuilt, stays: bool) -> String {
    let told = match &one.likeness {
        Likeness::Identical => format!("identical, SHA-256 {}", one.sha256),
        Likeness::ButForRecord => "the same files, but for what it says of its build root (share/rst/)".to_owned(),
        Likeness::SameTar => {
            "the same tar, compressed otherwise (one of them is a draft, or of another rst)".to_owned()
        }
        Likeness::SameFiles => "the same files; the tar's own headers differ (order, owners, times)".to_owned(),
        Likeness::Different { differences } => differing(one, differences, stays),
    };
    format!("{}: {told}\n", one.archive.display())
}

/// The first in detail, some others by name.
fn differing(one: &Rebuilt, differences: &[Difference], stays: bool) -> String {
    let Some((first, others)) = differences.split_first() else { return String::new() };
    let mut text = match differences.len() {
        1 => format!("one file differs, {}\n", first.path),
        count => format!("{count} files differ, first {}\n", first.path),
    };
    text.push_str(&detail(first));
    for other in others.iter().take(NAMED) {
        let _ = writeln!(text, "  then     {}", other.path);
    }
    let more = others.len().saturating_sub(NAMED);
    if more > 0 {
        let _ = writeln!(text, "  and {more} more");
    }
    let _ = match stays {
        true => write!(text, "  to see all: diffoscope {:?} {:?}", one.archive, one.again),
        false => write!(text, "  to see all: the same with --keep, and diffoscope on both"),
    };
    text
}

fn detail(difference: &Difference) -> String {
    let mut text = String::new();
    let mut line = |name: &str, value: &str| {
        let _ = writeln!(text, "  {name:<9}{value}");
    };
    match &difference.what {
        What::OnlyFirst => line("where", "only the first has it"),
        What::OnlySecond => line("where", "only the second has it"),
        What::Kind { first, second } => {
            line("first", first);
            line("second", second);
        }
        What::Bytes { section, offset, first, second, cause } => {
            match section {
                Some(section) => line("where", &format!("section {section}, byte {offset} of it")),
                None => line("where", &format!("byte {offset}")),
            }
            line("first", first);
            line("second", second);
            line("cause", cause.as_deref().unwrap_or("unknown"));
        }
    }
    if let Some(made) = &difference.made_by {
        match made.first == made.second {
            true => line("made by", &format!("{}, action {} both times", made.component, made.first)),
            false => line("made by", &format!("{}, actions {} and {}", made.component, made.first, made.second)),
        }
        for input in &made.inputs {
            line("given", input);
        }
    }
    text
}
