//! TOML files that people write: read into a type, and where that fails shown at the place.

use miette::{Diagnostic, NamedSource, SourceSpan};
use serde::de::DeserializeOwned;

/// A file whose text is not what it must be.
#[derive(Debug, thiserror::Error, Diagnostic)]
#[error("{message}")]
pub struct SyntaxError {
    /// What the parser says.
    message: String,
    /// The file.
    #[source_code]
    text: NamedSource<String>,
    /// Where.
    #[label("{label}")]
    at: SourceSpan,
    /// A few words at the place.
    label: &'static str,
    /// The way out.
    #[help]
    help: Option<String>,
}

impl SyntaxError {
    /// A fault at `at` (bytes of the text) that only a look beyond the text can find.
    pub fn at(text: &NamedSource<String>, at: std::ops::Range<usize>, message: String, help: Option<String>) -> Self {
        Self { message, text: text.clone(), at: at.into(), label: "here", help }
    }

    /// The same with a way out.
    pub fn with_help(self, help: &str) -> Self {
        Self { help: Some(help.to_owned()), ..self }
    }
}

/// The text with the name that errors show it by.
pub fn named(name: impl AsRef<str>, text: String) -> NamedSource<String> {
    NamedSource::new(name, text).with_language("TOML")
}

/// Reads the whole text.
pub fn parse<T: DeserializeOwned>(text: &NamedSource<String>) -> Result<T, SyntaxError> {
    toml::from_str(text.inner())
        .map_err(|error| SyntaxError::at(text, error.span().unwrap_or(0..0), error.message().to_owned(), None))
}
