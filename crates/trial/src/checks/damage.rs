//! Damaged archives and odd homes: a clear word, or it works.

use std::{os::unix::fs::PermissionsExt, path::Path};

use fs_err as fs;

use super::{HELLO, Run, WITH_NETAVARK, check, person};
use crate::{
    check::{Check, Verdict, Who, contains, same},
    person::Person,
    world::program,
};

pub(super) const CHECKS: &[Check] = &[
    person("helper-deleted", "A helper that is missing is named", helper_deleted),
    person("helper-truncated", "A helper that is cut short is named", helper_truncated),
    person(
        "config-unreadable",
        "A configuration file that its owner may not read is read all the same, or named",
        config_unreadable,
    ),
    person("config-broken", "A configuration file that does not parse is named, with its line", config_broken),
    person("home-read-only", "A home that cannot be written to is named", home_read_only),
    person("home-absent", "A home that is not there is made or named", home_absent),
    person("no-runtime-dir", "Without XDG_RUNTIME_DIR containers run", no_runtime_dir),
    person("folder-noexec", "From a folder without execution nothing starts, and the shell says so", folder_noexec),
    person("host-without-newuidmap", "A host without newuidmap is told which package has it", without_newuidmap),
    frugal("host-without-nft", "A host without nft is told what to install and what works without", without_nft),
    frugal("host-without-tun", "A host without /dev/net/tun is told how to get it and what works without", without_tun),
];

/// With another file in place of one of the archive, or none, whatever then happens.
fn instead(person: &Person, path: &str, other: Option<&[u8]>, act: impl Fn() -> Verdict) -> Verdict {
    let (file, kept) = (person.top.join(path), person.home.join("kept"));
    fs::rename(&file, &kept)?;
    if let Some(bytes) = other {
        fs::write(&file, bytes)?;
        fs::set_permissions(&file, PermissionsExt::from_mode(0o755))?;
    }
    let verdict = act();
    fs::rename(&kept, &file)?;
    verdict
}

fn helper_deleted(person: &Person) -> Verdict {
    for (path, name) in [("bin/crun", "crun"), ("lib/podman/conmon", "conmon")] {
        instead(person, path, None, || contains(&person.call(HELLO).refuses()?, name))?;
    }
    instead(person, "lib/podman/pasta", None, || {
        contains(&person.call("run --rm --network pasta small true").refuses()?, "pasta")
    })
}

fn helper_truncated(person: &Person) -> Verdict {
    for (path, name) in [("bin/crun", "crun"), ("lib/podman/conmon", "conmon")] {
        let whole = fs::read(person.top.join(path))?;
        instead(person, path, Some(&whole[..1000]), || contains(&person.call(HELLO).refuses()?, name))?;
    }
    Ok(())
}

/// With a configuration of the user's own, whatever then happens.
fn with_config(person: &Person, text: &str, mode: u32, act: impl Fn(&Path) -> Verdict) -> Verdict {
    let folder = person.home.join(".config/containers");
    fs::create_dir_all(&folder)?;
    let file = folder.join("containers.conf");
    fs::write(&file, text)?;
    fs::set_permissions(&file, PermissionsExt::from_mode(mode))?;
    let verdict = act(&file);
    fs::remove_file(&file)?;
    verdict
}

/// In a user namespace podman may read what its user owns, whatever its mode.
fn config_unreadable(person: &Person) -> Verdict {
    with_config(person, "", 0o000, |file| {
        let ran = person.call(HELLO).ends()?;
        if ran.code == 0 { same(&ran.out, "hello") } else { contains(&ran.err, &file.display().to_string()) }
    })
}

fn config_broken(person: &Person) -> Verdict {
    with_config(person, "[engine]\nruntime = crun\n", 0o644, |file| {
        let said = person.call(HELLO).refuses()?;
        contains(&said, &file.display().to_string())?;
        contains(&said, "line 2")
    })
}

fn home_read_only(person: &Person) -> Verdict {
    let home = person.read_only()?;
    let said = person.call("info").env("HOME", &home).refuses()?;
    contains(&said, &home.display().to_string())
}

fn home_absent(person: &Person) -> Verdict {
    let home = person.home.join("not/there");
    let ran = person.call("info").env("HOME", &home).ends()?;
    if ran.code == 0 { Ok(()) } else { contains(&ran.err, &home.display().to_string()) }
}

fn no_runtime_dir(person: &Person) -> Verdict {
    same(&person.call(HELLO).without("XDG_RUNTIME_DIR").prints()?, "hello")
}

fn folder_noexec(person: &Person) -> Verdict {
    let copy = person.noexec()?.join("podman");
    fs::copy(person.podman(), &copy)?;
    let call = person.call("-c").program("/bin/sh").with(["\"$0\" version", &copy.display().to_string()]);
    let said = call.complains(126);
    fs::remove_file(&copy)?;
    contains(&said?, "Permission denied")
}

/// With a home of its own, since podman's pause process knows of the ids.
fn without_newuidmap(person: &Person) -> Verdict {
    let tools = person.home.join("tools");
    fs::create_dir(&tools)?;
    for name in ["sh", "ls"] {
        let Some(path) = program(name) else { continue };
        fs::os::unix::fs::symlink(path, tools.join(name))?;
    }
    let ran = person.other_home("other")?.call("info").env("PATH", &tools).ends()?;
    contains(&ran.err, "newuidmap")?;
    contains(&ran.err, "uidmap")
}

const fn frugal(name: &'static str, says: &'static str, run: Run) -> Check {
    check(Who::Frugal, WITH_NETAVARK, name, says, run)
}

fn without_nft(person: &Person) -> Verdict {
    person.run("network create net")?;
    let complaint = person.call("run --rm --network net small true").refuses()?;
    for part in ["bridge", "package nftables", "--network pasta"] {
        contains(&complaint, part)?;
    }
    person.run("network rm net")?;
    person.run("run --rm --network pasta small true").map(drop)
}

fn without_tun(person: &Person) -> Verdict {
    let (tun, away) = (Path::new("/dev/net/tun"), Path::new("/dev/net/away"));
    fs::rename(tun, away)?;
    let verdict = as_without_tun(person);
    fs::rename(away, tun)?;
    verdict
}

fn as_without_tun(person: &Person) -> Verdict {
    let complaint = person.call("run --rm --network pasta small true").refuses()?;
    for part in ["/dev/net/tun", "modprobe tun", "--network host"] {
        contains(&complaint, part)?;
    }
    // Podman 5.8 builds without.
    let built = person.call("build --no-cache --tag built context").ends()?;
    if built.code != 0 {
        contains(&built.err, "modprobe tun")?;
    }
    person.run("build --no-cache --network host --tag built context")?;
    person.run("run --rm --network none built true")?;
    person.run("rmi built").map(drop)
}
