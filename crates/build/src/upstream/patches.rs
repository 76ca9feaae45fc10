//! Whether a component's patches apply to a new version's source: tried as a build would, on copies of the
//! files that they change.

use std::{
    collections::{BTreeMap, BTreeSet},
    os::unix::fs::PermissionsExt,
    path::{Path, PathBuf},
    process::{Command, Stdio},
};

use fs_err as fs;

use crate::compose::PATCH;

/// The sources that patches are for.
pub(super) struct Patched<'a> {
    /// The component's own.
    pub(super) tree: PathBuf,
    /// Its vendored dependencies, which patches see in `vendor/`.
    pub(super) vendor: Option<PathBuf>,
    /// File name to text, in the order in which they are applied.
    pub(super) patches: &'a BTreeMap<String, String>,
}

/// A patch that does not apply, and what `patch` said.
#[derive(Clone, Debug)]
pub struct Refused {
    /// Its file name.
    pub patch: String,
    /// Which hunks of which files.
    pub said: String,
}

impl Patched<'_> {
    /// Applies all in a folder that is empty, each on what the ones before have left.
    pub(super) fn refused(&self, folder: &Path) -> Result<Vec<Refused>, std::io::Error> {
        for file in self.patches.values().flat_map(|text| touched(text)).collect::<BTreeSet<_>>() {
            let from = match (file.strip_prefix("vendor/"), &self.vendor) {
                (Some(inner), Some(vendor)) => vendor.join(inner),
                _ => self.tree.join(file),
            };
            // One that a patch makes, or that is gone: `patch` will say so.
            if from.is_file() {
                let to = folder.join(file);
                fs::create_dir_all(to.parent().unwrap_or(folder))?;
                fs::copy(from, &to)?;
                fs::set_permissions(to, PermissionsExt::from_mode(0o644))?;
            }
        }
        let mut refused = Vec::new();
        for (name, text) in self.patches {
            let input = folder.join(".patch");
            fs::write(&input, text)?;
            let mut patch = Command::new("patch");
            // As a build does; `--forward` answers its question whether to turn a patch round.
            patch.args(PATCH).args(["--forward", "--reject-file=-", "--input=.patch"]);
            let output = patch.current_dir(folder).env("LC_ALL", "C").stdin(Stdio::null()).output()?;
            if !output.status.success() {
                let said = String::from_utf8_lossy(&output.stdout);
                let words = ["FAILED", "can't find file", "previously applied"];
                let telling = said.lines().filter(|line| words.iter().any(|word| line.contains(word)));
                refused.push(Refused { patch: name.clone(), said: telling.collect::<Vec<_>>().join("; ") });
            }
        }
        Ok(refused)
    }
}

/// The files that a patch changes, makes or removes, below the source folder.
fn touched(text: &str) -> impl Iterator<Item = &str> {
    let named = text.lines().filter_map(|line| line.strip_prefix("+++ b/").or_else(|| line.strip_prefix("--- a/")));
    named.map(|file| file.split('\t').next().unwrap_or(file))
}
