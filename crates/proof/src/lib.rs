//! What a program in an archive must be, read from the file itself. A file that cannot be read, or a
//! claim that cannot be checked, has failed.

mod calls;
mod candidate;
mod contents;
mod elf;
mod memory;
mod twin;
mod whole;

use std::{collections::BTreeMap, fmt, path::PathBuf};

use memchr::memmem;
use object::{Architecture, elf as constants};
use rst_model::{Arch, Platform, RelPath, recipe::AllocatorChoice};
use serde::Serialize;

pub use contents::prove_contents;
pub use twin::twin;
pub use whole::prove_whole;

use crate::{
    elf::Program,
    twin::{Protection, Twin},
};

/// Raised when a claim is added or its meaning changes, so that archives are proved again.
pub const FORMAT: u32 = 8;

/// A file of an archive.
#[derive(Clone, Debug)]
pub struct Subject {
    /// Where it is in the archive.
    pub path: RelPath,
    /// Where it is here.
    pub file: PathBuf,
    /// The component it is from.
    pub component: String,
    /// Whose malloc it must have.
    pub allocator: AllocatorChoice,
    /// Whether C code is in it, which must be protected against stack smashing.
    pub c_code: bool,
    /// A folder with unstripped programs, its own among them.
    pub twins: Option<PathBuf>,
    /// Go variables of type string that were set when it was linked, and to what. Go passes over a name
    /// that does not exist in silence.
    pub set: BTreeMap<String, String>,
}

/// What is expected of all.
#[derive(Clone, Debug)]
pub struct Expected {
    /// What they run on.
    pub platform: Platform,
    /// Texts that must not be in any of them: paths of the building machine and of its sandbox.
    pub forbidden: Vec<String>,
    /// Whether what only symbols show is checked. Without the build's own store there are none.
    pub symbols: bool,
}

/// What came of a claim.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
#[serde(rename_all = "kebab-case")]
pub enum Outcome {
    /// It is so.
    Passed,
    /// It is not, or cannot be known.
    Failed(String),
    /// It says nothing about this file.
    NotApplicable(String),
    /// Nobody looked, because a person said so.
    NotChecked(String),
}

/// One sentence about a file.
#[derive(Clone, Debug, Serialize)]
pub struct Claim {
    /// The sentence.
    pub name: &'static str,
    /// Whether it is true.
    pub outcome: Outcome,
}

/// All claims about a file.
#[derive(Clone, Debug, Serialize)]
pub struct Proved {
    /// The file.
    pub path: RelPath,
    /// The claims.
    pub claims: Vec<Claim>,
}

/// All claims about an archive.
#[derive(Clone, Debug, Default, Serialize)]
pub struct Report {
    /// File by file.
    pub subjects: Vec<Proved>,
}

/// A claim that failed.
pub struct Failure<'a> {
    path: &'a RelPath,
    claim: &'static str,
    reason: &'a str,
}

impl fmt::Display for Failure<'_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}: {}: {}", self.path, self.claim, self.reason)
    }
}

impl Report {
    /// Whether there was something to prove, and all of it is so.
    pub fn passed(&self) -> bool {
        self.claims() > 0 && self.failures().next().is_none()
    }

    /// How many claims were made.
    pub fn claims(&self) -> usize {
        self.subjects.iter().map(|subject| subject.claims.len()).sum()
    }

    /// How many claims nobody looked into.
    pub fn unchecked(&self) -> usize {
        let claims = self.subjects.iter().flat_map(|subject| &subject.claims);
        claims.filter(|claim| matches!(claim.outcome, Outcome::NotChecked(_))).count()
    }

    /// The claims that failed.
    pub fn failures(&self) -> impl Iterator<Item = Failure<'_>> {
        self.subjects.iter().flat_map(|subject| {
            subject.claims.iter().filter_map(|claim| match &claim.outcome {
                Outcome::Failed(reason) => Some(Failure { path: &subject.path, claim: claim.name, reason }),
                _ => None,
            })
        })
    }
}

/// Proves every program among these files. Files that are no programs are passed over, except that
/// what stands in `bin/` or `lib/podman/` must be one (or a script).
pub fn prove(subjects: &[Subject], expected: &Expected) -> Report {
    let subjects = subjects.iter().filter_map(|subject| {
        let claims = claims(subject, expected)?;
        Some(Proved { path: subject.path.clone(), claims })
    });
    Report { subjects: subjects.collect() }
}

