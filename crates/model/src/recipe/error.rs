//! What can be wrong with a recipe, shown with the line it stands in.

use miette::{Diagnostic, NamedSource, SourceSpan};

use crate::toml_file::SyntaxError;

/// A fault in a recipe file, or between recipes.
#[derive(Debug, thiserror::Error, Diagnostic)]
pub enum RecipeError {
    /// The text is not what a recipe is.
    #[error(transparent)]
    #[diagnostic(transparent)]
    Syntax(#[from] SyntaxError),
    /// A value that cannot be.
    #[error("{message}")]
    Value {
        /// What is wrong.
        message: String,
        /// The file.
        #[source_code]
        text: NamedSource<String>,
        /// Where.
        #[label("{label}")]
        at: SourceSpan,
        /// A few words at the place.
        label: String,
        /// The way out.
        #[help]
        help: Option<String>,
    },
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
