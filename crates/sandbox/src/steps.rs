//! Running the commands, as the first process of a PID namespace: whatever is orphaned in it becomes
//! our child and is reaped here.

use std::{
    collections::BTreeMap,
    path::PathBuf,
    process::{Command as Process, Stdio},
};

use fs_err as fs;
use nix::{
    errno::Errno,
    sys::{
        resource::{UsageWho, getrusage},
        time::TimeValLike as _,
        wait::{WaitStatus, waitpid},
    },
};
use rst_model::Command;

use crate::{Outcome, Spec, Verdict};

/// Runs every step. With this process everything that is left over ends, too.
pub(crate) fn run(spec: &Spec, log: Option<&fs::File>) -> Verdict {
    for step in &spec.steps {
        let mut waiting = step.commands.iter();
        let mut running: BTreeMap<i32, &Command> = BTreeMap::new();
        loop {
            while running.len() < spec.jobs.max(1)
                && let Some(command) = waiting.next()
            {
                match start(spec, command, log) {
                    Ok(pid) => {
                        running.insert(pid, command);
                    }
                    Err(how) => {
                        return Verdict::Failed { argv: command.argv.clone(), how };
                    }
                }
            }
            if running.is_empty() {
                break;
            }
            let (pid, how) = match waitpid(None, None) {
                Ok(WaitStatus::Exited(pid, 0)) => (pid, None),
                Ok(WaitStatus::Exited(pid, code)) => (pid, Some(format!("exited with {code}"))),
                Ok(WaitStatus::Signaled(pid, signal, _)) => (pid, Some(format!("was killed by {signal}"))),
                Ok(_) | Err(Errno::EINTR) => continue,
                Err(errno) => {
                    return Verdict::Refused { what: "waiting for a command".into(), errno: errno as i32 };
                }
            };
            if let (Some(command), Some(how)) = (running.remove(&pid.as_raw()), how) {
                return Verdict::Failed { argv: command.argv.clone(), how };
            }
        }
    }
    Verdict::Done(usage())
}

fn start(spec: &Spec, command: &Command, log: Option<&fs::File>) -> Result<i32, String> {
    let mut env = spec.env.clone();
    env.extend(command.env.clone());
    let name = command.argv.first().ok_or("is an empty command")?;
    let path = env.get("PATH").map(String::as_str).unwrap_or_default();
    let program = find(name, path).ok_or_else(|| format!("is not there: no `{name}` in {path}"))?;
    let mut process = Process::new(program);
    process.args(&command.argv[1..]).env_clear().envs(env);
    process.current_dir(if command.cwd.is_empty() { "/" } else { &command.cwd });
    if let Some(log) = log {
        let copy = || log.file().try_clone().map(Stdio::from).map_err(|error| error.to_string());
        process.stdin(Stdio::null()).stdout(copy()?).stderr(copy()?);
    }
    let child = process.spawn().map_err(|error| format!("cannot be started in {}: {error}", command.cwd))?;
    Ok(child.id().cast_signed())
}

fn find(name: &str, path: &str) -> Option<PathBuf> {
    if name.contains('/') {
        return Some(PathBuf::from(name));
    }
    path.split(':').map(|folder| PathBuf::from(folder).join(name)).find(|candidate| candidate.exists())
}

fn usage() -> Outcome {
    let Ok(usage) = getrusage(UsageWho::RUSAGE_CHILDREN) else {
        return Outcome::default();
    };
    let cpu = usage.user_time() + usage.system_time();
    Outcome { cpu_ms: cpu.num_milliseconds().unsigned_abs(), max_rss_kb: usage.max_rss().unsigned_abs() }
}
