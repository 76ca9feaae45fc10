//! A file that may be a program's twin. Such a file is large: only its tables are held in memory, its loaded
//! sections are compared piece by piece.

use std::{ops::Range, path::Path};

use fs_err::{self as fs, os::unix::fs::FileExt as _};
use memmap2::MmapMut;
use object::{
    Endianness,
    elf::{self, FileHeader64},
    read::{
        ReadCache,
        elf::{FileHeader as _, SectionHeader as _, Sym as _},
    },
};

use crate::{
    elf::{Program, Section},
    memory,
};

/// Go's linker writes a checksum of some sections here after the link (cmd/link/internal/ld/fips140.go),
/// into the program but not into the twin, of which it does not know.
const GO_FIPS: &str = ".go.fipsinfo";
/// Where in that section the checksum is.
const GO_FIPS_SUM: Range<u64> = 16..48;

/// How much is compared at once, in bytes.
const PIECE: usize = 1 << 20;

/// An ELF file on disk.
pub(crate) struct Candidate {
    file: fs::File,
    loaded: Vec<Loaded>,
    /// Where symbols and their names are.
    tables: Option<(Range<u64>, Range<u64>)>,
    endian: Endianness,
}

/// A section that takes part in the running program.
struct Loaded {
    name: String,
    address: u64,
    size: u64,
    executable: bool,
    /// Where its bytes begin in the file; none of .bss.
    offset: Option<u64>,
}

impl Candidate {
    /// Reads what is where.
    pub(crate) fn open(path: &Path) -> Result<Self, String> {
        let cache = ReadCache::new(fs::File::open(path).map_err(|error| error.to_string())?);
        let header: &FileHeader64<Endianness> = FileHeader64::parse(&cache).map_err(|error| error.to_string())?;
        let endian = header.endian().map_err(|error| error.to_string())?;
        let sections = header.sections(endian, &cache).map_err(|error| error.to_string())?;
        let (mut loaded, mut tables) = (Vec::new(), None);
        for section in sections.iter() {
            let range = section.file_range(endian);
            if section.sh_type(endian) == elf::SHT_SYMTAB
                && let Ok(names) = sections.section(section.link(endian))
            {
                tables = to_range(range).zip(to_range(names.file_range(endian)));
            }
            let flags = section.sh_flags(endian).0;
            if flags & elf::SHF_ALLOC.0 == 0 {
                continue;
            }
            let name = sections.section_name(endian, section).map_err(|error| error.to_string())?;
            loaded.push(Loaded {
                name: String::from_utf8_lossy(name).into_owned(),
                address: section.sh_addr(endian),
                size: section.sh_size(endian),
                executable: flags & elf::SHF_EXECINSTR.0 != 0,
                offset: range.map(|(offset, _)| offset),
            });
        }
        Ok(Self { file: cache.into_inner(), loaded, tables, endian })
    }

    /// The first section that is not as the program's.
    pub(crate) fn differing_section(&self, program: &Program) -> Result<Option<String>, String> {
        if self.loaded.len() != program.loaded.len() {
            let (own, other) = (program.loaded.len(), self.loaded.len());
            return Ok(Some(format!("the number of sections, {own} against {other}")));
        }
        for (own, section) in self.loaded.iter().zip(&program.loaded) {
            if !self.equal(own, section)? {
                return Ok(Some(section.name.clone()));
            }
        }
        Ok(None)
    }

    fn equal(&self, own: &Loaded, section: &Section) -> Result<bool, String> {
        if (own.name.as_str(), own.address, own.size, own.executable)
            != (section.name.as_str(), section.address, section.size, section.executable)
        {
            return Ok(false);
        }
        let Some(offset) = own.offset else { return Ok(section.bytes.is_empty()) };
        let mut piece = vec![0; PIECE];
        let mut at = 0;
        for expected in section.bytes.chunks(PIECE) {
            let found = &mut piece[..expected.len()];
            self.file.read_exact_at(found, offset + at).map_err(|error| error.to_string())?;
            let differs = |(place, (a, b)): (usize, (&u8, &u8))| {
                a != b && !(own.name == GO_FIPS && GO_FIPS_SUM.contains(&(at + place as u64)))
            };
            if *found != *expected && found.iter().zip(expected).enumerate().any(differs) {
                return Ok(false);
            }
            at += expected.len() as u64;
        }
        Ok(at == own.size)
    }

    /// Its symbols, unless it was linked without.
    pub(crate) fn symbols(&self) -> Result<Option<Symbols>, String> {
        let Some((symbols, names)) = &self.tables else { return Ok(None) };
        let read = |range: &Range<u64>| memory::read_part(&self.file, range.clone()).map_err(|error| error.to_string());
        Ok(Some(Symbols { symbols: read(symbols)?, names: read(names)?, endian: self.endian }))
    }
}

fn to_range(range: Option<(u64, u64)>) -> Option<Range<u64>> {
    range.map(|(offset, size)| offset..offset + size)
}

/// A symbol table and its names.
pub(crate) struct Symbols {
    symbols: MmapMut,
    names: MmapMut,
    endian: Endianness,
}

/// A name and what it stands for.
pub(crate) struct Symbol<'a> {
    pub name: &'a str,
    pub address: u64,
    /// In bytes.
    pub size: u64,
    pub is_function: bool,
}

impl Symbols {
    /// Those that are defined in the file.
    pub(crate) fn defined(&self) -> impl Iterator<Item = Symbol<'_>> {
        let (symbols, _) = object::pod::slice_from_bytes::<elf::Sym64<Endianness>>(
            &self.symbols,
            self.symbols.len() / size_of::<elf::Sym64<Endianness>>(),
        )
        .unwrap_or_default();
        symbols.iter().filter_map(|symbol| {
            if symbol.is_undefined(self.endian) {
                return None;
            }
            let name = self.names.get(symbol.st_name(self.endian) as usize..)?;
            let name = &name[..memchr::memchr(0, name)?];
            Some(Symbol {
                name: std::str::from_utf8(name).ok()?,
                address: symbol.st_value(self.endian),
                size: symbol.st_size(self.endian),
                is_function: matches!(symbol.st_type(), elf::STT_FUNC | elf::STT_GNU_IFUNC),
            })
        })
    }
}