fn claims(subject: &Subject, expected: &Expected) -> Option<Vec<Claim>> {
    let readable = |outcome| Claim { name: "can be read", outcome };
    let bytes = match memory::read(&subject.file) {
        Ok(bytes) => bytes,
        Err(error) => return Some(vec![readable(Outcome::Failed(error.to_string()))]),
    };
    if !bytes.starts_with(&constants::ELFMAG) {
        let program = subject.path.as_str().starts_with("bin/") || subject.path.as_str().starts_with("lib/podman/");
        return match (program, bytes.starts_with(b"#!")) {
            (true, true) => Some(vec![readable(Outcome::NotApplicable("a script".to_owned()))]),
            (true, false) => Some(vec![readable(Outcome::Failed("neither an ELF program nor a script".to_owned()))]),
            (false, _) => None,
        };
    }
    let program = match Program::parse(&bytes) {
        Ok(program) => program,
        Err(reason) => return Some(vec![readable(Outcome::Failed(reason))]),
    };
    let mut claims = vec![
        readable(Outcome::Passed),
        Claim { name: "right machine", outcome: machine(&program, expected.platform.arch) },
        Claim { name: "static: no interpreter, no shared object", outcome: is_static(&program) },
        Claim { name: "no glibc", outcome: no_glibc(&program, &bytes) },
        Claim {
            name: "stack not executable, nothing both writable and executable",
            outcome: no_executable_data(&program),
        },
        Claim { name: "no path of the build", outcome: no_paths(&bytes, &expected.forbidden) },
        Claim { name: "stripped", outcome: check(!program.has_symbols, "it has a symbol table") },
    ];
    claims.extend(symbol_claims(subject, &program, expected.symbols));
    Some(claims)
}

/// What only symbols can show.
fn symbol_claims(subject: &Subject, program: &Program, wanted: bool) -> Vec<Claim> {
    let has_twin = |outcome| Claim { name: "has an unstripped twin, equal in every loaded section", outcome };
    let twin = match (&subject.twins, wanted) {
        (_, false) => {
            let outcome = Outcome::NotChecked("and so neither allocator, stack protector nor link-time values".into());
            return vec![has_twin(outcome)];
        }
        (None, true) => return vec![has_twin(Outcome::Failed("the twins of this build are not here".to_owned()))],
        (Some(folder), true) => {
            let names = ALLOCATOR.into_iter().chain(MARKS).chain(subject.set.keys().map(String::as_str));
            Twin::find(program, folder, &names.collect())
        }
    };
    let twin = match twin {
        Ok(twin) => twin,
        Err(reason) => return vec![has_twin(Outcome::Failed(reason))],
    };
    let protector = match subject.c_code {
        true => protected(&twin, program),
        false => Outcome::NotApplicable("no C code of the component's own".to_owned()),
    };
    let set = match subject.set.is_empty() {
        true => Outcome::NotApplicable("none is set".to_owned()),
        false => link_time_values(&twin, program, &subject.set),
    };
    vec![
        has_twin(Outcome::Passed),
        Claim { name: "allocator as promised", outcome: allocator(&twin, program, subject.allocator) },
        Claim { name: "stack protector", outcome: protector },
        Claim { name: "variables hold what the link set", outcome: set },
    ]
}

fn check(is_so: bool, otherwise: impl Into<String>) -> Outcome {
    if is_so { Outcome::Passed } else { Outcome::Failed(otherwise.into()) }
}

fn machine(program: &Program, arch: Arch) -> Outcome {
    let expected = match arch {
        Arch::Amd64 => Architecture::X86_64,
        Arch::Arm64 => Architecture::Aarch64,
    };
    check(program.architecture == expected, format!("expected {expected:?}, found {:?}", program.architecture))
}

fn is_static(program: &Program) -> Outcome {
    if let Some(interpreter) = &program.interpreter {
        return Outcome::Failed(format!("it wants the interpreter {interpreter}"));
    }
    if program.needs_libraries {
        return Outcome::Failed("it has a dynamic section".to_owned());
    }
    check(program.kind == constants::ET_EXEC.0, format!("expected an executable, found ELF type {}", program.kind))
}

/// What glibc leaves in whatever it is linked into: its start-up note, its banner, its tunables, its
/// versions.
fn no_glibc(program: &Program, bytes: &[u8]) -> Outcome {
    if program.has_section(".note.ABI-tag") {
        return Outcome::Failed("it has a section .note.ABI-tag".to_owned());
    }
    let words = ["GNU C Library", "GLIBC_TUNABLES", "glibc.malloc.", "GLIBC_PRIVATE"];
    match words.iter().find(|word| memmem::find(bytes, word.as_bytes()).is_some()) {
        Some(word) => Outcome::Failed(format!("`{word}` is in it")),
        None => Outcome::Passed,
    }
}

