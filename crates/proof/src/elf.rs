//! Reading an ELF file: just what the claims ask.

use object::{
    Architecture, Endianness, Object as _, ObjectSection as _,
    elf::{self, FileHeader64},
    read::elf::{ElfFile64, FileHeader as _, ProgramHeader as _},
};

/// A parsed program.
pub(crate) struct Program<'a> {
    pub architecture: Architecture,
    /// `e_type`.
    pub kind: u16,
    pub interpreter: Option<String>,
    /// Whether there is a PT_DYNAMIC.
    pub needs_libraries: bool,
    /// `p_flags` of PT_GNU_STACK.
    pub stack_flags: Option<u32>,
    pub writable_and_executable: bool,
    pub has_symbols: bool,
    /// Sections that are loaded.
    pub loaded: Vec<Section<'a>>,
}

/// A section that takes part in the running program.
#[derive(PartialEq, Eq)]
pub(crate) struct Section<'a> {
    pub name: String,
    pub address: u64,
    pub size: u64,
    pub executable: bool,
    /// None for .bss.
    pub bytes: &'a [u8],
}

impl<'a> Program<'a> {
    pub(crate) fn parse(bytes: &'a [u8]) -> Result<Self, String> {
        let file: ElfFile64<'_, Endianness> =
            ElfFile64::parse(bytes).map_err(|error| format!("not a 64-bit ELF file: {error}"))?;
        let header: &FileHeader64<Endianness> = file.elf_header();
        let endian = header.endian().map_err(|error| error.to_string())?;
        let segments = header.program_headers(endian, bytes).map_err(|error| error.to_string())?;
        let mut program = Program {
            architecture: file.architecture(),
            kind: header.e_type(endian).0,
            interpreter: None,
            needs_libraries: false,
            stack_flags: None,
            writable_and_executable: false,
            has_symbols: file.symbols().next().is_some(),
            loaded: Vec::new(),
        };
        let mut loads = 0;
        for segment in segments {
            let flags = segment.p_flags(endian).0;
            match segment.p_type(endian) {
                elf::PT_INTERP => {
                    let data = segment.data(endian, bytes).unwrap_or_default();
                    program.interpreter = Some(String::from_utf8_lossy(data).trim_end_matches('\0').to_owned());
                }
                elf::PT_DYNAMIC => program.needs_libraries = true,
                elf::PT_GNU_STACK => program.stack_flags = Some(flags),
                elf::PT_LOAD => {
                    loads += 1;
                    // A cut file would otherwise look sound up to the cut.
                    segment
                        .data(endian, bytes)
                        .map_err(|()| "a segment reaches past the end of the file".to_owned())?;
                    program.writable_and_executable |= flags & elf::PF_W.0 != 0 && flags & elf::PF_X.0 != 0;
                }
                _ => {}
            }
        }
        if loads == 0 {
            return Err("nothing in it is loaded".to_owned());
        }
        for section in file.sections() {
            let object::SectionFlags::Elf { sh_flags, .. } = section.flags() else {
                continue;
            };
            if sh_flags.0 & elf::SHF_ALLOC.0 == 0 {
                continue;
            }
            let name = section.name().map_err(|error| error.to_string())?.to_owned();
            let bytes = section.data().map_err(|error| format!("section {name}: {error}"))?;
            program.loaded.push(Section {
                name,
                address: section.address(),
                size: section.size(),
                executable: sh_flags.0 & elf::SHF_EXECINSTR.0 != 0,
                bytes,
            });
        }
        if program.loaded.is_empty() {
            return Err("it has no section headers to compare".to_owned());
        }
        Ok(program)
    }

    /// So many bytes of the loaded program.
    pub(crate) fn memory(&self, address: u64, size: u64) -> Option<&'a [u8]> {
        self.loaded.iter().find_map(|section| {
            let start = usize::try_from(address.checked_sub(section.address)?).ok()?;
            section.bytes.get(start..start.checked_add(usize::try_from(size).ok()?)?)
        })
    }

    pub(crate) fn has_section(&self, name: &str) -> bool {
        self.loaded.iter().any(|section| section.name == name)
    }
}
