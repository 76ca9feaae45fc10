//! A user, their home, and what they unpacked.

use std::{
    cell::RefCell,
    fmt::Write as _,
    io::Write as _,
    os::unix::fs::PermissionsExt,
    path::{Path, PathBuf},
    process::{Command, Stdio},
};

use fs_err as fs;
use rst_model::Manifest;

use crate::{
    check::{Check, Miss, Verdict, Who, failed, impossible},
    run::TrialError,
    stage::Order,
    world::{BUSYBOX, places, program},
};

/// A user at work.
pub(crate) struct Person {
    /// The home, which is HOME.
    pub home: PathBuf,
    /// The archive's top folder.
    pub top: PathBuf,
    /// What the archive says of itself.
    pub manifest: Manifest,
    /// The older archive.
    older: Option<PathBuf>,
    /// XDG_RUNTIME_DIR.
    pub runtime: PathBuf,
    /// What else root has made.
    scratch: PathBuf,
    /// Whether all is left as it is.
    keep: bool,
    /// What was run since the check began.
    log: RefCell<String>,
}

/// Without it beside podman, no container is run by what the archive has.
pub(crate) const CONMON: &str = "lib/podman/conmon";

/// Of a command, in seconds.
const PATIENCE: &str = "120";

impl Person {
    /// Unpacks the archive as the user who this process is, and builds the image that checks use.
    pub(crate) fn new(order: &Order, who: Who) -> Verdict<Self> {
        let home = order.home(who);
        let runtime = match order.has_session(who) {
            true => PathBuf::from(format!("/run/user/{}", who.id())),
            false => home.join("run"),
        };
        fs::create_dir_all(&runtime)?;
        fs::set_permissions(&runtime, PermissionsExt::from_mode(0o700))?;
        let top = match order.is_second_boot {
            true => unpacked(&home)?,
            false => unpack(&order.archive, &home)?,
        };
        let manifest = manifest(&top)?;
        let scratch = order.scratch.clone();
        let older = order.older.clone();
        let person = Self { home, top, manifest, older, runtime, scratch, keep: order.keep, log: RefCell::default() };
        if order.is_second_boot {
            return Ok(person);
        }
        person.context()?;
        if person.top.join(CONMON).exists() {
            match order.init {
                None => person.run("build --tag small context")?,
                // A build takes half a minute where QEMU is the processor, and does not work with every kernel.
                Some(_) => person.import()?,
            };
        }
        Ok(person)
    }

    /// A folder to build an image from: one static program.
    fn context(&self) -> Verdict {
        let context = self.home.join("context");
        fs::create_dir(&context)?;
        let brought = Some(self.scratch.join(BUSYBOX)).filter(|path| path.exists());
        let Some(busybox) = brought.or_else(|| program(BUSYBOX)) else { return failed("busybox is not installed") };
        fs::copy(busybox, context.join("busybox"))?;
        let text = "FROM scratch\nCOPY busybox /bin/busybox\nRUN [\"/bin/busybox\", \"--install\", \"-s\", \"/bin\"]\n";
        fs::write(context.join("Containerfile"), text)?;
        Ok(())
    }

    /// The same image, not built. Its files are in `small.tar` then.
    fn import(&self) -> Verdict<String> {
        let script = "mkdir -p layer/bin && cp context/busybox layer/bin/ && \
                      for name in $(layer/bin/busybox --list); do ln -s busybox layer/bin/$name 2>/dev/null || :; done && \
                      tar -C layer -cf small.tar bin";
        self.call("-c").program("/bin/sh").with([script]).prints()?;
        self.run("import small.tar small")
    }

    /// Whether the archive holds what a check tries.
    pub(crate) fn has_what_it_takes(&self, check: &Check) -> bool {
        check.needs.iter().all(|path| self.top.join(path).exists())
    }

    /// The podman of the archive.
    pub(crate) fn podman(&self) -> PathBuf {
        self.top.join("bin/podman")
    }

    /// Whether that is of this line.
    pub(crate) fn has_podman(&self, line: &str) -> bool {
        self.manifest.components.get("podman").is_some_and(|podman| podman.version.in_line(line))
    }

    /// This program, where every user can run it.
    pub(crate) fn own_program(&self) -> PathBuf {
        self.scratch.join("rst")
    }

