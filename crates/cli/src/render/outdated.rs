//! Locked versions beside upstream's.

use rst_build::{Row, Standing, State};
use serde_json::json;

use super::table;
use crate::{args::Format, commands::CommandError};

/// What `rst outdated` found: a line each, then why what is unknown is so.
pub fn outdated(rows: &[Row], format: Format) -> Result<(), CommandError> {
    if format == Format::Json {
        for row in rows {
            let mut object = json!(row);
            object["event"] = "compared".into();
            table::json(&object)?;
        }
        let outdated = rows.iter().filter(|row| row.state.is_outdated()).count();
        let unknown = rows.iter().filter(|row| !row.is_known()).count();
        return table::json(&json!({
            "event": "summary", "compared": rows.len(), "outdated": outdated, "unknown": unknown,
        }));
    }
    let mut lines = vec![table::row(["source", "line", "locked", "newest stable", "", "kind"])];
    for row in rows {
        lines.push(vec![
            row.name.clone(),
            row.line.clone().unwrap_or_default(),
            row.locked.to_string(),
            newest(row),
            state(row),
            standing(row.standing).to_owned(),
        ]);
    }
    table::print_rows(&lines);
    let mut reasons: Vec<String> = Vec::new();
    for row in rows.iter().filter(|row| !row.is_known()) {
        if row.asked.iter().all(|place| !place.authority) {
            reasons.push(format!("{}: its recipe names nobody to ask; add `upstream` to it", row.name));
        }
        let failed = row.asked.iter().filter_map(|place| Some((&place.place, place.error.as_ref()?)));
        reasons.extend(failed.map(|(place, error)| format!("{}: could not ask {place}: {error}", row.name)));
    }
    reasons.dedup();
    for reason in reasons {
        eprintln!("{reason}");
    }
    Ok(())
}

/// A version that only a distribution has told is the least that there must be.
fn newest(row: &Row) -> String {
    match (&row.newest, row.is_known()) {
        (Some(newest), true) => newest.to_string(),
        (Some(newest), false) => format!("{newest} or newer"),
        (None, _) => String::new(),
    }
}

fn state(row: &Row) -> String {
    match &row.state {
        State::Current => "current".to_owned(),
        State::Outdated => "OUTDATED".to_owned(),
        State::NewLine => "NEW LINE".to_owned(),
        State::Withdrawn => "WITHDRAWN".to_owned(),
        State::Unknown => "UNKNOWN".to_owned(),
        State::Follows { leader } => format!("as {leader} has it"),
    }
}

fn standing(standing: Standing) -> &'static str {
    match standing {
        Standing::Tool => "tool",
        Standing::Component => "component",
        Standing::Toolchain => "toolchain",
    }
}
