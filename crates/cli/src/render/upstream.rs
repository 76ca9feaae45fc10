//! Upstream's own tests.

use rst_trial::{Counts, Subject, Test, UpstreamReport, Verdict};

use super::table::{LAST_LINES, json};
use crate::{args::Format, commands::CommandError};

/// The end of a test, as it comes.
pub fn test(subject: Subject, test: &Test) {
    let whose = match subject {
        Subject::Ours => "",
        Subject::Debian => "Debian's ",
    };
    let (ending, why) = match &test.verdict {
        Verdict::Passed => ("passed ", ""),
        Verdict::Skipped { reason } => ("skipped", reason.as_str()),
        Verdict::Known { why, .. } => ("known  ", why.as_str()),
        Verdict::Failed { .. } => ("FAILED ", ""),
    };
    let why = if why.is_empty() { String::new() } else { format!(" ({why})") };
    println!("{ending}  {whose}{}: {}{why}", test.file, test.name);
}

/// What they came to.
pub fn upstream(report: &UpstreamReport, format: Format) -> Result<(), CommandError> {
    let (ours, debian) = (Counts::of(&report.ours), Counts::of(&report.debian));
    if format == Format::Json {
        return json(&serde_json::json!({ "event": "summary", "upstream": report, "ours": ours, "debian": debian }));
    }
    for test in &report.ours {
        if let Verdict::Failed { log } = &test.verdict {
            println!("\n{}: {} FAILED", test.file, test.name);
            let lines: Vec<_> = log.lines().collect();
            for line in &lines[lines.len().saturating_sub(LAST_LINES)..] {
                println!("  │ {line}");
            }
            println!("  again: rst trial {} --upstream --only {} --keep", report.archive, test.file);
        }
    }
    for entry in &report.stale {
        println!("\nstale: the table of failures that are known has this test, which does not fail:\n  {entry}");
    }
    for test in report.only_debian_passes() {
        println!("\nonly Debian's passes {}: {}", test.file, test.name);
    }
    if let Some(folder) = &report.kept {
        println!("\nwhat was made is in {}; rst trial clean removes it", folder.display());
    }
    println!();
    if !report.debian.is_empty() {
        println!("Debian's: {} passed, {} failed, {} skipped", debian.passed, debian.failed, debian.skipped);
    }
    println!(
        "{} passed, {} failed, {} known to fail, {} skipped by upstream, in {:.1} s",
        ours.passed, ours.failed, ours.known, ours.skipped, report.seconds
    );
    Ok(())
}
