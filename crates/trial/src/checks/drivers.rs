//! Storage by other drivers, and on other file systems, each in a home of its own.

use std::path::Path;

use fs_err as fs;

use super::{Run, person};
use crate::{
    check::{Check, Verdict, contains, impossible, same},
    person::{Home, Person},
};

pub(super) const CHECKS: &[Check] = &[
    person("storage-vfs", "With the driver vfs images are built, changed and run", vfs),
    fuse("storage-fuse", "With fuse-overlayfs, where it is asked for, the same", fuse_overlayfs),
    person("storage-on-tmpfs", "With a home on a tmpfs overlay is native, and the same works", on_tmpfs),
    person(
        "storage-keeps-its-driver",
        "A storage keeps the driver it began with, whatever is asked for later",
        keeps_its_driver,
    ),
    person("storage-elsewhere", "With --root and --runroot storage is there and nowhere else", elsewhere),
];

const fn fuse(name: &'static str, says: &'static str, run: Run) -> Check {
    Check { needs: &["bin/podman", "bin/fuse-overlayfs"], ..person(name, says, run) }
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

fn on_tmpfs(person: &Person) -> Verdict {
    let place = tempfile::Builder::new().prefix("storage").tempdir_in("/tmp")?;
    let kind = fs::read_to_string("/proc/self/mounts")?;
    if !kind.lines().any(|line| line.starts_with("tmpfs /tmp tmpfs ")) {
        return impossible("/tmp is no tmpfs");
    }
    let home = person.other_home("of-tmpfs")?;
    configure(
        &home.path,
        &format!("[storage]\ndriver = \"overlay\"\ngraphroot = \"{}\"\n", place.path().join("storage").display()),
    )?;
    let found =
        home.run("info --format '{{.Store.GraphDriverName}} {{index .Store.GraphStatus \"Backing Filesystem\"}}'")?;
    same(&found, "overlay tmpfs")?;
    used(&home)?;
    drop(home);
    Ok(place.close()?)
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
