//! Virtual machines that hang and trials of them that are ended. `make test` runs these, which has QEMU.

mod fixture;

use std::{
    process::Child,
    time::{Duration, Instant},
};

use fixture::{
    Run, World, machine,
    process::{running, signal, wait_for},
};
use fs_err as fs;
use nix::sys::signal::Signal;

const ARCH: &str = if cfg!(target_arch = "aarch64") { "arm64" } else { "amd64" };

/// A machine whose kernel jumps to where it is: it runs, and never comes up.
struct Hung(World);

/// As little as QEMU takes for a kernel (Linux' boot protocol 2.02): its header, and at its entry `jmp .`.
fn endless_kernel() -> Vec<u8> {
    let mut kernel = vec![0; 1 << 20];
    kernel[0x1f1] = 4;
    kernel[0x200..0x208].copy_from_slice(b"\xeb\xfeHdrS\x02\x02");
    kernel[0x211] = 1;
    kernel
}

impl Hung {
    fn start(options: &[&str]) -> (Self, Child) {
        let world = World::new();
        let system = machine::image(&world, ARCH, &endless_kernel(), &endless_kernel());
        fs::write(world.project().join("podman.tar"), machine::archive_for(ARCH)).unwrap();
        let child = world.command([&["trial", "podman.tar", "--vm", &system], options].concat()).spawn().unwrap();
        let hung = Self(world);
        wait_for("the machine", || hung.machines() > 0);
        (hung, child)
    }

    /// How many of its processes there are.
    fn machines(&self) -> usize {
        running(&format!("file={}", self.0.path("temporary").display()))
    }

    fn folders(&self) -> usize {
        fs::read_dir(self.0.path("temporary")).unwrap().count()
    }
}

#[test]
#[ignore = "needs QEMU: make test runs it"]
fn after_ctrl_c_a_machine_is_gone_within_two_seconds() {
    let (hung, child) = Hung::start(&[]);
    let begun = Instant::now();
    signal(&child, Signal::SIGINT);
    let run = Run::of(child.wait_with_output().unwrap()).exits(130);
    wait_for("the machine to end", || hung.machines() == 0);
    assert!(begun.elapsed() < Duration::from_secs(2), "{run}");
    assert_eq!(hung.folders(), 0);
}

#[test]
#[ignore = "needs QEMU: make test runs it"]
fn a_machine_that_hangs_is_ended_and_its_checks_have_failed() {
    let (hung, child) = Hung::start(&["--limit", "6"]);
    let run = Run::of(child.wait_with_output().unwrap()).exits(5);
    assert!(run.stdout.contains("the machine did not come up: it was ended after 1 s"), "{run}");
    let failed = run.stdout.lines().filter(|line| line.contains(" FAILED: ")).count();
    assert!(failed > 0 && run.stderr.contains(&format!("{failed} of {failed} checks failed")), "{run}");
    assert_eq!((hung.machines(), hung.folders()), (0, 0), "{run}");
}

#[test]
#[ignore = "needs QEMU: make test runs it"]
fn where_no_machine_comes_up_there_is_no_shell_and_that_is_said() {
    let (hung, child) = Hung::start(&["--shell", "--limit", "6"]);
    let run = Run::of(child.wait_with_output().unwrap()).exits(5);
    assert!(run.stderr.contains("did not come up: it was ended after 1 s"), "{run}");
    assert_eq!((hung.machines(), hung.folders()), (0, 0), "{run}");
}

#[test]
#[ignore = "needs QEMU: make test runs it"]
fn a_machine_ends_with_its_trial_and_what_is_left_is_cleaned() {
    let (hung, mut child) = Hung::start(&[]);
    hung.0.rst(["trial", "clean"]).exits(0);
    assert_eq!(hung.folders(), 1, "it is still in use");
    child.kill().unwrap();
    child.wait().unwrap();
    wait_for("the machine to end", || hung.machines() == 0);
    hung.0.rst(["trial", "clean"]).exits(0);
    assert_eq!(hung.folders(), 0);
}
