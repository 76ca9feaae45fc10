//! What can be wrong with a recipe, shown with the line it stands in.

use miette::Diagnostic;

use crate::toml_file::SyntaxError;

/// A fault in a recipe file, or between recipes.
#[derive(Debug, thiserror::Error, Diagnostic)]
pub enum RecipeError {
    /// The text, or a value in it, is not what a recipe has.
    #[error(transparent)]
    #[diagnostic(transparent)]
    Syntax(#[from] SyntaxError),
    /// A patch for no recipe.
    #[error("{path} is for `{name}`, and there is no such recipe")]
    #[diagnostic(help("{}", crate::names::way_out(name, known)))]
    PatchOfNothing {
        /// The patch.
        path: String,
        /// The recipe that its folder names.
        name: String,
        /// What there is.
        known: Vec<String>,
    },
    /// A patch that does not say what it is for.
    #[error("{path} does not say `{field}`")]
    #[diagnostic(help(
        "a patch begins with `Why:`, `Upstream:` (its state there) and `Can go:` (when), each with words"
    ))]
    PatchHeader {
        /// The patch.
        path: String,
        /// The missing field.
        field: &'static str,
    },
    /// Nobody wrote a recipe of this name.
    #[error("there is no recipe `{name}`")]
    #[diagnostic(help("{}", crate::names::way_out(name, known)))]
    Unknown {
        /// What was asked for.
        name: String,
        /// What there is.
        known: Vec<String>,
    },
}
