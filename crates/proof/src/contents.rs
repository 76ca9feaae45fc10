//! Whether an unpacked archive holds just what its manifest says.

use std::{collections::BTreeSet, io, os::unix::fs::PermissionsExt as _, path::Path};

use fs_err as fs;
use rst_model::{Hasher, Manifest, ManifestFile, RelPath};

use crate::{Claim, Outcome, Proved};

/// How many of the differences a person is shown.
const SHOWN: usize = 5;

/// Compares every file below `top` with the manifest, which lies at `at`.
pub fn prove_contents(top: &Path, at: &RelPath, manifest: &Manifest) -> Proved {
    let mut faults = Vec::new();
    let mut seen = BTreeSet::new();
    for entry in walkdir::WalkDir::new(top).min_depth(1).sort_by_file_name() {
        let found = entry.map_err(io::Error::from).and_then(|entry| {
            if entry.file_type().is_dir() {
                return Ok(None);
            }
            let inner = entry.path().strip_prefix(top).map_err(io::Error::other)?;
            RelPath::new(&inner.to_string_lossy()).map(Some).map_err(io::Error::other)
        });
        match found {
            Ok(None) => {}
            Ok(Some(path)) if path == *at => {}
            Ok(Some(path)) => {
                match manifest.files.get(&path) {
                    None => faults.push(format!("{path} is not in it")),
                    Some(file) => faults.extend(differs(&top.join(&path), file).map(|fault| format!("{path} {fault}"))),
                }
                seen.insert(path);
            }
            Err(error) => faults.push(error.to_string()),
        }
    }
    let missing = manifest.files.keys().filter(|path| !seen.contains(path));
    faults.extend(missing.map(|path| format!("{path} is missing")));
    let outcome = match faults.len() {
        0 => Outcome::Passed,
        count => {
            faults.truncate(SHOWN);
            Outcome::Failed(format!("{count} files: {}", faults.join("; ")))
        }
    };
    Proved { path: at.clone(), claims: vec![Claim { name: "names every file, its digest and its mode", outcome }] }
}

fn differs(path: &Path, file: &ManifestFile) -> Option<String> {
    let found = match described(path, &file.component) {
        Ok(found) if found == *file => return None,
        Ok(found) => found,
        Err(error) => return Some(format!("cannot be read: {error}")),
    };
    if found.mode != file.mode {
        return Some(format!("has mode {}, expected {}", found.mode, file.mode));
    }
    Some(format!("is {}, expected {}", what(&found), what(file)))
}

fn what(file: &ManifestFile) -> String {
    match (&file.target, &file.sha256) {
        (Some(target), _) => format!("a link to {target}"),
        (None, Some(sha256)) => format!("{} bytes of SHA-256 {sha256}", file.size.unwrap_or_default()),
        (None, None) => "nothing that can be compared".to_owned(),
    }
}

/// A file as a manifest has it; which component it is from cannot be seen.
fn described(path: &Path, component: &str) -> io::Result<ManifestFile> {
    let metadata = fs::symlink_metadata(path)?;
    let component = component.to_owned();
    if metadata.is_symlink() {
        let target = fs::read_link(path)?.to_string_lossy().into_owned();
        return Ok(ManifestFile { component, mode: "0777".to_owned(), sha256: None, size: None, target: Some(target) });
    }
    let mode = format!("{:04o}", metadata.permissions().mode() & 0o7777);
    let (sha256, size) = Hasher::read(fs::File::open(path)?)?;
    Ok(ManifestFile { component, mode, sha256: Some(sha256), size: Some(size), target: None })
}
