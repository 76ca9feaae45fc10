//! From an unpacked archive to the tree that is pinned: which folder, which files, which modes.

use std::path::{Path, PathBuf};

use fs_err as fs;
use globset::{GlobBuilder, GlobSet, GlobSetBuilder};
use rst_model::{Arch, Version, recipe::SourceSpec};

use crate::error::OriginError;

/// The folder that becomes the tree, after all that the recipe says was done to it.
pub(crate) fn shape(
    unpacked: &Path,
    spec: &SourceSpec,
    strip: Option<usize>,
    host: Option<Arch>,
    version: &Version,
) -> Result<PathBuf, OriginError> {
    let mut top = descend(unpacked, strip)?;
    if let Some(subdir) = &spec.subdir {
        top = top.join(subdir);
        if !top.is_dir() {
            return Err(OriginError::reason(format!("there is no folder `{subdir}` in it")));
        }
    }
    for path in &spec.drop {
        remove(&top.join(path))?;
    }
    if !spec.keep.is_empty() {
        keep_only(&top, &globs(&spec.keep, host)?)?;
    }
    if !spec.executable.is_empty() {
        let globs = globs(&spec.executable, host)?;
        for_each_file(&top, |path, relative| {
            if globs.is_match(relative) {
                fs::set_permissions(path, std::os::unix::fs::PermissionsExt::from_mode(0o755))?;
            }
            Ok(())
        })?;
    }
    for (path, target) in &spec.links {
        let at = top.join(path);
        fs::create_dir_all(at.parent().unwrap_or(&top))?;
        remove(&at)?;
        fs::os::unix::fs::symlink(target.replace("{version}", version.as_str()), at)?;
    }
    Ok(top)
}

/// So many folders down; or one, if one stands alone at the top.
fn descend(unpacked: &Path, strip: Option<usize>) -> Result<PathBuf, OriginError> {
    let mut top = unpacked.to_owned();
    for _ in 0..strip.unwrap_or(1) {
        let entries: Vec<_> = fs::read_dir(&top)?.collect::<Result<_, _>>()?;
        match &entries[..] {
            [only] if only.file_type()?.is_dir() => top = only.path(),
            _ if strip.is_none() => break,
            _ => {
                return Err(OriginError::reason("expected one folder at the top of the archive"));
            }
        }
    }
    Ok(top)
}

/// Copies from a folder that is not ours what the recipe keeps of it.
pub(crate) fn copy_kept(from: &Path, to: &Path, spec: &SourceSpec, host: Option<Arch>) -> Result<(), OriginError> {
    let globs = globs(&spec.keep, host)?;
    for_each_file(from, |path, relative| {
        if !globs.is_match(relative) {
            return Ok(());
        }
        let at = to.join(relative);
        fs::create_dir_all(at.parent().unwrap_or(to))?;
        if path.is_symlink() {
            return fs::os::unix::fs::symlink(fs::read_link(path)?, at);
        }
        fs::copy(path, at).map(drop)
    })
}

fn globs(patterns: &[String], host: Option<Arch>) -> Result<GlobSet, OriginError> {
    let patterns = patterns.iter().map(|text| match host {
        Some(host) => text.replace("{cpu}", host.cpu()).replace("{arch}", host.oci()),
        None => text.clone(),
    });
    let bad = |error: globset::Error| OriginError::reason(format!("recipe: {error}"));
    let mut set = GlobSetBuilder::new();
    for pattern in patterns {
        set.add(GlobBuilder::new(&pattern).literal_separator(true).build().map_err(bad)?);
    }
    set.build().map_err(bad)
}

fn keep_only(top: &Path, globs: &GlobSet) -> Result<(), OriginError> {
    for_each_file(top, |path, relative| if globs.is_match(relative) { Ok(()) } else { fs::remove_file(path) })?;
    // Folders that are now empty, innermost first.
    for entry in walkdir::WalkDir::new(top).min_depth(1).contents_first(true).into_iter().flatten() {
        if entry.file_type().is_dir() {
            let _ = fs::remove_dir(entry.path());
        }
    }
    Ok(())
}

fn for_each_file(top: &Path, act: impl Fn(&Path, &Path) -> std::io::Result<()>) -> Result<(), OriginError> {
    for entry in walkdir::WalkDir::new(top).min_depth(1) {
        let entry = entry.map_err(std::io::Error::from)?;
        if !entry.file_type().is_dir() {
            act(entry.path(), entry.path().strip_prefix(top).unwrap_or(entry.path()))?;
        }
    }
    Ok(())
}

fn remove(path: &Path) -> Result<(), OriginError> {
    let result = match fs::symlink_metadata(path) {
        Ok(metadata) if metadata.is_dir() => fs::remove_dir_all(path),
        Ok(_) => fs::remove_file(path),
        Err(_) => Ok(()),
    };
    Ok(result?)
}

/// Moves all of a folder into another; a file that is in both must be the same.
pub(crate) fn pour(from: &Path, into: &Path) -> Result<(), OriginError> {
    fs::create_dir_all(into)?;
    for entry in fs::read_dir(from)? {
        let entry = entry?;
        let to = into.join(entry.file_name());
        let there = fs::symlink_metadata(&to).ok();
        match there {
            None => fs::rename(entry.path(), &to)?,
            Some(there) if there.is_dir() && entry.file_type()?.is_dir() => pour(&entry.path(), &to)?,
            Some(_) if same(&entry.path(), &to) => {}
            Some(_) => {
                return Err(OriginError::reason(format!("`{}` is in two of the archives, and differs", to.display())));
            }
        }
    }
    Ok(())
}

fn same(a: &Path, b: &Path) -> bool {
    match (fs::read_link(a), fs::read_link(b)) {
        (Ok(a), Ok(b)) => a == b,
        (Err(_), Err(_)) => fs::read(a).is_ok_and(|bytes| fs::read(b).is_ok_and(|other| bytes == other)),
        _ => false,
    }
}
