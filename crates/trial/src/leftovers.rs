//! What a trial that was killed leaves: folders, and empty cgroups. Processes, mounts and networks end by
//! themselves.

use std::{
    io::ErrorKind,
    path::{Path, PathBuf},
    thread,
    time::{Duration, Instant},
};

use fs_err as fs;
use nix::{
    sys::signal::{Signal, kill},
    unistd::Pid,
};
use walkdir::WalkDir;

use crate::vm::MAKING;

/// How the folder of a trial and its cgroup begin.
pub(crate) const PREFIX: &str = "rst-trial-";

/// Held while somebody works in a folder; the kernel lets go when they are gone.
const HELD: &str = ".held";

/// Holds a folder, so that nobody takes it for something left.
pub(crate) fn hold(folder: &Path) -> std::io::Result<fs::File> {
    let file = fs::File::create(folder.join(HELD))?;
    file.file().lock()?;
    Ok(file)
}

fn is_held(folder: &Path) -> bool {
    fs::File::open(folder.join(HELD)).is_ok_and(|file| file.file().try_lock().is_err())
}

/// Removes what trials have left that are no longer running, and says what. `images` is where images are kept,
/// and half ones of killed trials may be.
pub fn clean(images: &Path) -> std::io::Result<Vec<String>> {
    let mut removed = Vec::new();
    for entry in images.exists().then(|| fs::read_dir(images)).transpose()?.into_iter().flatten() {
        let path = entry?.path();
        let name = path.file_name().unwrap_or_default().to_string_lossy();
        if name.starts_with(MAKING) && !is_held(&path) {
            fs::remove_dir_all(&path)?;
            removed.push(path.display().to_string());
        }
    }
    for entry in fs::read_dir(std::env::temp_dir())? {
        let entry = entry?;
        let path = entry.path();
        if entry.file_name().to_string_lossy().starts_with(PREFIX) && !is_running(&path) {
            remove(&path)?;
            removed.push(path.display().to_string());
        }
    }
    for place in cgroup_mounts()? {
        for entry in fs::read_dir(place)? {
            let entry = entry?;
            let name = entry.file_name();
            if name.to_string_lossy().starts_with(PREFIX) && !std::env::temp_dir().join(name).exists() {
                remove_cgroup(&entry.path())?;
                removed.push(entry.path().display().to_string());
            }
        }
    }
    Ok(removed)
}

/// Where the host has version 2 of cgroups.
fn cgroup_mounts() -> std::io::Result<Vec<PathBuf>> {
    let mounts = fs::read_to_string("/proc/self/mounts")?;
    let fields = mounts.lines().map(|line| line.split(' ').collect::<Vec<_>>());
    Ok(fields.filter(|fields| fields.get(2) == Some(&"cgroup2")).map(|fields| PathBuf::from(fields[1])).collect())
}

/// Whether a process of that trial is there: all of them run the program that lies in its folder.
fn is_running(scratch: &Path) -> bool {
    if is_held(scratch) {
        return true;
    }
    let own = scratch.join("rst");
    let processes = fs::read_dir("/proc").into_iter().flatten().flatten();
    processes.into_iter().any(|entry| fs::read_link(entry.path().join("exe")).is_ok_and(|exe| exe == own))
}

/// Removes a trial's folder, and its cgroup, which has the same name.
pub(crate) fn remove(scratch: &Path) -> std::io::Result<()> {
    for entry in WalkDir::new(scratch).into_iter().flatten().filter(|entry| entry.file_type().is_dir()) {
        // A person may have made a folder that nobody can write to.
        let _ = fs::set_permissions(entry.path(), std::os::unix::fs::PermissionsExt::from_mode(0o700));
    }
    fs::remove_dir_all(scratch)?;
    for place in cgroup_mounts()? {
        let cgroup = place.join(scratch.file_name().unwrap_or_default());
        if cgroup.exists() {
            remove_cgroup(&cgroup)?;
        }
    }
    Ok(())
}

/// Removes a trial's cgroup and all below it, and ends what is still in it: podman leaves a process that holds its
/// user namespace. One that was killed leaves its cgroup only when the kernel is done with it, so this waits a while.
pub(crate) fn remove_cgroup(cgroup: &Path) -> std::io::Result<()> {
    for entry in WalkDir::new(cgroup).contents_first(true) {
        let entry = entry?;
        if entry.file_type().is_dir() {
            empty_and_remove(entry.path())?;
        }
    }
    Ok(())
}

fn empty_and_remove(cgroup: &Path) -> std::io::Result<()> {
    const PATIENCE: Duration = Duration::from_secs(20);
    let start = Instant::now();
    loop {
        let ids = fs::read_to_string(cgroup.join("cgroup.procs"))?;
        for id in ids.lines().filter_map(|id| id.parse().ok()).filter(|id| *id > 0) {
            // 0 stands for one of another PID namespace. Any may have ended by itself.
            let _ = kill(Pid::from_raw(id), Signal::SIGKILL);
        }
        match fs::remove_dir(cgroup) {
            Err(error) if error.kind() == ErrorKind::ResourceBusy && start.elapsed() < PATIENCE => {
                thread::sleep(Duration::from_millis(20));
            }
            other => return other,
        }
    }
}
