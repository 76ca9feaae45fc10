//! What can be wrong with a recipe, shown with the line it stands in.

use miette::{Diagnostic, NamedSource, SourceSpan};

/// A fault in a recipe file, or between recipes.
#[derive(Debug, thiserror::Error, Diagnostic)]
pub enum RecipeError {
    /// The text is not what a recipe is.
    #[error("{message}")]
    Syntax {
        /// What the parser says.
        message: String,
        /// The file.
        #[source_code]
        text: NamedSource<String>,
        /// Where.
        #[label("here")]
        at: SourceSpan,
    },
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
    /// Nobody wrote a recipe of this name.
    #[error("there is no recipe `{name}`")]
    #[diagnostic(help("there are: {}", known.join(", ")))]
    Unknown {
        /// What was asked for.
        name: String,
        /// What there is.
        known: Vec<String>,
    },
}
