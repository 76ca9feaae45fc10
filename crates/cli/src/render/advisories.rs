//! Known vulnerabilities.

use rst_build::Advisories;
use serde_json::json;

use super::table;
use crate::{args::Format, commands::CommandError};

/// What OSV knows, and what it could not be asked about.
pub fn advisories(all: &Advisories, format: Format) -> Result<(), CommandError> {
    if format == Format::Json {
        for finding in &all.findings {
            let mut object = json!(finding);
            object["event"] = "advisory".into();
            table::json(&object)?;
        }
        return table::json(&json!({
            "event": "summary", "asked": all.asked, "unasked": all.unasked, "expired": all.expired,
            "open": all.open().count(), "ignored": all.findings.len() - all.open().count(),
        }));
    }
    if !all.findings.is_empty() {
        let mut rows = vec![table::row(["part", "version", "advisory", "fixed in", "summary"])];
        rows.extend(all.findings.iter().map(|finding| {
            let fixed = finding.fixed.as_ref().map(ToString::to_string).unwrap_or_default();
            let summary = match &finding.ignored {
                Some(why) => format!("ignored: {why}"),
                None => finding.summary.clone(),
            };
            vec![finding.part.clone(), finding.version.clone(), finding.advisory.clone(), fixed, summary]
        }));
        table::print_rows(&rows);
    }
    let (open, ignored) = (all.open().count(), all.findings.len() - all.open().count());
    println!("{open} known vulnerabilities, {ignored} ignored, in {} parts", all.asked);
    if !all.unasked.is_empty() {
        println!("OSV has no name for {} others: {}", all.unasked.len(), all.unasked.join(", "));
    }
    for id in &all.expired {
        eprintln!("warning: build/advisories.toml: the day of {id} has come; look at it again or remove it");
    }
    Ok(())
}
