//! Storage by other drivers, and on other file systems, each in a home of its own.

use std::path::Path;

use fs_err as fs;

use super::{Run, person};
use crate::{
    check::{Check, Verdict, When, contains, impossible, same},
    person::{CONMON, Home, Person},
};

pub(super) const CHECKS: &[Check] = &[
    person("storage-vfs", "With the driver vfs images are built, changed and run", vfs),
    fuse("storage-fuse", "With fuse-overlayfs, where it is asked for, the same", fuse_overlayfs),
    person("storage-on-tmpfs", "With a home on a tmpfs overlay is native, and the same works", on_tmpfs),
    person("storage-on-ext4", "The same on ext4", on_ext4).when(When::Long),
    person("storage-on-xfs", "The same on xfs", on_xfs).when(When::Long),
    person("storage-on-btrfs", "The same on btrfs, by the driver overlay", on_btrfs).when(When::Long),
    person("storage-on-bare", "The same where no file can have extended attributes, as on NFS", on_bare),
    person(
        "storage-keeps-its-driver",
        "A storage keeps the driver it began with, whatever is asked for later",
        keeps_its_driver,
    ),
    person("storage-elsewhere", "With --root and --runroot storage is there and nowhere else", elsewhere),
];

const fn fuse(name: &'static str, says: &'static str, run: Run) -> Check {
    Check { needs: &["bin/podman", CONMON, "bin/fuse-overlayfs"], ..person(name, says, run) }
}

fn configure(home: &Path, text: &str) -> Verdict {
    let folder = home.join(".config/containers");
    fs::create_dir_all(&folder)?;
    Ok(fs::write(folder.join("storage.conf"), text)?)
}

/// Builds, changes, commits and runs: layers upon layers, and a file that is removed in one.
fn used(home: &Home) -> Verdict {
    home.run("build --tag small context")?;
    home.run(
        "run --name writer --network none small sh -c 'echo hello >/letter; rm /bin/yes; mkdir -p /folder/inner'",
    )?;
    home.run("commit --quiet writer changed")?;
    home.run("rm writer")?;
    let script = "cat /letter; test -e /bin/yes || echo gone; mv /folder /moved && ls /moved";
    let found = home.call("run --rm --network none changed sh -c").with([script]).prints()?;
    same(&found, "hello\ngone\ninner")?;
    home.run("rmi changed").map(drop)
}

const DRIVER: &str = "info --format '{{.Store.GraphDriverName}} {{index .Store.GraphStatus \"Native Overlay Diff\"}}'";

fn vfs(person: &Person) -> Verdict {
    let home = person.other_home("of-vfs")?;
    configure(&home.path, "[storage]\ndriver = \"vfs\"\n")?;
    contains(&home.run("info --format {{.Store.GraphDriverName}}")?, "vfs")?;
    used(&home)
}

fn fuse_overlayfs(person: &Person) -> Verdict {
    if fs::OpenOptions::new().read(true).write(true).open("/dev/fuse").is_err() {
        return impossible("/dev/fuse cannot be opened");
    }
    let home = person.other_home("of-fuse")?;
    let program = person.top.join("bin/fuse-overlayfs");
    let text = "[storage]\ndriver = \"overlay\"\n[storage.options.overlay]\nmount_program = ";
    configure(&home.path, &format!("{text}\"{}\"\n", program.display()))?;
    same(&home.run(DRIVER)?, "overlay false")?;
    used(&home)?;
    let mounted = home.run("run --rm --network none small cat /proc/self/mounts")?;
    contains(&mounted, "fuse.fuse-overlayfs")
}

/// In a home whose storage lies in that folder, which is of that kind, as statfs(2) names it, and by native overlay.
fn used_on(person: &Person, folder: &Path, kind: &str) -> Verdict {
    used_with(person, folder, kind, "overlay true")
}

/// The same, whatever becomes of overlay there.
fn used_with(person: &Person, folder: &Path, kind: &str, driver: &str) -> Verdict {
    let place = tempfile::Builder::new().prefix("storage").tempdir_in(folder)?;
    let home = person.other_home(&format!("of-{kind}"))?;
    let root = place.path().join("storage");
    configure(&home.path, &format!("[storage]\ndriver = \"overlay\"\ngraphroot = \"{}\"\n", root.display()))?;
    same(&home.run(DRIVER)?, driver)?;
    same(&home.run("info --format '{{index .Store.GraphStatus \"Backing Filesystem\"}}'")?, kind)?;
    used(&home)?;
    drop(home);
    Ok(place.close()?)
}

fn on_tmpfs(person: &Person) -> Verdict {
    match fs::read_to_string("/proc/self/mounts")?.lines().any(|line| line.starts_with("tmpfs /tmp tmpfs ")) {
        true => used_on(person, Path::new("/tmp"), "tmpfs"),
        false => impossible("/tmp is no tmpfs"),
    }
}

fn on_bare(person: &Person) -> Verdict {
    used_with(person, &person.bare()?, "ramfs", "overlay false")
}

fn on_ext4(person: &Person) -> Verdict {
    used_on(person, &person.file_system("ext4")?, "extfs")
}

fn on_xfs(person: &Person) -> Verdict {
    used_on(person, &person.file_system("xfs")?, "xfs")
}

fn on_btrfs(person: &Person) -> Verdict {
    used_on(person, &person.file_system("btrfs")?, "btrfs")
}

fn keeps_its_driver(person: &Person) -> Verdict {
    let home = person.other_home("of-two")?;
    configure(&home.path, "[storage]\ndriver = \"vfs\"\n")?;
    home.run("build --tag small context")?;
    configure(&home.path, "[storage]\ndriver = \"overlay\"\n")?;
    let ran = home.call("run --rm --network none small echo hello").ends()?;
    match ran.code {
        0 => same(&ran.out, "hello")?,
        _ => contains(&ran.err, "vfs")?,
    }
    same(&home.path.join(".local/share/containers/storage/overlay-layers/layers.json").exists().to_string(), "false")
}

fn elsewhere(person: &Person) -> Verdict {
    let home = person.other_home("of-elsewhere")?;
    let global = format!("--root {0}/root --runroot {0}/runroot", home.path.display());
    home.run(&format!("{global} build --tag small context"))?;
    same(&home.run(&format!("{global} run --rm --network none small echo hello"))?, "hello")?;
    let nowhere_else = home.run("images --quiet");
    home.run(&format!("{global} rmi --all --force"))?;
    home.run("unshare rm -rf root runroot")?;
    same(&nowhere_else?, "")
}
