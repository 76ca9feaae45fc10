//! Proofs of real programs made by the host's compiler. With glibc they are never what is promised,
//! each in its own way; without any libc they can be all that is.

use std::{collections::BTreeMap, path::Path, process::Command};

use fs_err as fs;
use rst_model::{Platform, RelPath, recipe::AllocatorChoice};
use rst_proof::{Expected, Outcome, Report, Subject, prove};

fn compile(folder: &Path, arguments: &[&str]) -> std::path::PathBuf {
    let source = folder.join("a.c");
    fs::write(&source, "#include <stdlib.h>\nint main(int c, char **v) { return malloc(c) == v[0]; }\n").unwrap();
    let program = folder.join("program");
    assert!(Command::new("cc").args(arguments).arg(source).arg("-o").arg(&program).status().unwrap().success());
    program
}

fn report(file: &Path, path: &str) -> Report {
    let subject = Subject {
        path: RelPath::new(path).unwrap(),
        file: file.to_owned(),
        component: "x".into(),
        allocator: AllocatorChoice::Mimalloc,
        c_code: true,
        twins: file.parent().map(Path::to_owned),
        set: BTreeMap::new(),
    };
    prove(&[subject], &expected())
}

fn outcome(report: &Report, claim: &str) -> Outcome {
    let claims = &report.subjects[0].claims;
    claims.iter().find(|c| c.name.starts_with(claim)).unwrap_or_else(|| panic!("no claim {claim}")).outcome.clone()
}

