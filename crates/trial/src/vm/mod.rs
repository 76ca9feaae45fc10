//! The same trial in virtual machines: other kernels, other distributions, systemd, limits that hold. The table
//! of systems is data; `image` makes and keeps what each boots from, `payload` what is tried in it,
//! `machine` runs it, and `guest` is what this program does inside.

pub(crate) mod guest;
mod image;
mod machine;
mod payload;
mod shell;
mod systems;

use std::{collections::BTreeSet, path::Path, time::Instant};

use fs_err as fs;
use rst_model::{Arch, Cancel};

pub use image::Images;
pub(crate) use image::MAKING;
pub use systems::{Elsewhere, Init, System, elsewhere, systems};

use crate::{
    checks::{self, AFTER_REBOOT, BEFORE_REBOOT},
    leftovers::{Held, PREFIX},
    person::manifest_of,
    report::{CheckReport, Outcome, Report},
    run::{Trial, TrialError, digest, needs},
    stage::{Line, Order},
};

impl Trial {
    /// Tries the archive in a machine of each of these systems, one after another.
    pub fn run_in_machines(
        &self,
        systems: &[System],
        images: &Images,
        cancel: &Cancel,
        mut heard: impl FnMut(&Line),
    ) -> Result<Report, TrialError> {
        let begun = Instant::now();
        self.check()?;
        let sha256 = digest(&self.archive)?;
        needs(&[("mke2fs", "makes a machine's disk", "e2fsprogs")])?;
        let arch = self.arch()?;
        for system in systems {
            if system.arch != arch {
                return Err(TrialError::OtherArch { system: system.name.clone(), needs: system.arch, arch });
            }
            needs(&[machine::program(system.arch)])?;
        }
        if !self.shell && systems.iter().all(|system| self.wanted(system).is_empty()) {
            return Err(TrialError::NothingToTry);
        }
        enough_memory(&fs::read_to_string("/proc/meminfo")?)?;
        let scratch = Held::new(&std::env::temp_dir(), PREFIX)?;
        let run = |system: &System| {
            let folder = scratch.path().join(&system.name);
            fs::create_dir(&folder)?;
            let ends = self.run_in_machine(system, &folder, images, cancel, &mut heard)?;
            Ok(ends.into_iter().map(|end| end.of(&system.name)).collect())
        };
        let ends: Result<Vec<Vec<_>>, TrialError> = systems.iter().map(run).collect();
        let kept = self.done_with(scratch)?;
        Ok(Report {
            archive: self.archive_name(),
            sha256,
            checks: ends?.concat(),
            seconds: begun.elapsed().as_secs_f64(),
            kept,
        })
    }

    /// What the archive was built for.
    pub fn arch(&self) -> Result<Arch, TrialError> {
        manifest_of(&self.archive).map(|manifest| manifest.platform.arch)
    }

    /// The checks of a system that were asked for.
    fn wanted(&self, system: &System) -> BTreeSet<String> {
        let after = self.only.contains(AFTER_REBOOT);
        let all = self.only.is_empty() && !self.shell;
        let wanted = |name: &&String| all || self.only.contains(*name) || after && *name == BEFORE_REBOOT;
        system.checks.iter().filter(wanted).cloned().collect()
    }

    fn run_in_machine(
        &self,
        system: &System,
        folder: &Path,
        images: &Images,
        cancel: &Cancel,
        heard: &mut dyn FnMut(&Line),
    ) -> Result<Vec<CheckReport>, TrialError> {
        let wanted = self.wanted(system);
        if wanted.is_empty() && !self.shell {
            return Ok(Vec::new());
        }
        let mut named = |line: &Line| heard(&line.clone().of(&system.name));
        let image = match images.image(system, cancel, &mut named) {
            Ok(image) => image,
            Err(TrialError::NoImage { reason, .. }) => {
                let reason = format!("the system's image cannot be made: {reason}");
                return Ok(reports(&wanted, &Outcome::Impossible { reason }));
            }
            Err(error) => return Err(error),
        };
        let scratch = Path::new(payload::PLACE);
        let order = Order::new(scratch.join(self.archive_name()), scratch, self);
        let order = Order { only: wanted.clone(), init: Some(system.init), alone: true, ..order };
        let (second, first): (BTreeSet<_>, _) = wanted.into_iter().partition(|name| name == AFTER_REBOOT);
        let begun = Instant::now();
        let attempt = |named: &mut dyn FnMut(&Line)| {
            let disk = payload::disk(folder, &self.archive, system, &order)?;
            let (image, folder) = (image.clone(), folder.to_owned());
            let machine = machine::Machine { system, image, disk, folder, limit: self.limit, shell: self.shell };
            let mut ends = boot(&machine, &first, cancel, named)?;
            let panic = machine.panic();
            // It has the second disk as the first boot left it.
            if !second.is_empty() && panic.is_none() {
                ends.extend(boot(&machine, &second, cancel, named)?);
            }
            Ok::<_, TrialError>((ends, panic.or_else(|| machine.panic())))
        };
        let (mut ends, panic) = attempt(&mut named)?;
        // No user can do that: it is a fault of the kernel's or of QEMU's, and says nothing of the archive. Once is
        // chance (Linux 6.12 has such a fault where processor time is limited), twice is not.
        if let Some(said) = panic {
            named(&Line::Panicked { system: system.name.clone(), said });
            (ends, _) = attempt(&mut named)?;
        }
        named(&Line::Down { system: system.name.clone(), seconds: begun.elapsed().as_secs_f64() });
        Ok(ends)
    }
}

fn boot(
    machine: &machine::Machine,
    names: &BTreeSet<String>,
    cancel: &Cancel,
    heard: &mut dyn FnMut(&Line),
) -> Result<Vec<CheckReport>, TrialError> {
    let ended = machine.run(cancel, heard)?;
    let log = machine.last_words();
    if ended.up {
        return Ok(ended.reports(&log));
    }
    if names.is_empty() {
        return Err(TrialError::NotUp { system: machine.system.name.clone(), why: ended.why(), said: log });
    }
    let reason = format!("the machine did not come up: {}", ended.why());
    Ok(reports(names, &Outcome::Failed { reason, log }))
}

/// The same end for all.
fn reports(names: &BTreeSet<String>, outcome: &Outcome) -> Vec<CheckReport> {
    let checks = checks::known().filter(|check| names.contains(check.name));
    checks.map(|check| CheckReport::new(&check, outcome.clone(), 0.0)).collect()
}

/// For one machine, and QEMU itself.
fn enough_memory(meminfo: &str) -> Result<(), TrialError> {
    let available = meminfo.lines().find_map(|line| line.strip_prefix("MemAvailable:"));
    let kibibytes = available.and_then(|text| text.trim().trim_end_matches(" kB").parse::<u64>().ok());
    match kibibytes {
        Some(there) if there / 1024 < machine::MEMORY + 256 => {
            Err(TrialError::NoMemory { needed: machine::MEMORY + 256, there: there / 1024 })
        }
        _ => Ok(()),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_host_with_too_little_memory_is_told_how_much_a_machine_takes() {
        let error = enough_memory("MemTotal: 9 kB\nMemAvailable:  1048576 kB\n").unwrap_err();
        assert_eq!(error.to_string(), "a virtual machine takes 2304 MiB of memory, and 1024 MiB are free");
        enough_memory("MemAvailable:    4194304 kB\n").unwrap();
    }
}
