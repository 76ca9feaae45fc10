//! What commands show at their end, as tables or as JSON.

use rst_build::{Built, Graph, Survey, Why};
use rst_proof::{Outcome, Report};
use rst_store::{Collected, Verified};
use rst_trial::{Line, Outcome as TrialOutcome, Report as TrialReport, When};
use serde::Serialize;

use crate::{args::Format, commands::CommandError};

pub(super) fn json(value: &impl Serialize) -> Result<(), CommandError> {
    println!("{}", serde_json::to_string(value).map_err(std::io::Error::from)?);
    Ok(())
}

/// A result of one line: words for people, an object for programs.
pub fn done(words: &str, object: &serde_json::Value, format: Format) -> Result<(), CommandError> {
    if format == Format::Json {
        return json(object);
    }
    println!("{words}");
    Ok(())
}

/// Bytes for people, in powers of 1000.
pub fn bytes(size: u64) -> String {
    match size {
        0..1_000 => format!("{size} B"),
        1_000..1_000_000 => format!("{:.1} kB", size as f64 / 1e3),
        _ => format!("{:.1} MB", size as f64 / 1e6),
    }
}

/// Rows of equal columns, each as wide as its widest cell.
pub(super) fn print_rows(rows: &[Vec<String>]) {
    let columns = rows.iter().map(Vec::len).max().unwrap_or_default();
    let widths: Vec<usize> = (0..columns)
        .map(|column| {
            rows.iter().filter_map(|row| row.get(column)).map(|cell| cell.chars().count()).max().unwrap_or_default()
        })
        .collect();
    for row in rows {
        let cells: Vec<_> = row.iter().zip(&widths).map(|(cell, width)| format!("{cell:width$}")).collect();
        println!("{}", cells.join("  ").trim_end());
    }
}

pub(super) fn row<const N: usize>(cells: [&str; N]) -> Vec<String> {
    cells.map(str::to_owned).to_vec()
}

/// What was built.
pub fn summary(built: &Built, format: Format) -> Result<(), CommandError> {
    if format == Format::Json {
        return json(&serde_json::json!({ "event": "summary", "built": built }));
    }
    let mut rows = vec![row(["component", "version", "platform", "time", "size", "source"])];
    for line in &built.components {
        let time = if line.cached { "cached".to_owned() } else { format!("{:.1} s", line.seconds) };
        rows.push(vec![
            line.step.name.clone(),
            line.step.version.clone(),
            line.step.platform.to_string(),
            time,
            bytes(line.size),
            line.source.clone(),
        ]);
    }
    print_rows(&rows);
    let asked = built.components.iter().filter_map(|line| Some((&line.step, line.path.as_ref()?)));
    for (step, path) in asked {
        println!("\n{step} is in {}", path.display());
    }
    if !built.archives.is_empty() {
        println!();
    }
    for archive in &built.archives {
        println!("{}  {}  {}", archive.sha256, bytes(archive.size), archive.path.display());
    }
    Ok(())
}

/// What a build consists of.
pub fn graph(graph: &Graph, survey: &Survey, format: Format) -> Result<(), CommandError> {
    let nodes = graph.nodes.iter().enumerate().map(|(id, node)| {
        let needs: Vec<_> = node.needs().map(|need| graph.nodes[*need].component.name.clone()).collect();
        (node, survey.done.contains_key(&id), needs)
    });
    if format == Format::Json {
        let nodes: Vec<_> = nodes
            .map(|(node, cached, needs)| {
                serde_json::json!({
                    "name": node.component.name, "version": node.component.version,
                    "platform": node.platform, "cached": cached, "needs": needs,
                    "source": node.sources.own.locked.tree,
                })
            })
            .collect();
        return json(&nodes);
    }
    let mut rows = vec![row(["component", "version", "platform", "in the store", "needs"])];
    for (node, cached, needs) in nodes {
        rows.push(vec![
            node.component.name.clone(),
            node.component.version.to_string(),
            node.platform.to_string(),
            if cached { "yes" } else { "no" }.to_owned(),
            needs.join(" "),
        ]);
    }
    print_rows(&rows);
    Ok(())
}

/// Why things would be built.
pub fn explanations(reasons: &[Why], format: Format) -> Result<(), CommandError> {
    if format == Format::Json {
        return json(&reasons);
    }
    if reasons.is_empty() {
        println!("nothing would be built");
    }
    for why in reasons {
        println!("{} {} {}", why.step.name, why.step.version, why.step.platform);
        for reason in &why.reasons {
            println!("  {reason}");
        }
    }
    Ok(())
}

/// What an archive's programs are.
pub fn proof(report: &Report, format: Format) -> Result<(), CommandError> {
    if format == Format::Json {
        return json(report);
    }
    let mut rows = vec![row(["file", "claim", "result"])];
    for subject in &report.subjects {
        for claim in &subject.claims {
            let result = match &claim.outcome {
                Outcome::Passed => "passed".to_owned(),
                Outcome::Failed(reason) => format!("FAILED: {reason}"),
                Outcome::NotApplicable(reason) => format!("does not apply: {reason}"),
                Outcome::NotChecked(reason) => format!("NOT CHECKED: {reason}"),
            };
            rows.push(vec![subject.path.to_string(), claim.name.to_string(), result]);
        }
    }
    print_rows(&rows);
    if report.unchecked() > 0 {
        eprintln!("warning: {} programs were looked at without their symbols", report.unchecked());
    }
    Ok(())
}

