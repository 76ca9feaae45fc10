//! The user's processes, as /proc shows them, and what podman says of them.

use std::time::Duration;

use fs_err as fs;

use crate::{
    check::{Verdict, failed, patiently},
    person::Person,
};

/// One of the user's processes that has not ended.
pub(super) struct Process {
    pub id: u32,
    /// Its words.
    pub line: Vec<String>,
    /// Its resident memory, as `VmRSS` of proc_pid_status(5) says it.
    pub resident: String,
}

impl Process {
    /// The last part of the program's path.
    pub(super) fn program(&self) -> &str {
        self.line.first().map_or("", |path| path.rsplit('/').next().unwrap_or_default())
    }

    pub(super) fn has(&self, word: &str) -> bool {
        self.line.iter().any(|other| other == word)
    }

    /// Ends it; it may have ended by itself.
    pub(super) fn kill(&self) {
        let id = nix::unistd::Pid::from_raw(self.id.cast_signed());
        let _ = nix::sys::signal::kill(id, nix::sys::signal::Signal::SIGKILL);
    }
}

/// Those of this user; containers' too, whose root is this user.
pub(super) fn own() -> Verdict<Vec<Process>> {
    let own = nix::unistd::geteuid().to_string();
    let mut processes = Vec::new();
    for entry in fs::read_dir("/proc")?.flatten() {
        let Some(id) = entry.file_name().to_str().and_then(|name| name.parse().ok()) else { continue };
        // Processes come and go while one looks.
        let Ok(status) = fs::read_to_string(entry.path().join("status")) else { continue };
        let Ok(line) = fs::read(entry.path().join("cmdline")) else { continue };
        let user = status.lines().find_map(|line| line.strip_prefix("Uid:"));
        // The owner of the folder tells nothing: it is root's when the process lets nobody look into it.
        if user.and_then(|ids| ids.split_whitespace().next()) == Some(&*own) && !status.contains("\nState:\tZ") {
            let words = line.split(|byte| *byte == 0).map(|word| String::from_utf8_lossy(word).into_owned());
            let line = words.filter(|word| !word.is_empty()).collect();
            let resident = status.lines().find_map(|line| line.strip_prefix("VmRSS:")).unwrap_or_default();
            processes.push(Process { id, line, resident: resident.trim().to_owned() });
        }
    }
    Ok(processes)
}

/// Kills those that are meant, and tells how many there were.
pub(super) fn kill(is_meant: impl Fn(&Process) -> bool) -> Verdict<usize> {
    let meant: Vec<_> = own()?.into_iter().filter(is_meant).collect();
    meant.iter().for_each(Process::kill);
    Ok(meant.len())
}

/// Kills the calls of podman with this word among their own.
pub(super) fn kill_podman(word: &str) -> Verdict<usize> {
    kill(|process| process.program() == "podman" && process.has(word))
}

/// Podman says of every container whether it runs as it is: `sleep` gives the number of seconds that each sleeps,
/// by which its program is known.
pub(super) fn ps_is_true(person: &Person, sleep: &str) -> Verdict {
    // What was killed takes those with it that wait for it.
    patiently(|| {
        let list = person.run("ps --all --format '{{.Names}} {{.State}} {{.Pid}}'")?;
        let programs = own()?.into_iter().filter(|process| process.line == ["/bin/sleep", sleep]).count();
        let running = list.lines().filter(|line| line.split(' ').nth(1) == Some("running")).count();
        match programs == running {
            true => Ok(()),
            false => failed(format!("podman says that {running} run, and {programs} do: {list:?}")),
        }
    })
}

/// What of the archive's serves a container now.
pub(super) fn helpers() -> Verdict<Vec<Process>> {
    let helpers = ["conmon", "crun", "pasta", "podman-health-timer", "catatonit", "rootlessport"];
    // The process that holds the user namespace is catatonit, too, and stays; conmon stays five minutes after an
    // exec by the API, whose exit code somebody may still ask for.
    let stays = |process: &Process| process.has("-P") || process.has("--exit-delay");
    Ok(own()?.into_iter().filter(|process| helpers.contains(&process.program()) && !stays(process)).collect())
}

/// Nothing is there any more that serves a container.
pub(super) fn no_helper_left() -> Verdict {
    none_left(helpers)
}

/// What is looked for ends.
pub(super) fn none_left(look: impl Fn() -> Verdict<Vec<Process>>) -> Verdict {
    patiently(|| {
        let left: Vec<_> = look()?.iter().map(|process| process.line.join(" ")).collect();
        match left[..] {
            [] => Ok(()),
            _ => failed(format!("left running: {left:?}")),
        }
    })
}

/// How many files a process has open.
pub(super) fn open_files(id: &str) -> Verdict<usize> {
    Ok(fs::read_dir(format!("/proc/{id}/fd"))?.count())
}

pub(super) fn pause(milliseconds: u64) {
    std::thread::sleep(Duration::from_millis(milliseconds));
}

/// A process's id that podman tells.
pub(super) fn id(person: &Person, field: &str, container: &str) -> Verdict<String> {
    let id = person.run(&format!("inspect --format {{{{.State.{field}}}}} {container}"))?;
    match id.parse::<u32>() {
        Ok(1..) => Ok(id),
        _ => failed(format!("{id:?} is no process")),
    }
}
