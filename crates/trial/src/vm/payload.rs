//! The second disk of a machine: this program, the libraries that it runs with here, what containers hold, the archive,
//! and what is to be done. The users of the trial live on it too.

use std::{
    os::unix::fs::PermissionsExt as _,
    path::{Path, PathBuf},
    process::Command,
};

use fs_err as fs;
use rst_model::Arch;

use super::System;
use crate::{
    run::TrialError,
    stage::{Order, Stage},
    world::{BUSYBOX, program},
};

/// Where it is seen in the machine.
pub(crate) const PLACE: &str = "/trial";

/// Standard output goes to the port of which the first process hears, all else to the console.
const START: &str = "\
#!/bin/sh
until [ -c /dev/vport*p1 ]; do sleep 0.1; done
exec </dev/null >$(echo /dev/vport*p1) 2>/dev/console
RST_TRIAL_STAGE=$(cat /trial/order.json)
export RST_TRIAL_STAGE PATH=/usr/sbin:/usr/bin:/sbin:/bin
exec /trial/rst
";

/// Makes the disk in `folder`.
pub(crate) fn disk(folder: &Path, archive: &Path, system: &System, order: &Order) -> Result<PathBuf, TrialError> {
    let content = folder.join("content");
    fs::create_dir_all(content.join("lib"))?;
    fs::copy("/proc/self/exe", content.join("lib/rst"))?;
    let libraries = libraries()?;
    for (name, path) in libraries.named.iter().chain(&libraries.loader) {
        fs::copy(path, content.join("lib").join(name))?;
    }
    // The static busybox of a glibc before 2.34 (Debian 11) loads a library to look for a name, which a container lacks.
    if let Some(busybox) = program("busybox").filter(|_| system.arch == Arch::HOST) {
        fs::copy(busybox, content.join(BUSYBOX))?;
    }
    fs::copy(archive, content.join(archive.file_name().unwrap_or_default()))?;
    let stage = Stage::Machine(order.clone()).text();
    fs::write(content.join("order.json"), stage)?;
    fs::write(content.join("start"), START)?;
    fs::write(content.join("rst"), launcher(&libraries, system))?;
    for path in ["", "lib", "rst", "lib/rst", "start"] {
        fs::set_permissions(content.join(path), std::fs::Permissions::from_mode(0o755))?;
    }
    let disk = folder.join("trial-disk");
    // Of a machine whose kernel has panicked.
    if disk.exists() {
        fs::remove_file(&disk)?;
    }
    let mut mke2fs = Command::new(program("mke2fs").unwrap_or_else(|| "mke2fs".into()));
    mke2fs.args(["-q", "-t", "ext4", "-O", "^has_journal", "-m", "0", "-E", "root_owner=0:0", "-d"]);
    let made = mke2fs.arg(&content).arg(&disk).arg("4G").output()?;
    if !made.status.success() {
        let said = String::from_utf8_lossy(&made.stderr);
        return Err(std::io::Error::other(format!("`mke2fs`: {}: {said}", made.status)).into());
    }
    fs::remove_dir_all(content)?;
    Ok(disk)
}

/// The machine's own libc may be older than the one that this program was linked with, so it is started by
/// its own loader; and on another processor by an emulator of this one, which the system must have.
fn launcher(libraries: &Libraries, system: &System) -> String {
    let emulator = match system.arch == Arch::HOST {
        true => String::new(),
        // From Debian 13 on static without being called so.
        false => format!("$(command -v qemu-{0}-static || command -v qemu-{0}) ", Arch::HOST.cpu()),
    };
    let loader = match &libraries.loader {
        Some((name, _)) => format!("{PLACE}/lib/{name} --library-path {PLACE}/lib "),
        None => String::new(),
    };
    format!("#!/bin/sh\nexec {emulator}{loader}{PLACE}/lib/rst \"$@\"\n")
}

/// What this program is linked with.
struct Libraries {
    /// By the name that it asks for.
    named: Vec<(String, PathBuf)>,
    /// None, if it is static.
    loader: Option<(String, PathBuf)>,
}

/// Asks the loader, as ldd(1) does. A static program is not told of it, and just shows its usage.
fn libraries() -> std::io::Result<Libraries> {
    let mut command = Command::new("/proc/self/exe");
    let output = command.arg("--version").env("LD_TRACE_LOADED_OBJECTS", "1").output()?;
    Ok(traced(&String::from_utf8_lossy(&output.stdout)))
}

fn traced(text: &str) -> Libraries {
    let mut libraries = Libraries { named: Vec::new(), loader: None };
    for line in text.lines() {
        match line.split_whitespace().collect::<Vec<_>>()[..] {
            [name, "=>", path, _] => libraries.named.push((name.to_owned(), path.into())),
            [path, address] if path.starts_with('/') && address.starts_with('(') => {
                let name = path.rsplit('/').next().unwrap_or_default();
                libraries.loader = Some((name.to_owned(), path.into()));
            }
            _ => {}
        }
    }
    libraries
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn libraries_and_their_loader_are_told_apart() {
        let text =
            "\tlinux-vdso.so.1 (0x1)\n\tlibc.so.6 => /lib/libc.so.6 (0x2)\n\t/lib64/ld-linux-x86-64.so.2 (0x3)\n";
        let found = traced(text);
        assert_eq!(found.named, [("libc.so.6".to_owned(), PathBuf::from("/lib/libc.so.6"))]);
        assert_eq!(found.loader.unwrap().0, "ld-linux-x86-64.so.2");
        let found = traced("rst 0.1.0\n");
        assert!(found.named.is_empty() && found.loader.is_none());
    }
}
