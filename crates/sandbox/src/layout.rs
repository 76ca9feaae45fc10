//! The sandbox's file system: an empty root, what was asked for, and nothing else of the host's.

use std::path::{Path, PathBuf};

use fs_err as fs;
use nix::{
    mount::{MntFlags, MsFlags, mount, umount2},
    sys::statvfs::{FsFlags, statvfs},
    unistd::{chdir, pivot_root},
};

use crate::{
    Mount, MountSource,
    init::{Refusal, Tried as _},
};

/// The devices that programs expect. The host's nodes are shown; none is made.
const DEVICES: [&str; 5] = ["null", "zero", "full", "random", "urandom"];

/// Builds the root in an empty folder and makes it ours.
pub(crate) fn enter(mounts: &[Mount], root: &Path) -> Result<(), Refusal> {
    let none = None::<&str>;
    mount(none, "/", none, MsFlags::MS_REC | MsFlags::MS_PRIVATE, none).tried("mounts cannot be made private")?;
    tmpfs(root, "mode=0755")?;
    basics(root)?;
    let mut mounts: Vec<_> = mounts.iter().collect();
    mounts.sort_by_key(|mount| (mount.target.matches('/').count(), mount.target.clone()));
    for wanted in mounts {
        lay(wanted, root)?;
    }
    chdir(root).tried("new root")?;
    pivot_root(".", ".").tried("root cannot be changed")?;
    umount2(".", MntFlags::MNT_DETACH).tried("old root cannot be left")?;
    chdir("/").tried("new root")?;
    let read_only =
        MsFlags::MS_BIND | MsFlags::MS_REMOUNT | MsFlags::MS_RDONLY | MsFlags::MS_NOSUID | MsFlags::MS_NODEV;
    mount(none, "/", none, read_only, none).tried("root cannot be made read-only")
}

fn basics(root: &Path) -> Result<(), Refusal> {
    for folder in ["proc", "dev", "tmp", "etc"] {
        fs::create_dir(root.join(folder)).tried(format!("/{folder}"))?;
    }
    let none = None::<&str>;
    let flags = MsFlags::MS_NOSUID | MsFlags::MS_NODEV | MsFlags::MS_NOEXEC;
    mount(Some("proc"), &root.join("proc"), Some("proc"), flags, none).tried("/proc cannot be mounted")?;
    tmpfs(&root.join("tmp"), "mode=1777")?;
    let dev = root.join("dev");
    tmpfs(&dev, "mode=0755")?;
    for name in DEVICES {
        let to = dev.join(name);
        fs::write(&to, "").tried(format!("/dev/{name}"))?;
        bind(&Path::new("/dev").join(name), &to)?;
    }
    for (name, target) in [
        ("fd", "/proc/self/fd"),
        ("stdin", "/proc/self/fd/0"),
        ("stdout", "/proc/self/fd/1"),
        ("stderr", "/proc/self/fd/2"),
    ] {
        fs::os::unix::fs::symlink(target, dev.join(name)).tried(format!("/dev/{name}"))?;
    }
    fs::create_dir(dev.join("shm")).tried("/dev/shm")?;
    tmpfs(&dev.join("shm"), "mode=1777")?;
    for (name, text) in [
        ("passwd", "root:x:0:0::/:/bin/sh\nbuild:x:1000:1000::/b/home:/bin/sh\n"),
        ("group", "root:x:0:\nbuild:x:1000:\n"),
        ("hosts", "127.0.0.1 localhost build\n"),
        ("nsswitch.conf", "passwd: files\ngroup: files\nhosts: files\n"),
    ] {
        fs::write(root.join("etc").join(name), text).tried(format!("/etc/{name}"))?;
    }
    Ok(())
}

fn lay(wanted: &Mount, root: &Path) -> Result<(), Refusal> {
    let to = root.join(wanted.target.trim_start_matches('/'));
    let what = |source: &Path| format!("{} at {}", source.display(), wanted.target);
    match &wanted.source {
        MountSource::Symlink(target) => {
            make_parent(&to, &wanted.target)?;
            fs::os::unix::fs::symlink(target, &to).tried(wanted.target.clone())
        }
        MountSource::Writable(source) => {
            make_place(source, &to, &wanted.target)?;
            bind(source, &to).map_err(|Refusal(_, errno)| Refusal(what(source), errno))
        }
        MountSource::ReadOnly(source) => {
            make_place(source, &to, &wanted.target)?;
            bind(source, &to).map_err(|Refusal(_, errno)| Refusal(what(source), errno))?;
            make_read_only(&to).map_err(|Refusal(_, errno)| Refusal(format!("{} read-only", what(source)), errno))
        }
    }
}

/// A file for a file, a folder for a folder.
fn make_place(source: &Path, to: &PathBuf, name: &str) -> Result<(), Refusal> {
    let metadata = fs::metadata(source).tried(source.display().to_string())?;
    if metadata.is_dir() {
        return fs::create_dir_all(to).tried(name);
    }
    make_parent(to, name)?;
    fs::write(to, "").tried(name)
}

fn make_parent(to: &Path, name: &str) -> Result<(), Refusal> {
    fs::create_dir_all(to.parent().unwrap_or(to)).tried(name)
}

fn tmpfs(at: &Path, options: &str) -> Result<(), Refusal> {
    let flags = MsFlags::MS_NOSUID | MsFlags::MS_NODEV;
    mount(Some("tmpfs"), at, Some("tmpfs"), flags, Some(options)).tried(format!("tmpfs at {}", at.display()))
}

fn bind(source: &Path, to: &Path) -> Result<(), Refusal> {
    let none = None::<&str>;
    mount(Some(source), to, none, MsFlags::MS_BIND, none).tried(source.display().to_string())
}

/// In a user namespace the flags that a mount has from outside must stay when it is remounted.
fn make_read_only(at: &Path) -> Result<(), Refusal> {
    let there = statvfs(at).tried(at.display().to_string())?.flags();
    let mut flags =
        MsFlags::MS_BIND | MsFlags::MS_REMOUNT | MsFlags::MS_RDONLY | MsFlags::MS_NOSUID | MsFlags::MS_NODEV;
    for (has, keep) in [
        (FsFlags::ST_NOEXEC, MsFlags::MS_NOEXEC),
        (FsFlags::ST_NOATIME, MsFlags::MS_NOATIME),
        (FsFlags::ST_NODIRATIME, MsFlags::MS_NODIRATIME),
        (FsFlags::ST_RELATIME, MsFlags::MS_RELATIME),
    ] {
        if there.contains(has) {
            flags |= keep;
        }
    }
    let none = None::<&str>;
    mount(none, at, none, flags, none).tried(at.display().to_string())
}
