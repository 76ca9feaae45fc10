//! Units of systemd's that a person has: containers from quadlet files, podman's API at a socket, and what outlives a
//! reboot.

use std::{
    io::{Read as _, Write as _},
    os::unix::net::UnixStream,
    path::{Path, PathBuf},
};

use fs_err as fs;

use super::{AFTER_REBOOT, BEFORE_REBOOT, UNTIL_TOLD, docker, person, systemd::systemctl, with_netavark};
use crate::{
    check::{Check, Verdict, contains, patiently, same},
    person::Person,
};

pub(super) const CHECKS: &[Check] = &[
    person("quadlet-unit", "With the generator linked, systemd runs a container from a quadlet file", quadlet_unit),
    person("quadlet-by-hand", "Units that quadlet wrote without root are run by systemd", quadlet_by_hand),
    person("api-socket", "systemd starts podman's API when somebody speaks to its socket", api_socket),
    person(
        "docker-by-socket",
        "Docker's client builds, runs, enters and removes by an API that systemd starts",
        |person| by_socket(person, |url| docker::client(person, url)),
    ),
    with_netavark(
        "compose-by-socket",
        "docker compose brings up services by an API that systemd starts, and takes them down",
        |person| by_socket(person, |url| docker::compose(person, url)),
    ),
    person(BEFORE_REBOOT, "A unit and a container that restarts are set up to outlive a reboot", before_reboot),
    person(
        AFTER_REBOOT,
        "After a reboot both run again, nobody having logged in, and a volume is as it was",
        after_reboot,
    ),
];

/// A container that is up when it is healthy, as a unit.
fn quadlet_file(person: &Person, folder: &str, name: &str) -> Verdict {
    let text = format!(
        "[Container]\nImage=localhost/small\nContainerName={name}\nNetwork=none\nNotify=healthy\n\
         Exec=/bin/sh -c '{UNTIL_TOLD}'\nHealthCmd=true\nHealthInterval=1s\n\
         [Service]\nTimeoutStartSec=100\n[Install]\nWantedBy=default.target\n"
    );
    fs::create_dir_all(person.home.join(folder))?;
    Ok(fs::write(person.home.join(folder).join(format!("{name}.container")), text)?)
}

/// It is started, seen, and stopped; nothing of it is left.
fn runs_as_unit(person: &Person, name: &str) -> Verdict {
    systemctl(person, "daemon-reload")?;
    let started = systemctl(person, &format!("start {name}.service"));
    if started.is_err() {
        let _ = person.call("--user --no-pager --lines 30 status").program("systemctl").with([name]).ends()?;
        let _ = person.call("--no-pager --lines 30").program("journalctl").ends()?;
    }
    let health = person.run(&format!("inspect --format {{{{.State.Health.Status}}}} {name}"));
    systemctl(person, &format!("stop {name}.service"))?;
    started?;
    same(&health?, "healthy")?;
    same(&person.run("ps --all --quiet")?, "")
}

const QUADLETS: &str = ".config/containers/systemd";

fn quadlet_unit(person: &Person) -> Verdict {
    quadlet_file(person, QUADLETS, "linked")?;
    let verdict = runs_as_unit(person, "linked");
    fs::remove_dir_all(person.home.join(QUADLETS))?;
    systemctl(person, "daemon-reload")?;
    verdict
}

const UNITS: &str = ".config/systemd/user";

fn quadlet_by_hand(person: &Person) -> Verdict {
    quadlet_file(person, "quadlets", "written")?;
    let (quadlets, units) = (person.home.join("quadlets"), person.home.join(UNITS));
    fs::create_dir_all(&units)?;
    let quadlet = person.call("--user").program(person.top.join("lib/podman/quadlet"));
    quadlet.with([units.display().to_string().as_str()]).env("QUADLET_UNIT_DIRS", quadlets).prints()?;
    let verdict = runs_as_unit(person, "written");
    fs::remove_dir_all(&units)?;
    systemctl(person, "daemon-reload")?;
    verdict
}

/// As the archive's README says.
const LINK_UNITS: &str = r#"cd "$0" && mkdir -p ~/.config/systemd/user &&
for unit in share/podman/systemd/user/*; do
    sed "s|@BINDIR@|$PWD/bin|g" "$unit" >~/.config/systemd/user/"${unit##*/}"
done"#;

fn link_units(person: &Person) -> Verdict {
    let top = person.top.display().to_string();
    person.call("-c").program("/bin/sh").with([LINK_UNITS, &top]).prints()?;
    systemctl(person, "daemon-reload").map(drop)
}

/// With podman's socket enabled, to the end of `act` whatever happens.
fn by_socket(person: &Person, act: impl FnOnce(&str) -> Verdict) -> Verdict {
    link_units(person)?;
    systemctl(person, "enable --now podman.socket")?;
    let verdict = act(&format!("unix://{}", socket(person).display()));
    systemctl(person, "disable --now podman.socket podman.service")?;
    fs::remove_dir_all(person.home.join(UNITS))?;
    systemctl(person, "daemon-reload")?;
    verdict
}

fn socket(person: &Person) -> PathBuf {
    person.runtime.join("podman/podman.sock")
}

fn api_socket(person: &Person) -> Verdict {
    by_socket(person, |url| {
        ping(&socket(person))?;
        same(&person.run(&format!("--remote --url {url} run --rm --network none small echo hello"))?, "hello")
    })
}

/// Any client of Docker's API asks this first.
fn ping(socket: &Path) -> Verdict {
    let mut stream = UnixStream::connect(socket)?;
    stream.set_read_timeout(Some(std::time::Duration::from_secs(60)))?;
    stream.write_all(b"GET /_ping HTTP/1.0\r\n\r\n")?;
    let mut answer = String::new();
    stream.read_to_string(&mut answer)?;
    contains(&answer, "200 OK")
}

/// The last that is done before it; nothing is removed.
fn before_reboot(person: &Person) -> Verdict {
    person.script("run --rm --network none --volume kept:/data", "echo hello >/data/letter")?;
    link_units(person)?;
    systemctl(person, "enable --now podman-restart.service")?;
    person.script("run --detach --name phoenix --restart always --network none", UNTIL_TOLD)?;
    quadlet_file(person, QUADLETS, "lasting")?;
    systemctl(person, "daemon-reload")?;
    systemctl(person, "start lasting.service").map(drop)
}

fn after_reboot(person: &Person) -> Verdict {
    let state = |name: &str| person.run(&format!("inspect --format {{{{.State.Status}}}} {name}"));
    patiently(|| same(&state("phoenix")?, "running"))?;
    patiently(|| same(&state("lasting")?, "running"))?;
    same(&person.run("exec phoenix echo hello")?, "hello")?;
    same(&person.run("run --rm --network none --volume kept:/data small cat /data/letter")?, "hello")
}
