//! All recipes together: what one file cannot show (a missing recipe, a cycle) is found here, before
//! anything is fetched.

use std::collections::{BTreeMap, BTreeSet};

use miette::NamedSource;
use regex::Regex;
use serde::Serialize;

use super::{
    AllocatorChoice, Driver, Follows, Install, OwnSource, Placeholder, Recipe, RecipeError, SourceSpec, Upstream,
    authored::Line,
};
use crate::{
    Digest, RelPath, Version, names,
    toml_file::{self, SyntaxError},
};

/// What stands at the head of a patch.
const PATCH_HEADER: [&str; 3] = ["Why:", "Upstream:", "Can go:"];

/// Every recipe, by name.
#[derive(Debug, Default)]
pub struct Book {
    pages: BTreeMap<String, Page>,
}

#[derive(Debug)]
struct Page {
    recipe: Recipe,
    text: NamedSource<String>,
    /// Patches by file name, per line (`""`: every line).
    patches: BTreeMap<String, BTreeMap<String, String>>,
}

/// A recipe for one version: lines applied, complete.
#[derive(Clone, Debug, Serialize)]
pub struct Component {
    /// Its name.
    pub name: String,
    /// Its version.
    pub version: Version,
    /// SPDX licence expression.
    pub license: String,
    /// Where licence texts lie in its source.
    pub license_files: Vec<String>,
    /// Libraries linked in, by name; mimalloc is one of them where it is the allocator.
    pub needs: Vec<String>,
    /// Tools run while it is built, by name.
    pub tools: Vec<String>,
    /// Whose malloc it has.
    pub allocator: AllocatorChoice,
    /// Where its source is from and how it is unpacked.
    #[serde(skip)]
    pub source: SourceSpec,
    /// How it is built.
    pub driver: Driver,
    /// What it leaves.
    pub install: BTreeMap<String, Install>,
    /// Patches, in order: file name and text.
    pub patches: BTreeMap<String, String>,
}

impl Component {
    /// The digest of all that this recipe says about the build.
    pub fn digest(&self) -> Digest {
        Digest::of_json(self)
    }
}

impl Book {
    /// Adds a recipe file. `path` is what errors show.
    pub fn add(&mut self, path: &str, text: String) -> Result<(), RecipeError> {
        let text = toml_file::named(path, text);
        let recipe: Recipe = toml_file::parse(&text)?;
        let name = recipe.name.get_ref().clone();
        let page = Page { recipe, text, patches: BTreeMap::new() };
        let stem = path.rsplit('/').next().and_then(|file| file.strip_suffix(".toml"));
        if stem != Some(&name) {
            return Err(page.value_error(
                page.recipe.name.span(),
                format!("recipe is named `{name}`, its file `{}`", stem.unwrap_or(path)),
                "must be the file's name",
                None,
            ));
        }
        page.check()?;
        self.pages.insert(name, page);
        Ok(())
    }

    /// Adds a patch for a recipe: for one line of it, or for all. `path` is what errors show.
    pub fn add_patch(&mut self, recipe: &str, line: Option<&str>, path: &str, text: String) -> Result<(), RecipeError> {
        let file = path.rsplit('/').next().unwrap_or(path);
        let known = self.names();
        let Some(page) = self.pages.get_mut(recipe) else {
            return Err(RecipeError::PatchOfNothing { path: path.to_owned(), name: recipe.to_owned(), known });
        };
        let header = text.split("\n--- ").next().unwrap_or_default();
        for field in PATCH_HEADER {
            if !header.lines().any(|line| line.strip_prefix(field).is_some_and(|words| !words.trim().is_empty())) {
                return Err(RecipeError::PatchHeader { path: path.to_owned(), field });
            }
        }
        if let Some(line) = line.filter(|line| !page.recipe.line.contains_key(*line)) {
            let lines: Vec<_> = page.recipe.line.keys().map(String::as_str).collect();
            let help = Some(format!("{recipe} has the lines: {}", lines.join(", ")));
            let message = format!("{path} is for the line {line}, which {recipe} does not have");
            return Err(page.value_error(page.recipe.name.span(), message, "has no [line] for it", help));
        }
        page.patches.entry(line.unwrap_or_default().to_owned()).or_default().insert(file.to_owned(), text);
        Ok(())
    }

