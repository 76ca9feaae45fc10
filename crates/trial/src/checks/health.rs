//! Health checks by the interval alone, and what follows from them; restarts.

use super::{
    person,
    processes::{self, Process},
};
use crate::{
    check::{Check, Verdict, contains, failed, patiently, same},
    person::Person,
};

pub(super) const CHECKS: &[Check] = &[
    person("health-timer", "Checks fire without systemd, and a small timer ends with its container", timer),
    person("health-run", "A check run by hand tells by its exit code", by_hand),
    person("health-startup", "A startup check comes first, and holds the others back", startup),
    person("health-on-failure", "An unhealthy container is ended, if that was asked for", on_failure),
    person("health-events", "A check's end is an event", events),
    person("restarts", "A container that fails is started again as often as was said", restarts),
];

pub(super) fn becomes(person: &Person, status: &str) -> Verdict {
    patiently(|| same(&person.run("inspect --format {{.State.Health.Status}} patient")?, status))
}

/// A container with a health check, removed whatever happens.
pub(super) fn patient(person: &Person, options: &str, act: impl Fn() -> Verdict) -> Verdict {
    let run = "run --detach --name patient --network none --tmpfs /tmp --health-interval 1s --health-retries 1";
    person.run(&format!("{run} {options} small /bin/sleep 1000"))?;
    let verdict = act();
    person.run("rm --force --time 0 patient")?;
    verdict
}

pub(super) const WELL: &str = "--health-cmd 'test -e /tmp/well'";

pub(super) fn timer(person: &Person) -> Verdict {
    patient(person, WELL, || {
        becomes(person, "unhealthy")?;
        person.run("exec patient touch /tmp/well")?;
        becomes(person, "healthy")?;
        let timers = timers()?;
        let [resident] = timers[..] else { return failed(format!("expected one timer, found {}", timers.len())) };
        if resident > 512 {
            return failed(format!("the timer holds {resident} kB, expected 512 at most"));
        }
        person.run("restart --time 0 patient")?;
        becomes(person, "unhealthy")
    })?;
    patiently(|| same(&format!("{:?}", self::timers()?), "[]"))
}

/// The resident memory, in kB, of each timer of this user that runs.
pub(super) fn timers() -> Verdict<Vec<u64>> {
    let timers = processes::own()?.into_iter().filter(|process| process.program() == "podman-health-timer");
    let resident = |timer: Process| match timer.resident.trim_end_matches(" kB").parse() {
        Ok(number) => Ok(number),
        Err(_) => failed(format!("{:?} is no size", timer.resident)),
    };
    timers.map(resident).collect()
}

fn by_hand(person: &Person) -> Verdict {
    patient(person, WELL, || {
        person.call("healthcheck run patient").complains(1)?;
        person.run("exec patient touch /tmp/well")?;
        person.run("healthcheck run patient").map(drop)
    })
}

fn startup(person: &Person) -> Verdict {
    let options = "--health-cmd true --health-startup-cmd 'test -e /tmp/well' --health-startup-interval 1s";
    patient(person, options, || {
        std::thread::sleep(std::time::Duration::from_secs(3));
        same(&person.run("inspect --format {{.State.Health.Status}} patient")?, "starting")?;
        person.run("exec patient touch /tmp/well")?;
        becomes(person, "healthy")
    })
}

fn on_failure(person: &Person) -> Verdict {
    patient(person, "--health-cmd false --health-on-failure kill", || {
        patiently(|| same(&person.run("inspect --format {{.State.Status}} patient")?, "exited"))
    })
}

fn events(person: &Person) -> Verdict {
    patient(person, "--health-cmd true", || {
        becomes(person, "healthy")?;
        let found = person.run("events --stream=false --since 1m --filter event=health_status")?;
        contains(&found, "health_status")
    })
}

fn restarts(person: &Person) -> Verdict {
    person.script("run --detach --name phoenix --network none --restart on-failure:2", "exit 3")?;
    let count =
        patiently(|| same(&person.run("inspect --format {{.RestartCount}}/{{.State.Status}} phoenix")?, "2/exited"));
    person.run("rm --force --time 0 phoenix")?;
    count
}
