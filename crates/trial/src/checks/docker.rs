//! Docker's own programs, as the distribution has them, at podman's API.

use std::path::PathBuf;

use fs_err as fs;

use super::{basics::served, person, with_netavark};
use crate::{
    check::{Check, Verdict, contains, impossible, patiently, same},
    person::{Call, Person},
    world::program,
};

pub(super) const CHECKS: &[Check] = &[
    person("docker-cli", "Docker's client builds, runs, enters and removes by podman's API", |person| {
        served(person, |url| client(person, url))
    }),
    with_netavark(
        "docker-compose",
        "docker compose brings up services that find each other, and takes them down",
        |person| served(person, |url| compose(person, url)),
    ),
];

/// A program of Docker's.
fn docker(name: &str) -> Verdict<PathBuf> {
    match program(name) {
        Some(program) => Ok(program),
        None => impossible(format!("`{name}` is not installed: make install-test-deps")),
    }
}

fn with<'a>(person: &'a Person, program: &PathBuf, url: &str, line: &str) -> Call<'a> {
    person.call(line).program(program).env("DOCKER_HOST", url).env("DOCKER_BUILDKIT", "0")
}

pub(super) fn client(person: &Person, url: &str) -> Verdict {
    let docker = docker("docker")?;
    let docker = |line: &str| with(person, &docker, url, line).prints();
    patiently(|| contains(&docker("version")?, "Podman Engine"))?;
    same(&docker("run --rm --network none localhost/small echo hello")?, "hello")?;
    docker("run --detach --name moored --network none localhost/small sleep 1000")?;
    let used = (|| {
        same(&docker("exec moored echo hello")?, "hello")?;
        contains(&docker("ps")?, "moored")?;
        same(&docker("inspect --format {{.State.Running}} moored")?, "true")?;
        docker("cp context/Containerfile moored:/file")?;
        contains(&docker("exec moored cat /file")?, "FROM scratch")?;
        docker("stop --time 0 moored").map(drop)
    })();
    docker("rm --force moored")?;
    used?;
    docker("build --tag localhost/by-docker --file context/Containerfile context")?;
    let ran = docker("run --rm --network none localhost/by-docker echo hello");
    docker("rmi localhost/by-docker")?;
    same(&ran?, "hello")
}

const SERVICES: &str = "\
version: '3'
services:
  web:
    image: localhost/small
    command: [/bin/sh, -c, 'mkdir /www; echo hello >/www/index.html; exec httpd -f -p 80 -h /www']
  other:
    image: localhost/small
    command: [/bin/sleep, '1000']
    volumes: ['box:/box']
volumes:
  box:
";

/// The second version is a plugin of the client's, the first a program of its own.
pub(super) fn compose(person: &Person, url: &str) -> Verdict {
    let docker_program = docker("docker")?;
    let plugin = person.call("compose version").program(&docker_program).ends()?.code == 0;
    let (program, before) = match plugin {
        true => (docker_program, "compose "),
        false => (docker("docker-compose")?, ""),
    };
    let folder = person.home.join("composed");
    fs::create_dir_all(&folder)?;
    fs::write(folder.join("compose.yaml"), SERVICES)?;
    let compose = |line: &str| {
        let line = format!("{before}--file composed/compose.yaml --project-name composed {line}");
        with(person, &program, url, &line).prints()
    };
    let used = (|| {
        compose("up --detach")?;
        patiently(|| same(&compose("exec -T other wget -q -O - http://web/")?, "hello"))?;
        contains(&compose("ps")?, "web")
    })();
    compose("down --volumes --timeout 0")?;
    used
}
