//! What an archive must be as a whole, by its manifest and its programs.

use std::{
    collections::{BTreeMap, BTreeSet},
    io,
    path::Path,
};

use fs_err as fs;
use memchr::memmem;
use object::elf::ELFMAG;
use rst_model::{Manifest, RelPath};
use serde::de::IgnoredAny;

use crate::{Claim, Outcome, Proved, memory};

/// Proves what no single program shows, of an archive unpacked at `top`, whose manifest lies at `at`.
pub fn prove_whole(top: &Path, at: &RelPath, manifest: &Manifest) -> Proved {
    let claims = vec![
        Claim { name: "files are readable by all, programs executable, nothing more", outcome: modes(manifest) },
        Claim { name: "no program twice", outcome: once(manifest) },
        Claim { name: "licence texts for all that is linked in", outcome: licenses(manifest) },
        Claim {
            name: "the SBOM names every component, and what toolchains leave in programs",
            outcome: sbom(top, manifest),
        },
        Claim { name: "programs hold the version of their component", outcome: versions(top, manifest) },
        Claim { name: "configuration is JSON and TOML", outcome: configuration(top, manifest) },
    ];
    Proved { path: at.clone(), claims }
}

/// No setuid, no file that only some can read.
fn modes(manifest: &Manifest) -> Outcome {
    let odd = manifest.files.iter().find(|(path, file)| {
        let program = path.as_str().starts_with("bin/") || path.as_str().starts_with("lib/");
        !matches!(
            (file.mode.as_str(), program, &file.target),
            ("0755", true, None) | ("0644", false, None) | ("0777", _, Some(_))
        )
    });
    match odd {
        None => Outcome::Passed,
        Some((path, file)) => Outcome::Failed(format!("{path} has mode {}", file.mode)),
    }
}

/// Small texts may well be equal: licences, manual pages that name another.
const SMALL: u64 = 100_000;

fn once(manifest: &Manifest) -> Outcome {
    let mut seen: BTreeMap<_, &RelPath> = BTreeMap::new();
    for (path, file) in manifest.files.iter().filter(|(_, file)| file.size.is_some_and(|size| size > SMALL)) {
        if let Some(other) = seen.insert(file.sha256, path) {
            return Outcome::Failed(format!("{other} and {path} are the same"));
        }
    }
    Outcome::Passed
}

/// What compilers leave in the programs that they link: by compiler, the names of its parts.
const RUNTIMES: [(&str, &[&str]); 2] = [("zig", &["musl", "compiler-rt"]), ("container", &["musl", "libgcc"])];

fn runtimes(manifest: &Manifest) -> BTreeSet<&str> {
    let programs = manifest.files.values().filter(|file| file.mode == "0755");
    let by: BTreeSet<_> =
        programs.filter_map(|file| Some(manifest.components.get(&file.component)?.toolchain.as_str())).collect();
    let left =
        RUNTIMES.iter().filter(|(compiler, _)| by.contains(compiler)).flat_map(|(_, parts)| parts.iter().copied());
    left.chain(manifest.toolchain.keys().map(String::as_str).filter(|tool| *tool == "go")).collect()
}

fn licenses(manifest: &Manifest) -> Outcome {
    let folders: BTreeSet<_> = manifest
        .files
        .keys()
        .filter_map(|path| path.as_str().strip_prefix("share/doc/")?.split_once("/licenses/")?.1.split_once('/'))
        .map(|(folder, _)| folder)
        .collect();
    let names = manifest.components.keys().map(String::as_str).chain(runtimes(manifest));
    let missing: Vec<_> = names.filter(|name| !folders.contains(name)).collect();
    match missing.is_empty() {
        true => Outcome::Passed,
        false => Outcome::Failed(format!("there is none of {}", missing.join(", "))),
    }
}

fn sbom(top: &Path, manifest: &Manifest) -> Outcome {
    let Some(path) = manifest.files.keys().find(|path| path.as_str().ends_with(".cdx.json")) else {
        return Outcome::Failed("there is none".to_owned());
    };
    let text = fs::read(top.join(path)).map_err(|error| error.to_string());
    match text.and_then(|text| rst_sbom::lacking(&text, manifest, runtimes(manifest))) {
        Ok(lacking) if lacking.is_empty() => Outcome::Passed,
        Ok(lacking) => Outcome::Failed(format!("it does not name {}", lacking.join(", "))),
        Err(reason) => Outcome::Failed(format!("{path}: {reason}")),
    }
}

/// Of a component's programs one must hold its version, as the lock has it; which one says it is its own affair.
fn versions(top: &Path, manifest: &Manifest) -> Outcome {
    let mut holds: BTreeMap<&str, bool> = BTreeMap::new();
    for (path, file) in manifest.files.iter().filter(|(_, file)| file.mode == "0755") {
        let Some(component) = manifest.components.get(&file.component) else { continue };
        let version = component.version.to_string();
        match holds_text(&top.join(path), version.as_bytes()) {
            Ok(None) => {}
            Ok(Some(found)) => *holds.entry(&file.component).or_default() |= found,
            Err(error) => return Outcome::Failed(error.to_string()),
        }
    }
    let lacking: Vec<_> = holds.iter().filter(|(_, holds)| !**holds).map(|(name, _)| *name).collect();
    match lacking.is_empty() {
        true => Outcome::Passed,
        false => Outcome::Failed(format!("not those of {}", lacking.join(", "))),
    }
}

/// Whether a text is in a program; none for what is no program.
fn holds_text(path: &Path, text: &[u8]) -> io::Result<Option<bool>> {
    let bytes = memory::read(path)?;
    Ok(bytes.starts_with(&ELFMAG).then(|| memmem::find(&bytes, text).is_some()))
}

/// What each file means to the programs, a trial shows.
fn configuration(top: &Path, manifest: &Manifest) -> Outcome {
    let wrong = manifest.files.keys().filter(|path| path.as_str().starts_with("share/containers/")).find_map(|path| {
        let parse: fn(&str) -> Result<(), String> = match path.as_str().rsplit_once('.') {
            Some((_, "json")) => {
                |text| serde_json::from_str(text).map(|IgnoredAny| ()).map_err(|error| error.to_string())
            }
            Some((_, "conf")) => |text| toml::from_str(text).map(|IgnoredAny| ()).map_err(|error| error.to_string()),
            _ => return None,
        };
        let text = fs::read_to_string(top.join(path)).map_err(|error| error.to_string());
        text.and_then(|text| parse(&text)).err().map(|reason| format!("{path}: {reason}"))
    });
    wrong.map_or(Outcome::Passed, Outcome::Failed)
}
