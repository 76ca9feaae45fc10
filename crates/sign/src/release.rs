//! `release.toml`: who releases, so that everybody else can be refused.

use std::fmt;

use globset::{GlobBuilder, GlobMatcher};
use miette::NamedSource;
use rst_model::toml_file::{self, SyntaxError};
use serde::Deserialize;
use toml::Spanned;

/// Who releases, and what their certificates and provenance must say.
#[derive(Clone, Debug)]
pub struct Release {
    /// `https://github.com/OWNER/NAME`.
    pub repository: String,
    /// The OIDC issuer that vouches for the workflow.
    pub issuer: String,
    /// The signing workflow's path in the repository.
    pub workflow: String,
    /// The refs that it may run from: one at least.
    pub refs: Vec<RefPattern>,
    /// The building workflow's path in the repository.
    pub builder: String,
    /// The provenance's `buildType`.
    pub build_type: String,
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields, rename_all = "kebab-case")]
struct Authored {
    repository: Spanned<String>,
    issuer: Spanned<String>,
    workflow: Spanned<String>,
    refs: Spanned<Vec<Spanned<String>>>,
    provenance: Provenance,
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields, rename_all = "kebab-case")]
struct Provenance {
    builder: Spanned<String>,
    build_type: String,
}

impl Release {
    /// The one that was compiled in: the `release.toml` of the checkout that this program was built from.
    pub fn built_in() -> Self {
        let text = toml_file::named("release.toml", include_str!("../../../release.toml").to_owned());
        Self::parse(&text).expect("a test parses the file that is compiled in")
    }

    /// Reads `release.toml`.
    pub fn parse(text: &NamedSource<String>) -> Result<Self, SyntaxError> {
        let authored: Authored = toml_file::parse(text)?;
        if authored.refs.get_ref().is_empty() {
            let message = "no ref may sign".to_owned();
            return Err(SyntaxError::at(text, authored.refs.span(), message)
                .with_help("name one at least, as in refs = [\"refs/heads/main\"]".to_owned()));
        }
        let refs = authored.refs.into_inner();
        Ok(Self {
            repository: checked(text, authored.repository, is_repository, "https://HOST/OWNER/NAME")?,
            issuer: checked(text, authored.issuer, is_https, "https://HOST")?,
            workflow: checked(text, authored.workflow, is_workflow, ".github/workflows/NAME.yml")?,
            refs: refs.into_iter().map(|pattern| RefPattern::parse(text, pattern)).collect::<Result<_, _>>()?,
            builder: checked(text, authored.provenance.builder, is_workflow, ".github/workflows/NAME.yml")?,
            build_type: authored.provenance.build_type,
        })
    }

    /// The signing workflow without its ref, as certificates begin.
    pub fn workflow_uri(&self) -> String {
        format!("{}/{}", self.repository, self.workflow)
    }

    /// What provenance must name as `builder.id`.
    pub fn builder_id(&self) -> String {
        format!("{}/{}", self.repository, self.builder)
    }

    /// Whether the workflow may run from this ref.
    pub fn allows(&self, reference: &str) -> bool {
        self.refs.iter().any(|pattern| pattern.matches(reference))
    }

    /// The refs, for people.
    pub fn refs_text(&self) -> String {
        self.refs.iter().map(ToString::to_string).collect::<Vec<_>>().join(" or ")
    }
}

/// A ref in which `*` stands for any text without a slash. It describes a whole ref, never a part of one.
#[derive(Clone, Debug)]
pub struct RefPattern {
    text: String,
    matcher: GlobMatcher,
}

impl RefPattern {
    fn parse(source: &NamedSource<String>, authored: Spanned<String>) -> Result<Self, SyntaxError> {
        let pattern = checked(source, authored.clone(), is_ref_pattern, "refs/heads/NAME or refs/tags/NAME")?;
        let glob = GlobBuilder::new(&pattern).literal_separator(true).build();
        let glob = glob.map_err(|error| SyntaxError::at(source, authored.span(), error.to_string()))?;
        Ok(Self { text: pattern, matcher: glob.compile_matcher() })
    }

    /// Whether it describes this ref.
    pub fn matches(&self, reference: &str) -> bool {
        self.matcher.is_match(reference)
    }
}