/// All that is promised of a program, with no libc: what it does is of no interest, it never runs.
const SOUND: &str = "
    __attribute__((noinline)) void *mi_malloc(unsigned long n) { volatile char b[64]; b[n] = 0; return (void *)n; }
    void *malloc(unsigned long n) __attribute__((alias(\"mi_malloc\")));
    unsigned long __stack_chk_guard;
    __attribute__((noinline)) void __stack_chk_fail(void) { for (;;); }
    __attribute__((noinline)) int work(int n) { volatile char b[64]; b[n] = 1; return b[n + 1]; }
    void _start(void) { for (;;) { work(1); malloc(2); } }
";

/// The program of a source, stripped, and beside it its twin.
fn link(folder: &Path, source: &str, options: &[&str]) -> std::path::PathBuf {
    let c = folder.join("a.c");
    fs::write(&c, source).unwrap();
    let twins = folder.join("twins");
    fs::create_dir_all(&twins).unwrap();
    let program = folder.join("program");
    for (strip, out) in [(Some("-s"), &program), (None, &twins.join("twin"))] {
        let mut cc = Command::new("cc");
        cc.args(["-w", "-O1", "-nostdlib", "-static", "-no-pie", "-fstack-protector-all", "-Wl,--build-id=none"]);
        cc.args(options).args(strip).arg(&c).arg("-o").arg(out);
        assert!(cc.status().unwrap().success());
    }
    program
}

fn report_with_twins(program: &Path, allocator: AllocatorChoice) -> Report {
    report_with_values(program, allocator, [])
}

fn report_with_values<const N: usize>(
    program: &Path,
    allocator: AllocatorChoice,
    set: [(String, String); N],
) -> Report {
    let subject = Subject {
        path: RelPath::new("bin/x").unwrap(),
        file: program.to_owned(),
        component: "x".into(),
        allocator,
        c_code: true,
        twins: Some(program.parent().unwrap().join("twins")),
        set: set.into(),
    };
    prove(&[subject], &expected())
}

fn expected() -> Expected {
    Expected { platform: Platform::HOST, forbidden: vec!["/home/builder".into()], symbols: true }
}

fn failures(report: &Report) -> Vec<String> {
    report.failures().map(|failure| failure.to_string()).collect()
}

#[test]
fn a_sound_program_passes() {
    let folder = tempfile::tempdir().unwrap();
    let program = link(folder.path(), SOUND, &[]);
    let report = report_with_twins(&program, AllocatorChoice::Mimalloc);
    assert_eq!(failures(&report), Vec::<String>::new());
    assert!(report.passed());
    assert_eq!(report.claims(), 11);
}

#[test]
fn each_allocator_is_told_from_the_other() {
    let folder = tempfile::tempdir().unwrap();
    let own = SOUND.replace("__attribute__((alias(\"mi_malloc\")))", "{ return (void *)(n + 1); }");
    let libc = own.replace("mi_malloc", "other");
    let also = |function: &str| format!("{SOUND} void *{function}(void) {{ return (void *)3; }}");
    let says =
        |source: &str, promised| outcome(&report_with_twins(&link(folder.path(), source, &[]), promised), "allocator");
    let failed = |reason: &str| Outcome::Failed(reason.into());
    assert_eq!(says(&own, AllocatorChoice::Mimalloc), failed("malloc is not mi_malloc"));
    assert_eq!(says(&libc, AllocatorChoice::Mimalloc), failed("malloc is not mi_malloc"));
    assert_eq!(says(&also("memalign"), AllocatorChoice::Mimalloc), failed("memalign is not mimalloc's"));
    let wrapped = format!("{SOUND} void *memalign(unsigned long n) {{ return mi_malloc(n + 1) + 1; }}");
    assert_eq!(says(&wrapped, AllocatorChoice::Mimalloc), Outcome::Passed);
    let musl = also("__malloc_alloc_meta");
    assert_eq!(says(&musl, AllocatorChoice::Mimalloc), failed("musl's allocator is in it too"));
    assert_eq!(says(&libc, AllocatorChoice::Libc), Outcome::Passed);
    assert_eq!(says(SOUND, AllocatorChoice::Libc), failed("expected the libc's malloc, if any; found mimalloc"));
}

#[test]
fn a_program_without_stack_protector_fails_though_mimalloc_has_it() {
    let folder = tempfile::tempdir().unwrap();
    let off = "__attribute__((no_stack_protector, noinline)) ";
    let source = SOUND.replace("__attribute__((noinline)) int work", &format!("{off} int work"));
    let source = source.replace("void _start", &format!("{off} void _start"));
    let source = source.replace("__attribute__((noinline)) void __stack", &format!("{off} void __stack"));
    let says = |options: &[&str]| {
        outcome(
            &report_with_twins(&link(folder.path(), &source, options), AllocatorChoice::Mimalloc),
            "stack protector",
        )
    };
    assert_eq!(says(&[]), Outcome::Failed("no function but mimalloc's calls __stack_chk_fail".into()));
    assert_eq!(says(&["-fno-stack-protector"]), Outcome::Failed("no function calls __stack_chk_fail".into()));
}

/// A string as Go lays it out, under a name as Go gives it.
#[test]
fn a_value_that_the_link_did_not_set_fails() {
    let folder = tempfile::tempdir().unwrap();
    let string = "
        struct { const char *at; unsigned long size; } value __asm__(\"example.value\") = { \"abcdef\", 3 };
    ";
    let source = format!("{string}{}", SOUND.replace("work(1)", "work(value.size)"));
    let program = link(folder.path(), &source, &[]);
    let says = |name: &str, value: &str| {
        let set = [(name.to_owned(), value.to_owned())];
        outcome(&report_with_values(&program, AllocatorChoice::Mimalloc, set), "variables")
    };
    assert_eq!(says("example.value", "abc"), Outcome::Passed);
    let other = "example.value: expected `abd`, found `abc`";
    assert_eq!(says("example.value", "abd"), Outcome::Failed(other.into()));
    assert_eq!(says("example.other", "abc"), Outcome::Failed("there is no variable example.other".into()));
}

#[test]
fn another_links_twin_is_no_twin() {
    let folder = tempfile::tempdir().unwrap();
    let program = link(folder.path(), SOUND, &[]);
    let twin = folder.path().join("twins/twin");
    let says = || outcome(&report_with_twins(&program, AllocatorChoice::Mimalloc), "has an unstripped twin");

    let elsewhere = tempfile::tempdir().unwrap();
    link(elsewhere.path(), &SOUND.replace("b[n] = 1;", "b[n] = 2;"), &[]);
    fs::copy(elsewhere.path().join("twins/twin"), &twin).unwrap();
    let Outcome::Failed(reason) = says() else { panic!("one byte off") };
    assert!(reason.starts_with("none of 1 candidates is a twin (twin differs in .text)"), "{reason}");

    fs::copy(&program, &twin).unwrap();
    let expected = "none of 1 candidates is a twin (twin is equal, but was linked without symbols)";
    assert_eq!(says(), Outcome::Failed(expected.into()));

    fs::remove_dir_all(twin.parent().unwrap()).unwrap();
    assert!(matches!(says(), Outcome::Failed(_)));
}

#[test]
fn a_dynamic_program_fails() {
    let folder = tempfile::tempdir().unwrap();
    let report = report(&compile(folder.path(), &[]), "bin/x");
    assert!(!report.passed());
    let Outcome::Failed(reason) = outcome(&report, "static") else { panic!("static") };
    assert!(reason.contains("interpreter"), "{reason}");
}

#[test]
fn a_static_program_of_glibc_fails() {
    let folder = tempfile::tempdir().unwrap();
    let report = report(&compile(folder.path(), &["-static", "-no-pie"]), "bin/x");
    assert_eq!(outcome(&report, "static"), Outcome::Passed);
    assert_eq!(outcome(&report, "right machine"), Outcome::Passed);
    assert!(matches!(outcome(&report, "no glibc"), Outcome::Failed(_)));
    assert_eq!(outcome(&report, "allocator"), Outcome::Failed("malloc is not mi_malloc".into()));
    assert_eq!(outcome(&report, "stripped"), Outcome::Failed("it has a symbol table".into()));
}

#[test]
fn another_machines_program_fails() {
    let folder = tempfile::tempdir().unwrap();
    let program = compile(folder.path(), &["-static", "-no-pie"]);
    let mut bytes = fs::read(&program).unwrap();
    // e_machine: 243 is RISC-V.
    bytes[18..20].copy_from_slice(&243u16.to_le_bytes());
    fs::write(&program, bytes).unwrap();
    assert!(matches!(outcome(&report(&program, "bin/x"), "right machine"), Outcome::Failed(_)));
}

#[test]
fn an_executable_stack_fails() {
    let folder = tempfile::tempdir().unwrap();
    let program = compile(folder.path(), &["-static", "-no-pie", "-Wl,-z,execstack"]);
    assert_eq!(outcome(&report(&program, "bin/x"), "stack not"), Outcome::Failed("its stack is executable".into()));
}

#[test]
fn a_path_of_the_build_fails() {
    let folder = tempfile::tempdir().unwrap();
    let program = compile(folder.path(), &["-static", "-no-pie"]);
    let mut bytes = fs::read(&program).unwrap();
    bytes.extend(b"\0/home/builder/x.c\0");
    fs::write(&program, bytes).unwrap();
    let Outcome::Failed(reason) = outcome(&report(&program, "bin/x"), "no path") else { panic!("path") };
    assert!(reason.contains("/home/builder/x.c"), "{reason}");
}

#[test]
fn what_cannot_be_read_fails() {
    let folder = tempfile::tempdir().unwrap();
    let program = compile(folder.path(), &["-static", "-no-pie"]);
    let bytes = fs::read(&program).unwrap();
    let cut = folder.path().join("cut");
    fs::write(&cut, &bytes[..bytes.len() / 2]).unwrap();
    let text = folder.path().join("text");
    fs::write(&text, "hello").unwrap();
    let script = folder.path().join("script");
    fs::write(&script, "#!/bin/sh\n").unwrap();
    assert!(!report(&cut, "bin/x").passed());
    assert!(!report(&text, "bin/x").passed());
    let empty = folder.path().join("empty");
    fs::write(&empty, "").unwrap();
    assert!(!report(&empty, "bin/x").passed());
    // 32 bits: EI_CLASS is the fifth byte.
    let narrow = folder.path().join("narrow");
    fs::write(&narrow, [&bytes[..4], &[1], &bytes[5..]].concat()).unwrap();
    assert!(matches!(outcome(&report(&narrow, "bin/x"), "can be read"), Outcome::Failed(_)));
    assert!(!report(&folder.path().join("absent"), "bin/x").passed());
    assert!(report(&script, "bin/x").passed());
    assert!(report(&text, "share/x").subjects.is_empty());
    assert!(!report(&text, "share/x").passed(), "nothing proved is not passed");
}
