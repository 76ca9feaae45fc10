//! Networks.

use std::net::TcpListener;

use fs_err as fs;

use super::{person, with_netavark};
use crate::{
    check::{Check, Miss, Verdict, failed, patiently, same},
    person::Person,
    world::program,
};

pub(super) const CHECKS: &[Check] = &[
    person("network-none", "Without a network there is a loopback interface alone", none),
    person("network-host", "The host's network is the container's", host),
    person("network-pasta", "pasta gives an address, and the host's name servers", pasta),
    person("published-port", "A published port of TCP answers on the host", published_port),
    with_netavark("bridge-names", "Containers on a bridge network find each other by name", bridge_names),
    with_netavark("bridge-port", "A container on a bridge network answers at a published port", bridge_port),
];

fn none(person: &Person) -> Verdict {
    let script = "id -u; hostname; ls /sys/class/net";
    same(&person.script("run --rm --network none --hostname here", script)?, "0\nhere\nlo")
}

fn host(person: &Person) -> Verdict {
    let interfaces = fs::read_to_string("/proc/net/dev")?.lines().count();
    same(&person.script("run --rm --network host", "wc -l < /proc/net/dev")?, &interfaces.to_string())
}

fn pasta(person: &Person) -> Verdict {
    let script = "ip -4 -o addr show scope global | wc -l";
    same(&person.script("run --rm --network pasta", script)?, "1")
}

/// A small web server, that says its own host name.
const SERVE: &str = "hostname >/tmp/index.html; exec httpd -f -p 80 -h /tmp";

/// Runs the server, asks it, and removes it whatever happens.
fn serving(person: &Person, options: &str, ask: impl Fn() -> Verdict<String>) -> Verdict {
    person.script(&format!("run --detach --name web --hostname web --tmpfs /tmp {options}"), SERVE)?;
    let answer = patiently(ask);
    person.run("rm --force --time 0 web")?;
    same(&answer?, "web")
}

fn free_port() -> Verdict<u16> {
    Ok(TcpListener::bind("127.0.0.1:0")?.local_addr()?.port())
}

/// What a program of the host's busybox prints.
fn busybox(arguments: &[&str]) -> Verdict<String> {
    let Some(busybox) = program("busybox") else { return Err(Miss::Impossible("busybox is not installed".into())) };
    let output = std::process::Command::new(busybox).args(arguments).stdin(std::process::Stdio::null()).output()?;
    match output.status.success() {
        true => Ok(String::from_utf8_lossy(&output.stdout).trim().to_owned()),
        false => failed(String::from_utf8_lossy(&output.stderr)),
    }
}

fn published_port(person: &Person) -> Verdict {
    let port = free_port()?;
    let address = format!("http://127.0.0.1:{port}/");
    serving(person, &format!("--publish 127.0.0.1:{port}:80"), || busybox(&["wget", "-q", "-O", "-", &address]))
}

fn bridged(person: &Person, act: impl Fn() -> Verdict) -> Verdict {
    person.run("network create net")?;
    let verdict = act();
    person.run("network rm --force --time 0 net")?;
    verdict
}

fn bridge_names(person: &Person) -> Verdict {
    bridged(person, || {
        serving(person, "--network net", || person.run("run --rm --network net small wget -q -O - http://web/"))
    })
}

fn bridge_port(person: &Person) -> Verdict {
    bridged(person, || {
        let port = free_port()?;
        let address = format!("http://127.0.0.1:{port}/");
        let options = format!("--network net --publish 127.0.0.1:{port}:80");
        serving(person, &options, || busybox(&["wget", "-q", "-O", "-", &address]))
    })
}
