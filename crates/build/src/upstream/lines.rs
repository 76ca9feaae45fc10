//! The lines of a source that are kept beside each other, as recipes and `build/archives.toml` say.

use std::collections::BTreeSet;

use rst_model::{Version, recipe::RecipeError};

use crate::project::Project;

impl Project {
    /// The kept lines of a recipe, newest first; none where only the newest version is kept. Those are the
    /// recipe's own, or for a tool those of its archives, or those that archives take a component of.
    pub fn kept_lines(&self, name: &str) -> Result<Vec<String>, RecipeError> {
        let recipe = self.book.recipe(name)?;
        let mut lines: BTreeSet<&String> = recipe.line.keys().collect();
        if lines.is_empty() {
            let of_tool = self.archives.values().filter(|variant| variant.tool.get_ref() == name);
            lines = of_tool.flat_map(|variant| variant.line.keys()).collect();
        }
        if lines.is_empty() {
            let tables = self.archives.values().flat_map(|variant| variant.line.values());
            lines = tables.filter_map(|components| components.get(name)).collect();
        }
        let mut lines: Vec<_> = lines.into_iter().cloned().collect();
        lines.sort_by_key(|line| std::cmp::Reverse(Version::new(line)));
        Ok(lines)
    }

    /// The same, where a recipe of which only the newest version is kept has one line without a name.
    pub(super) fn lines_or_whole(&self, name: &str) -> Result<Vec<Option<String>>, RecipeError> {
        let lines = self.kept_lines(name)?;
        Ok(if lines.is_empty() { vec![None] } else { lines.into_iter().map(Some).collect() })
    }
}
