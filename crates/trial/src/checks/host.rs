//! Hosts that lack something: it is said what, and how to get it.

use std::path::Path;

use fs_err as fs;

use super::{Run, WITH_NETAVARK, check, person, poor};
use crate::{
    check::{Check, Verdict, Who, contains, same},
    person::{Call, Person},
    world::program,
};

pub(super) const CHECKS: &[Check] = &[
    person("host-without-newuidmap", "A host without newuidmap is told which package has it", without_newuidmap),
    person(
        "host-without-user-namespaces",
        "A host that refuses user namespaces is named, with the switch that allows them",
        without_user_namespaces,
    ),
    poor("host-with-cgroup-v1", "A host with cgroup v1 runs podman 5.8, and podman 6 names that", with_cgroup_v1),
    frugal("host-without-nft", "A host without nft is told what to install and what works without", without_nft),
    frugal("host-without-tun", "A host without /dev/net/tun is told how to get it and what works without", without_tun),
];

/// With a home of its own, since podman's pause process knows of the ids.
fn without_newuidmap(person: &Person) -> Verdict {
    let tools = person.home.join("tools");
    fs::create_dir(&tools)?;
    for name in ["sh", "ls"] {
        let Some(path) = program(name) else { continue };
        fs::os::unix::fs::symlink(path, tools.join(name))?;
    }
    let ran = person.other_home("other")?.call("info").env("PATH", &tools).ends()?;
    contains(&ran.err, "newuidmap")?;
    contains(&ran.err, "uidmap")
}

/// In a user namespace where this was done first, with the powers that its maker has there. Podman then runs with
/// neither.
fn after<'a>(call: Call<'a>, first: &str) -> Call<'a> {
    let script = format!("{first} && exec setpriv --inh-caps=-all --ambient-caps=-all -- \"$0\" \"$@\"");
    call.run_by("unshare", ["--user", "--map-current-user", "--keep-caps", "--mount", "/bin/sh", "-c", &script])
}

fn without_user_namespaces(person: &Person) -> Verdict {
    let home = person.other_home("other")?;
    let refused = after(home.call("info"), "echo 0 >/proc/sys/user/max_user_namespaces");
    contains(&refused.refuses()?, "sysctl user.max_user_namespaces=")
}

/// What podman takes for version 1 is that no cgroup2 is mounted where it looks.
fn with_cgroup_v1(person: &Person) -> Verdict {
    let home = person.other_home("other")?;
    let call = after(home.call("info --format {{.Host.CgroupsVersion}}"), "mount -t tmpfs none /sys/fs/cgroup");
    match person.has_podman("5.8") {
        true => same(&call.prints()?, "v1"),
        false => contains(&call.refuses()?, "take podman 5.8"),
    }
}

const fn frugal(name: &'static str, says: &'static str, run: Run) -> Check {
    check(Who::Frugal, WITH_NETAVARK, name, says, run)
}

fn without_nft(person: &Person) -> Verdict {
    person.run("network create net")?;
    let complaint = person.call("run --rm --network net small true").refuses()?;
    for part in ["bridge", "package nftables", "--network pasta"] {
        contains(&complaint, part)?;
    }
    person.run("network rm net")?;
    person.run("run --rm --network pasta small true").map(drop)
}

fn without_tun(person: &Person) -> Verdict {
    let (tun, away) = (Path::new("/dev/net/tun"), Path::new("/dev/net/away"));
    fs::rename(tun, away)?;
    let verdict = as_without_tun(person);
    fs::rename(away, tun)?;
    verdict
}

fn as_without_tun(person: &Person) -> Verdict {
    let complaint = person.call("run --rm --network pasta small true").refuses()?;
    for part in ["/dev/net/tun", "modprobe tun", "--network host"] {
        contains(&complaint, part)?;
    }
    let build = person.call("build --no-cache --tag built context");
    match person.has_podman("5.8") {
        true => drop(build.prints()?),
        false => contains(&build.refuses()?, "modprobe tun")?,
    }
    person.run("build --no-cache --network host --tag built context")?;
    person.run("run --rm --network none built true")?;
    person.run("rmi built").map(drop)
}
