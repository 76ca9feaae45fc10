//! Publishing to a folder, which any web server can serve: `FOLDER/TAG/…`, and the newest `FOLDER/index.json`.

use std::{collections::BTreeSet, path::Path};

use fs_err as fs;
use rst_model::{Cancel, Digest};

use super::{IndexFiles, IndexOutcome, Publication, PublishError, Published};
use crate::{INDEX, Index, NOTES, ReleaseError, record::FileRecord};

/// Copies a release into a folder. It is there whole or not at all, and the index that names it comes after it.
pub fn to_folder(publication: &Publication, to: &Path, cancel: &Cancel) -> Result<Published, PublishError> {
    fs::create_dir_all(to)?;
    // One at a time, since what is there is read first and changed then.
    let whole = fs::File::open(to)?;
    whole.lock()?;
    let index = newer(&publication.index, to)?;
    let at = to.join(publication.record.tag.to_string());
    let already = at.exists();
    if already {
        compare(publication, &at)?;
    } else {
        copy(publication, to, &at, cancel)?;
    }
    if let IndexOutcome::Is(_) = index {
        replace_index(&publication.index, to)?;
    }
    Ok(Published { place: at.display().to_string(), already, index })
}

/// Puts an index in place of the older one in a folder.
pub fn index_to_folder(index: &IndexFiles, to: &Path) -> Result<IndexOutcome, PublishError> {
    fs::create_dir_all(to)?;
    let whole = fs::File::open(to)?;
    whole.lock()?;
    let outcome = newer(index, to)?;
    if let IndexOutcome::Is(_) = outcome {
        replace_index(index, to)?;
    }
    Ok(outcome)
}

/// What is to become of the index that lies there.
fn newer(index: &IndexFiles, to: &Path) -> Result<IndexOutcome, PublishError> {
    let ours = index.index.number;
    let path = to.join(INDEX);
    if !path.exists() {
        return Ok(IndexOutcome::Is(ours));
    }
    let bytes = fs::read(&path)?;
    let there = Index::parse(&bytes).map_err(ReleaseError::Index)?;
    index.is_not_another(there.number, Digest::of(&bytes), &to.display().to_string())?;
    match there.number > ours {
        true => Ok(IndexOutcome::Newer(there.number)),
        false => Ok(IndexOutcome::Is(ours)),
    }
}

/// A release is never made twice.
fn compare(publication: &Publication, at: &Path) -> Result<(), PublishError> {
    let place = at.display().to_string();
    for (name, expected) in &publication.files {
        let path = at.join(name);
        let found = if path.is_file() { Some(FileRecord::of(&path)?) } else { None };
        if found != Some(*expected) {
            let found = found.map_or("no such file".to_owned(), |found| found.sha256.to_string());
            return Err(publication.other(&place, &format!("SHA-256 of {name}"), expected.sha256, found));
        }
    }
    for entry in fs::read_dir(at)? {
        let name = entry?.file_name().to_string_lossy().into_owned();
        if name != NOTES && !publication.files.contains_key(&name) {
            return Err(publication.other(&place, "files", "those of release.json", name));
        }
    }
    Ok(())
}

fn copy(publication: &Publication, to: &Path, at: &Path, cancel: &Cancel) -> Result<(), PublishError> {
    let part = to.join(format!(".{}.part", publication.record.tag));
    if part.exists() {
        fs::remove_dir_all(&part)?;
    }
    fs::create_dir(&part)?;
    for (name, expected) in &publication.files {
        if cancel.is_cancelled() {
            fs::remove_dir_all(&part)?;
            return Err(PublishError::Cancelled);
        }
        let copy = part.join(name);
        fs::copy(publication.path(name), &copy)?;
        fs::File::open(&copy)?.sync_all()?;
        let found = FileRecord::of(&copy)?;
        if found != *expected {
            let (file, tag) = (name.clone(), publication.record.tag.clone());
            let (expected, found) = (expected.sha256.to_string(), found.sha256.to_string());
            return Err(ReleaseError::Changed { file, tag, expected, found }.into());
        }
    }
    fs::write(part.join(NOTES), &publication.notes)?;
    fs::rename(part, at)?;
    Ok(())
}

/// The signatures first: whoever reads in between finds a bundle that is of another index, refuses it and asks
/// again; with the old number still there, a run after one that was killed here does the rest.
fn replace_index(index: &IndexFiles, to: &Path) -> Result<(), PublishError> {
    let files = index.in_order();
    let names: BTreeSet<&str> = files.iter().map(|(name, _)| *name).collect();
    for entry in fs::read_dir(to)? {
        let entry = entry?;
        let name = entry.file_name().to_string_lossy().into_owned();
        if IndexFiles::have(&name) && !names.contains(name.as_str()) {
            fs::remove_file(entry.path())?;
        }
    }
    for (name, expected) in files {
        let there = to.join(name);
        if there.is_file() && FileRecord::of(&there)? == expected {
            continue;
        }
        let part = to.join(format!(".{name}.part"));
        fs::copy(index.path(name), &part)?;
        fs::File::open(&part)?.sync_all()?;
        fs::rename(part, there)?;
    }
    Ok(())
}