    /// Unpacks the older archive; gives its top folder.
    pub(crate) fn older(&self) -> Verdict<PathBuf> {
        let Some(archive) = &self.older else { return impossible("no older archive was given: --from ARCHIVE") };
        let folder = self.home.join("older");
        if folder.exists() {
            fs::remove_dir_all(&folder)?;
        }
        fs::create_dir(&folder)?;
        unpack(archive, &folder)
    }

    /// A home of its own, in which podman has done nothing yet, with nothing in it but an empty runtime folder.
    pub(crate) fn other_home(&self, name: &str) -> Verdict<Home<'_>> {
        let path = self.home.join(name);
        fs::create_dir_all(path.join("run"))?;
        fs::set_permissions(path.join("run"), PermissionsExt::from_mode(0o700))?;
        Ok(Home { person: self, path })
    }

    /// A folder from which the kernel starts no program.
    pub(crate) fn noexec(&self) -> Verdict<PathBuf> {
        self.place(places::NOEXEC)
    }

    /// A folder that nobody can write to.
    pub(crate) fn read_only(&self) -> Verdict<PathBuf> {
        self.place(places::READ_ONLY)
    }

    /// A folder of a file system that keeps no extended attributes.
    pub(crate) fn bare(&self) -> Verdict<PathBuf> {
        self.place(places::BARE)
    }

    /// A folder of a file system of this kind.
    pub(crate) fn file_system(&self, kind: &str) -> Verdict<PathBuf> {
        self.place(kind).map_err(|_| Miss::Impossible(format!("root, mkfs.{kind} and a loop device can make one")))
    }

    fn place(&self, name: &str) -> Verdict<PathBuf> {
        let place = self.scratch.join(name);
        match place.exists() {
            true => Ok(place),
            false => impossible("only root can mount such a folder"),
        }
    }

    /// A call of podman with these words as its arguments; one in single quotes may hold spaces.
    pub(crate) fn call(&self, line: &str) -> Call<'_> {
        Call {
            person: self,
            program: self.podman(),
            arguments: words(line),
            env: vec![
                ("HOME", self.home.display().to_string()),
                ("XDG_RUNTIME_DIR", self.runtime.display().to_string()),
                ("PATH", "/usr/local/bin:/usr/bin:/bin:/usr/sbin:/sbin".to_owned()),
            ],
            input: None,
        }
    }

    /// What podman prints; or what it complains of.
    pub(crate) fn run(&self, line: &str) -> Verdict<String> {
        self.call(line).prints()
    }

    /// The same for a shell's script in a container of the small image: `line` says how it is run.
    pub(crate) fn script(&self, line: &str, script: &str) -> Verdict<String> {
        self.call(line).with(["small", "/bin/sh", "-c", script]).prints()
    }

    /// Begins the log anew.
    pub(crate) fn forget(&self) {
        self.log.borrow_mut().clear();
    }

    /// What was run, and what it printed.
    pub(crate) fn log(&self) -> String {
        self.log.borrow().clone()
    }
}

impl Drop for Person {
    /// Podman's files belong to the user's subordinate ids: podman must remove them.
    fn drop(&mut self) {
        if self.keep || !self.podman().exists() {
            return;
        }
        let _ = self.run("system reset --force");
        end_pause(&self.runtime);
    }
}

/// Another home of a user's, emptied by podman when it is not needed any more.
pub(crate) struct Home<'a> {
    person: &'a Person,
    /// Which is HOME.
    pub path: PathBuf,
}

impl Home<'_> {
    /// A call of podman by who lives there.
    pub(crate) fn call(&self, line: &str) -> Call<'_> {
        self.person.call(line).env("HOME", &self.path).env("XDG_RUNTIME_DIR", self.path.join("run"))
    }

    /// What podman prints there.
    pub(crate) fn run(&self, line: &str) -> Verdict<String> {
        self.call(line).prints()
    }
}

impl Drop for Home<'_> {
    fn drop(&mut self) {
        if self.person.keep {
            return;
        }
        if self.person.podman().exists() {
            let _ = self.run("system reset --force");
        }
        end_pause(&self.path.join("run"));
    }
}

