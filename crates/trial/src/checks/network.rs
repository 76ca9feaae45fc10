//! Networks.

use std::{
    net::{TcpListener, UdpSocket},
    time::Duration,
};

use fs_err as fs;

use super::{basics::sleeping, person, with_netavark};
use crate::{
    check::{Check, Verdict, failed, impossible, patiently, same},
    person::Person,
    stage::{ECHO, STAGE, Stage},
    world::program,
};

pub(super) const CHECKS: &[Check] = &[
    person("network-none", "Without a network there is a loopback interface alone", none),
    person("network-host", "The host's network is the container's", host),
    person("network-pasta", "pasta gives an address, and the host's name servers", pasta),
    person("published-port", "A published port of TCP answers on the host", published_port),
    person("published-udp", "A published port of UDP answers on the host", published_udp),
    person("published-ipv6", "A port that is published at an address of IPv6 answers there", published_ipv6),
    person("published-to-a-pod", "A port of a pod answers for the container that listens in it", published_to_a_pod),
    person("network-ping", "Who is root in a container may ping without a capability for it", ping),
    person("network-of-another", "A container shares the network of another", of_another),
    person("network-names", "A container finds itself by its name, and others by --add-host", names),
    with_netavark("bridge-udp", "UDP reaches a container on a bridge network", bridge_udp),
    with_netavark("bridge-ipv6", "Containers on a bridge network with IPv6 find each other by name there", bridge_ipv6),
    with_netavark(
        "bridge-ipv6-port",
        "A container on a bridge network with IPv6 answers at a port of ::1",
        bridge_ipv6_port,
    ),
    with_netavark("bridge-connect", "A running container joins a second network, and leaves it", bridge_connect),
    with_netavark("bridge-internal", "An internal network has no way out", bridge_internal),
    with_netavark(
        "bridge-options",
        "A container on a bridge network has the address and the alias it was given",
        bridge_options,
    ),
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

pub(super) fn pasta(person: &Person) -> Verdict {
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

pub(super) fn free_port() -> Verdict<u16> {
    Ok(TcpListener::bind("127.0.0.1:0")?.local_addr()?.port())
}

/// What a program of the host's busybox prints.
fn busybox(arguments: &[&str]) -> Verdict<String> {
    let Some(busybox) = program("busybox") else { return impossible("busybox is not installed") };
    let output = std::process::Command::new(busybox).args(arguments).stdin(std::process::Stdio::null()).output()?;
    match output.status.success() {
        true => Ok(String::from_utf8_lossy(&output.stdout).trim().to_owned()),
        false => failed(String::from_utf8_lossy(&output.stderr)),
    }
}

fn published_port(person: &Person) -> Verdict {
    let port = free_port()?;
    let address = format!("http://127.0.0.1:{port}/");
    serving(person, &format!("--publish 127.0.0.1:{port}:80"), || wget(&address))
}

fn bridged(person: &Person, options: &str, act: impl Fn() -> Verdict) -> Verdict {
    person.run(&format!("network create {options} net"))?;
    let verdict = act();
    person.run("network rm --force --time 0 net")?;
    verdict
}

fn bridge_names(person: &Person) -> Verdict {
    bridged(person, "", || {
        serving(person, "--network net", || person.run("run --rm --network net small wget -q -O - http://web/"))
    })
}

fn bridge_port(person: &Person) -> Verdict {
    bridged(person, "", || {
        let port = free_port()?;
        let address = format!("http://127.0.0.1:{port}/");
        let options = format!("--network net --publish 127.0.0.1:{port}:80");
        serving(person, &options, || wget(&address))
    })
}

fn wget(address: &str) -> Verdict<String> {
    busybox(&["wget", "-q", "-O", "-", address])
}

/// Runs a server of UDP at a port of the host's, asks it, and removes it whatever happens. It is this very program,
/// with the libraries of the host that it is linked with.
fn echoing(person: &Person, options: &str) -> Verdict {
    let port = UdpSocket::bind("127.0.0.1:0")?.local_addr()?.port();
    let mounts: String = ["/usr", "/lib", "/lib64"]
        .into_iter()
        .filter(|folder| std::path::Path::new(folder).exists())
        .map(|folder| format!("--volume {folder}:{folder}:ro "))
        .collect();
    let program = person.own_program();
    let stage = Stage::Echo.text();
    let run = format!(
        "run --detach --name echo {options} --publish 127.0.0.1:{port}:{ECHO}/udp {mounts} --volume {}:/echo:ro \
         --env {STAGE}={stage} small /echo",
        program.display()
    );
    person.run(&run)?;
    let client = UdpSocket::bind("127.0.0.1:0")?;
    client.set_read_timeout(Some(Duration::from_millis(250)))?;
    let answer = patiently(|| {
        client.send_to(b"hello", ("127.0.0.1", port))?;
        let mut datagram = [0; 16];
        let (length, _) = client.recv_from(&mut datagram)?;
        Ok(String::from_utf8_lossy(&datagram[..length]).into_owned())
    });
    person.run("rm --force --time 0 echo")?;
    same(&answer?, "hello")
}

fn published_udp(person: &Person) -> Verdict {
    echoing(person, "")
}

fn bridge_udp(person: &Person) -> Verdict {
    bridged(person, "", || echoing(person, "--network net"))
}

/// Whether there is IPv6 here at all.
fn ipv6() -> Verdict {
    match TcpListener::bind("[::1]:0") {
        Ok(_) => Ok(()),
        Err(error) => impossible(format!("no IPv6 here: {error}")),
    }
}

fn published_ipv6(person: &Person) -> Verdict {
    ipv6()?;
    let port = free_port()?;
    serving(person, &format!("--publish [::1]:{port}:80"), || wget(&format!("http://[::1]:{port}/")))
}

fn published_to_a_pod(person: &Person) -> Verdict {
    let port = free_port()?;
    person.run(&format!("pod create --name pea --hostname web --publish 127.0.0.1:{port}:80"))?;
    let answer = (|| {
        person.script("run --detach --pod pea --tmpfs /tmp", SERVE)?;
        patiently(|| wget(&format!("http://127.0.0.1:{port}/")))
    })();
    person.run("pod rm --force --time 0 pea")?;
    same(&answer?, "web")
}

fn of_another(person: &Person) -> Verdict {
    serving(person, "--network none", || {
        person.run("run --rm --network container:web small wget -q -O - http://127.0.0.1/")
    })
}

fn ping(person: &Person) -> Verdict {
    // Debian's busybox asks for the capability all the same.
    let groups = person.run("run --rm small cat /proc/sys/net/ipv4/ping_group_range")?;
    same(&groups, "0\t0")
}

fn names(person: &Person) -> Verdict {
    let script = "hostname -i >/dev/null && echo found; grep -c other.example /etc/hosts";
    same(&person.script("run --rm --hostname here --add-host other.example:192.0.2.9", script)?, "found\n1")
}

const IPV6: &str = "--ipv6 --subnet fd00:7275:7374::/64";

fn bridge_ipv6(person: &Person) -> Verdict {
    ipv6()?;
    bridged(person, IPV6, || {
        serving(person, "--network net", || {
            let script = "address=$(nslookup -type=aaaa web | sed -n 's/^Address: \\(fd.*\\)/\\1/p' | head -n 1); wget -q -O - \"http://[$address]/\"";
            person.script("run --rm --network net", script)
        })
    })
}

fn bridge_ipv6_port(person: &Person) -> Verdict {
    ipv6()?;
    bridged(person, IPV6, || {
        let port = free_port()?;
        let options = format!("--network net --publish [::1]:{port}:80");
        serving(person, &options, || wget(&format!("http://[::1]:{port}/")))
    })
}

fn bridge_connect(person: &Person) -> Verdict {
    bridged(person, "", || {
        person.run("network create second")?;
        let interfaces = || person.run("exec sleeper ls /sys/class/net");
        let verdict = sleeping(person, "--network net", || {
            person.run("network connect second sleeper")?;
            same(&interfaces()?, "eth0\neth1\nlo")?;
            person.run("network disconnect second sleeper")?;
            same(&interfaces()?, "eth0\nlo")
        });
        person.run("network rm --force --time 0 second")?;
        verdict
    })
}

fn bridge_internal(person: &Person) -> Verdict {
    bridged(person, "--internal", || {
        same(&person.script("run --rm --network net", "ip route | grep -c default || echo shut")?, "0\nshut")
    })
}

fn bridge_options(person: &Person) -> Verdict {
    bridged(person, "--subnet 10.99.7.0/24", || {
        serving(person, "--network net:ip=10.99.7.9,alias=nick", || {
            person.run("run --rm --network net small wget -q -O - http://10.99.7.9/")?;
            person.run("run --rm --network net small wget -q -O - http://nick/")
        })
    })
}
