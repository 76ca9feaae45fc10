//! One machine: QEMU is started, heard, and ended.

use std::{
    path::{Path, PathBuf},
    process::{Child, Command, Stdio},
    time::Duration,
};

use fs_err as fs;
use rst_model::{Arch, Cancel};

use super::System;
use crate::{
    hear::{Heard, Limits, hear},
    run::TrialError,
    stage::Line,
};

/// Of a machine, in MiB. Three users run containers in it.
pub(crate) const MEMORY: u64 = 2048;

/// A machine that is slower than that hangs.
const LIMITS: Limits = Limits { up: Duration::from_secs(150), whole: Duration::from_secs(900) };

/// Who emulates the processor.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Accelerator {
    /// Nobody: it is this machine's own.
    Kvm,
    /// QEMU, some ten times slower.
    Tcg,
}

/// QEMU's program for a processor, and Debian's package for it.
pub(crate) fn program(arch: Arch) -> (&'static str, &'static str, &'static str) {
    match arch {
        Arch::Amd64 => ("qemu-system-x86_64", "runs machines", "qemu-system-x86"),
        Arch::Arm64 => ("qemu-system-aarch64", "runs machines", "qemu-system-arm"),
    }
}

/// What a machine is made of.
pub(crate) struct Machine<'a> {
    pub system: &'a System,
    /// The folder of its image.
    pub image: PathBuf,
    /// The second disk.
    pub disk: PathBuf,
    /// For what QEMU writes besides.
    pub folder: PathBuf,
}

impl Machine<'_> {
    /// Boots it and hears it to its end. One that does not come up is booted again: KVM may be there and not
    /// work, and QEMU's emulation of several processors has a race that ends one boot of five in its first second.
    pub(crate) fn run(&self, cancel: &Cancel, heard: &mut dyn FnMut(&Line)) -> Result<Heard, TrialError> {
        let kvm = (self.system.arch == Arch::HOST && kvm_is_there()).then_some(Accelerator::Kvm);
        let mut last = None;
        for accelerator in kvm.into_iter().chain([Accelerator::Tcg; 3]) {
            let heard = hear(&mut self.start(accelerator)?, cancel, Some(LIMITS), heard)?;
            if heard.up {
                return Ok(heard);
            }
            last = Some(heard);
        }
        Ok(last.expect("tried at least once"))
    }

    /// The last lines that the machine's kernel and init printed.
    pub(crate) fn last_words(&self) -> String {
        let bytes = fs::read(self.console()).unwrap_or_default();
        let text = String::from_utf8_lossy(&bytes);
        let lines: Vec<_> = text.lines().map(str::trim_end).filter(|line| !line.is_empty()).collect();
        lines[lines.len().saturating_sub(30)..].join("\n")
    }

    fn console(&self) -> PathBuf {
        self.folder.join("console")
    }

    /// All that the machine tells comes to the standard output of the process.
    fn start(&self, accelerator: Accelerator) -> Result<Child, TrialError> {
        // It ends with this process, whatever ends it.
        let mut command = Command::new("setpriv");
        command.args(["--pdeathsig", "KILL", "--", program(self.system.arch).0]);
        let (machine, console) = match self.system.arch {
            Arch::Amd64 => ("q35", "ttyS0"),
            Arch::Arm64 => ("virt", "ttyAMA0"),
        };
        let (accelerator, processor) = match (accelerator, self.system.arch) {
            (Accelerator::Kvm, _) => ("kvm", "host"),
            // Newer ones have what TCG does not get right.
            (Accelerator::Tcg, Arch::Amd64) => ("tcg", "Nehalem"),
            (Accelerator::Tcg, Arch::Arm64) => ("tcg", "cortex-a72"),
        };
        command.args(["-machine", machine, "-accel", accelerator, "-cpu", processor, "-smp", "2"]);
        command.args(["-m", &MEMORY.to_string(), "-nodefaults", "-display", "none", "-no-reboot"]);
        command.arg("-kernel").arg(self.image.join("kernel")).arg("-initrd").arg(self.image.join("initrd"));
        command.args(["-append", &format!("root=/dev/vda rw console={console} panic=-1 cryptomgr.notests")]);
        // What the machine writes to the image goes to a file that nobody sees.
        for (name, file, more) in [("root", self.image.join("disk"), ",snapshot=on"), ("trial", self.disk.clone(), "")]
        {
            command
                .arg("-drive")
                .arg(format!("if=none,id={name},format=raw,cache=unsafe,file={}{more}", escaped(&file)));
            command.args(["-device", &format!("virtio-blk-pci,drive={name}")]);
        }
        // Not QEMU's `stdio`, which hangs up when there is nothing to read.
        command.args(["-device", "virtio-serial-pci", "-chardev", "file,id=told,path=/dev/stdout"]);
        command.args(["-device", "virtserialport,chardev=told", "-device", "virtio-rng-pci", "-serial"]);
        command.arg(format!("file:{}", escaped(&self.console())));
        let said = fs::File::create(self.folder.join("qemu"))?.into_file();
        command.env("TMPDIR", &self.folder).stdin(Stdio::null()).stdout(Stdio::piped()).stderr(said);
        Ok(command.spawn()?)
    }
}

/// QEMU's options end at a comma.
fn escaped(path: &Path) -> String {
    path.display().to_string().replace(',', ",,")
}

fn kvm_is_there() -> bool {
    fs::OpenOptions::new().read(true).write(true).open("/dev/kvm").is_ok()
}