/// Podman leaves a process that holds its user namespace.
fn end_pause(runtime: &Path) {
    if let Ok(pid) = fs::read_to_string(runtime.join("libpod/tmp/pause.pid")) {
        let _ = Command::new("kill").arg(pid.trim()).status();
    }
}

/// One call of a program, to be changed before it is made.
pub(crate) struct Call<'a> {
    person: &'a Person,
    program: PathBuf,
    arguments: Vec<String>,
    env: Vec<(&'static str, String)>,
    input: Option<String>,
}

/// How a call ended.
pub(crate) struct Ran {
    /// Its exit code; that of a shell for a signal.
    pub code: i32,
    /// Standard output, without the last line's end.
    pub out: String,
    /// Standard error.
    pub err: String,
}

impl Call<'_> {
    /// Another program than the archive's podman.
    pub(crate) fn program(mut self, program: impl Into<PathBuf>) -> Self {
        self.program = program.into();
        self
    }

    /// Started by another program of the host's, which takes what it starts after these arguments of its own.
    pub(crate) fn run_by<'w>(mut self, by: &str, words: impl IntoIterator<Item = &'w str>) -> Self {
        let started = std::mem::replace(&mut self.program, program(by).unwrap_or_else(|| by.into()));
        let own = words.into_iter().map(str::to_owned).chain([started.display().to_string()]);
        self.arguments.splice(0..0, own);
        self
    }

    /// More arguments, which may hold spaces.
    pub(crate) fn with<'w>(mut self, words: impl IntoIterator<Item = &'w str>) -> Self {
        self.arguments.extend(words.into_iter().map(str::to_owned));
        self
    }

    /// With a variable.
    pub(crate) fn env(mut self, name: &'static str, value: impl AsRef<Path>) -> Self {
        self.env.retain(|(other, _)| *other != name);
        self.env.push((name, value.as_ref().display().to_string()));
        self
    }

    /// With this on its standard input, which is empty otherwise.
    pub(crate) fn reading(mut self, input: &str) -> Self {
        self.input = Some(input.to_owned());
        self
    }

    /// Without a variable.
    pub(crate) fn without(mut self, name: &str) -> Self {
        self.env.retain(|(other, _)| *other != name);
        self
    }

    /// The command, for who wants to do more than wait for it.
    pub(crate) fn command(&self) -> Command {
        // By its path: the call's own PATH need not have it.
        let mut command = Command::new(program("timeout").unwrap_or_else(|| "timeout".into()));
        command.args(["--kill-after=5", PATIENCE]).arg(&self.program).args(&self.arguments);
        command.current_dir(&self.person.home).env_clear().stdin(Stdio::null());
        command.envs(self.env.iter().map(|(name, value)| (name, value)));
        command
    }

    /// Makes the call.
    pub(crate) fn ends(&self) -> Verdict<Ran> {
        let output = self.output()?;
        let text = |bytes: &[u8]| String::from_utf8_lossy(bytes).into_owned();
        let (out, err) = (text(&output.stdout).trim_end().to_owned(), text(&output.stderr));
        let mut log = self.person.log.borrow_mut();
        let _ = writeln!(log, "$ {} {}", self.name(), self.arguments.join(" "));
        for (what, text) in [("", &out), ("! ", &err)] {
            for line in text.lines() {
                let _ = writeln!(log, "{what}{line}");
            }
        }
        if output.status.code() == Some(124) {
            return failed(format!("`{}` did not end within {PATIENCE} s", self.arguments.join(" ")));
        }
        Ok(Ran { code: output.status.code().unwrap_or(-1), out, err })
    }

    fn output(&self) -> std::io::Result<std::process::Output> {
        let Some(input) = &self.input else { return self.command().output() };
        let mut command = self.command();
        let mut child = command.stdin(Stdio::piped()).stdout(Stdio::piped()).stderr(Stdio::piped()).spawn()?;
        // Less than a pipe holds, so this does not wait; who ends without reading it is heard below.
        let _ = child.stdin.take().expect("asked for").write_all(input.as_bytes());
        child.wait_with_output()
    }

    /// What it prints, when it does what it should.
    pub(crate) fn prints(&self) -> Verdict<String> {
        Ok(self.succeeds()?.out)
    }

    /// What it says besides, on standard error.
    pub(crate) fn says(&self) -> Verdict<String> {
        Ok(self.succeeds()?.err)
    }

    fn succeeds(&self) -> Verdict<Ran> {
        self.ends_with(0)
    }

    fn ends_with(&self, code: i32) -> Verdict<Ran> {
        match self.ends()? {
            ran if ran.code == code => Ok(ran),
            ran => failed(format!(
                "`{} {}` ended with {}, expected {code}: {}",
                self.name(),
                self.arguments.join(" "),
                ran.code,
                ran.err.trim_end()
            )),
        }
    }

    /// What it complains of, when it does not do what it should not.
    pub(crate) fn refuses(&self) -> Verdict<String> {
        match self.ends()? {
            ran if ran.code != 0 => Ok(ran.err),
            _ => failed(format!("`{} {}` went well, expected a refusal", self.name(), self.arguments.join(" "))),
        }
    }

    /// What it complains of, when it ends with this code as it should.
    pub(crate) fn complains(&self, code: i32) -> Verdict<String> {
        Ok(self.ends_with(code)?.err)
    }

    fn name(&self) -> String {
        self.program.file_name().unwrap_or_default().to_string_lossy().into_owned()
    }
}

