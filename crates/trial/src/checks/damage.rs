//! Damaged archives and odd homes: a clear word, or it works.

use std::{os::unix::fs::PermissionsExt, path::Path};

use fs_err as fs;

use super::{HELLO, person};
use crate::{
    check::{Check, Verdict, contains, same},
    person::Person,
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