    /// The sources that are folders of this project, by their recipes' names.
    pub fn own_sources(&self) -> impl Iterator<Item = (&str, &OwnSource)> {
        self.pages.iter().filter_map(|(name, page)| Some((name.as_str(), page.recipe.source.get_ref().own.as_ref()?)))
    }

    /// A recipe as written.
    pub fn recipe(&self, name: &str) -> Result<&Recipe, RecipeError> {
        self.page(name).map(|page| &page.recipe)
    }

    /// The page where upstream announces its releases, if the recipe names one.
    pub fn releases(&self, name: &str) -> Option<&str> {
        self.pages.get(name)?.recipe.releases.as_deref()
    }

    /// The names of all recipes.
    pub fn names(&self) -> Vec<String> {
        self.pages.keys().cloned().collect()
    }

    /// Checks what only all recipes together can show: every need and tool exists, none needs itself.
    pub fn check(&self) -> Result<(), RecipeError> {
        for page in self.pages.values() {
            if let Some(Follows::Recipe(leader)) = &page.recipe.follows
                && !self.pages.contains_key(leader)
            {
                let message = format!("there is no recipe `{leader}`, which it would follow");
                return Err(page.value_error(page.place_of(leader), message, "not found in build/recipes", None));
            }
            for wanted in page.recipe.needs.iter().chain(&page.recipe.tools) {
                if !self.pages.contains_key(wanted.get_ref()) {
                    return Err(page.value_error(
                        wanted.span(),
                        format!("there is no recipe `{}`", wanted.get_ref()),
                        "not found in build/recipes",
                        None,
                    ));
                }
            }
        }
        let mut done = BTreeSet::new();
        for name in self.pages.keys() {
            self.walk(name, &mut Vec::new(), &mut done)?;
        }
        Ok(())
    }

    fn walk<'a>(
        &'a self,
        name: &'a str,
        path: &mut Vec<&'a str>,
        done: &mut BTreeSet<&'a str>,
    ) -> Result<(), RecipeError> {
        if done.contains(name) {
            return Ok(());
        }
        path.push(name);
        let page = &self.pages[name];
        for need in page.recipe.needs.iter().chain(&page.recipe.tools) {
            if let Some(start) = path.iter().position(|seen| seen == need.get_ref()) {
                let cycle = [&path[start..], &[need.get_ref().as_str()]].concat().join(" → ");
                return Err(page.value_error(
                    need.span(),
                    format!("recipes need each other: {cycle}"),
                    "closes the circle",
                    None,
                ));
            }
            self.walk(need.get_ref(), path, done)?;
        }
        path.pop();
        done.insert(name);
        Ok(())
    }

    /// The recipe for one version.
    pub fn component(&self, name: &str, version: &Version) -> Result<Component, RecipeError> {
        let page = self.page(name)?;
        let recipe = &page.recipe;
        let line = recipe.line.iter().find(|(line, _)| version.in_line(line));
        if line.is_none() && !recipe.line.is_empty() {
            return Err(page.value_error(
                recipe.name.span(),
                format!(
                    "{name} {version} is of no line that this recipe has: {}",
                    recipe.line.keys().cloned().collect::<Vec<_>>().join(", ")
                ),
                "has no [line] for it",
                None,
            ));
        }
        let (line_name, line) = match line {
            Some((name, line)) => (name.as_str(), line.clone()),
            None => ("", Default::default()),
        };
        let driver = line.drivers().pop().or_else(|| recipe.drivers().pop()).unwrap_or(Driver::Source);
        let allocator = recipe.allocator.as_ref().map(|a| a.choice).unwrap_or_default();
        let texts = |spanned: &[toml::Spanned<String>]| spanned.iter().map(|s| s.get_ref().clone()).collect::<Vec<_>>();
        let mut patches = page.patches.get("").cloned().unwrap_or_default();
        if !line_name.is_empty() {
            patches.extend(page.patches.get(line_name).cloned().unwrap_or_default());
        }
        Ok(Component {
            name: name.to_owned(),
            version: version.clone(),
            license: recipe.license.clone(),
            license_files: line.license_files.unwrap_or_else(|| recipe.license_files.clone()),
            needs: texts(&recipe.needs),
            tools: texts(&recipe.tools),
            allocator,
            source: line.source.unwrap_or_else(|| recipe.source.clone()).into_inner(),
            driver,
            install: line.install.unwrap_or_else(|| recipe.install.clone()),
            patches,
        })
    }

    /// A fault found elsewhere (the lock), shown where a recipe asks for `wanted`: among its needs and
    /// tools, or at its name where it asks without a word (its own source, a driver's toolchain).
    pub fn error_at(&self, recipe: &str, wanted: &str, message: String, help: Option<String>) -> RecipeError {
        let page = match self.page(recipe) {
            Ok(page) => page,
            Err(error) => return error,
        };
        let recipe = &page.recipe;
        let asked = recipe.needs.iter().chain(&recipe.tools).find(|name| name.get_ref() == wanted);
        page.value_error(asked.unwrap_or(&recipe.name).span(), message, "needed here", help)
    }

    fn page(&self, name: &str) -> Result<&Page, RecipeError> {
        self.pages.get(name).ok_or_else(|| RecipeError::Unknown { name: name.to_owned(), known: self.names() })
    }
}

