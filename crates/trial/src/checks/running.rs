//! A container that runs: spoken to, watched, held, ended, started again.

use fs_err as fs;

use super::{
    UNTIL_TOLD,
    basics::sleeping,
    person,
    processes::{id, pause},
    state::kill,
};
use crate::{
    check::{Check, Verdict, contains, failed, patiently, same},
    person::Person,
};

pub(super) const CHECKS: &[Check] = &[
    person("reads-input", "A container reads what is piped to podman, and so does an exec", reads_input),
    person("attaches", "Who attaches to a container speaks to it and hears it", attaches),
    person("terminal", "With --tty there is a terminal", terminal),
    person("logs-follow", "Logs are followed until the container ends, and can be had from the end", logs_follow),
    person("pauses", "A paused container does nothing, and goes on", pauses),
    person("stops-the-deaf", "A container that will not stop is killed when its time is up", stops_the_deaf),
    person("kills-by-signal", "kill sends the signal it is told", kills_by_signal),
    person("waits-for-state", "wait waits for a state, too", waits_for_state),
    person(
        "restarts-always",
        "A container that is to be there always comes back, unless it was stopped",
        restarts_always,
    ),
    person("starts-again", "A stopped container starts again with what it had written", starts_again),
    person("exec-options", "An exec has the user, folder and variables it was given, detached too", exec_options),
    person("secrets", "A secret is seen in the container alone, as file and as variable", secrets),
    person("copies-both-ways", "cp moves a folder in and out, and as a stream", copies_both_ways),
    person("kube-of-a-pod", "The YAML that podman makes of a pod is played again", kube_of_a_pod),
];

fn reads_input(person: &Person) -> Verdict {
    let call = person.call("run --rm --interactive --network none small cat").reading("hello");
    same(&call.prints()?, "hello")?;
    sleeping(person, "--network none", || {
        same(&person.call("exec --interactive sleeper wc -c").reading("hello").prints()?, "5")
    })
}

fn removed<T>(person: &Person, container: &str, act: impl FnOnce() -> Verdict<T>) -> Verdict<T> {
    let verdict = act();
    person.run(&format!("rm --force --time 0 {container}"))?;
    verdict
}

fn attaches(person: &Person) -> Verdict {
    person.script("run --detach --interactive --name ear --network none", "read word; echo heard $word")?;
    removed(person, "ear", || same(&person.call("attach ear").reading("hello\n").prints()?, "heard hello"))
}

fn terminal(person: &Person) -> Verdict {
    let script = "test -t 1 && echo terminal || echo none";
    same(&person.script("run --rm --tty --network none", script)?, "terminal")?;
    same(&person.script("run --rm --network none", script)?, "none")
}

fn logs_follow(person: &Person) -> Verdict {
    person.script("run --detach --name talker --network none", "echo one; sleep 1; echo two")?;
    removed(person, "talker", || {
        same(&person.run("logs --follow talker")?, "one\ntwo")?;
        same(&person.run("logs --tail 1 talker")?, "two")
    })
}

fn pauses(person: &Person) -> Verdict {
    person.script("run --detach --name clock --network none", "while :; do date +%s%N >/time; sleep 0.05; done")?;
    removed(person, "clock", || {
        let time = || person.run("cp clock:/time -");
        patiently(|| time().map(drop))?;
        person.run("pause clock")?;
        same(&person.run("inspect --format {{.State.Status}} clock")?, "paused")?;
        let (one, other) = (time()?, time()?);
        person.run("unpause clock")?;
        same(&one, &other)?;
        patiently(|| if time()? == other { failed("it does not go on") } else { Ok(()) })
    })
}

fn exit_code(person: &Person, container: &str) -> Verdict<String> {
    person.run(&format!("inspect --format {{{{.State.ExitCode}}}} {container}"))
}

fn stops_the_deaf(person: &Person) -> Verdict {
    person.script("run --detach --name deaf --network none", "trap '' TERM; while :; do sleep 0.1; done")?;
    removed(person, "deaf", || {
        person.run("stop --time 1 deaf")?;
        same(&exit_code(person, "deaf")?, "137")
    })
}

