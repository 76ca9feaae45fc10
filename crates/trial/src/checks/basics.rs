//! The programs are there, are what the manifest says, and find each other.

use std::path::{Path, PathBuf};

use fs_err as fs;

use super::{HELLO, alone, person, with_netavark};
use crate::{
    check::{Check, Miss, Verdict, contains, failed, impossible, patiently, same},
    person::Person,
    world::program,
};

pub(super) const CHECKS: &[Check] = &[
    Check { needs: &[], ..person("versions", "Each program says the version that the manifest says", versions) },
    person("origin", "Podman says when and by whom it was built, as set when it was linked", origin),
    with_netavark("finds-its-own", "Podman uses the helpers that lie beside it, and native overlay", finds_its_own),
    person("by-link-and-path", "Podman works through a symbolic link and through PATH", by_link_and_path),
    person("moved", "The folder can be moved, spaces and umlauts in its path included", moved),
    person("long-path", "A path of three hundred letters is no obstacle", long_path),
    person("exit-codes", "The exit code is the program's, or 125, 126 and 127 where none ran", exit_codes),
    person("exec", "A second program runs in a container, and its exit code is kept", exec),
    person("logs", "What a container printed can be read later, both streams", logs),
    person("inspects", "cp, top, stats, diff, port and rename do what they say", inspects),
    person("stops", "A container is told to stop by the signal it asked for", stops),
    person("waits", "wait tells the exit code of a container", waits),
    person("init", "A process of ours reaps what is left behind in a container", init),
    person("pod", "Containers of a pod share a network and a name", pod),
    person("kube", "A pod is played from YAML, and played down again", kube),
    person("service", "The API is served on a socket, and podman --remote and podman-remote use it", service),
    alone("help", "However help is asked for, it names all options", help),
    alone("completions", "The shell completes podman's commands and options", completions),
    alone("quadlet", "Quadlet makes units that call the podman beside it", quadlet),
];

/// The programs that know `--version`.
const VERSIONS: [&str; 11] = [
    "bin/podman",
    "bin/buildah",
    "bin/skopeo",
    "bin/crun",
    "bin/fuse-overlayfs",
    "lib/podman/conmon",
    "lib/podman/netavark",
    "lib/podman/aardvark-dns",
    "lib/podman/pasta",
    "lib/podman/catatonit",
    "lib/podman/podman-health-timer",
];

fn versions(person: &Person) -> Verdict {
    for (path, file) in person.manifest.files.iter().filter(|(path, _)| VERSIONS.contains(&path.as_str())) {
        let Some(component) = person.manifest.components.get(&file.component) else {
            return failed(format!("{path} is of no component"));
        };
        let answer = person.call("--version").program(person.top.join(path)).prints()?;
        contains(&answer, &component.version.to_string())?;
    }
    Ok(())
}

/// What the manifest says of `define.buildInfo` and the like, in the program's own words.
fn origin(person: &Person) -> Verdict {
    let set = person.manifest.components.get("podman").and_then(|podman| podman.set.get("podman"));
    let value = |name: &str| {
        let found = set.into_iter().flatten().find(|(symbol, _)| symbol.ends_with(name));
        found.map(|(_, value)| value.as_str()).ok_or_else(|| Miss::Failed(format!("the manifest names no {name}")))
    };
    let expected = format!("{} {}", value(".buildInfo")?, value(".buildOrigin")?);
    let format = "{{.Client.Built}} {{.Client.BuildOrigin}}";
    same(&person.call("version --format").with([format]).prints()?, &expected)
}

fn finds_its_own(person: &Person) -> Verdict {
    let format = "{{.Host.OCIRuntime.Path}} {{.Host.Conmon.Path}} {{.Host.NetworkBackendInfo.Path}} \
                  {{.Host.NetworkBackendInfo.DNS.Path}} {{.Host.Pasta.Executable}} {{.Store.GraphDriverName}}";
    let found = person.call("info --format").with([format]).prints()?;
    let beside = |path: &str| person.top.join(path).display().to_string();
    let expected =
        ["bin/crun", "lib/podman/conmon", "lib/podman/netavark", "lib/podman/aardvark-dns", "lib/podman/pasta"];
    same(&found, &format!("{} overlay", expected.map(beside).join(" ")))
}

