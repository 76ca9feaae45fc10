//! The unstripped twin of a program: of the same link, so of the same loaded bytes, but with symbols.

use std::{collections::BTreeMap, path::Path};

use fs_err as fs;
use object::{Endianness, Object as _, ObjectSymbol as _, read::elf::ElfFile64};

use crate::elf::Program;

/// The symbols of a program.
pub(crate) struct Twin {
    symbols: BTreeMap<String, u64>,
}

impl Twin {
    /// Looks through a folder for the program's twin. Names do not count, bytes do.
    pub(crate) fn find(program: &Program, folder: &Path) -> Result<Self, String> {
        let mut seen = 0;
        let mut nearest = None;
        for entry in walkdir::WalkDir::new(folder).sort_by_file_name().into_iter().flatten() {
            if !entry.file_type().is_file() {
                continue;
            }
            let Ok(bytes) = fs::read(entry.path()) else {
                continue;
            };
            let Ok(candidate) = Program::parse(&bytes) else {
                continue;
            };
            seen += 1;
            match differing_section(program, &candidate) {
                Some(section) => {
                    nearest = Some(format!("{} differs in {section}", entry.file_name().to_string_lossy()))
                }
                None => return Self::read(&bytes),
            }
        }
        let nearest = nearest.map(|text| format!(" ({text})")).unwrap_or_default();
        Err(format!("none of {seen} candidates is equal{nearest}"))
    }

    fn read(bytes: &[u8]) -> Result<Self, String> {
        let file: ElfFile64<'_, Endianness> = ElfFile64::parse(bytes).map_err(|error| error.to_string())?;
        let symbols: BTreeMap<_, _> = file
            .symbols()
            .filter(|symbol| !symbol.is_undefined())
            .filter_map(|symbol| Some((symbol.name().ok()?.to_owned(), symbol.address())))
            .collect();
        if symbols.is_empty() {
            return Err("its twin has no symbols".to_owned());
        }
        Ok(Self { symbols })
    }

    /// The address of a symbol, if it is defined.
    pub(crate) fn address(&self, name: &str) -> Option<u64> {
        self.symbols.get(name).copied()
    }
}

fn differing_section(one: &Program, two: &Program) -> Option<String> {
    if one.loaded.len() != two.loaded.len() {
        return Some(format!("the number of sections, {} against {}", one.loaded.len(), two.loaded.len()));
    }
    let pairs = one.loaded.iter().zip(&two.loaded);
    pairs.into_iter().find(|(a, b)| a != b).map(|(a, _)| a.0.clone())
}
