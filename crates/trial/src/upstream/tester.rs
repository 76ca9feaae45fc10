//! The user in the root: makes the images, runs one file of tests after the other, and tells each test's end.

use std::{
    path::Path,
    process::{Command, Stdio},
};

use fs_err as fs;

use super::{
    Run, Test, Verdict,
    known::Known,
    suite::{DEBIANS_PODMAN, SOURCE, Suite},
    tap::{self, Told},
};
use crate::{
    debian::DebianRoot,
    stage::{Line, STAGE},
};

const IMAGES: &str = include_str!("images.sh");
/// Of a file of tests, in seconds; the longest takes ten minutes.
const PATIENCE: &str = "1800";
/// Without systemd podman would say so at every command; an archive's does without.
const DEBIANS_CONFIGURATION: &str = "[engine]\ncgroup_manager = \"cgroupfs\"\n";

/// Runs all files; whether that could be done.
pub(crate) fn act(run: &Run) -> bool {
    let done = Tester::new(run).and_then(|tester| run.files.iter().try_for_each(|file| tester.run(file)));
    done.inspect_err(|error| eprintln!("upstream's tests cannot be run: {error}")).is_ok()
}

struct Tester<'a> {
    run: &'a Run,
    suite: &'static Suite,
    known: Known,
}

impl<'a> Tester<'a> {
    /// With the images.
    fn new(run: &'a Run) -> std::io::Result<Self> {
        let suite = Suite::of(&run.tool).expect("the first process found it");
        let home = Path::new(DebianRoot::HOME);
        let podman = suite.podman(run.subject);
        if podman == DEBIANS_PODMAN {
            let configuration = home.join(".config/containers");
            fs::create_dir_all(&configuration)?;
            fs::write(configuration.join("containers.conf"), DEBIANS_CONFIGURATION)?;
        }
        let images = home.join("images");
        fs::create_dir(&images)?;
        let tester = Self { run, suite, known: suite.known(run.subject, &run.version) };
        let mut make = tester.command("sh");
        make.args(["-c", IMAGES, "images.sh", &podman, SOURCE]).current_dir(&images).stdout(Stdio::null());
        match make.status()? {
            status if status.success() => Ok(tester),
            status => Err(std::io::Error::other(format!("images.sh: {status}"))),
        }
    }

    fn command(&self, program: &str) -> Command {
        let mut command = Command::new(program);
        command.env_remove(STAGE).stdin(Stdio::null());
        command.envs(self.suite.environment(self.run.subject));
        command
    }

    fn run(&self, file: &str) -> std::io::Result<()> {
        Line::Began { name: file.to_owned() }.tell();
        let path = Path::new(self.suite.folder).join(format!("{file}.bats"));
        let mut bats = self.command("timeout");
        bats.args(["--kill-after=30", PATIENCE, "bats", "--formatter", "tap"]).arg(path).current_dir(SOURCE);
        let output = bats.output()?;
        let said = String::from_utf8_lossy(&output.stdout);
        let tap = tap::parse(&said);
        let ended = tap.tests.len();
        for (name, told) in tap.tests {
            self.tell(file, &name, told);
        }
        if tap.planned != Some(ended) {
            let planned = tap.planned.map_or("none".to_owned(), |planned| planned.to_string());
            let why = format!("{planned} planned, {ended} ended; bats: {}\n{said}", output.status);
            self.tell(file, NOT_ALL, Told::NotOk(why + &String::from_utf8_lossy(&output.stderr)));
        }
        Ok(())
    }

    fn tell(&self, file: &str, name: &str, told: Told) {
        let verdict: Verdict = self.known.judge(file, name, told);
        let test = Test { file: file.to_owned(), name: name.to_owned(), verdict };
        Line::Tested { subject: self.run.subject, test }.tell();
    }
}

/// Stands for the tests of a file that came to no end.
const NOT_ALL: &str = "all tests of the file end";
