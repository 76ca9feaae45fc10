//! Proofs of real programs made by the host's compiler: glibc, so never what we promise, each in its
//! own way.

use std::{path::Path, process::Command};

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
    };
    prove(&[subject], &Expected { platform: Platform::HOST, forbidden: vec!["/home/builder".into()] })
}

fn outcome(report: &Report, claim: &str) -> Outcome {
    let claims = &report.subjects[0].claims;
    claims.iter().find(|c| c.name.starts_with(claim)).unwrap_or_else(|| panic!("no claim {claim}")).outcome.clone()
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
    assert_eq!(outcome(&report, "allocator"), Outcome::Failed("no mi_malloc in it".into()));
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
    assert!(!report(&folder.path().join("absent"), "bin/x").passed());
    assert!(report(&script, "bin/x").passed());
    assert!(report(&text, "share/x").subjects.is_empty());
    assert!(!report(&text, "share/x").passed(), "nothing proved is not passed");
}
