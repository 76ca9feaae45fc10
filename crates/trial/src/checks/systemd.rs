//! What only a machine shows: limits that hold, containers and their health in a session of systemd's, and what a
//! session's lack means.

use std::path::Path;

use fs_err as fs;

use super::{
    UNTIL_TOLD,
    health::{WELL, becomes, patient, timer, timers},
    person, poor,
    poor::limits_are_named,
};
use crate::{
    check::{Check, Verdict, contains, failed, impossible, patiently, same},
    person::Person,
};

pub(super) const CHECKS: &[Check] = &[
    person("cgroups-by-systemd", "In a session a container is a unit of the user's systemd", cgroups_by_systemd),
    poor("cgroups-without-session", "Where there is no session containers run without systemd's", cgroups_without),
    person("limits-hold", "Limits on memory and processes hold", limits_hold),
    person("processor-limit-holds", "A limit on processor time holds", processor_limit_holds),
    person("out-of-memory", "Who takes more memory than allowed is ended, and that is said", out_of_memory),
    person("health-by-systemd", "Checks are timed by systemd, and its units go with the container", health_by_systemd),
    poor("health-without-session", "Checks fire for a user who has no systemd of their own", timer),
    person(
        "limits-without-delegation-are-named",
        "Without a cgroup of their own a user is told which limits will not hold",
        limits_are_named,
    ),
    poor("builds-without-session", "An image is built by a user who has no systemd of their own", builds),
    person(
        "container-of-the-distribution",
        "A container that the distribution's podman made is run, read and removed by ours",
        container_of_the_distribution,
    ),
];

/// As one runs that nobody has told which manager to take.
fn cgroups_by_systemd(person: &Person) -> Verdict {
    let id = person.run("run --detach --name managed --network none small sleep 60")?;
    let manager = person.run("inspect --format {{.HostConfig.CgroupManager}} managed")?;
    let units = systemctl(person, "list-units --plain --no-legend --type=scope")?;
    person.run("rm --force --time 0 managed")?;
    same(&manager, "systemd")?;
    contains(&units, &format!("libpod-{id}.scope"))
}

fn cgroups_without(person: &Person) -> Verdict {
    let said = person.call("run --rm --network none small true").says()?;
    if said.contains("systemd") {
        return failed("systemd is spoken of");
    }
    same(&person.run("info --format {{.Host.CgroupManager}}")?, "cgroupfs")
}

fn limits_hold(person: &Person) -> Verdict {
    let options = "run --rm --network none --memory 64m --pids-limit 50";
    same(&person.script(options, "cd /sys/fs/cgroup && cat memory.max pids.max")?, "67108864\n50")?;
    let script = "for i in $(seq 60); do sleep 3 & done 2>&1 | grep -q 'fork' && echo refused";
    contains(&person.script("run --rm --network none --pids-limit 20", script)?, "refused")
}

fn processor_limit_holds(person: &Person) -> Verdict {
    same(&person.run("run --rm --network none --cpus 0.5 small cat /sys/fs/cgroup/cpu.max")?, "50000 100000")
}

fn out_of_memory(person: &Person) -> Verdict {
    let hungry = "run --name hungry --network none --memory 32m small dd if=/dev/zero of=/dev/null bs=128M count=1";
    let ended = person.call(hungry).complains(137);
    let state = person.run("inspect --format '{{.State.OOMKilled}} {{.State.ExitCode}}' hungry");
    person.run("rm --force hungry")?;
    ended?;
    same(&state?, "true 137")
}

fn builds(person: &Person) -> Verdict {
    person.run("build --tag built context")?;
    person.run("run --rm --network none built true")?;
    person.run("rmi built").map(drop)
}

/// The user's own systemd.
pub(super) fn systemctl(person: &Person, line: &str) -> Verdict<String> {
    person.call("--user").program("systemctl").with(line.split(' ')).prints()
}

fn health_by_systemd(person: &Person) -> Verdict {
    let units = || systemctl(person, "list-units --all --plain --no-legend --type=timer,service");
    let id = std::cell::OnceCell::new();
    patient(person, WELL, || {
        let own = id.get_or_init(|| person.run("inspect --format {{.Id}} patient").unwrap_or_default());
        becomes(person, "unhealthy")?;
        person.run("exec patient touch /tmp/well")?;
        becomes(person, "healthy")?;
        contains(&units()?, &format!("{own}-"))?;
        same(&format!("{:?}", timers()?), "[]")
    })?;
    let id = id.get().expect("the container was there");
    patiently(|| if units()?.contains(id) { failed("its units are still there") } else { Ok(()) })
}

/// In a home of its own, which the other podman uses first.
fn container_of_the_distribution(person: &Person) -> Verdict {
    let other = Path::new("/usr/bin/podman");
    if !other.exists() {
        return impossible("the distribution's podman is not installed");
    }
    let home = person.other_home("shared-home")?;
    let ours = |line: &str| home.run(line);
    let theirs = |line: &str| home.call(line).program(other).prints();
    // As after a boot: each libc lays out its own locks, and the other podman comes first.
    let locks = Path::new("/dev/shm").join(format!("libpod_rootless_lock_{}", nix::unistd::geteuid()));
    if locks.exists() {
        fs::remove_file(locks)?;
    }
    theirs("import small.tar small")?;
    let run = "run --detach --name theirs --log-driver k8s-file --network none small /bin/sh -c";
    theirs(&format!("{run} 'echo hello; {UNTIL_TOLD}'"))?;
    patiently(|| same(&ours("logs theirs")?, "hello"))?;
    same(&ours("exec theirs echo inside")?, "inside")?;
    ours("stop theirs")?;
    same(&ours("inspect --format {{.State.Status}} theirs")?, "exited")?;
    ours("start theirs")?;
    same(&ours("exec theirs echo again")?, "again")?;
    ours("rm --force --time 0 theirs").map(drop)
}