impl Page {
    /// What one file alone can show.
    fn check(&self) -> Result<(), RecipeError> {
        let recipe = &self.recipe;
        self.check_drivers()?;
        if let Some(upstream) = &recipe.upstream {
            self.check_upstream(upstream)?;
        }
        let mut groups = BTreeSet::new();
        let sources = std::iter::once(&recipe.source).chain(recipe.line.values().filter_map(|l| l.source.as_ref()));
        for source in sources {
            groups.extend(self.check_source(source)?);
        }
        let lines = recipe.line.values();
        for install in std::iter::once(&recipe.install).chain(lines.clone().filter_map(|line| line.install.as_ref())) {
            self.check_install(install)?;
        }
        for file in recipe.license_files.iter().chain(lines.filter_map(|line| line.license_files.as_ref()).flatten()) {
            self.check_pattern(file, "license-files")?;
        }
        self.check_placeholders(&groups)
    }

    fn check_drivers(&self) -> Result<(), RecipeError> {
        let recipe = &self.recipe;
        let mut tables = std::iter::once(recipe.drivers()).chain(recipe.line.values().map(Line::drivers));
        let refused = |message: &str, help: &str| {
            let help = format!("{help} [cc], [autotools], [make], [meson], [cargo], [go]");
            Err(self.value_error(recipe.name.span(), message.to_owned(), "of this recipe", Some(help)))
        };
        if tables.clone().any(|drivers| drivers.len() > 1) {
            return refused("recipe has more than one driver", "one of");
        }
        if tables.all(|drivers| drivers.is_empty()) && !recipe.install.is_empty() {
            let message = "recipe has an [install] table but no driver that would build anything";
            return refused(message, "add one of");
        }
        Ok(())
    }

    fn check_upstream(&self, upstream: &Upstream) -> Result<(), RecipeError> {
        let (Upstream::Git { tag: pattern, .. } | Upstream::Page { file: pattern, .. }) = upstream;
        let problem = match Regex::new(pattern) {
            Err(error) => format!("`{pattern}` is no regular expression: {error}"),
            Ok(regex) if regex.capture_names().flatten().any(|name| name == "version") => return Ok(()),
            Ok(_) => format!("`{pattern}` has no group `version`"),
        };
        let text = self.text.inner();
        let start = text.find(pattern).unwrap_or_default();
        let help = r"such as 'v(?<version>\d+\.\d+\.\d+)'".to_owned();
        Err(self.value_error(start..start + pattern.len(), problem, "of `upstream`", Some(help)))
    }

    /// The names of the groups of its pattern.
    fn check_source(&self, source: &toml::Spanned<SourceSpec>) -> Result<Vec<String>, RecipeError> {
        let spec = source.get_ref();
        if !spec.has_origin() {
            let message = "source names no place to have it from".to_owned();
            let help = "one of: https, debian, go-module, crate, wheel, rustup, debian-packages, own".to_owned();
            return Err(self.value_error(source.span(), message, "in this table", Some(help)));
        }
        let Some(pattern) = &spec.pattern else { return Ok(Vec::new()) };
        let regex = Regex::new(pattern).map_err(|error| {
            let message = format!("`pattern` is no regular expression: {error}");
            self.value_error(source.span(), message, "in this table", None)
        })?;
        Ok(regex.capture_names().flatten().map(str::to_owned).collect())
    }

