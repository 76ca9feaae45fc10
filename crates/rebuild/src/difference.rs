//! What differs between two archives.

use std::path::Path;

use fs_err as fs;
use object::{Endianness, Object as _, ObjectSection as _, read::elf::ElfFile64};
use rst_archive::Packed;
use rst_model::{Digest, Manifest, RelPath};
use serde::Serialize;

use crate::{
    cause::{Mark, likely},
    error::RebuildError,
};

/// A file that differs, and who made it.
#[derive(Clone, Debug, Serialize)]
pub struct Difference {
    /// Below the folder at the archive's top.
    pub path: RelPath,
    /// In what.
    #[serde(flatten)]
    pub what: What,
    /// The component that it is from, if both archives' manifests know.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub made_by: Option<MadeBy>,
}

/// In what a file differs.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
#[serde(tag = "differs", rename_all = "kebab-case")]
pub enum What {
    /// Only the first archive has it.
    OnlyFirst,
    /// Only the second has it.
    OnlySecond,
    /// One is a file, the other a folder or link; or links lead elsewhere; or modes differ.
    Kind {
        /// As a person would say it.
        first: String,
        /// The same of the second.
        second: String,
    },
    /// They have other bytes.
    Bytes {
        /// The first section that differs, of an ELF file.
        #[serde(skip_serializing_if = "Option::is_none")]
        section: Option<String>,
        /// Where they differ first, in bytes from the section's begin, or the file's.
        offset: u64,
        /// What stands there, readable.
        first: String,
        /// The same of the second.
        second: String,
        /// Why, probably.
        #[serde(skip_serializing_if = "Option::is_none")]
        cause: Option<String>,
    },
}

/// The action that made a file.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
pub struct MadeBy {
    /// The component.
    pub component: String,
    /// The key of the action for the first archive.
    pub first: Digest,
    /// For the second.
    pub second: Digest,
    /// What the actions were given that differs, as far as manifests say; nothing, when it is one action.
    pub inputs: Vec<String>,
}

/// What differs, the files that say it of others (manifest, bill of materials) last.
pub fn differences(first: &Packed, second: &Packed, marks: &[Mark]) -> Result<Vec<Difference>, RebuildError> {
    let mut paths: Vec<RelPath> =
        [first, second].into_iter().map(|packed| paths(&packed.top)).collect::<Result<Vec<_>, _>>()?.concat();
    paths.sort_by_key(|path| (follows(path), path.clone()));
    paths.dedup();
    let mut found = Vec::new();
    for path in paths {
        if let Some(what) = compare(&first.top.join(&path), &second.top.join(&path), marks)? {
            found.push(Difference { made_by: made_by(&path, &first.manifest, &second.manifest), path, what });
        }
    }
    Ok(found)
}

/// Whether a file says how an archive was built.
pub(crate) fn is_record(path: &RelPath) -> bool {
    path.as_str().starts_with("share/rst/")
}

/// How far a file only repeats what others are.
fn follows(path: &RelPath) -> u8 {
    match is_record(path) {
        true if path.as_str().ends_with(".manifest.json") => 2,
        true => 1,
        false => 0,
    }
}

/// All that is below a folder.
fn paths(top: &Path) -> Result<Vec<RelPath>, RebuildError> {
    let mut paths = Vec::new();
    for entry in walkdir::WalkDir::new(top).min_depth(1) {
        let entry = entry.map_err(std::io::Error::from)?;
        let inner = entry.path().strip_prefix(top).unwrap_or(entry.path());
        paths.push(RelPath::new(&inner.to_string_lossy()).map_err(std::io::Error::other)?);
    }
    Ok(paths)
}

fn compare(first: &Path, second: &Path, marks: &[Mark]) -> Result<Option<What>, RebuildError> {
    let (a, b) = match (fs::symlink_metadata(first), fs::symlink_metadata(second)) {
        (Ok(a), Ok(b)) => (a, b),
        (Ok(_), Err(_)) => return Ok(Some(What::OnlyFirst)),
        (Err(_), Ok(_)) => return Ok(Some(What::OnlySecond)),
        (Err(error), Err(_)) => return Err(error.into()),
    };
    let kinds = (kind(first, &a)?, kind(second, &b)?);
    if kinds.0 != kinds.1 {
        return Ok(Some(What::Kind { first: kinds.0, second: kinds.1 }));
    }
    if !a.is_file() {
        return Ok(None);
    }
    Ok(bytes(&fs::read(first)?, &fs::read(second)?, marks))
}

