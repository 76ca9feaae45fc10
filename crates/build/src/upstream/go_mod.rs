//! What a tool's go.mod decides: the versions of components that go with it, in `build/archives.toml`.

use std::path::Path;

use fs_err as fs;
use regex::Regex;
use rst_model::{Version, recipe::Follows};
use toml_edit::{DocumentMut, value};

use super::{bump::BumpError, goals::Goal};
use crate::project::Project;

/// A component that a tool's go.mod wants in another version than the archives' table has.
pub(super) struct Wanted {
    pub(super) variant: String,
    pub(super) tool_line: String,
    pub(super) goal: Goal,
}

/// Compares the go.mod in a tool's new source with the tables of its archives.
pub(super) fn wanted(project: &Project, tool: &Goal, tree: &Path) -> Result<Vec<Wanted>, BumpError> {
    let mut all = Vec::new();
    for (variant, says) in project.archives.iter().filter(|(_, says)| *says.tool.get_ref() == tool.name) {
        let Some((tool_line, components)) = says.line.iter().find(|(line, _)| tool.to.in_line(line)) else { continue };
        for (name, line) in components {
            if project.book.recipe(name)?.follows != Some(Follows::GoMod) {
                continue;
            }
            let from = project.lock.version(name, Some(line)).map_err(crate::GraphError::from)?;
            let module = project.book.component(name, &from)?.source.go_module.unwrap_or_default();
            let go_mod = fs::read_to_string(tree.join("go.mod"))?;
            let to = required(&go_mod, &module).ok_or_else(|| BumpError::NotRequired {
                tool: format!("{} {}", tool.name, tool.to),
                module: module.clone(),
                name: name.clone(),
            })?;
            if to.as_str() != line {
                let goal = Goal { name: name.clone(), line: Some(line.clone()), from, to };
                all.push(Wanted { variant: variant.clone(), tool_line: tool_line.clone(), goal });
            }
        }
    }
    Ok(all)
}

/// The version of a module that a go.mod requires.
fn required(go_mod: &str, module: &str) -> Option<Version> {
    let line = Regex::new(&format!(r"(?m)^\s*(?:require\s+)?{}\s+v(\S+)", regex::escape(module))).ok()?;
    line.captures(go_mod).map(|found| Version::new(&found[1]))
}

/// The text of `build/archives.toml` with these versions, all else as a person has written it.
pub(super) fn archives_text(text: &str, wanted: &[Wanted]) -> Result<String, BumpError> {
    let mut document: DocumentMut = text.parse()?;
    for Wanted { variant, tool_line, goal } in wanted {
        document[variant]["line"][tool_line][&goal.name] = value(goal.to.as_str());
    }
    Ok(document.to_string())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_required_version_is_found_alone_and_in_a_block() {
        let text = "module a\nrequire go.podman.io/image/v5 v5.40.0\nrequire (\n\tgo.podman.io/common v0.68.1-0.2026 // x\n)\n";
        assert_eq!(required(text, "go.podman.io/common"), Some(Version::new("0.68.1-0.2026")));
        assert_eq!(required(text, "go.podman.io/image/v5"), Some(Version::new("5.40.0")));
        assert_eq!(required(text, "go.podman.io/image"), None);
    }

    #[test]
    fn only_the_version_changes_in_the_table() {
        let text = "# why\n[full]\ntool = \"t\" # here\n\n[full.line.\"6\"]\ncommon = \"0.68.0\"\nother = \"2\"\n";
        let version = Version::new;
        let goal = Goal { name: "common".into(), line: None, from: version("0.68.0"), to: version("0.68.1") };
        let wanted = Wanted { variant: "full".into(), tool_line: "6".into(), goal };
        assert_eq!(archives_text(text, &[wanted]).unwrap(), text.replace("0.68.0", "0.68.1"));
    }
}
