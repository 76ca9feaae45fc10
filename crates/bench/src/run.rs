//! Running `rst` and looking at it from outside.

use std::{
    error::Error,
    path::{Path, PathBuf},
    process::{Command, Stdio},
    time::{Duration, Instant},
};

use fs_err as fs;

/// The program that is measured.
pub struct Rst(PathBuf);

/// What one run cost.
#[derive(Clone, Copy, Debug)]
pub struct Measured {
    /// Wall time.
    pub seconds: f64,
    /// The largest resident set of `rst` itself, its children not counted, in kilobytes.
    pub peak_kb: u64,
}

impl Rst {
    /// Builds the program as people run it.
    pub fn build(root: &Path) -> Result<Self, Box<dyn Error>> {
        let status =
            Command::new("cargo").args(["build", "--release", "--locked", "-p", "rst"]).current_dir(root).status()?;
        if !status.success() {
            return Err("rst does not compile".into());
        }
        let target = std::env::var_os("CARGO_TARGET_DIR").map_or_else(|| root.join("target"), PathBuf::from);
        Ok(Self(target.join("release/rst")))
    }

    /// What it prints, in a project, with a store.
    pub fn output(
        &self,
        project: &Path,
        store: &Path,
        dist: &Path,
        arguments: &[&str],
    ) -> Result<String, Box<dyn Error>> {
        let output = self.command(project, store, dist, arguments).stderr(Stdio::inherit()).output()?;
        match output.status.success() {
            true => Ok(String::from_utf8(output.stdout)?),
            false => Err(format!("rst {}: {}", arguments.join(" "), output.status).into()),
        }
    }

    fn command(&self, project: &Path, store: &Path, dist: &Path, arguments: &[&str]) -> Command {
        let mut command = Command::new(&self.0);
        command.args(arguments).arg("--project").arg(project).arg("--store").arg(store);
        if arguments.contains(&"build") {
            command.arg("--dist").arg(dist);
        }
        command
    }

    /// Runs it to its end, in a project, with a store.
    pub fn run(
        &self,
        project: &Path,
        store: &Path,
        dist: &Path,
        arguments: &[&str],
    ) -> Result<Measured, Box<dyn Error>> {
        let mut command = self.command(project, store, dist, arguments);
        let begun = Instant::now();
        let mut child = command.stdout(Stdio::null()).spawn()?;
        let status = format!("/proc/{}/status", child.id());
        let mut peak_kb = 0;
        let end = loop {
            // A high-water mark only rises: the last look before the end has seen nearly all.
            peak_kb = peak_kb.max(high_water(&status).unwrap_or_default());
            match child.try_wait()? {
                Some(end) => break end,
                None => std::thread::sleep(Duration::from_millis(2)),
            }
        };
        let seconds = begun.elapsed().as_secs_f64();
        eprintln!("rst {}: {seconds:.2} s, {} MB", arguments.join(" "), peak_kb / 1000);
        match end.success() {
            true => Ok(Measured { seconds, peak_kb }),
            false => Err(format!("rst {}: {end}", arguments.join(" ")).into()),
        }
    }
}

/// `VmHWM` of proc_pid_status(5).
fn high_water(status: &str) -> Option<u64> {
    let text = fs::read_to_string(status).ok()?;
    let line = text.lines().find_map(|line| line.strip_prefix("VmHWM:"))?;
    line.split_whitespace().next()?.parse().ok()
}

/// Copies a folder, links as links.
pub fn copy(from: &Path, to: &Path) -> std::io::Result<()> {
    fs::create_dir_all(to)?;
    for entry in fs::read_dir(from)? {
        let entry = entry?;
        let at = to.join(entry.file_name());
        let kind = entry.file_type()?;
        if kind.is_dir() {
            copy(&entry.path(), &at)?;
        } else if kind.is_symlink() {
            fs::os::unix::fs::symlink(fs::read_link(entry.path())?, at)?;
        } else {
            fs::copy(entry.path(), at)?;
        }
    }
    Ok(())
}
