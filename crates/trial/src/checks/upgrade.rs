//! From an older archive to this one, in a home where both have been at work, and back.

use std::path::PathBuf;

use fs_err as fs;

use super::{person, processes::no_helper_left};
use crate::{
    check::{Check, Verdict, When, contains, patiently, same},
    person::{Call, Home, Person},
};

pub(super) const CHECKS: &[Check] = &[
    person(
        "upgrade-keeps",
        "Images, volumes, networks, secrets and pods of an older archive are there, and work",
        keeps,
    )
    .when(When::Upgrade),
    person(
        "upgrade-stopped",
        "A container that an older archive made and stopped is shown, started, read, copied from and removed",
        stopped,
    )
    .when(When::Upgrade),
    person(
        "upgrade-running",
        "A container that runs while the archive is replaced is entered, logged, stopped and started",
        running,
    )
    .when(When::Upgrade),
    person("downgrade", "Back at the older archive all works, or it says why not and harms nothing", downgrade)
        .when(When::Upgrade),
];

/// A home where the older archive's podman has been at work.
struct Upgrade<'a> {
    home: Home<'a>,
    top: PathBuf,
}

impl Upgrade<'_> {
    fn begin<'a>(person: &'a Person, name: &str) -> Verdict<Upgrade<'a>> {
        let top = person.older()?;
        let begun = Upgrade { home: person.other_home(name)?, top };
        begun.before("build --tag small context")?;
        Ok(begun)
    }

    fn call_before(&self, line: &str) -> Call<'_> {
        self.home.call(line).program(self.top.join("bin/podman"))
    }

    fn before(&self, line: &str) -> Verdict<String> {
        self.call_before(line).prints()
    }

    fn now(&self, line: &str) -> Verdict<String> {
        self.home.run(line)
    }

    /// Who has the new one removes the old one.
    fn replace(&self) -> Verdict {
        Ok(fs::remove_dir_all(&self.top)?)
    }
}

fn keeps(person: &Person) -> Verdict {
    let it = Upgrade::begin(person, "of-upgrade-keeps")?;
    it.before("volume create box")?;
    it.before("run --rm --network none --volume box:/box small sh -c 'echo hello >/box/letter'")?;
    it.before("network create net")?;
    it.call_before("secret create word -").reading("hello").prints()?;
    it.before("pod create --name pea")?;
    it.before("create --pod pea --name inner small sleep 1000")?;
    it.replace()?;
    same(&it.now("images --noheading --format {{.Repository}}")?, "localhost/small")?;
    let line = "run --rm --network net --volume box:/box --secret word small sh -c 'cat /box/letter /run/secrets/word'";
    same(&it.now(line)?, "hello\nhello")?;
    it.now("pod start pea")?;
    same(&it.now("exec inner echo hello")?, "hello")?;
    it.now("pod rm --force --time 0 pea")?;
    it.now("volume rm box")?;
    it.now("network rm net")?;
    it.now("build --tag small context")?;
    no_helper_left()
}

fn stopped(person: &Person) -> Verdict {
    let it = Upgrade::begin(person, "of-upgrade-stopped")?;
    it.before("run --name diary --network none small sh -c 'echo day | tee -a /diary'")?;
    it.replace()?;
    contains(&it.now("ps --all --format '{{.Names}} {{.Status}}'")?, "diary Exited (0)")?;
    same(&it.now("logs diary")?, "day")?;
    it.now("start --attach diary")?;
    it.now("cp diary:/diary of-upgrade-stopped/copy")?;
    same(&fs::read_to_string(it.home.path.join("copy"))?, "day\nday\n")?;
    it.now("rm diary")?;
    same(&it.now("ps --all --quiet")?, "")
}

/// With a volume, a published port and a health check: each has a process of the older archive behind it.
fn running(person: &Person) -> Verdict {
    let it = Upgrade::begin(person, "of-upgrade-running")?;
    let script = "echo hello >/tmp/letter; trap 'exit 3' TERM; while :; do date >/tmp/time; sleep 0.1; done";
    let options = "--detach --name runner --network pasta --publish 127.0.0.1::80 --tmpfs /tmp \
                   --health-cmd true --health-interval 1s";
    it.call_before(&format!("run {options} small sh -c")).with([script]).prints()?;
    it.replace()?;
    same(&it.now("ps --format {{.Names}}")?, "runner")?;
    patiently(|| same(&it.now("exec runner cat /tmp/letter")?, "hello"))?;
    it.now("healthcheck run runner")?;
    it.now("stop --time 20 runner")?;
    same(&it.now("inspect --format '{{.State.Status}} {{.State.ExitCode}}' runner")?, "exited 3")?;
    it.now("start runner")?;
    patiently(|| same(&it.now("inspect --format {{.State.Health.Status}} runner")?, "healthy"))?;
    it.now("rm --force --time 0 runner")?;
    no_helper_left()
}

fn downgrade(person: &Person) -> Verdict {
    let it = Upgrade::begin(person, "of-downgrade")?;
    it.before("run --name older --network none small echo older")?;
    it.now("run --name newer --network none small echo newer")?;
    let old = it.call_before("ps --all --format {{.Names}}").ends()?;
    if old.code == 0 {
        same(&old.out, "older\nnewer")?;
        same(&it.before("logs newer")?, "newer")?;
        it.before("start newer")?;
        it.before("rm newer")?;
    } else {
        contains(&old.err.to_lowercase(), "version")?;
    }
    same(&it.now("logs older")?, "older")?;
    it.now("rm --all").map(drop)
}
