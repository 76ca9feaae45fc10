//! How a bump changes the lock.

use rst_build::{Bumped, Change};
use rst_model::Digest;
use serde_json::json;

use super::table;
use crate::{args::Format, commands::CommandError};

/// Each source with its versions, trees and patches; whether it is written.
pub fn bumped(bumped: &Bumped, written: bool, format: Format) -> Result<(), CommandError> {
    if format == Format::Json {
        for change in &bumped.changes {
            let mut object = json!(change);
            object["event"] = "bumped".into();
            table::json(&object)?;
        }
        let summary = json!({
            "event": "summary", "changes": bumped.changes.len(), "archives": bumped.archives.is_some(),
            "written": written && !bumped.changes.is_empty(),
        });
        return table::json(&summary);
    }
    if bumped.changes.is_empty() {
        println!("the lock has these versions already");
        return Ok(());
    }
    for change in &bumped.changes {
        shown(change);
    }
    if bumped.archives.is_some() {
        println!("build/archives.toml names the new versions of what follows a go.mod");
    }
    println!("{}", if written { "build/lock.toml is written" } else { "nothing is written (--dry-run)" });
    Ok(())
}

fn shown(change: &Change) {
    println!("{} {} → {}", change.name, change.from, change.to);
    let rows = change
        .trees
        .iter()
        .map(|(name, (old, new))| table::row([&format!("  {name}"), &short(*old), "→", &short(*new)]));
    table::print_rows(&rows.collect::<Vec<_>>());
    if !change.patches.is_empty() {
        println!("  {} patches apply: {}", change.patches.len(), change.patches.join(", "));
    }
    if change.kept {
        println!("  {} stays in the lock: something else is built from it", change.from);
    }
}

fn short(tree: Option<Digest>) -> String {
    tree.map_or_else(|| "none".to_owned(), |tree| tree.short().to_string())
}
