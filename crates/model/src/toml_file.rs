//! TOML files that people write: read into a type, and where that fails shown at the place.

use miette::{Diagnostic, NamedSource, SourceSpan};
use serde::de::DeserializeOwned;

/// A file whose text, or a value in it, is not what it must be.
#[derive(Debug, thiserror::Error, Diagnostic)]
#[error("{message}")]
pub struct SyntaxError {
    /// What is wrong.
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
    /// A fault at `at`, in bytes of the text.
    pub fn at(text: &NamedSource<String>, at: std::ops::Range<usize>, message: String) -> Self {
        Self { message, text: text.clone(), at: at.into(), label: "here", help: None }
    }

    /// The same with other words at the place.
    pub fn with_label(self, label: &'static str) -> Self {
        Self { label, ..self }
    }

    /// The same with a way out, if there is one.
    pub fn with_help(self, help: impl Into<Option<String>>) -> Self {
        Self { help: help.into(), ..self }
    }
}

/// The text with the name that errors show it by.
pub fn named(name: impl AsRef<str>, text: String) -> NamedSource<String> {
    NamedSource::new(name, text).with_language("TOML")
}

/// Reads the whole text.
pub fn parse<T: DeserializeOwned>(text: &NamedSource<String>) -> Result<T, SyntaxError> {
    toml::from_str(text.inner())
        .map_err(|error| SyntaxError::at(text, error.span().unwrap_or(0..0), error.message().to_owned()))
}
