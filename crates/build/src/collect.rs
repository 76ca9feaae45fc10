//! Taking what a build left in its work folder. The folder was written by programs that nobody here
//! vouches for: nothing outside it is followed to.

use std::{
    collections::BTreeMap,
    path::{Path, PathBuf},
};

use fs_err as fs;
use globset::GlobBuilder;
use rst_model::{Action, Collect, RelPath};

use crate::{compose::LICENSES, error::BuildError};

/// Copies what each rule of an action names from the work folder to the output folder, and adds its links.
pub(crate) fn collect(work: &Path, action: &Action, output: &Path) -> Result<(), BuildError> {
    let work = fs::canonicalize(work)?;
    for rule in &action.collect {
        let found = matching(&work, rule)?;
        if found.is_empty() && !rule.optional {
            let key = if rule.to.starts_with(LICENSES) { "license-files" } else { "[install]" };
            return Err(BuildError::NotMade { path: rule.from.clone(), key });
        }
        if rule.merged {
            merge(&work, rule, &found, &output.join(checked(Path::new(&rule.to))?))?;
            continue;
        }
        for file in &found {
            let to = match rule.to.strip_suffix('/') {
                Some(folder) => Path::new(folder).join(kept_name(&work, rule, file)),
                None => PathBuf::from(&rule.to),
            };
            take(&work, file, &output.join(checked(&to)?))?;
        }
    }
    for (at, target) in &action.links {
        let link = output.join(at);
        fs::create_dir_all(link.parent().expect("below the output folder"))?;
        fs::os::unix::fs::symlink(at.link_to(target), link)?;
    }
    Ok(())
}

/// The files a rule names, sorted.
fn matching(work: &Path, rule: &Collect) -> Result<Vec<PathBuf>, BuildError> {
    let mut found = Vec::new();
    if let Some(folder) = rule.from.strip_suffix('/') {
        let top = work.join(folder);
        if top.is_dir() {
            for entry in walkdir::WalkDir::new(&top).sort_by_file_name() {
                let entry = entry.map_err(std::io::Error::from)?;
                if !entry.file_type().is_dir() {
                    found.push(entry.into_path());
                }
            }
        }
    } else if rule.from.contains(['*', '?', '[', '{']) {
        let glob = GlobBuilder::new(&rule.from).literal_separator(true).build();
        let glob = glob.map_err(|error| BuildError::Pattern { reason: error.to_string() })?.compile_matcher();
        // Only the folder before the first pattern is walked.
        let fixed: PathBuf = Path::new(&rule.from)
            .components()
            .take_while(|part| !part.as_os_str().to_string_lossy().contains(['*', '?', '[', '{']))
            .collect();
        for entry in walkdir::WalkDir::new(work.join(fixed)).sort_by_file_name().into_iter().flatten() {
            let relative = entry.path().strip_prefix(work).unwrap_or(entry.path());
            if !entry.file_type().is_dir() && glob.is_match(relative) {
                found.push(entry.into_path());
            }
        }
    } else if fs::symlink_metadata(work.join(&rule.from)).is_ok() {
        found.push(work.join(&rule.from));
    }
    Ok(found)
}

/// Below a folder names are kept whole; otherwise the last part is.
fn kept_name(work: &Path, rule: &Collect, file: &Path) -> PathBuf {
    match rule.from.strip_suffix('/').and_then(|folder| file.strip_prefix(work.join(folder)).ok()) {
        Some(inner) => inner.to_owned(),
        None => PathBuf::from(file.file_name().unwrap_or_default()),
    }
}

/// The file itself, which must lie in the work folder.
fn inside(work: &Path, file: &Path) -> Result<PathBuf, BuildError> {
    let real = fs::canonicalize(file)?;
    match real.starts_with(work) {
        true => Ok(real),
        false => Err(BuildError::Leaves { path: file.display().to_string() }),
    }
}

/// Copies one file. A link to a file inside the work folder becomes that file.
fn take(work: &Path, file: &Path, to: &Path) -> Result<(), BuildError> {
    let real = inside(work, file)?;
    if let Some(folder) = to.parent() {
        fs::create_dir_all(folder)?;
    }
    fs::copy(real, to)?;
    Ok(())
}

/// Makes one text of many files: each text once, below the names of all files that have it.
fn merge(work: &Path, rule: &Collect, files: &[PathBuf], to: &Path) -> Result<(), BuildError> {
    let mut names: BTreeMap<Vec<u8>, Vec<String>> = BTreeMap::new();
    for file in files {
        let real = inside(work, file)?;
        names.entry(fs::read(real)?).or_default().push(kept_name(work, rule, file).display().to_string());
    }
    let mut texts: Vec<_> = names.into_iter().collect();
    texts.sort_by(|a, b| a.1.cmp(&b.1));
    let mut whole = Vec::new();
    for (text, names) in texts {
        whole.extend(format!("{}\n{}\n\n", names.join("\n"), "=".repeat(70)).into_bytes());
        whole.extend(text.trim_ascii_end());
        whole.extend(b"\n\n\n");
    }
    if let Some(folder) = to.parent() {
        fs::create_dir_all(folder)?;
    }
    Ok(fs::write(to, whole)?)
}

fn checked(to: &Path) -> Result<RelPath, BuildError> {
    RelPath::new(&to.to_string_lossy()).map_err(|error| BuildError::Pattern { reason: error.to_string() })
}
