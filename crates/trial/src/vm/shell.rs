//! Within a machine: a shell at its console, for who wants to look around.

use std::{os::unix::fs::PermissionsExt as _, process::Command};

use fs_err as fs;

use super::Init;
use crate::{
    check::Who,
    stage::{Order, STAGE},
};

/// A command of root's: a shell of the person's, or what its arguments say.
const AS_PERSON: &str = "/usr/bin/person";

const WELCOME: &str = "
This is root's shell. `person` opens the person's, who has the archive's programs in PATH and an image `small`;
`person podman info` runs a command of theirs. The machine ends with this shell.
";

/// Opens it, and waits for its end.
pub(super) fn open(order: &Order, init: Init) -> std::io::Result<()> {
    fs::write(AS_PERSON, as_person(order, init))?;
    fs::set_permissions(AS_PERSON, std::fs::Permissions::from_mode(0o755))?;
    // The last of them is the kernel's own; `/dev/console` itself cannot be a session's terminal.
    let active = fs::read_to_string("/sys/class/tty/console/active")?;
    let name = active.split_whitespace().last().unwrap_or("console");
    let console = fs::OpenOptions::new().read(true).write(true).open(format!("/dev/{name}"))?.into_file();
    let mut shell = Command::new("setsid");
    shell.args(["--ctty", "--wait", "/bin/bash", "-c", "echo \"$0\"; exec /bin/bash", WELCOME]);
    shell.env_remove(STAGE).env("HOME", "/root").env("TERM", "vt220").current_dir(&order.scratch);
    shell.stdin(console.try_clone()?).stdout(console.try_clone()?).stderr(console).status()?;
    Ok(())
}

fn as_person(order: &Order, init: Init) -> String {
    let (id, home) = (Who::Person.id(), order.home(Who::Person));
    let home = home.display();
    // In a session as a login makes one, where there is systemd.
    let become_them = match init {
        Init::Systemd => format!(
            "exec systemd-run --quiet --pty --wait --collect --property=PAMName=login --uid={id} --gid={id} \\\n\
             \t--setenv=HOME={home} --setenv=PATH=\"$path\" --setenv=TERM=vt220 --working-directory={home} \\\n\
             \t/usr/bin/env \"$@\""
        ),
        Init::Busybox | Init::Openrc => format!(
            "cd {home} && HOME={home} XDG_RUNTIME_DIR={home}/run PATH=$path \\\n\
             \texec setpriv --reuid={id} --regid={id} --clear-groups \"$@\""
        ),
    };
    format!("#!/bin/sh\npath=$(echo {home}/*/bin):$PATH\n[ $# != 0 ] || set -- /bin/bash\n{become_them}\n")
}
