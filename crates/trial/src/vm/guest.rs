//! Within a machine: root makes homes for the users of the trial and becomes each of them.

use std::{
    io::{BufRead as _, BufReader, Write as _},
    process::{Command, Stdio},
    thread,
    time::Duration,
};

use fs_err as fs;
use nix::sys::utsname::uname;

use super::{Init, shell};
use crate::{
    check::Who,
    stage::{Line, Order, STAGE, Stage},
    world,
};

/// Does the checks of all users at the same time, and ends the machine.
pub(crate) fn act(order: &Order) -> bool {
    let init = order.init.expect("a machine's order says it");
    let marker = order.scratch.join("booted");
    let order = &order.clone().of_boot(marker.exists());
    let marked = fs::write(marker, "");
    Line::Up {
        system: String::new(),
        kernel: uname().map(|name| name.release().to_string_lossy().into_owned()).unwrap_or_default(),
    }
    .tell();
    let passed = match furnish(order, init) {
        Ok(()) => thread::scope(|scope| {
            let users: Vec<_> = Who::ALL.into_iter().map(|who| scope.spawn(move || be(order, init, who))).collect();
            users.into_iter().all(|user| user.join().expect("hearing a user does not panic"))
        }),
        Err(error) => {
            eprintln!("the machine cannot be furnished: {error}");
            Who::ALL.into_iter().for_each(|who| order.plan(who));
            false
        }
    };
    if order.shell
        && !order.boots_again
        && let Err(error) = shell::open(order, init)
    {
        eprintln!("{error}");
    }
    if let Err(error) = marked.and_then(|()| end(order, init)) {
        eprintln!("{error}");
    }
    passed
}

/// As a person would, where it is to be booted again; as a power cut, where all was seen.
fn end(order: &Order, init: Init) -> std::io::Result<()> {
    // What was told must have left the port.
    thread::sleep(Duration::from_millis(200));
    match (init, order.boots_again) {
        (Init::Systemd, true) => Command::new("systemctl").args(["--no-block", "poweroff"]).status().map(drop),
        _ => fs::write("/proc/sysrq-trigger", "o"),
    }
}

fn furnish(order: &Order, init: Init) -> std::io::Result<()> {
    if !order.is_second_boot {
        world::homes(order)?;
    }
    world::places::network()?;
    match init {
        Init::Systemd => session(order),
        Init::Busybox | Init::Openrc => Ok(()),
    }
}

/// The person's own systemd is awaited. Its generator is the archive's, once that is unpacked.
fn session(order: &Order) -> std::io::Result<()> {
    if !order.is_second_boot {
        let listed = Command::new("tar").arg("-tf").arg(&order.archive).output()?;
        let listed = String::from_utf8_lossy(&listed.stdout);
        let top = listed.split('/').next().unwrap_or_default();
        let quadlet = order.home(Who::Person).join(top).join("lib/podman/quadlet");
        fs::os::unix::fs::symlink(quadlet, order.scratch.join("quadlet"))?;
    }
    let bus = format!("/run/user/{}/bus", Who::Person.id());
    for _ in 0..600 {
        if fs::metadata(&bus).is_ok() {
            return Ok(());
        }
        thread::sleep(Duration::from_millis(100));
    }
    Err(std::io::Error::other(format!("{bus} did not appear: the person has no session")))
}

/// What a user tells is told on, a line at once.
fn be(order: &Order, init: Init, who: Who) -> bool {
    if !order.needs(who) {
        return true;
    }
    let stage = Stage::User(order.clone(), who);
    let mut user = match (init, who) {
        // A session such as a login makes.
        (Init::Systemd, Who::Person) => {
            let id = who.id();
            let mut user = Command::new("systemd-run");
            user.args(["--quiet", "--pipe", "--wait", "--collect", "--property=PAMName=login"]);
            user.args([format!("--uid={id}"), format!("--gid={id}"), format!("--setenv={STAGE}={}", stage.text())]);
            user
        }
        _ => {
            let mut user = world::becoming(who);
            stage.given_to(&mut user);
            user
        }
    };
    user.arg(order.scratch.join("rst")).stdin(Stdio::null()).stdout(Stdio::piped());
    let ended = user.spawn().and_then(|mut child| {
        for line in BufReader::new(child.stdout.take().expect("asked for")).lines() {
            let _ = writeln!(std::io::stdout().lock(), "{}", line?);
        }
        child.wait()
    });
    let well = ended.inspect_err(|error| eprintln!("{error}")).is_ok_and(|status| status.success());
    if !well {
        order.plan(who);
    }
    well
}
