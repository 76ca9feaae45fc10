//! The Go modules that are in programs, as these say themselves: what `go version -m` prints, with the digests of
//! the source's go.sum.

use std::collections::{BTreeMap, BTreeSet};

/// A module that is linked into a program.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub struct Module {
    /// Its path: `github.com/docker/go-units`.
    pub path: String,
    /// Its version: `v0.5.0`.
    pub version: String,
    /// Go's digest of it; none for one that no checksum pins.
    pub h1: Option<String>,
}

/// What was printed is not what is expected.
#[derive(Debug, thiserror::Error)]
#[error("what `go version -m` printed is not understood: {line}")]
pub struct ModuleError {
    line: String,
}

/// The modules that are in those programs that `is_wanted` takes; a module that another replaces is not in them.
/// The programs' own module is not among them.
pub fn modules(printed: &str, go_sum: &str, is_wanted: impl Fn(&str) -> bool) -> Result<BTreeSet<Module>, ModuleError> {
    let sums = sums(go_sum);
    let mut found: BTreeSet<(&str, &str)> = BTreeSet::new();
    let mut wanted = false;
    let mut last = None;
    for line in printed.lines() {
        let not_understood = || ModuleError { line: line.to_owned() };
        let Some(fields) = line.strip_prefix('\t') else {
            let (program, _) = line.rsplit_once(": go").ok_or_else(not_understood)?;
            wanted = is_wanted(program);
            continue;
        };
        let mut fields = fields.split('\t');
        match (fields.next(), fields.next(), fields.next()) {
            (Some("dep"), Some(path), Some(version)) => {
                last = Some((path, version));
                if wanted {
                    found.insert((path, version));
                }
            }
            (Some("=>"), Some(path), Some(version)) => {
                let replaced = last.take().ok_or_else(not_understood)?;
                if wanted && found.remove(&replaced) {
                    found.insert((path, version));
                }
            }
            (Some("dep" | "=>"), ..) => return Err(not_understood()),
            _ => {}
        }
    }
    let module = |(path, version): (&str, &str)| Module {
        path: path.to_owned(),
        version: version.to_owned(),
        h1: sums.get(&(path, version)).map(|h1| h1.to_string()),
    };
    Ok(found.into_iter().map(module).collect())
}

/// The digests of whole modules; those of their go.mod alone (`VERSION/go.mod`) are other keys.
fn sums(go_sum: &str) -> BTreeMap<(&str, &str), &str> {
    let fields = go_sum.lines().map(|line| line.split_whitespace().collect::<Vec<_>>());
    fields
        .filter_map(|fields| <[&str; 3]>::try_from(fields).ok())
        .map(|[path, version, h1]| ((path, version), h1))
        .collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    const PRINTED: &str = "/deps/tool/bin/tool: go1.26.8\n\
        \tpath\texample.org/tool/cmd/tool\n\
        \tmod\texample.org/tool\t(devel)\t\n\
        \tdep\texample.org/a\tv1.0.0\t\n\
        \tdep\texample.org/old\tv1.0.0\n\
        \t=>\texample.org/new\tv1.5.0\t\n\
        \tbuild\t-tags=a,b\n\
        /deps/tool/lib/helper: go1.26.8\n\
        \tdep\texample.org/b\tv2.0.0\t\n";
    const SUM: &str =
        "example.org/a v1.0.0 h1:aaa=\nexample.org/a v1.0.0/go.mod h1:mod=\nexample.org/new v1.5.0 h1:nnn=\n";

    fn named(wanted: impl Fn(&str) -> bool) -> Vec<(String, Option<String>)> {
        let modules = modules(PRINTED, SUM, wanted).unwrap();
        modules.into_iter().map(|module| (format!("{}@{}", module.path, module.version), module.h1)).collect()
    }

    #[test]
    fn a_module_is_named_with_the_digest_of_all_of_it_and_a_replaced_one_is_not() {
        let expected = [
            ("example.org/a@v1.0.0".to_owned(), Some("h1:aaa=".to_owned())),
            ("example.org/b@v2.0.0".to_owned(), None),
            ("example.org/new@v1.5.0".to_owned(), Some("h1:nnn=".to_owned())),
        ];
        assert_eq!(named(|_| true), expected);
    }

    #[test]
    fn modules_of_a_program_that_is_not_shipped_are_left_out() {
        assert_eq!(named(|program| program.ends_with("/helper")), [("example.org/b@v2.0.0".to_owned(), None)]);
    }

    #[test]
    fn what_is_not_understood_is_an_error() {
        for printed in ["/deps/tool: no Go program", "/deps/tool: go1\n\tdep\tx", "/deps/tool: go1\n\t=>\tx\tv1"] {
            assert!(modules(printed, "", |_| true).is_err(), "{printed}");
        }
    }
}
