//! The unstripped twin of a program: of the same link, so of the same loaded bytes, but with symbols.

use std::{
    collections::{BTreeMap, BTreeSet},
    path::{Path, PathBuf},
};

use object::elf::ELFMAG;

use crate::{
    calls::branches,
    candidate::{Candidate, Symbols},
    elf::Program,
    memory,
};

/// What the symbols of a program tell.
pub(crate) struct Twin {
    /// The names that were asked for and are defined, with where: local functions may share a name.
    symbols: BTreeMap<String, BTreeSet<u64>>,
    /// Where each function begins, and its size in bytes.
    functions: BTreeMap<u64, u64>,
    /// Where mimalloc's functions are.
    pub mimalloc: BTreeSet<u64>,
    pub protection: Protection,
}

/// Which functions check their stack, before they return, by `__stack_chk_fail`.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Protection {
    None,
    /// mimalloc's only.
    Allocator,
    Some,
}

/// A program's unstripped twin among the files of a folder, whose names do not count, only their bytes. None of a file that
/// is no program.
pub fn twin(program: &Path, folder: &Path) -> Result<Option<PathBuf>, String> {
    let bytes = memory::read(program).map_err(|error| error.to_string())?;
    if !bytes.starts_with(&ELFMAG) {
        return Ok(None);
    }
    Ok(Some(find(&Program::parse(&bytes)?, folder)?.0))
}

fn find(program: &Program, folder: &Path) -> Result<(PathBuf, Symbols), String> {
    let mut seen = 0;
    let mut nearest = None;
    for entry in walkdir::WalkDir::new(folder).sort_by_file_name() {
        let entry = entry.map_err(|error| format!("the twins cannot be read: {error}"))?;
        if !entry.file_type().is_file() {
            continue;
        }
        let name = entry.file_name().to_string_lossy();
        let Ok(candidate) = Candidate::open(entry.path()) else {
            continue;
        };
        seen += 1;
        nearest = Some(match candidate.differing_section(program)? {
            Some(section) => format!("{name} differs in {section}"),
            None => match candidate.symbols()? {
                Some(symbols) => return Ok((entry.path().to_owned(), symbols)),
                None => format!("{name} is equal, but was linked without symbols"),
            },
        });
    }
    let nearest = nearest.map(|text| format!(" ({text})")).unwrap_or_default();
    Err(format!("none of {seen} candidates is a twin{nearest}"))
}

impl Twin {
    /// Reads the program's twin; of its symbols these `names` are kept (a large program has hundreds of thousands).
    pub(crate) fn find(program: &Program, folder: &Path, names: &BTreeSet<&str>) -> Result<Self, String> {
        let (_, symbols) = find(program, folder)?;
        Ok(Self::read(program, &symbols, names))
    }

    fn read(program: &Program, all: &Symbols, names: &BTreeSet<&str>) -> Self {
        let mut symbols: BTreeMap<String, BTreeSet<u64>> = BTreeMap::new();
        let mut functions = BTreeMap::new();
        let mut mimalloc = BTreeSet::new();
        for symbol in all.defined() {
            if names.contains(symbol.name) {
                symbols.entry(symbol.name.to_owned()).or_default().insert(symbol.address);
            }
            if symbol.is_function {
                functions.insert(symbol.address, symbol.size);
                // `malloc` and `mi_malloc` are one function of two names.
                if symbol.name.trim_start_matches('_').starts_with("mi_") {
                    mimalloc.insert(symbol.address);
                }
            }
        }
        let mut twin = Self { symbols, functions, mimalloc, protection: Protection::None };
        twin.protection = twin.protection(program);
        twin
    }

    fn protection(&self, program: &Program) -> Protection {
        let mut found = Protection::None;
        let Some(targets) = self.addresses("__stack_chk_fail") else { return found };
        let code = program.loaded.iter().filter(|section| section.executable);
        let calls = code.flat_map(|section| branches(program.architecture, section.address, section.bytes));
        for (at, _) in calls.filter(|(_, to)| targets.contains(to)) {
            let Some((function, size)) = self.functions.range(..=at).next_back() else { continue };
            if at - function >= *size {
                continue;
            }
            match self.mimalloc.contains(function) {
                true if found == Protection::None => found = Protection::Allocator,
                true => {}
                false => found = Protection::Some,
            }
        }
        found
    }

    /// Whether a function is mimalloc's: one of its own, or one that calls one of its own.
    pub(crate) fn is_mimallocs(&self, program: &Program, function: u64) -> bool {
        let size = self.functions.get(&function).copied().unwrap_or_default();
        let code = program.memory(function, size).unwrap_or_default();
        self.mimalloc.contains(&function)
            || branches(program.architecture, function, code).any(|(_, to)| self.mimalloc.contains(&to))
    }

    /// Where a name is defined, if it is.
    pub(crate) fn addresses(&self, name: &str) -> Option<&BTreeSet<u64>> {
        self.symbols.get(name)
    }
}