    fn check_install(&self, install: &BTreeMap<String, Install>) -> Result<(), RecipeError> {
        for (to, from) in install {
            if let Err(error) = RelPath::new(to.trim_end_matches('/')) {
                return Err(self.value_error(self.place_of(to), format!("[install]: {error}"), "here", None));
            }
            match from {
                Install::Everywhere(from) | Install::On { from, .. } => {
                    self.check_pattern(from.strip_prefix("/b/").unwrap_or(from), "[install]")?;
                }
                Install::Link { link } if install.contains_key(link.as_str()) => {}
                Install::Link { link } => {
                    let message = format!("[install]: `{to}` would be a link to what is not installed");
                    return Err(self.value_error(self.place_of(link.as_str()), message, "here", None));
                }
            }
        }
        Ok(())
    }

    /// A path or pattern of files of the build: relative, and not out of its folder.
    fn check_pattern(&self, pattern: &str, key: &str) -> Result<(), RecipeError> {
        let unplaced = pattern.strip_prefix("{dest}/").unwrap_or(pattern).trim_end_matches('/');
        let path = RelPath::new(unplaced).map(drop).map_err(|error| error.to_string());
        let pattern_error = || globset::Glob::new(unplaced).map(drop).map_err(|error| error.to_string());
        path.and_then(|()| pattern_error())
            .map_err(|error| self.value_error(self.place_of(pattern), format!("{key}: {error}"), "here", None))
    }

    /// Whatever stands in braces means something: `{versoin}` is found here, not in a build's log.
    fn check_placeholders(&self, groups: &BTreeSet<String>) -> Result<(), RecipeError> {
        let text = self.text.inner();
        let braces = Regex::new(r"(?m)^[ \t]*#.*$|(.?)(\{([a-z][a-z-]*)\})").expect("a constant");
        let all: Vec<_> = Placeholder::ALL.iter().map(|known| known.name().to_owned()).collect();
        let all = [all, groups.iter().cloned().collect()].concat();
        for found in braces.captures_iter(text) {
            // `${prefix}` is pkg-config's own.
            let (Some(whole), Some(name)) = (found.get(2), found.get(3)) else { continue };
            if all.iter().any(|known| known == name.as_str()) || &found[1] == "$" {
                continue;
            }
            let help = names::way_out(name.as_str(), &all);
            let message = format!("`{}` stands for nothing", whole.as_str());
            return Err(self.value_error(whole.range(), message, "here", Some(help)));
        }
        Ok(())
    }

    /// Where a value stands in the text, as written.
    fn place_of(&self, value: &str) -> std::ops::Range<usize> {
        let start = self.text.inner().find(&format!("\"{value}\"")).map_or(0, |at| at + 1);
        start..start + if start == 0 { 0 } else { value.len() }
    }

    fn value_error(
        &self,
        at: std::ops::Range<usize>,
        message: String,
        label: &'static str,
        help: Option<String>,
    ) -> RecipeError {
        SyntaxError::at(&self.text, at, message).with_label(label).with_help(help).into()
    }
}

/// The driver tables that stand in a recipe, or in a line of it; a sound one has at most one.
macro_rules! drivers {
    ($($owner:ty),+) => {$(
        impl $owner {
            fn drivers(&self) -> Vec<Driver> {
                let this = self.clone();
                [
                    this.cc.map(Driver::Cc),
                    this.autotools.map(Driver::Autotools),
                    this.make.map(Driver::Make),
                    this.meson.map(Driver::Meson),
                    this.cargo.map(Driver::Cargo),
                    this.go.map(Driver::Go),
                ]
                .into_iter()
                .flatten()
                .collect()
            }
        }
    )+};
}
drivers!(Recipe, Line);

impl SourceSpec {
    /// Whether any place is named.
    fn has_origin(&self) -> bool {
        let names = [&self.go_module, &self.krate, &self.wheel, &self.rustup];
        names.iter().any(|name| name.is_some())
            || self.own.is_some()
            || !self.https.is_empty()
            || self.debian.is_some()
            || !self.debian_packages.is_empty()
    }

    /// Fills `{version}` and the groups of `pattern` into a template.
    pub fn expand(&self, template: &str, version: &Version) -> Option<String> {
        let mut text = template.replace("{version}", version.as_str());
        // Compiling a pattern takes a millisecond, and few texts have anything to fill.
        if let Some(pattern) = self.pattern.as_ref().filter(|_| text.contains('{')) {
            let regex = Regex::new(pattern).ok()?;
            let captures = regex.captures(version.as_str())?;
            for name in regex.capture_names().flatten() {
                text = text.replace(&format!("{{{name}}}"), captures.name(name)?.as_str());
            }
        }
        Some(text)
    }