/// Unpacks an archive with the host's tar, as a user does; gives the folder at its top.
pub(crate) fn unpack(archive: &Path, into: &Path) -> Verdict<PathBuf> {
    let before: Vec<_> = fs::read_dir(into)?.flatten().map(|entry| entry.path()).collect();
    let unpacked = Command::new("tar").arg("-xf").arg(archive).current_dir(into).status()?;
    if !unpacked.success() {
        return failed(format!("`tar -xf {}`: {unpacked}", archive.display()));
    }
    let mut tops = fs::read_dir(into)?.flatten().map(|entry| entry.path()).filter(|path| !before.contains(path));
    match (tops.next(), tops.next()) {
        (Some(top), None) => Ok(top),
        _ => failed("the archive has not one folder at its top"),
    }
}

/// What was unpacked before.
fn unpacked(home: &Path) -> Verdict<PathBuf> {
    let mut folders = fs::read_dir(home)?.flatten().map(|entry| entry.path());
    match folders.find(|folder| folder.join("share/rst").exists()) {
        Some(top) => Ok(top),
        None => failed("what was unpacked is no longer there"),
    }
}

fn manifest(top: &Path) -> Verdict<Manifest> {
    let folder = top.join("share/rst");
    let found = fs::read_dir(&folder)?.flatten().map(|entry| entry.path());
    let Some(path) = found.into_iter().find(|path| path.to_string_lossy().ends_with(".manifest.json")) else {
        return failed(format!("no manifest in {}", folder.display()));
    };
    serde_json::from_slice(&fs::read(&path)?).map_err(|error| Miss::Failed(format!("{}: {error}", path.display())))
}

/// The manifest of an archive, which is not unpacked for it.
pub(crate) fn manifest_of(archive: &Path) -> Result<Manifest, TrialError> {
    let mut tar = Command::new("tar");
    tar.args(["--wildcards", "-xOf"]).arg(archive).arg("*/share/rst/*.manifest.json");
    let found = tar.output()?;
    let no_manifest = |reason: String| TrialError::NoManifest { archive: archive.to_owned(), reason };
    match found.status.success() {
        true => serde_json::from_slice(&found.stdout).map_err(|error| no_manifest(error.to_string())),
        false => Err(no_manifest(String::from_utf8_lossy(&found.stderr).trim_end().to_owned())),
    }
}

/// Words between spaces, those in single quotes whole.
fn words(line: &str) -> Vec<String> {
    let mut words = Vec::new();
    for (place, part) in line.split('\'').enumerate() {
        match place % 2 {
            0 => words.extend(part.split(' ').filter(|word| !word.is_empty()).map(str::to_owned)),
            _ => words.push(part.to_owned()),
        }
    }
    words
}

#[cfg(test)]
mod tests {
    #[test]
    fn a_line_is_words_and_quoted_words() {
        assert_eq!(super::words("run  --cmd 'test -e x' small"), ["run", "--cmd", "test -e x", "small"]);
    }
}
