//! What takes minutes: very many of something, and what is killed at every moment of its life.

use std::{thread, time::Instant};

use fs_err as fs;
use walkdir::WalkDir;

use super::{
    basics::sleeping,
    person,
    processes::{Process, helpers, id, kill, kill_podman, no_helper_left, open_files, own, pause, ps_is_true},
};
use crate::{
    check::{Check, Verdict, When, failed, patiently, same},
    person::Person,
};

pub(super) const CHECKS: &[Check] = &[
    person(
        "exec-thousand",
        "A thousand execs in a row succeed, and leave no process, session, file or descriptor",
        execs,
    )
    .when(When::Long),
    person("containers-fifty", "Fifty containers run at once, each is spoken to, and all are gone at once", fifty)
        .when(When::Long),
    person(
        "podman-killed-often",
        "Whenever podman is killed in a run, podman ps is true, and what is there can be removed",
        podmen,
    )
    .when(When::Long),
    person("conmon-killed-often", "The same for conmon", conmons).when(When::Long),
    person("crun-killed-often", "The same for crun", cruns).when(When::Long),
    person("stop-killed-often", "The same for podman when it stops and removes a container", stops).when(When::Long),
];

/// How many files podman keeps of containers.
fn files(person: &Person) -> usize {
    let places = [".local/share/containers/storage/overlay-containers", "run"];
    places.iter().map(|place| WalkDir::new(person.home.join(place)).into_iter().flatten().count()).sum()
}

fn execs(person: &Person) -> Verdict {
    sleeping(person, "--network none", || {
        let conmon = id(person, "ConmonPid", "sleeper")?;
        let exec = |number: u32| {
            let number = number.to_string();
            same(&person.run(&format!("exec sleeper echo {number}"))?, &number)
        };
        let count = || -> Verdict<_> { Ok([files(person), own()?.len(), open_files(&conmon)?]) };
        // The first leaves files for good; who ends it takes a moment longer than podman.
        let processes = own()?.len();
        exec(0)?;
        let before = patiently(|| match count()? {
            before @ [_, running, _] if running == processes => Ok(before),
            [_, running, _] => failed(format!("after one exec {running} processes run, and not {processes}")),
        })?;
        (1..=1000).try_for_each(exec)?;
        patiently(|| match count()? {
            after if after == before => Ok(()),
            after => failed(format!("files, processes and conmon's descriptors were {before:?}, and are {after:?}")),
        })?;
        same(&person.run("inspect --format '{{len .ExecIDs}}' sleeper")?, "0")
    })
}

fn fifty(person: &Person) -> Verdict {
    let names: Vec<_> = (0..50).map(|number| format!("many{number}")).collect();
    let verdict = (|| {
        for name in &names {
            person.run(&format!("run --detach --name {name} --hostname {name} small /bin/sleep 5050"))?;
        }
        same(&person.run("ps --quiet")?.lines().count().to_string(), "50")?;
        ps_is_true(person, "5050")?;
        names.iter().try_for_each(|name| same(&person.run(&format!("exec {name} hostname"))?, name))
    })();
    person.run("rm --all --force --time 0")?;
    verdict?;
    same(&person.run("ps --all --quiet")?, "")?;
    no_helper_left()
}

/// Starts a container again and again, each time does something at a later moment of that, and looks at what is left.
fn at_every_moment(person: &Person, act: impl Fn() -> Verdict<usize>) -> Verdict {
    const ROUNDS: u32 = 50;
    let run = || person.call("run --detach --name hasty --network none small /bin/sleep 6060").command().spawn();
    // One that is left alone tells how long there is something to be hit.
    let begun = Instant::now();
    run()?.wait()?;
    let whole = begun.elapsed();
    person.run("rm --force --time 0 hasty")?;
    let mut hits = 0;
    for round in 0..ROUNDS {
        let mut run = run()?;
        thread::sleep(whole * round / ROUNDS);
        hits += act()?;
        run.wait()?;
        let verdict = ps_is_true(person, "6060");
        person.run("rm --force --ignore --time 0 hasty")?;
        verdict?;
        same(&person.run("ps --all --external --quiet")?, "")?;
    }
    if hits < 10 {
        return failed(format!("of {ROUNDS} rounds only {hits} hit something: that shows too little"));
    }
    Ok(())
}

fn podmen(person: &Person) -> Verdict {
    at_every_moment(person, || kill_podman("hasty"))?;
    // Of a container that podman had no time to note conmon and crun stay, and its program never begins: upstream's.
    helpers()?.iter().for_each(Process::kill);
    no_helper_left()
}

/// Until there is one, for half a second at most.
fn kill_when_there(program: &str) -> Verdict<usize> {
    for _ in 0..100 {
        if kill(|process| process.program() == program)? > 0 {
            return Ok(1);
        }
        pause(5);
    }
    Ok(0)
}

fn conmons(person: &Person) -> Verdict {
    at_every_moment(person, || kill_when_there("conmon"))?;
    no_helper_left()
}

fn cruns(person: &Person) -> Verdict {
    at_every_moment(person, || kill_when_there("crun"))?;
    no_helper_left()
}

fn stops(person: &Person) -> Verdict {
    for round in 0..25 {
        person.run("run --detach --name hasty --network none --init small /bin/sleep 7070")?;
        let mut stop = person.call("rm --force --time 1 hasty").command().spawn()?;
        pause(round * 10);
        kill_podman("hasty")?;
        stop.wait()?;
        person.run("ps --all")?;
        person.run("rm --force --ignore --time 0 hasty")?;
        same(&person.run("ps --all --external --quiet")?, "")?;
    }
    no_helper_left()?;
    match fs::read_dir(person.home.join(".local/share/containers/storage/overlay-containers"))?
        .flatten()
        .find(|entry| entry.path().is_dir())
    {
        None => Ok(()),
        Some(entry) => failed(format!("{} is left", entry.path().display())),
    }
}
