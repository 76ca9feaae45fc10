//! What outlives a command: locks, storage, containers. And what must not.

use std::io::Write as _;

use fs_err as fs;

use super::{
    PODMAN,
    basics::{elsewhere, served, sleeping},
    check, person, poor, processes,
};
use crate::{
    check::{Check, Verdict, Who, contains, failed, patiently, same},
    person::Person,
};

pub(super) const CHECKS: &[Check] = &[
    person(
        "conmon-killed",
        "After kill -9 of conmon its container goes on, and can be removed, its program killed or not",
        conmon_killed,
    ),
    person("podman-killed", "After kill -9 of podman in the middle of a run all goes on", podman_killed),
    person("program-killed", "After kill -9 of a container's program its exit code is 137", program_killed),
    person("locks-of-another-libc", "Locks of another libc are replaced once nobody uses them", locks_of_another_libc),
    person(
        "moved-while-running",
        "A container outlives a move of the archive, and is cleaned up after",
        moved_while_running,
    ),
    person("storage-stays", "A command from another process sees the same images", storage_stays),
    person("nothing-left", "No container and no network is left", nothing_left),
    check(Who::Colleague, PODMAN, "nothing-left-of-the-colleague", "The same where two work at once", nothing_left),
    poor("nothing-left-of-the-poor", "No container is left, with one id too", nothing_left),
];

pub(super) fn kill(pid: &str) -> Verdict {
    let status = std::process::Command::new("kill").args(["-9", pid]).status()?;
    if status.success() { Ok(()) } else { failed(format!("`kill -9 {pid}`: {status}")) }
}

/// What podman shows in between is what conmon has told it last.
fn conmon_killed(person: &Person) -> Verdict {
    sleeping(person, "--network none", || {
        kill(&person.run("inspect --format {{.State.ConmonPid}} sleeper")?)?;
        same(&person.run("exec sleeper echo hello")?, "hello")?;
        kill(&person.run("inspect --format {{.State.Pid}} sleeper")?)
    })?;
    same(&person.run("ps --all --quiet")?, "")
}

fn podman_killed(person: &Person) -> Verdict {
    let call = person.call("run --name hasty --network none small sleep 1000");
    let mut podman = call.command().spawn()?;
    let appeared = patiently(|| same(&person.run("inspect --format {{.State.Status}} hasty")?, "running"));
    // Not its parent, which is `timeout`.
    let killed = processes::kill_podman("hasty")?;
    podman.wait()?;
    appeared?;
    if killed == 0 {
        return failed("podman was not there");
    }
    same(&person.run("exec hasty echo hello")?, "hello")?;
    person.run("rm --force --time 0 hasty").map(drop)
}

fn program_killed(person: &Person) -> Verdict {
    sleeping(person, "--network none", || {
        kill(&person.run("inspect --format {{.State.Pid}} sleeper")?)?;
        same(&person.run("wait sleeper")?, "137")
    })
}

/// The area is our own, with the number of upstream's in it: what a podman with glibc leaves begins so too.
fn locks_of_another_libc(person: &Person) -> Verdict {
    person.run("create --name kept small true")?;
    let own = nix::unistd::geteuid().to_string();
    let areas = fs::read_dir("/dev/shm")?.flatten().map(|entry| entry.path());
    let area = areas.into_iter().find(|path| path.to_string_lossy().ends_with(&format!("libpod_rootless_lock_{own}")));
    let Some(area) = area else { return failed("podman has no locks in /dev/shm") };
    let begins_as_ours = || same(&format!("{:x?}", fs::read(&area)?.get(..2)), "Some([d2, 87])");
    begins_as_ours()?;

    served(person, |_| {
        fs::OpenOptions::new().write(true).open(&area)?.write_all(&[0xd1, 0x87])?;
        contains(&person.call("ps").complains(125)?, "(podman) is using them")
    })?;

    person.run("ps")?;
    begins_as_ours()?;
    // Its lock is its own still: another container gets another.
    person.run("create --name other small true")?;
    let locks = person.run("inspect --format {{.LockNumber}} kept other")?;
    person.run("rm kept other")?;
    match locks.split_once('\n') {
        Some((kept, other)) if kept != other => Ok(()),
        _ => failed(format!("expected two locks, found {locks:?}")),
    }
}

/// `--rm` is what podman does at a container's end, called by conmon: by a path that is no longer there.
fn moved_while_running(person: &Person) -> Verdict {
    person.run("run --detach --rm --name mover --network none small sleep 1000")?;
    elsewhere(person, &person.home.join("elsewhere"), |podman| {
        let moved = |line: &str| person.call(line).program(podman);
        moved("kill mover").prints()?;
        patiently(|| same(&moved("ps --all --quiet").prints()?, ""))
    })
}

fn storage_stays(person: &Person) -> Verdict {
    same(&person.run("images --noheading --format {{.Repository}}")?, "localhost/small")
}

fn nothing_left(person: &Person) -> Verdict {
    same(&person.run("ps --all --quiet")?, "")?;
    same(&person.run("volume ls --quiet")?, "")?;
    same(&person.run("network ls --quiet")?, "podman")
}
