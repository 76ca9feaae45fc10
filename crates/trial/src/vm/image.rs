//! Images of systems: made once by `make-image.sh`, kept, and looked at again before each use.

use std::{
    collections::BTreeMap,
    path::{Path, PathBuf},
    process::{Command, Stdio},
    time::Duration,
};

use fs_err as fs;
use rst_model::{Cancel, Digest};

use super::{
    System,
    machine::{self, Hardware},
};
use crate::{
    hear::ended,
    leftovers::Held,
    run::{TrialError, digest, needs},
    stage::Line,
};

const SCRIPT: &str = include_str!("make-image.sh");

/// What a machine boots from.
const PARTS: [&str; 3] = ["disk", "kernel", "initrd"];

/// Beside the parts: the digest of each.
const DIGESTS: &str = "digests.json";

/// How a folder begins in which an image is made.
pub(crate) const MAKING: &str = ".making-";

/// Where images are kept, and what they are made from.
pub struct Images<'a> {
    /// A folder of rst's own.
    pub folder: PathBuf,
    /// Tells the URL of a mirror of Debian, or why there is none.
    pub mirror: &'a dyn Fn() -> Result<String, String>,
}

/// Programs that make an image, what they do, and Debian's packages for them.
const PROGRAMS: [(&str, &str, &str); 6] = [
    ("mmdebstrap", "installs a system's packages", "mmdebstrap"),
    ("mke2fs", "makes a system's disk", "e2fsprogs"),
    ("depmod", "finds a kernel's modules", "kmod"),
    ("unshare", "keeps apart what makes an image", "util-linux"),
    ("xz", "unpacks a kernel's modules", "xz-utils"),
    ("busybox", "begins a machine (the static one)", "busybox-static"),
];

impl System {
    /// The name of its image's folder: of all that the image is made from.
    pub fn image(&self) -> String {
        let System { arch, suite, kernel, init, packages, .. } = self;
        let key = Digest::of_json(&(arch, suite, kernel, init, packages, SCRIPT));
        format!("{suite}-{}-{}", arch.oci(), key.short())
    }
}

impl Images<'_> {
    /// The folder with a system's image, which is made if it is not there.
    pub(crate) fn image(
        &self,
        system: &System,
        cancel: &Cancel,
        heard: &mut dyn FnMut(&Line),
    ) -> Result<PathBuf, TrialError> {
        let image = self.folder.join(system.image());
        if !image.exists() {
            heard(&Line::Making { system: system.name.clone() });
            self.make(system, &image, cancel)?;
        }
        check(&image)?;
        Ok(image)
    }

    fn make(&self, system: &System, image: &Path, cancel: &Cancel) -> Result<(), TrialError> {
        let unmade = |reason: String| TrialError::NoImage { system: system.name.clone(), reason };
        needs(&PROGRAMS)?;
        let (emulator, ..) = machine::program(system.arch);
        let Hardware { board, processor, console } = Hardware::of(system.arch);
        if !nix::unistd::geteuid().is_root() {
            return Err(unmade("only root can make it".to_owned()));
        }
        let mirror = (self.mirror)().map_err(unmade)?;
        fs::create_dir_all(&self.folder)?;
        let making = Held::new(&self.folder, MAKING)?;
        fs::set_permissions(making.path(), std::os::unix::fs::PermissionsExt::from_mode(0o755))?;
        let log = making.path().join("log");
        // All that it starts and mounts ends with it, and it with us.
        let mut command = Command::new("setpriv");
        command.args(["--pdeathsig", "KILL", "--", "unshare", "--mount", "--pid", "--fork", "--kill-child"]);
        command.args(["--mount-proc", "--propagation=private", "--", "/bin/sh", "-c", SCRIPT]);
        command.env("SUITE", &system.suite).env("ARCH", system.arch.oci()).env("KERNEL", &system.kernel);
        command.env("INIT", system.init.name()).env("PACKAGES", system.packages.join(",")).env("MIRROR", mirror);
        let emulator = format!("{emulator} -machine {board} -accel tcg -cpu {processor}");
        command.env("EMULATOR", emulator).env("CONSOLE", console);
        command.env("LC_ALL", "C").env("TMPDIR", making.path()).current_dir(making.path());
        let out = fs::File::create(&log)?.into_file();
        let mut child = command.stdin(Stdio::null()).stdout(out.try_clone()?).stderr(out).spawn()?;
        let status =
            ended(&mut child, cancel, LIMIT)?.ok_or_else(|| unmade(format!("it took longer than {LIMIT:?}")))?;
        if !status.success() {
            let text = fs::read_to_string(&log)?;
            let lines: Vec<_> = text.lines().collect();
            return Err(unmade(lines[lines.len().saturating_sub(8)..].join("\n")));
        }
        let out = making.path().join("out");
        fs::write(out.join(DIGESTS), serde_json::to_vec(&digests(&out)?).expect("plain data"))?;
        match fs::rename(&out, image) {
            // Another process was faster.
            Err(_) if image.exists() => Ok(()),
            other => Ok(other?),
        }
    }
}

/// For making an image: mirrors are slow at times, and so is a processor that QEMU emulates.
const LIMIT: Duration = Duration::from_secs(3600);

/// What was made is what is there.
fn check(image: &Path) -> Result<(), TrialError> {
    let written = fs::read(image.join(DIGESTS)).ok().and_then(|bytes| serde_json::from_slice(&bytes).ok());
    match written == digests(image).ok() && written.is_some() {
        true => Ok(()),
        false => Err(TrialError::Tampered { image: image.to_owned() }),
    }
}

fn digests(folder: &Path) -> std::io::Result<BTreeMap<String, Digest>> {
    PARTS.into_iter().map(|part| Ok((part.to_owned(), digest(&folder.join(part))?))).collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_image_of_which_a_byte_was_changed_is_refused() {
        let folder = tempfile::tempdir().unwrap();
        for part in PARTS {
            fs::write(folder.path().join(part), part).unwrap();
        }
        assert!(check(folder.path()).is_err(), "nobody has written the digests");
        let written = serde_json::to_vec(&digests(folder.path()).unwrap()).unwrap();
        fs::write(folder.path().join(DIGESTS), written).unwrap();
        check(folder.path()).unwrap();
        fs::write(folder.path().join("kernel"), "kernal").unwrap();
        let error = check(folder.path()).unwrap_err();
        assert!(matches!(error, TrialError::Tampered { .. }), "{error}");
    }
}