fn by_link_and_path(person: &Person) -> Verdict {
    let links = person.home.join("links");
    fs::create_dir(&links)?;
    fs::os::unix::fs::symlink(person.podman(), links.join("podman"))?;
    same(&person.call(HELLO).program(links.join("podman")).prints()?, "hello")?;
    let path = format!("{}:/usr/bin:/bin", links.display());
    same(&person.call(HELLO).program("podman").env("PATH", path).prints()?, "hello")
}

/// With the folder at another place, whatever then happens.
pub(super) fn elsewhere(person: &Person, place: &Path, act: impl Fn(&Path) -> Verdict) -> Verdict {
    if let Some(parent) = place.parent() {
        fs::create_dir_all(parent)?;
    }
    fs::rename(&person.top, place)?;
    let verdict = act(&place.join("bin/podman"));
    fs::rename(place, &person.top)?;
    verdict
}

fn moved(person: &Person) -> Verdict {
    elsewhere(person, &person.home.join("Meine Programme/größer"), |podman| {
        same(&person.call(HELLO).program(podman).prints()?, "hello")?;
        same(&person.call("run --rm small echo hello").program(podman).prints()?, "hello")
    })
}

fn long_path(person: &Person) -> Verdict {
    let long: PathBuf = ["long"; 60].iter().collect();
    elsewhere(person, &person.home.join(long), |podman| same(&person.call(HELLO).program(podman).prints()?, "hello"))
}

fn exit_codes(person: &Person) -> Verdict {
    for (program, code) in [("/bin/false", 1), ("/etc", 126), ("/no/such/program", 127)] {
        person.call("run --rm --network none small").with([program]).complains(code)?;
    }
    person.call("run --rm --network none small sh -c 'exit 42'").complains(42)?;
    person.call("run --no-such-option small").complains(125).map(drop)
}

/// Runs a container that sleeps, and removes it whatever happens.
pub(super) fn sleeping(person: &Person, options: &str, act: impl Fn() -> Verdict) -> Verdict {
    person.run(&format!("run --detach --name sleeper {options} small /bin/sleep 1000"))?;
    let verdict = act();
    person.run("rm --force --time 0 sleeper")?;
    verdict
}

fn exec(person: &Person) -> Verdict {
    sleeping(person, "--network none", || {
        same(&person.run("exec --env WORD=hello sleeper /bin/sh -c 'echo $WORD'")?, "hello")?;
        person.call("exec sleeper sh -c 'exit 7'").complains(7).map(drop)
    })
}

fn logs(person: &Person) -> Verdict {
    person.script("run --name talker --network none", "echo out; echo err >&2")?;
    let ran = person.call("logs talker").ends()?;
    person.run("rm talker")?;
    same(&ran.out, "out")?;
    contains(&ran.err, "err")
}

fn inspects(person: &Person) -> Verdict {
    sleeping(person, "--network none", || {
        fs::write(person.home.join("letter"), "hello")?;
        person.run("cp letter sleeper:/letter")?;
        same(&person.run("exec sleeper cat /letter")?, "hello")?;
        contains(&person.run("diff sleeper")?, "A /letter")?;
        contains(&person.run("top sleeper")?, "/bin/sleep 1000")?;
        contains(&person.run("stats --no-stream sleeper")?, "sleeper")?;
        person.run("rename sleeper dreamer")?;
        person.run("rename dreamer sleeper").map(drop)
    })
}

fn stops(person: &Person) -> Verdict {
    let script = "trap 'exit 9' USR1; while :; do sleep 0.1; done";
    person.script("run --detach --name listener --network none --stop-signal USR1", script)?;
    person.run("stop --time 20 listener")?;
    let code = person.run("inspect --format {{.State.ExitCode}} listener");
    person.run("rm --force --time 0 listener")?;
    same(&code?, "9")
}

fn waits(person: &Person) -> Verdict {
    person.script("run --detach --name short --network none", "sleep 0.3; exit 5")?;
    let code = person.run("wait short");
    person.run("rm --force --time 0 short")?;
    same(&code?, "5")
}

