//! The user in the root: makes the images, runs the tests, and tells each test's end.

use std::{
    io::{BufRead as _, BufReader},
    path::Path,
    process::{Command, Stdio},
};

use fs_err as fs;

use super::{
    Run, Test,
    known::Known,
    suite::{DEBIANS_PODMAN, SOURCE, Suite},
    tap::{Ended, Reader, Told},
};
use crate::{
    debian::DebianRoot,
    stage::{Line, STAGE},
};

const IMAGES: &str = include_str!("images.sh");
/// Of all of them, in seconds: what a test leaves may keep bats waiting.
const PATIENCE: &str = "28800";
/// Without systemd podman would say so at every command; an archive's does without.
const DEBIANS_CONFIGURATION: &str = "[engine]\ncgroup_manager = \"cgroupfs\"\n";

/// Runs all files; whether that could be done.
pub(crate) fn act(run: &Run) -> bool {
    let suite = Suite::of(&run.tool).expect("the first process found it");
    let tester = Tester { run, suite, known: suite.known(run.subject, &run.version) };
    let done = tester.make_images().and_then(|()| tester.run());
    done.inspect_err(|error| eprintln!("upstream's tests cannot be run: {error}")).is_ok()
}

struct Tester<'a> {
    run: &'a Run,
    suite: &'static Suite,
    known: Known,
}

impl Tester<'_> {
    fn make_images(&self) -> std::io::Result<()> {
        let home = Path::new(DebianRoot::HOME);
        let podman = self.suite.podman(self.run.subject);
        if podman == DEBIANS_PODMAN {
            let configuration = home.join(".config/containers");
            fs::create_dir_all(&configuration)?;
            fs::write(configuration.join("containers.conf"), DEBIANS_CONFIGURATION)?;
        }
        let images = home.join("images");
        fs::create_dir(&images)?;
        let mut make = self.command("sh");
        make.args(["-c", IMAGES, "images.sh", podman, SOURCE]).current_dir(&images).stdout(Stdio::null());
        match make.status()? {
            status if status.success() => Ok(()),
            status => Err(std::io::Error::other(format!("images.sh: {status}"))),
        }
    }

    fn command(&self, program: &str) -> Command {
        let mut command = Command::new(program);
        command.env_remove(STAGE).stdin(Stdio::null()).envs(self.suite.environment(self.run.subject));
        command
    }

    fn run(&self) -> std::io::Result<()> {
        let mut bats = self.command("timeout");
        bats.args(["--kill-after=30", PATIENCE, "bats", "--formatter", "cat"]);
        bats.args(self.run.files.iter().map(|file| Path::new(self.suite.folder).join(format!("{file}.bats"))));
        let mut bats = bats.current_dir(SOURCE).stdout(Stdio::piped()).spawn()?;
        let mut reader = Reader::default();
        for line in BufReader::new(bats.stdout.take().expect("asked for")).split(b'\n') {
            if let Some(ended) = reader.line(&String::from_utf8_lossy(&line?)) {
                self.tell(ended);
            }
        }
        if let Some(ended) = reader.last() {
            self.tell(ended);
        }
        let status = bats.wait()?;
        if reader.planned != Some(reader.ended) {
            let planned = reader.planned.map_or("none".to_owned(), |planned| planned.to_string());
            let log = format!("{planned} planned, {} ended; bats: {status}", reader.ended);
            self.tell(Ended { file: "bats".to_owned(), name: "all tests end".to_owned(), told: Told::NotOk(log) });
        }
        Ok(())
    }

    fn tell(&self, Ended { file, name, told }: Ended) {
        let verdict = self.known.judge(&file, &name, told);
        Line::Tested { subject: self.run.subject, test: Test { file, name, verdict } }.tell();
    }
}
