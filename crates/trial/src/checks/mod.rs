//! What is tried, a file for each matter. Names are for `--only`; each sentence says what is true when the
//! check passes.

mod basics;
mod buildah;
mod damage;
mod docker;
mod drivers;
mod health;
mod host;
mod images;
mod isolation;
mod long;
mod network;
mod poor;
mod processes;
mod registry;
mod running;
mod skopeo;
mod state;
mod systemd;
mod uninstall;
mod units;
mod upgrade;

use crate::{
    check::{Check, Verdict, When, Who},
    person::{CONMON, Person},
};

/// What is tried on this host, in the order in which each user does theirs.
pub fn all() -> impl Iterator<Item = Check> {
    let first = [
        basics::CHECKS,
        running::CHECKS,
        isolation::CHECKS,
        network::CHECKS,
        health::CHECKS,
        poor::CHECKS,
        damage::CHECKS,
        host::CHECKS,
        buildah::CHECKS,
        skopeo::CHECKS,
        upgrade::CHECKS,
        long::CHECKS,
    ];
    // What a person could do as well; it takes as long as the rest of theirs.
    let by_colleague = [images::CHECKS, registry::CHECKS, docker::CHECKS, drivers::CHECKS].into_iter().flatten();
    let by_colleague = by_colleague.map(|check| match check.who {
        Who::Person => Check { who: Who::Colleague, ..*check },
        _ => *check,
    });
    // What looks for what others left.
    let last = [uninstall::CHECKS, state::CHECKS];
    first.into_iter().flatten().copied().chain(by_colleague).chain(last.into_iter().flatten().copied())
}

/// What only a machine can show.
pub fn for_machines() -> impl Iterator<Item = Check> {
    systemd::CHECKS.iter().chain(units::CHECKS).copied()
}

/// All of both.
pub fn known() -> impl Iterator<Item = Check> {
    all().chain(for_machines())
}

/// The last in a machine's first boot.
pub(crate) const BEFORE_REBOOT: &str = "before-reboot";
/// Done in its second boot, alone.
pub(crate) const AFTER_REBOOT: &str = "after-reboot";

/// A shell's script that does nothing until it is told to end, and ends at once.
const UNTIL_TOLD: &str = "trap exit TERM; while :; do sleep 0.1; done";

/// A container that does no more than say so.
const HELLO: &str = "run --rm --network none small echo hello";

type Run = fn(&Person) -> Verdict;

/// A check by someone with a session on a common distribution.
const fn person(name: &'static str, says: &'static str, run: Run) -> Check {
    check(Who::Person, PODMAN, name, says, run)
}

/// The same, of an archive that has what bridge networks need.
const fn with_netavark(name: &'static str, says: &'static str, run: Run) -> Check {
    check(Who::Person, WITH_NETAVARK, name, says, run)
}

/// A check by someone who has neither subordinate ids nor a cgroup.
const fn poor(name: &'static str, says: &'static str, run: Run) -> Check {
    check(Who::Poor, PODMAN, name, says, run)
}

/// The same, and /etc/passwd does not know them.
const fn stranger(name: &'static str, says: &'static str, run: Run) -> Check {
    check(Who::Stranger, PODMAN, name, says, run)
}

/// A check that needs none of podman's helpers: podman-minimal leaves them to the host, and does little without.
const fn alone(name: &'static str, says: &'static str, run: Run) -> Check {
    check(Who::Person, &["bin/podman"], name, says, run)
}

const PODMAN: &[&str] = &["bin/podman", CONMON];
const WITH_NETAVARK: &[&str] = &["bin/podman", CONMON, "lib/podman/netavark"];

const fn check(who: Who, needs: &'static [&'static str], name: &'static str, says: &'static str, run: Run) -> Check {
    Check { name, says, who, needs, when: When::Always, run }
}
