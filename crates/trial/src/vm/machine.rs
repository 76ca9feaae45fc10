//! One machine: QEMU is started, heard, and ended.

use std::{
    io::Read,
    path::{Path, PathBuf},
    process::{Child, Command, Stdio},
    time::Duration,
};

use fs_err as fs;
use nix::sys::termios::{SetArg, tcgetattr, tcsetattr};
use rst_model::{Arch, Cancel};

use super::System;
use crate::{
    hear::{Heard, Limits, hear},
    run::TrialError,
    stage::Line,
};

/// Of a machine, in MiB. Three users run containers in it.
pub(crate) const MEMORY: u64 = 2048;

/// A machine has this part of its time to come up.
const UP: u32 = 6;

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

/// What QEMU emulates, besides disks and the like.
pub(crate) struct Hardware {
    pub board: &'static str,
    /// Newer ones have what QEMU does not get right.
    pub processor: &'static str,
    /// The serial line, as Linux calls it.
    pub console: &'static str,
}

impl Hardware {
    pub(crate) fn of(arch: Arch) -> Self {
        match arch {
            Arch::Amd64 => Self { board: "q35", processor: "Nehalem", console: "ttyS0" },
            Arch::Arm64 => Self { board: "virt", processor: "cortex-a72", console: "ttyAMA0" },
        }
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
    /// When it is ended that has not ended.
    pub limit: Duration,
    /// Whether its console is this process' terminal, and there is a shell at it, which may take long.
    pub shell: bool,
}

impl Machine<'_> {
    /// Boots it and hears it to its end. One that does not come up is booted again: KVM may be there and not
    /// work, and QEMU's emulation of several processors has a race that ends one boot of five in its first second.
    pub(crate) fn run(&self, cancel: &Cancel, heard: &mut dyn FnMut(&Line)) -> Result<Heard, TrialError> {
        let kvm = (self.system.arch == Arch::HOST && kvm_is_there()).then_some(Accelerator::Kvm);
        let mut last = None;
        for accelerator in kvm.into_iter().chain([Accelerator::Tcg; 3]) {
            let heard = self.boot(accelerator, cancel, heard)?;
            if heard.up {
                return Ok(heard);
            }
            last = Some(heard);
        }
        Ok(last.expect("tried at least once"))
    }

    fn boot(
        &self,
        accelerator: Accelerator,
        cancel: &Cancel,
        heard: &mut dyn FnMut(&Line),
    ) -> Result<Heard, TrialError> {
        let whole = if self.shell { Duration::MAX } else { self.limit };
        let limits = Limits { up: self.limit / UP, whole };
        let terminal = self.shell.then(|| tcgetattr(std::io::stdin()).ok()).flatten();
        let mut child = self.start(accelerator)?;
        let told: Box<dyn Read + Send> = match (child.stdout.take(), child.stderr.take()) {
            (Some(told), _) => Box::new(told),
            (None, told) => Box::new(told.expect("one of the two is asked for")),
        };
        let ended = hear(&mut child, told, cancel, Some(limits), heard);
        if let Some(as_it_was) = terminal {
            // Where QEMU was killed, it has not done so.
            let _ = tcsetattr(std::io::stdin(), SetArg::TCSADRAIN, &as_it_was);
        }
        ended
    }

    /// The last lines that the machine's kernel and init printed.
    pub(crate) fn last_words(&self) -> String {
        let bytes = fs::read(self.console()).unwrap_or_default();
        let text = String::from_utf8_lossy(&bytes);
        let lines: Vec<_> = text.lines().map(str::trim_end).filter(|line| !line.is_empty()).collect();
        lines[lines.len().saturating_sub(30)..].join("\n")
    }

    /// What the kernel printed if it has panicked.
    pub(crate) fn panic(&self) -> Option<String> {
        Some(self.last_words()).filter(|said| said.contains("Kernel panic - not syncing"))
    }

    fn console(&self) -> PathBuf {
        self.folder.join("console")
    }

    /// All that the machine tells comes to the standard output of the process; where that is the terminal's, to its
    /// standard error.
    fn start(&self, accelerator: Accelerator) -> Result<Child, TrialError> {
        // It ends with this process, whatever ends it.
        let mut command = Command::new("setpriv");
        command.args(["--pdeathsig", "KILL", "--", program(self.system.arch).0]);
        let Hardware { board, processor, console } = Hardware::of(self.system.arch);
        let (accelerator, processor, linux) = match accelerator {
            Accelerator::Kvm => ("kvm", "host", ""),
            // It has none of the holes that its model is known for, and what Linux does against them takes time.
            Accelerator::Tcg => ("tcg", processor, " mitigations=off"),
        };
        command.args(["-machine", board, "-accel", accelerator, "-cpu", processor, "-smp", "2"]);
        command.args(["-m", &MEMORY.to_string(), "-nodefaults", "-display", "none", "-no-reboot"]);
        command.arg("-kernel").arg(self.image.join("kernel")).arg("-initrd").arg(self.image.join("initrd"));
        command.args(["-append", &format!("root=/dev/vda rw console={console} panic=-1 cryptomgr.notests{linux}")]);
        // What the machine writes to the image goes to a file that nobody sees.
        for (name, file, more) in [("root", self.image.join("disk"), ",snapshot=on"), ("trial", self.disk.clone(), "")]
        {
            command
                .arg("-drive")
                .arg(format!("if=none,id={name},format=raw,cache=unsafe,file={}{more}", escaped(&file)));
            command.args(["-device", &format!("virtio-blk-pci,drive={name}")]);
        }
        // Not QEMU's `stdio`, which hangs up when there is nothing to read.
        let told = if self.shell { "/dev/stderr" } else { "/dev/stdout" };
        command.args(["-device", "virtio-serial-pci", "-chardev", &format!("file,id=told,path={told}")]);
        command.args(["-device", "virtserialport,chardev=told", "-device", "virtio-rng-pci"]);
        let console = escaped(&self.console());
        let console = match self.shell {
            true => format!("stdio,id=console,signal=off,logfile={console}"),
            false => format!("file,id=console,path={console}"),
        };
        command.args(["-chardev", &console, "-serial", "chardev:console"]).env("TMPDIR", &self.folder);
        match self.shell {
            true => command.stderr(Stdio::piped()),
            false => {
                let said = fs::File::create(self.folder.join("qemu"))?.into_file();
                command.stdin(Stdio::null()).stdout(Stdio::piped()).stderr(said)
            }
        };
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