impl fmt::Display for RefPattern {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.text)
    }
}

fn checked(
    text: &NamedSource<String>,
    value: Spanned<String>,
    right: fn(&str) -> bool,
    shape: &str,
) -> Result<String, SyntaxError> {
    if right(value.get_ref()) {
        return Ok(value.into_inner());
    }
    let message = format!("expected {shape}, found `{}`", value.get_ref());
    Err(SyntaxError::at(text, value.span(), message))
}

/// A name in a URL that needs no escaping, so that equal texts are the only equal URLs.
fn is_plain(part: &str) -> bool {
    let plain = |byte: u8| byte.is_ascii_alphanumeric() || b"-_.".contains(&byte);
    !part.is_empty() && !part.starts_with('.') && part.bytes().all(plain)
}

fn is_https(url: &str) -> bool {
    url.strip_prefix("https://").is_some_and(|rest| rest.split('/').all(is_plain))
}

fn is_repository(url: &str) -> bool {
    is_https(url) && url.split('/').count() == 5
}

fn is_workflow(path: &str) -> bool {
    let name = path.strip_prefix(".github/workflows/").unwrap_or_default();
    is_plain(name) && (name.ends_with(".yml") || name.ends_with(".yaml"))
}

fn is_ref_pattern(pattern: &str) -> bool {
    let named = pattern.strip_prefix("refs/heads/").or_else(|| pattern.strip_prefix("refs/tags/"));
    let part = |part: &str| !part.is_empty() && !part.contains("**") && is_plain(&part.replace('*', "x"));
    named.is_some_and(|name| name.split('/').all(part))
}

#[cfg(test)]
mod tests {
    use super::*;

    const GOOD: &str = r#"
repository = "https://github.com/o/r"
issuer = "https://token.actions.githubusercontent.com"
workflow = ".github/workflows/sign.yml"
refs = ["refs/heads/main", "refs/tags/podman-v*"]
[provenance]
builder = ".github/workflows/build.yml"
build-type = "https://example.org/v1"
"#;

    fn parse(text: &str) -> Result<Release, SyntaxError> {
        Release::parse(&toml_file::named("release.toml", text.to_owned()))
    }

    #[test]
    fn the_file_that_is_compiled_in_is_right() {
        Release::built_in();
    }

    #[test]
    fn a_pattern_describes_a_whole_ref() {
        let release = parse(GOOD).unwrap();
        for allowed in ["refs/heads/main", "refs/tags/podman-v6.0.2", "refs/tags/podman-v6.0.2-r2"] {
            assert!(release.allows(allowed), "{allowed}");
        }
        for refused in [
            "refs/heads/main2",
            "refs/heads/main/x",
            "x/refs/heads/main",
            "refs/heads/Main",
            "refs/heads/podman-v6.0.2",
            "refs/tags/podman-v6/x",
            "refs/tags/mypodman-v6.0.2",
            "refs/heads/main\nrefs/heads/x",
            "",
        ] {
            assert!(!release.allows(refused), "{refused}");
        }
    }

    #[test]
    fn what_could_be_read_in_two_ways_is_refused() {
        for (right, wrong) in [
            ("https://github.com/o/r\"", "https://github.com/o/r/\""),
            ("https://github.com/o/r\"", "http://github.com/o/r\""),
            ("https://github.com/o/r\"", "https://github.com/o\""),
            ("https://github.com/o/r\"", "https://github.com/o/..\""),
            ("https://github.com/o/r\"", "https://github.com/*/r\""),
            (".github/workflows/sign.yml", ".github/workflows/../sign.yml"),
            (".github/workflows/sign.yml", ".github/workflows/*.yml"),
            ("refs/heads/main", "main"),
            ("refs/heads/main", "refs/heads/**"),
            ("refs/heads/main", "refs/heads/{main,x}"),
            ("refs/heads/main", "refs/pull/1/merge"),
            ("[\"refs/heads/main\", \"refs/tags/podman-v*\"]", "[]"),
            ("issuer", "isuer"),
        ] {
            let text = GOOD.replacen(right, wrong, 1);
            assert_ne!(text, GOOD);
            assert!(parse(&text).is_err(), "{wrong}");
        }
    }
}
