//! A cgroup of version 2 for the users, and one in it that is the person's.

use std::path::Path;

use fs_err as fs;
use nix::{
    mount::{MsFlags, mount},
    sched::{CloneFlags, unshare},
    unistd::chown,
};

use super::bind;
use crate::{
    check::Who,
    leftovers::{held_cgroup, remove_cgroup},
};

/// A cgroup of version 2, and all that is seen from then on.
pub(crate) fn make(scratch: &Path) -> std::io::Result<fs::File> {
    let whole = scratch.join("cgroup");
    fs::create_dir(&whole)?;
    let none = None::<&str>;
    mount(Some("cgroup2"), &whole, Some("cgroup2"), MsFlags::empty(), none)?;
    let own = whole.join(scratch.file_name().expect("a folder has a name"));
    let own = held_cgroup(&own)?;
    fs::write(own.path().join("cgroup.procs"), "0")?;
    see_alone(own.path())?;
    Ok(own)
}

/// This process' cgroup becomes the root of what it sees. Bound: where one is mounted already, a second mount is refused.
pub(super) fn see_alone(own: &Path) -> std::io::Result<()> {
    unshare(CloneFlags::CLONE_NEWCGROUP)?;
    bind(own, Path::new("/sys/fs/cgroup"))
}

/// Gives the cgroup that is seen to the person.
pub(crate) fn give_to_person() -> std::io::Result<()> {
    let owner = Who::Person.id();
    for file in ["", "cgroup.procs", "cgroup.threads", "cgroup.subtree_control"] {
        chown(&Path::new("/sys/fs/cgroup").join(file), Some(owner.into()), Some(owner.into()))?;
    }
    Ok(())
}

/// This process is the last in it, so it must go first; then the cgroups that podman made in it.
pub(crate) fn leave(cgroup: &Path) -> std::io::Result<()> {
    fs::write(cgroup.parent().unwrap_or(cgroup).join("cgroup.procs"), "0")?;
    remove_cgroup(cgroup)
}