fn kind(path: &Path, metadata: &std::fs::Metadata) -> Result<String, RebuildError> {
    let mode = std::os::unix::fs::PermissionsExt::mode(&metadata.permissions()) & 0o7777;
    Ok(match metadata.file_type() {
        kind if kind.is_symlink() => format!("a link to {}", fs::read_link(path)?.display()),
        kind if kind.is_dir() => "a folder".to_owned(),
        _ => format!("a file of mode {mode:04o}"),
    })
}

fn bytes(first: &[u8], second: &[u8], marks: &[Mark]) -> Option<What> {
    if first == second {
        return None;
    }
    let (section, first, second) = match differing_section(first, second) {
        Some((name, first, second)) => (Some(name), first, second),
        None => (None, first, second),
    };
    let common = first.iter().zip(second).position(|(a, b)| a != b);
    // The shorter is the other's begin.
    let offset = common.unwrap_or(first.len().min(second.len()));
    Some(What::Bytes {
        section,
        offset: offset as u64,
        first: excerpt(first, offset),
        second: excerpt(second, offset),
        cause: likely(first, second, offset, marks),
    })
}

/// Sections whose bytes follow from those of others.
const FOLLOWING: [&str; 4] = [".note.gnu.build-id", ".note.go.buildid", ".gnu_debuglink", ".shstrtab"];

/// Of two ELF files, the first section whose bytes differ: one that follows from others only if no other does.
fn differing_section<'a>(first: &'a [u8], second: &'a [u8]) -> Option<(String, &'a [u8], &'a [u8])> {
    let first = ElfFile64::<Endianness>::parse(first).ok()?;
    let second = ElfFile64::<Endianness>::parse(second).ok()?;
    let mut following = None;
    for section in first.sections() {
        let name = section.name().ok()?;
        let Some(other) = second.section_by_name(name) else { continue };
        let (a, b) = (section.data().ok()?, other.data().ok()?);
        if a == b {
            continue;
        }
        match FOLLOWING.contains(&name) {
            true => following = following.or(Some((name.to_owned(), a, b))),
            false => return Some((name.to_owned(), a, b)),
        }
    }
    following
}

/// What stands at a place and a little before it.
fn excerpt(bytes: &[u8], offset: usize) -> String {
    let from = offset.saturating_sub(16).min(bytes.len());
    let to = (offset + 32).min(bytes.len());
    match offset >= bytes.len() {
        true => format!("{} (its end)", bytes[from..to].escape_ascii()),
        false => bytes[from..to].escape_ascii().to_string(),
    }
}

fn made_by(path: &RelPath, first: &Manifest, second: &Manifest) -> Option<MadeBy> {
    let component = &first.files.get(path).or_else(|| second.files.get(path))?.component;
    let (a, b) = (first.components.get(component)?, second.components.get(component)?);
    let mut inputs = Vec::new();
    let mut differs = |what: &str, a: &dyn std::fmt::Display, b: &dyn std::fmt::Display| {
        let (a, b) = (a.to_string(), b.to_string());
        if a != b {
            inputs.push(format!("{what}: {a}, {b}"));
        }
    };
    differs("platform", &first.platform, &second.platform);
    differs("version", &a.version, &b.version);
    differs("source", &a.source.short(), &b.source.short());
    differs("recipe", &a.recipe.short(), &b.recipe.short());
    for (name, tool) in &first.toolchain {
        let other = second.toolchain.get(name).map_or("none".to_owned(), |other| other.tree.short());
        differs(name, &tool.tree.short(), &other);
    }
    if a.set != b.set {
        inputs.push("values set when it was linked".to_owned());
    }
    if a.action != b.action && inputs.is_empty() {
        inputs.push("a library that it links, or the commands of another rst".to_owned());
    }
    Some(MadeBy { component: component.clone(), first: a.action, second: b.action, inputs })
}

#[cfg(test)]
mod tests {
    use super::{What, bytes};

    #[test]
    fn the_first_byte_that_differs_is_found() {
        let what = bytes(b"abcdef", b"abcxef", &[]);
        let Some(What::Bytes { offset, section, first, .. }) = what else { panic!("{what:?}") };
        assert_eq!((offset, section, first.as_str()), (3, None, "abcdef"));
    }

    #[test]
    fn one_that_ends_earlier_differs_at_its_end() {
        let Some(What::Bytes { offset, first, .. }) = bytes(b"abc", b"abcd", &[]) else { panic!() };
        assert_eq!((offset, first.as_str()), (3, "abc (its end)"));
    }

    proptest::proptest! {
        #[test]
        fn any_bytes_are_fine(first: Vec<u8>, second: Vec<u8>) {
            assert_eq!(bytes(&first, &second, &[]).is_none(), first == second);
        }
    }
}