/// The checks of `rst trial`, those of this host first.
pub fn checks(format: Format) -> Result<(), CommandError> {
    if format == Format::Json {
        let checks = rst_trial::known_checks()
            .map(|c| serde_json::json!({ "name": c.name, "who": c.who, "when": c.when, "says": c.says }));
        return json(&checks.collect::<Vec<_>>());
    }
    print_rows(&rst_trial::checks().map(|check| row([check.name, mark(check.when), check.says])).collect::<Vec<_>>());
    println!("\nIn virtual machines alone (--vm):");
    print_rows(&rst_trial::for_machines().map(|check| row([check.name, check.says])).collect::<Vec<_>>());
    Ok(())
}

/// The systems of `rst trial --vm`.
pub fn systems(format: Format) -> Result<(), CommandError> {
    let (systems, elsewhere) = (rst_trial::systems(), rst_trial::elsewhere());
    if format == Format::Json {
        let systems = systems.iter().map(|system| {
            let mut object = serde_json::json!(system);
            object["image"] = system.image().into();
            object
        });
        return json(&serde_json::json!({ "systems": systems.collect::<Vec<_>>(), "elsewhere": elsewhere }));
    }
    let rows = systems.iter().map(|system| row([&system.name, system.arch.oci(), &system.summary]));
    print_rows(&rows.collect::<Vec<_>>());
    println!("\nWhat no machine can be made of here; run `rst trial ARCHIVE` as root on one:");
    let rows = elsewhere.iter().map(|(name, other)| row([name, &other.summary, &other.reason]));
    print_rows(&rows.collect::<Vec<_>>());
    Ok(())
}

/// What a check has to be asked for with.
fn mark(when: When) -> &'static str {
    match when {
        When::Always => "",
        When::Long => "--long",
        When::Upgrade => "--from",
    }
}

/// The end of a check, as it comes.
pub fn trial_line(line: &Line, format: Format) {
    if format == Format::Json {
        // A line that cannot be written has no reader.
        let _ = json(line);
        return;
    }
    match line {
        Line::Making { system } => eprintln!("making the image of {system}, once"),
        Line::Up { system, kernel } => eprintln!("{system} is up, with Linux {kernel}"),
        Line::Ended(check) => println!("{}  {} ({:.1} s)", ending(&check.outcome), check.name, check.seconds),
        Line::Panicked { system, said } => {
            eprintln!("the kernel of {system} PANICKED: all that is tried there is tried once more, from the start");
            for line in said.lines() {
                eprintln!("  │ {line}");
            }
        }
        Line::Down { system, seconds } => eprintln!("{system} took {seconds:.1} s"),
        Line::Tested { subject, test } => super::upstream::test(*subject, test),
        Line::Planned { .. } | Line::Began { .. } => {}
    }
}

fn ending(outcome: &TrialOutcome) -> &'static str {
    match outcome {
        TrialOutcome::Passed => "passed    ",
        TrialOutcome::Failed { .. } => "FAILED    ",
        TrialOutcome::Impossible { .. } => "not tried ",
    }
}

/// How many lines of a failed check's log are shown.
pub(super) const LAST_LINES: usize = 40;

/// How an archive did; `unasked` are checks that wait for an option.
pub fn trial(report: &TrialReport, unasked: &[String], format: Format) -> Result<(), CommandError> {
    if format == Format::Json {
        return json(&serde_json::json!({ "event": "summary", "trial": report }));
    }
    for check in &report.checks {
        match &check.outcome {
            TrialOutcome::Passed => {}
            TrialOutcome::Impossible { reason } => println!("\n{} was not tried: {reason}", check.name),
            TrialOutcome::Failed { reason, log } => {
                println!("\n{} FAILED: {}\n  {reason}", check.name, check.says);
                let lines: Vec<_> = log.lines().collect();
                for line in &lines[lines.len().saturating_sub(LAST_LINES)..] {
                    println!("  │ {line}");
                }
                println!("  again: {}", check.again(&report.archive));
            }
        }
    }
    if let Some(folder) = &report.kept {
        println!("\nwhat was made is in {}; rst trial clean removes it", folder.display());
    }
    let (failed, impossible) = (report.failures().count(), report.impossible().count());
    let passed = report.checks.len() - failed - impossible;
    println!("{passed} passed, {failed} failed, {impossible} not tried, in {:.1} s", report.seconds);
    let waiting = rst_trial::checks().filter(|check| unasked.iter().any(|name| name == check.name));
    let waiting: Vec<_> = waiting.map(|check| format!("{} ({})", check.name, mark(check.when))).collect();
    if !waiting.is_empty() {
        println!("not asked for: {}", waiting.join(", "));
    }
    Ok(())
}

/// What the store's check found.
pub fn verified(verified: &Verified, format: Format) -> Result<(), CommandError> {
    if format == Format::Json {
        return json(verified);
    }
    println!("{} sound, {} damaged and removed", verified.sound, verified.damaged.len());
    for name in &verified.damaged {
        println!("  {name}");
    }
    Ok(())
}

/// What was thrown away.
pub fn collected(collected: &Collected, format: Format) -> Result<(), CommandError> {
    if format == Format::Json {
        return json(collected);
    }
    println!("removed {} entries, {}", collected.entries, bytes(collected.bytes));
    Ok(())
}
