//! A Debian root with an ordinary user, where archives' programs and the distribution's are in one place.

use std::{
    io,
    path::{Path, PathBuf},
    process::Command,
    time::Duration,
};

use fs_err as fs;
use nix::unistd::chown;
use rst_model::Cancel;
use serde::{Deserialize, Serialize};

use crate::{check::Who, hear::ended, run::TrialError};

/// The suite whose podman is of a version that is built here too.
const SUITE: &str = "sid";
/// For making one: mirrors are slow at times.
const LIMIT: Duration = Duration::from_secs(3600);
const ENTER: &str = include_str!("enter.sh");

/// One in a folder that somebody else makes and removes. Only root can make one.
#[derive(Clone, Debug, Serialize, Deserialize)]
pub struct DebianRoot {
    path: PathBuf,
}

impl DebianRoot {
    /// Where the user lives, seen from inside.
    pub const HOME: &str = "/home/person";

    /// Makes one of packages in a folder that is not there yet, from the mirror that this machine's apt has. When somebody
    /// asks to stop, what was made of it is left, and nothing that works in it.
    pub fn make(path: &Path, packages: &[&str], cancel: &Cancel) -> Result<Self, TrialError> {
        let include = format!("--include={}", packages.join(","));
        // All that it starts and mounts ends with it, and it with us.
        let mut mmdebstrap = Command::new("setpriv");
        mmdebstrap.args(["--pdeathsig", "KILL", "--", "unshare", "--mount", "--pid", "--fork", "--kill-child"]);
        mmdebstrap.args(["--mount-proc", "--propagation=private", "--", "mmdebstrap"]);
        mmdebstrap.args(["--quiet", "--mode=root", "--variant=minbase", &include]);
        // A mirror may lag behind; what it has is signed all the same.
        mmdebstrap.args(["--aptopt=Acquire::Check-Valid-Until \"false\"", "--aptopt=Acquire::Languages \"none\""]);
        // It lasts no longer than what is done in it.
        mmdebstrap.args(["--dpkgopt=force-unsafe-io", "--dpkgopt=path-exclude=/usr/share/man/*"]);
        mmdebstrap.args(["--dpkgopt=path-exclude=/usr/share/doc/*", "--dpkgopt=path-exclude=/usr/share/locale/*"]);
        let mut child = mmdebstrap.arg(SUITE).arg(path).spawn()?;
        match ended(&mut child, cancel, LIMIT)? {
            Some(status) if status.success() => {}
            Some(status) => return Err(io::Error::other(format!("`mmdebstrap`: {status}")).into()),
            None => return Err(io::Error::other(format!("`mmdebstrap` took longer than {LIMIT:?}")).into()),
        }
        let root = Self { path: path.to_owned() };
        root.settle()?;
        Ok(root)
    }

    /// Gives it the user.
    fn settle(&self) -> io::Result<()> {
        let (who, name) = (Who::Person, "person");
        let id = who.id();
        self.append("/etc/passwd", &format!("{name}:x:{id}:{id}::{}:/bin/sh\n", Self::HOME))?;
        self.append("/etc/group", &format!("{name}:x:{id}:\n"))?;
        for file in ["/etc/subuid", "/etc/subgid"] {
            self.append(file, &format!("{name}:{}:65536\n", who.subordinate().expect("a person has some")))?;
        }
        let home = self.outside(Self::HOME);
        fs::create_dir_all(&home)?;
        Ok(chown(&home, Some(id.into()), Some(id.into()))?)
    }

    /// What stands at an absolute path in it, seen from outside.
    pub fn outside(&self, path: &str) -> PathBuf {
        self.path.join(path.trim_start_matches('/'))
    }

    /// Adds lines to a file.
    pub fn append(&self, file: &str, lines: &str) -> io::Result<()> {
        let path = self.outside(file);
        let text = fs::read_to_string(&path).unwrap_or_default();
        fs::write(path, text + lines)
    }

    /// Unpacks an archive, without the folder at its top, at an absolute path.
    pub fn unpack(&self, archive: &Path, at: &str) -> io::Result<PathBuf> {
        let place = self.outside(at);
        fs::create_dir_all(&place)?;
        succeed("tar", Command::new("tar").arg("-xf").arg(archive).arg("--strip-components=1").arg("-C").arg(&place))?;
        Ok(place)
    }

    /// What runs a command as root in it: the command is the next arguments. To be run in mount, network, IPC and PID
    /// namespaces of its own.
    pub fn entering(&self) -> Command {
        let mut enter = Command::new("sh");
        enter.args(["-c", ENTER, "enter.sh"]).arg(&self.path);
        enter
    }

    /// The same in such namespaces, which end with this process, and all that runs in them.
    pub fn world(&self) -> Command {
        let mut world = Command::new("unshare");
        world.args(["--mount", "--net", "--ipc", "--pid", "--cgroup", "--fork", "--kill-child"]);
        let enter = self.entering();
        world.arg("--propagation=private").arg(enter.get_program()).args(enter.get_args());
        world
    }

    /// What becomes the user there, with nothing but their environment: a command is the next arguments.
    pub fn becoming_person() -> [String; 8] {
        let id = Who::Person.id();
        let home = format!("HOME={}", Self::HOME);
        let words = [
            "setpriv",
            &format!("--reuid={id}"),
            &format!("--regid={id}"),
            "--clear-groups",
            "--reset-env",
            "env",
            &home,
            "PATH=/usr/bin:/usr/sbin",
        ];
        words.map(str::to_owned)
    }
}

/// Runs a command that must succeed.
fn succeed(name: &str, command: &mut Command) -> io::Result<()> {
    match command.status() {
        Ok(status) if status.success() => Ok(()),
        Ok(status) => Err(io::Error::other(format!("`{name}`: {status}"))),
        Err(error) => Err(io::Error::new(error.kind(), format!("`{name}`: {error}"))),
    }
}
