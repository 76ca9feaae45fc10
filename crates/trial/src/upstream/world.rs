//! From private namespaces into the root, and to the user there.

use std::{path::Path, process::Command};

use fs_err as fs;
use nix::{mount::umount, unistd::chown};

use super::{OWN, Run};
use crate::{
    check::Who,
    debian::DebianRoot,
    stage::Stage,
    world::{becoming, bind, cgroup},
};

const PATH: &str = "/usr/bin:/usr/sbin";

/// Starts this program again in the root.
pub(crate) fn enter(run: Run) -> bool {
    let mut enter = run.root.entering();
    enter.arg(OWN).env_clear().env("PATH", PATH);
    start(enter, &Stage::UpstreamInside(run))
}

/// Makes what a session has, and starts this program again as the user.
pub(crate) fn furnish(run: Run) -> bool {
    let cgroup = match session(&run) {
        Ok(cgroup) => cgroup,
        Err(error) => {
            eprintln!("the root cannot be furnished: {error}");
            return false;
        }
    };
    let mut user = becoming(Who::Person);
    user.arg(OWN).env_clear().envs([("PATH", PATH), ("LANG", "C.UTF-8"), ("XDG_RUNTIME_DIR", &runtime())]);
    user.env("HOME", DebianRoot::HOME);
    let well = start(user, &Stage::UpstreamPerson(run));
    cgroup::leave(cgroup.path()).inspect_err(|error| eprintln!("a cgroup is left: {error}")).is_ok() && well
}

fn runtime() -> String {
    format!("/run/user/{}", Who::Person.id())
}

/// A home in which nobody has been, and a runtime folder. Gives the session's cgroup, held.
fn session(run: &Run) -> std::io::Result<fs::File> {
    let home = format!("/homes/{:?}", run.subject);
    let runtime = runtime();
    for folder in [&home, &runtime] {
        fs::create_dir_all(folder)?;
        fs::set_permissions(folder, std::os::unix::fs::PermissionsExt::from_mode(0o700))?;
        let id = Who::Person.id();
        chown(Path::new(folder), Some(id.into()), Some(id.into()))?;
    }
    // The tests compare HOME with what /etc/passwd says.
    bind(Path::new(&home), Path::new(DebianRoot::HOME))?;
    fs::create_dir_all(&run.scratch)?;
    // The session sees no more of it than what is its own.
    umount("/sys/fs/cgroup")?;
    let own = cgroup::make(&run.scratch)?;
    cgroup::give_to_person()?;
    Ok(own)
}

fn start(mut command: Command, stage: &Stage) -> bool {
    stage.given_to(&mut command).status().inspect_err(|error| eprintln!("{error}")).is_ok_and(|status| status.success())
}