    /// The other way: the version of which `text` is what the template expands to.
    pub fn version_in(&self, template: &str, text: &str) -> Option<Version> {
        let pattern = self.pattern.as_deref().unwrap_or_default();
        let group = Regex::new(r"\(\?<(?<name>\w+)>(?<body>[^()]*)\)").expect("a constant");
        let mut wanted = regex::escape(template).replace(r"\{version\}", "(?<version>.+)");
        for found in group.captures_iter(pattern) {
            wanted = wanted.replace(&format!(r"\{{{}\}}", &found["name"]), &found[0]);
        }
        let captures = Regex::new(&format!("^{wanted}$")).ok()?.captures(text)?;
        let version = match captures.name("version") {
            Some(version) => Version::new(version.as_str()),
            None => {
                let filled = group.replace_all(pattern, |found: &regex::Captures| {
                    captures.name(&found["name"]).map_or_else(String::new, |value| value.as_str().to_owned())
                });
                Version::new(&filled.replace('\\', ""))
            }
        };
        (self.expand(template, &version).as_deref() == Some(text)).then_some(version)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const CRUN: &str = r#"
name = "crun"
summary = "runs"
license = "GPL-2.0-or-later"
homepage = "https://example.org"
needs = ["libcap"]
[source]
https = ["https://example.org/{version}.tar.gz"]
[autotools]
configure = ["--disable-dl"]
"#;

    fn show(error: RecipeError) -> String {
        let mut out = String::new();
        miette::GraphicalReportHandler::new_themed(miette::GraphicalTheme::unicode_nocolor())
            .render_report(&mut out, &error)
            .unwrap();
        out
    }

    fn add(text: &str) -> Result<Book, RecipeError> {
        let mut book = Book::default();
        book.add("build/recipes/crun.toml", text.to_owned())?;
        book.check()?;
        Ok(book)
    }

    #[test]
    fn an_unknown_key_is_underlined() {
        let text = CRUN.replace("configure", "confgure");
        insta::assert_snapshot!(show(add(&text).unwrap_err()));
    }

    #[test]
    fn a_missing_need_is_underlined() {
        insta::assert_snapshot!(show(add(CRUN).unwrap_err()));
    }

    #[test]
    fn a_circle_is_shown() {
        insta::assert_snapshot!(show(add(&CRUN.replace("libcap", "crun")).unwrap_err()));
    }

    #[test]
    fn versions_are_taken_apart() {
        let source =
            SourceSpec { pattern: Some(r"(?<y>\d+)_(?<m>\d+)_(?<d>\d+)\.(?<commit>\w+)".into()), ..Default::default() };
        assert_eq!(
            source.expand("passt_0.0~git{y}{m}{d}.{commit}.orig.tar.xz", &Version::new("2026_07_28.f8df3f1")),
            Some("passt_0.0~git20260728.f8df3f1.orig.tar.xz".into())
        );
    }

    #[test]
    fn versions_are_put_together_again() {
        let passt = SourceSpec {
            pattern: Some(r"(?<y>\d{4})_(?<m>\d\d)_(?<d>\d\d)\.(?<commit>\w+)".into()),
            ..Default::default()
        };
        let found = |template: &str, text: &str| passt.version_in(template, text).map(|version| version.to_string());
        let template = "passt_0.0~git{y}{m}{d}.{commit}.orig.tar.xz";
        assert_eq!(found(template, "passt_0.0~git20260728.f8df3f1.orig.tar.xz"), Some("2026_07_28.f8df3f1".into()));
        assert_eq!(found(template, "passt_0.0~git20260728.f8df3f1.orig.tar.gz"), None);
        assert_eq!(found("conmon_{version}+ds1.orig.tar.xz", "conmon_2.1.13+ds1.orig.tar.xz"), Some("2.1.13".into()));
    }

    proptest::proptest! {
        /// Whatever a version is expanded to, it is found again in that.
        #[test]
        fn what_is_expanded_is_found(version in "[0-9]{1,3}(\\.[0-9a-z]{1,4}){0,3}", before in "[a-z+~.]{0,9}", after in "[a-z+.]{0,9}") {
            let template = format!("{before}{{version}}{after}");
            let version = Version::new(&version);
            let spec = SourceSpec::default();
            let text = spec.expand(&template, &version).unwrap();
            let found = spec.version_in(&template, &text);
            proptest::prop_assert_eq!(found, Some(version));
        }
    }
}
