//! Running `rst` and looking at it from outside.

use std::{
    error::Error,
    path::{Path, PathBuf},
    process::{Command, Stdio},
    time::{Duration, Instant},
};

use fs_err as fs;
use serde::{Deserialize, de::DeserializeOwned};

pub type Outcome<T = ()> = Result<T, Box<dyn Error>>;

/// A component in the summary of `rst build --format json`.
#[derive(Deserialize)]
pub struct Component {
    pub name: String,
    pub seconds: f64,
    pub cpu_seconds: f64,
}

/// A node of `rst graph --format json`.
#[derive(Deserialize)]
pub struct Node {
    pub name: String,
    pub needs: Vec<String>,
    /// The digest of its source's tree.
    pub source: String,
}

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
    pub fn build(root: &Path) -> Outcome<Self> {
        let status =
            Command::new("cargo").args(["build", "--release", "--locked", "-p", "rst"]).current_dir(root).status()?;
        if !status.success() {
            return Err("rst does not compile".into());
        }
        let target = std::env::var_os("CARGO_TARGET_DIR").map_or_else(|| root.join("target"), PathBuf::from);
        Ok(Self(target.join("release/rst")))
    }

    /// What a build's summary says of each component.
    pub fn built(&self, project: &Path, store: &Path, dist: &Path, arguments: &[&str]) -> Outcome<Vec<Component>> {
        #[derive(Deserialize)]
        struct Summary {
            built: Built,
        }
        #[derive(Deserialize)]
        struct Built {
            components: Vec<Component>,
        }
        Ok(self.last_line::<Summary>(project, store, dist, arguments)?.built.components)
    }

    /// What something consists of, in an order in which needs come first.
    pub fn graph(&self, project: &Path, store: &Path, what: &str) -> Outcome<Vec<Node>> {
        self.last_line(project, store, Path::new(""), &["graph", what])
    }

    /// The last object that it prints.
    fn last_line<T: DeserializeOwned>(
        &self,
        project: &Path,
        store: &Path,
        dist: &Path,
        arguments: &[&str],
    ) -> Outcome<T> {
        let mut command = self.command(project, store, dist, arguments);
        let output = command.args(["--format", "json"]).stderr(Stdio::inherit()).output()?;
        if !output.status.success() {
            return Err(format!("rst {}: {}", arguments.join(" "), output.status).into());
        }
        let text = String::from_utf8(output.stdout)?;
        Ok(serde_json::from_str(text.lines().last().ok_or("rst printed nothing")?)?)
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
    pub fn run(&self, project: &Path, store: &Path, dist: &Path, arguments: &[&str]) -> Outcome<Measured> {
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

/// Runs a command that must succeed.
pub fn succeed(command: &mut Command) -> Outcome {
    let status = command.status().map_err(|error| format!("{}: {error}", command.get_program().display()))?;
    if status.success() { Ok(()) } else { Err(format!("{}: {status}", command.get_program().display()).into()) }
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
