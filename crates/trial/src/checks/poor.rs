//! With neither subordinate ids nor a cgroup: clusters, storage boxes, hosts of others. And those whom
//! /etc/passwd does not know.

use super::{HELLO, network::pasta, poor, stranger};
use crate::{
    check::{Check, Verdict, contains, failed, same},
    person::Person,
    world::program,
};

pub(super) const CHECKS: &[Check] = &[
    poor("one-id-several-owners", "With one id an image of several owners is unpacked and runs", several_owners),
    poor("one-id-pasta", "With one id the network works all the same", pasta),
    poor("one-id-is-said", "What one id lacks is said once, with the way to gain it", one_id_is_said),
    poor("limits-are-named", "Without a cgroup the limits that will not hold are named", limits_are_named),
    poor("journald-is-answered", "Logs asked of journald go to a file, and that is said", journald_is_answered),
    stranger("stranger", "An id that /etc/passwd lacks builds and runs", runs),
    stranger("stranger-without-home", "Without XDG_RUNTIME_DIR and USER it works all the same", without_runtime_dir),
];

fn several_owners(person: &Person) -> Verdict {
    let Some(busybox) = program("busybox") else { return failed("busybox is not installed") };
    let mut tar = std::process::Command::new("tar");
    tar.args(["--owner=33", "--group=33", "--transform=s,.*/,,", "-cPf"]).arg(person.home.join("layer.tar"));
    let packed = tar.arg(busybox).status()?;
    if !packed.success() {
        return failed(format!("`tar -cPf`: {packed}"));
    }
    person.run("import layer.tar several")?;
    let owner = person.run("run --rm --network none several /busybox stat -c %u /busybox");
    person.run("rmi several")?;
    same(&owner?, "0")
}

fn one_id_is_said(person: &Person) -> Verdict {
    // It is said when podman makes its first user namespace.
    let home = person.other_home("other")?;
    contains(&home.call("info").says()?, "--add-subuids")?;
    same(&home.call("info").says()?, "")?;
    home.run("system reset --force").map(drop)
}

pub(super) fn limits_are_named(person: &Person) -> Verdict {
    let said = person.call("run --rm --network none --memory 64m small true").says()?;
    contains(&said, "The limits on memory will not hold")
}

fn journald_is_answered(person: &Person) -> Verdict {
    let said = person.call("run --name talker --log-driver journald --network none small echo hello").says();
    let logs = person.run("logs talker");
    person.run("rm --force talker")?;
    same(&logs?, "hello")?;
    contains(&said?, "A static podman has no journald")
}

fn runs(person: &Person) -> Verdict {
    same(&person.script("run --rm --network none", "id -u")?, "0")
}

fn without_runtime_dir(person: &Person) -> Verdict {
    let call = person.call(HELLO).without("XDG_RUNTIME_DIR");
    same(&call.prints()?, "hello")
}