fn init(person: &Person) -> Verdict {
    let script = "cat /proc/1/comm; (sleep 0.1 &); sleep 0.5; grep -l 'State:.Z' /proc/[0-9]*/status | wc -l";
    let found = person.script("run --rm --init --network none", script)?;
    same(&found, "podman-init\n0")
}

fn pod(person: &Person) -> Verdict {
    person.run("pod create --name pea --network none")?;
    let verdict = (|| {
        person.script(
            "run --detach --pod pea --name server --tmpfs /tmp",
            "echo hello >/tmp/letter; exec httpd -f -p 80 -h /tmp",
        )?;
        let found = patiently(|| person.script("run --rm --pod pea", "wget -q -O - http://127.0.0.1/letter"))?;
        same(&found, "hello")?;
        same(&person.run("pod inspect --format {{.NumContainers}} pea")?, "2")
    })();
    person.run("pod rm --force --time 0 pea")?;
    verdict
}

const YAML: &str = "\
apiVersion: v1
kind: Pod
metadata:
  name: played
spec:
  containers:
  - name: one
    image: localhost/small
    imagePullPolicy: Never
    command: [/bin/sh, -c, 'trap exit TERM; while :; do sleep 0.1; done']
    env:
    - name: WORD
      value: hello
";

fn kube(person: &Person) -> Verdict {
    fs::write(person.home.join("pod.yaml"), YAML)?;
    person.run("kube play --network none pod.yaml")?;
    let word = person.run("exec played-one /bin/sh -c 'echo $WORD'");
    person.run("kube down --force pod.yaml")?;
    same(&word?, "hello")?;
    same(&person.run("ps --all --quiet")?, "")
}

/// With the API served on a socket, to the end of `act` whatever happens.
pub(super) fn served(person: &Person, act: impl Fn(&str) -> Verdict) -> Verdict {
    let socket = person.home.join("run/api.sock");
    let url = format!("unix://{}", socket.display());
    let mut service = person.call(&format!("system service --time 0 {url}")).command().spawn()?;
    let verdict = patiently(|| if socket.exists() { Ok(()) } else { failed("the service does not listen") });
    let verdict = verdict.and_then(|()| act(&url));
    std::process::Command::new("kill").arg(service.id().to_string()).status()?;
    service.wait()?;
    verdict
}

fn service(person: &Person) -> Verdict {
    served(person, |url| {
        let remote = format!("--remote --url {url}");
        patiently(|| person.run(&format!("{remote} version")))?;
        let found = person.run(&format!("{remote} {HELLO}"))?;
        same(&found, "hello")?;
        contains(&person.run(&format!("{remote} images --format {{{{.Repository}}}}"))?, "small")?;
        let named = person.call(&format!("--url {url} {HELLO}")).program(person.top.join("bin/podman-remote"));
        same(&named.prints()?, "hello")
    })
}

/// Podman defines the options of no command but the one that is called.
fn help(person: &Person) -> Verdict {
    for command in ["run", "container run", "create", "pod create", "build", "image build", "container clone"] {
        let whole = person.run(&format!("{command} --help"))?;
        contains(&whole, "--cpuset-cpus ")?;
        same(&person.run(&format!("help {command}"))?, &whole)?;
    }
    Ok(())
}

/// Bash takes the file that README names; what it and the other shells then ask podman is the same for all.
fn completions(person: &Person) -> Verdict {
    contains(&person.run("__complete run --netw")?, "--network\t")?;
    let Some(bash) = program("bash") else { return impossible("bash is not installed") };
    let file = person.top.join("share/bash-completion/completions/podman").display().to_string();
    let known = person.call("-c").program(bash).with(["source \"$0\" && complete -p podman", &file]).prints()?;
    contains(&known, "podman")
}

fn quadlet(person: &Person) -> Verdict {
    let units = person.home.join("units");
    fs::create_dir_all(&units)?;
    fs::write(units.join("web.container"), "[Container]\nImage=localhost/small\nExec=/bin/sleep 1000\n")?;
    let quadlet = person.call("--user --dryrun").program(person.top.join("lib/podman/quadlet"));
    let unit = quadlet.env("QUADLET_UNIT_DIRS", &units).prints()?;
    contains(&unit, &format!("ExecStart={} run", person.podman().display()))
}