fn kills_by_signal(person: &Person) -> Verdict {
    let script = "trap 'echo hup' HUP; trap 'exit 4' USR2; echo ready; while :; do sleep 0.1; done";
    person.script("run --detach --name ear --network none", script)?;
    removed(person, "ear", || {
        patiently(|| same(&person.run("logs ear")?, "ready"))?;
        person.run("kill --signal HUP ear")?;
        patiently(|| same(&person.run("logs ear")?, "ready\nhup"))?;
        person.run("kill --signal USR2 ear")?;
        same(&person.run("wait ear")?, "4")
    })
}

fn waits_for_state(person: &Person) -> Verdict {
    person.run("create --name late --network none small /bin/sleep 1000")?;
    removed(person, "late", || {
        let mut wait =
            person.call("wait --condition running late").command().stdout(std::process::Stdio::null()).spawn()?;
        person.run("start late")?;
        match wait.wait()?.success() {
            true => Ok(()),
            false => failed("`podman wait --condition running` failed"),
        }
    })
}

fn restarts_always(person: &Person) -> Verdict {
    sleeping(person, "--network none --restart always", || {
        let first = id(person, "Pid", "sleeper")?;
        kill(&first)?;
        patiently(|| match id(person, "Pid", "sleeper")? {
            second if second != first => Ok(()),
            _ => failed("it was not started again"),
        })?;
        person.run("stop --time 0 sleeper")?;
        pause(1000);
        same(&person.run("inspect --format {{.State.Running}} sleeper")?, "false")
    })
}

fn starts_again(person: &Person) -> Verdict {
    person.script("run --name diary --network none", "echo day >>/diary; cat /diary")?;
    removed(person, "diary", || same(&person.run("start --attach diary")?, "day\nday"))
}

fn exec_options(person: &Person) -> Verdict {
    sleeping(person, "--network none", || {
        let found = person
            .run("exec --user 5:6 --workdir /bin --env WORD=hello sleeper sh -c 'id -u; id -g; pwd; echo $WORD'")?;
        same(&found, "5\n6\n/bin\nhello")?;
        person.run("exec --detach sleeper sh -c 'echo hello >/letter'")?;
        patiently(|| same(&person.run("exec sleeper cat /letter")?, "hello"))
    })
}

fn secrets(person: &Person) -> Verdict {
    person.call("secret create word -").reading("hello").prints()?;
    let seen = person.script(
        "run --rm --network none --secret word --secret word,type=env,target=WORD",
        "cat /run/secrets/word; echo; echo $WORD",
    );
    person.run("secret rm word")?;
    same(&seen?, "hello\nhello")
}

fn copies_both_ways(person: &Person) -> Verdict {
    let folder = person.home.join("parcel/inner");
    fs::create_dir_all(&folder)?;
    fs::write(folder.join("letter"), "hello")?;
    sleeping(person, "--network none", || {
        person.run("cp parcel sleeper:/parcel")?;
        person.run("exec sleeper mv /parcel/inner/letter /parcel/inner/answer")?;
        person.run("cp sleeper:/parcel/inner back")?;
        same(&fs::read_to_string(person.home.join("back/answer"))?, "hello")?;
        contains(&person.run("cp sleeper:/parcel/inner -")?, "inner/answer")
    })
}

fn kube_of_a_pod(person: &Person) -> Verdict {
    person.run("pod create --name bean --network none")?;
    let made = (|| {
        person.script("run --detach --pod bean --name seed --env WORD=hello", UNTIL_TOLD)?;
        person.run("kube generate --filename bean.yaml bean")
    })();
    person.run("pod rm --force --time 0 bean")?;
    made?;
    person.run("kube play --network none bean.yaml")?;
    let word = person.run("exec bean-seed /bin/sh -c 'echo $WORD'");
    person.run("kube down --force bean.yaml")?;
    fs::remove_file(person.home.join("bean.yaml"))?;
    same(&word?, "hello")
}
