//! `--no-sandbox`: an action as it runs on the host itself. The sandbox's fixed paths become the folders
//! of the store, and the build root is the host's own /usr/bin.

use std::{
    collections::BTreeMap,
    path::{Path, PathBuf},
};

use rst_model::{Action, RelPath};

/// The action with every path of the sandbox in its texts replaced; `places` says by what.
pub(crate) fn relocate(action: &Action, places: &BTreeMap<String, PathBuf>) -> Action {
    let mut places: Vec<_> = places.iter().map(|(target, place)| (target.as_str(), place.as_path())).collect();
    // `/b/zig-cache` before `/b`.
    places.sort_by_key(|(target, _)| std::cmp::Reverse(target.len()));
    let fix = |text: &String| moved(text, &places);
    let mut action = action.clone();
    action.files = action.files.iter().map(|(path, text)| (path.clone(), fix(text))).collect();
    action.env = fixed(&action.env, fix);
    for command in action.steps.iter_mut().flat_map(|step| &mut step.commands) {
        command.argv = command.argv.iter().map(fix).collect();
        command.cwd = fix(&command.cwd);
        command.env = fixed(&command.env, fix);
    }
    // What is mounted below the work folder is copied there.
    for (target, tree) in &action.mounts {
        if let Some(path) = target.strip_prefix("/b/").and_then(|inner| RelPath::new(inner).ok()) {
            action.checkouts.insert(path, *tree);
        }
    }
    action
}

fn fixed(variables: &BTreeMap<String, String>, fix: impl Fn(&String) -> String) -> BTreeMap<String, String> {
    variables.iter().map(|(name, value)| (name.clone(), fix(value))).collect()
}

/// Replaces each of the paths where it stands as a path: at the beginning of a word or after an option's
/// letter, and whole.
fn moved(text: &str, places: &[(&str, &Path)]) -> String {
    let mut out = String::with_capacity(text.len());
    let mut rest = text;
    while let Some(at) = rest.find('/') {
        out.push_str(&rest[..at]);
        let (here, begins) = (&rest[at..], begins_a_path(&out));
        let found = places.iter().find(|(target, _)| {
            begins && here.strip_prefix(target).is_some_and(|after| !after.starts_with(part_of_a_name))
        });
        match found {
            Some((target, place)) => {
                out.push_str(&place.to_string_lossy());
                rest = &here[target.len()..];
            }
            None => {
                out.push('/');
                rest = &here[1..];
            }
        }
    }
    out.push_str(rest);
    out
}

fn begins_a_path(before: &str) -> bool {
    before.ends_with("-I") || before.ends_with("-L") || !before.ends_with(|c| part_of_a_name(c) || c == '/' || c == '}')
}

fn part_of_a_name(c: char) -> bool {
    c.is_ascii_alphanumeric() || "._-".contains(c)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn only_whole_paths_are_moved() {
        let places = [("/b/zig-cache", Path::new("/s/cache")), ("/b", Path::new("/s/w")), ("/go", Path::new("/s/t"))];
        for (text, expected) in [
            ("-I/b/src -L/b -ffile-prefix-map=/b/src=.", "-I/s/w/src -L/s/w -ffile-prefix-map=/s/w/src=."),
            ("/b/bin:/go/bin:/usr/bin", "/s/w/bin:/s/t/bin:/usr/bin"),
            ("src/b/x ./b ${D}/b /bin/sh /gocache /b.c", "src/b/x ./b ${D}/b /bin/sh /gocache /b.c"),
            ("'/b/zig-cache'", "'/s/cache'"),
        ] {
            assert_eq!(moved(text, &places), expected);
        }
    }
}
