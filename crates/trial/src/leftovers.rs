//! What a trial that was killed leaves: folders, and empty cgroups. Processes, mounts and networks end by
//! themselves.

use std::{
    io::ErrorKind,
    os::unix::fs::MetadataExt as _,
    path::{Path, PathBuf},
    thread,
    time::{Duration, Instant},
};

use fs_err as fs;
use nix::{
    sys::signal::{Signal, kill},
    unistd::{Pid, geteuid},
};
use walkdir::WalkDir;

use crate::vm::MAKING;

/// How the folder of a trial and its cgroup begin.
pub(crate) const PREFIX: &str = "rst-trial-";

/// Held while somebody works in a folder; the kernel lets go when they are gone.
const HELD: &str = ".held";

/// A folder that is removed in the end, and that nobody takes for something left before.
pub(crate) struct Held {
    path: PathBuf,
    kept: bool,
    _lock: fs::File,
}

impl Held {
    /// Makes one in another, with a name that begins so.
    pub(crate) fn new(parent: &Path, prefix: &str) -> std::io::Result<Self> {
        // It gets its name once it is held: somebody may clean at any time.
        let unnamed = tempfile::Builder::new().prefix("").tempdir_in(parent)?;
        let lock = fs::File::create(unnamed.path().join(HELD))?;
        lock.file().lock()?;
        let name = unnamed.path().file_name().unwrap_or_default().to_string_lossy();
        let path = parent.join(format!("{prefix}{name}"));
        fs::rename(unnamed.path(), &path)?;
        Ok(Self { path, kept: false, _lock: lock })
    }

    pub(crate) fn path(&self) -> &Path {
        &self.path
    }

    /// Lets go of it without removing it.
    pub(crate) fn keep(mut self) -> PathBuf {
        self.kept = true;
        self.path.clone()
    }

    /// Removes it, and tells why it cannot.
    pub(crate) fn remove(mut self) -> std::io::Result<()> {
        self.kept = true;
        remove(&self.path)
    }
}

impl Drop for Held {
    fn drop(&mut self) {
        if !self.kept {
            // Something else has failed, and is told.
            let _ = remove(&self.path);
        }
    }
}

fn is_held(folder: &Path) -> bool {
    let held = folder.join(HELD);
    held.exists() && free(&held).is_none()
}

/// A hold on what nobody holds and is there.
fn free(path: &Path) -> Option<fs::File> {
    let file = fs::File::open(path).ok()?;
    file.file().try_lock().ok()?;
    Some(file)
}

/// Makes a trial's cgroup, which is its own until the returned file is closed.
pub(crate) fn held_cgroup(path: &Path) -> std::io::Result<fs::File> {
    loop {
        fs::create_dir(path)?;
        // Somebody who cleans may come between these.
        match fs::File::open(path) {
            Err(error) if error.kind() == ErrorKind::NotFound => continue,
            lock => {
                let lock = lock?;
                lock.file().lock()?;
                if path.exists() {
                    return Ok(lock);
                }
            }
        }
    }
}

/// Removes what trials have left that are no longer running, and says what. `images` is where images are kept,
/// and half ones of killed trials may be.
pub fn clean(images: &Path) -> std::io::Result<Vec<String>> {
    let mut removed = Vec::new();
    for entry in images.exists().then(|| fs::read_dir(images)).transpose()?.into_iter().flatten() {
        let path = entry?.path();
        let name = path.file_name().unwrap_or_default().to_string_lossy();
        if name.starts_with(MAKING) && !is_held(&path) {
            remove(&path)?;
            removed.push(path.display().to_string());
        }
    }
    let me = geteuid();
    for entry in fs::read_dir(std::env::temp_dir())? {
        let entry = entry?;
        let path = entry.path();
        let is_ours = || Ok::<_, std::io::Error>(me.is_root() || entry.metadata()?.uid() == me.as_raw());
        if entry.file_name().to_string_lossy().starts_with(PREFIX) && !is_running(&path) && is_ours()? {
            remove(&path)?;
            removed.push(path.display().to_string());
        }
    }
    for place in cgroup_mounts()? {
        for entry in fs::read_dir(place)? {
            let entry = entry?;
            if !entry.file_name().to_string_lossy().starts_with(PREFIX) {
                continue;
            }
            // Held until it is gone, see `held_cgroup`.
            if let Some(_lock) = free(&entry.path()) {
                remove_cgroup(&entry.path())?;
                removed.push(entry.path().display().to_string());
            }
        }
    }
    Ok(removed)
}

/// Where the host has version 2 of cgroups.
pub(crate) fn cgroup_mounts() -> std::io::Result<Vec<PathBuf>> {
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

/// Removes a trial's folder and its cgroup, which has the same name.
fn remove(scratch: &Path) -> std::io::Result<()> {
    for place in cgroup_mounts()? {
        let cgroup = place.join(scratch.file_name().unwrap_or_default());
        if cgroup.exists() {
            remove_cgroup(&cgroup)?;
        }
    }
    for entry in WalkDir::new(scratch).into_iter().flatten().filter(|entry| entry.file_type().is_dir()) {
        // A person may have made a folder that nobody can write to.
        let _ = fs::set_permissions(entry.path(), std::os::unix::fs::PermissionsExt::from_mode(0o700));
    }
    // Whoever was just ended in it may still be at their last system call.
    patiently(ErrorKind::DirectoryNotEmpty, || gone(fs::remove_dir_all(scratch)))
}

/// Tries again as long as it fails so, for a while.
fn patiently(what: ErrorKind, mut attempt: impl FnMut() -> std::io::Result<()>) -> std::io::Result<()> {
    const PATIENCE: Duration = Duration::from_secs(20);
    let start = Instant::now();
    loop {
        match attempt() {
            Err(error) if error.kind() == what && start.elapsed() < PATIENCE => {
                thread::sleep(Duration::from_millis(20));
            }
            other => return other,
        }
    }
}

/// Somebody else who cleans may be faster.
fn gone(result: std::io::Result<()>) -> std::io::Result<()> {
    result.or_else(|error| if error.kind() == ErrorKind::NotFound { Ok(()) } else { Err(error) })
}

/// Removes a trial's cgroup and all below it, and ends what is still in it: podman leaves a process that holds its
/// user namespace. One that was killed leaves its cgroup only when the kernel is done with it, so this waits a while.
pub(crate) fn remove_cgroup(cgroup: &Path) -> std::io::Result<()> {
    for entry in WalkDir::new(cgroup).contents_first(true) {
        match entry {
            Ok(entry) if entry.file_type().is_dir() => gone(empty_and_remove(entry.path()))?,
            Ok(_) => {}
            Err(error) => gone(Err(error.into()))?,
        }
    }
    Ok(())
}

fn empty_and_remove(cgroup: &Path) -> std::io::Result<()> {
    patiently(ErrorKind::ResourceBusy, || {
        let ids = fs::read_to_string(cgroup.join("cgroup.procs"))?;
        for id in ids.lines().filter_map(|id| id.parse().ok()).filter(|id| *id > 0) {
            // 0 stands for one of another PID namespace. Any may have ended by itself.
            let _ = kill(Pid::from_raw(id), Signal::SIGKILL);
        }
        fs::remove_dir(cgroup)
    })
}