/// mimalloc alone would satisfy a look for `__stack_chk_fail` in every program, so it does not count,
/// except in Go: without cgo packages the only other C is runtime/cgo, which turns the protector off
/// for itself.
fn protected(twin: &Twin, program: &Program) -> Outcome {
    match twin.protection {
        Protection::Some => Outcome::Passed,
        Protection::Allocator if program.has_section(".gopclntab") => Outcome::Passed,
        Protection::Allocator => Outcome::Failed("no function but mimalloc's calls __stack_chk_fail".to_owned()),
        Protection::None => Outcome::Failed("no function calls __stack_chk_fail".to_owned()),
    }
}

fn no_executable_data(program: &Program) -> Outcome {
    match program.stack_flags {
        None => {
            return Outcome::Failed("it has no PT_GNU_STACK, so the kernel makes the stack executable".to_owned());
        }
        Some(flags) if flags & constants::PF_X.0 != 0 => {
            return Outcome::Failed("its stack is executable".to_owned());
        }
        Some(_) => {}
    }
    check(!program.writable_and_executable, "a segment is both writable and executable")
}

fn no_paths(bytes: &[u8], forbidden: &[String]) -> Outcome {
    let hits = forbidden.iter().filter_map(|text| {
        let at = memmem::find(bytes, text.as_bytes())?;
        let context = &bytes[at.saturating_sub(20)..(at + text.len() + 60).min(bytes.len())];
        let context = String::from_utf8_lossy(context).replace(|c: char| c.is_control(), "·");
        Some(format!("`{text}` is in it: …{context}…"))
    });
    // A few show where they come from; all would bury the rest.
    let hits: Vec<_> = hits.take(3).collect();
    check(hits.is_empty(), hits.join("; "))
}

/// Other symbols that claims look for.
const MARKS: [&str; 3] = ["mi_malloc", "__malloc_alloc_meta", "__stack_chk_fail"];

/// The functions by which C programs have and give back memory: malloc(3), posix_memalign(3),
/// malloc_usable_size(3). Those of two allocators must not meet in one program.
const ALLOCATOR: [&str; 10] = [
    "malloc",
    "calloc",
    "realloc",
    "reallocarray",
    "free",
    "posix_memalign",
    "aligned_alloc",
    "memalign",
    "valloc",
    "malloc_usable_size",
];

fn allocator(twin: &Twin, program: &Program, promised: AllocatorChoice) -> Outcome {
    if promised == AllocatorChoice::Libc {
        return check(twin.mimalloc.is_empty(), "expected the libc's malloc, if any; found mimalloc");
    }
    if twin.addresses("malloc").is_none() || twin.addresses("malloc") != twin.addresses("mi_malloc") {
        return Outcome::Failed("malloc is not mi_malloc".to_owned());
    }
    let strange = |name: &&&str| {
        twin.addresses(name).into_iter().flatten().any(|function| !twin.is_mimallocs(program, *function))
    };
    if let Some(name) = ALLOCATOR.iter().find(strange) {
        return Outcome::Failed(format!("{name} is not mimalloc's"));
    }
    let musl = twin.addresses("__malloc_alloc_meta").is_some();
    check(!musl, "musl's allocator is in it too")
}

/// A string in Go is the address of its bytes and their number: the language's reflect.StringHeader.
fn link_time_values(twin: &Twin, program: &Program, set: &BTreeMap<String, String>) -> Outcome {
    for (name, expected) in set {
        let Some(address) = twin.addresses(name).and_then(|all| all.first().copied()) else {
            return Outcome::Failed(format!("there is no variable {name}"));
        };
        let word = |at: u64| {
            let bytes = program.memory(at, 8)?;
            Some(u64::from_le_bytes(bytes.try_into().ok()?))
        };
        let found = word(address).zip(word(address + 8)).and_then(|(at, size)| program.memory(at, size));
        let found = found.map(String::from_utf8_lossy);
        if found.as_deref() != Some(expected) {
            let found = found.unwrap_or("what is no string".into());
            return Outcome::Failed(format!("{name}: expected `{expected}`, found `{found}`"));
        }
    }
    Outcome::Passed
}
