//! Running one action: a private work folder, the sandbox, and what is taken from it.

use std::{
    borrow::Cow,
    collections::BTreeMap,
    io::{BufRead as _, BufReader, Write as _},
    path::{Path, PathBuf},
    time::Instant,
};

use fs_err as fs;
use rst_model::{
    Action, CacheMount, Command, Digest, Step,
    event::{Event, Reporter},
};
use rst_sandbox::{Cancel, Mount, MountSource, Spec};
use rst_store::{ActionResult, Held, Scratch, Store, Working};

use crate::{
    bare,
    collect::collect,
    compose::{EPOCH, ROOT_TOOL, tool_mount},
    driver,
    error::BuildError,
    factory::memory_of,
    slots::{self, Slots},
    toolchain::{Libc, Zig},
};

/// What running an action needs beside the action.
pub(crate) struct Executor<'a> {
    pub store: &'a Store,
    pub slots: &'a Slots,
    pub cancel: &'a Cancel,
    /// Whether caches of tools may be used; without, every action starts from nothing.
    pub warm: bool,
    pub reporter: &'a dyn Reporter,
}

/// The word for which the number of processes is put: known only where an action runs.
const JOBS: &str = "{jobs}";
/// The same for a program whose processes take slots by themselves.
const SLOTS: &str = "{slots}";

/// How many of a log's lines an error shows.
const LAST_LINES: usize = 30;

impl Executor<'_> {
    /// Runs an action, which links with these libcs, unless its result is there already, and keeps it.
    pub(crate) fn run(&self, action: &Action, version: &str, libcs: &[Libc]) -> Result<ActionResult, BuildError> {
        let key = action.key();
        // Another process may be at the same action: wait for it, then take its result.
        let _held = self.store.hold(&key.to_string())?;
        if let Some(result) = self.store.result(key) {
            return Ok(result);
        }
        let begun = Instant::now();
        let (scratch, work) = self.work_folder()?;
        let action = &self.as_run(action, &work)?;
        self.prepare(action, libcs, &work)?;
        let _cache_held = self.hold_cache(action)?;
        let log = self.store.log_path(key);
        let says = |word| action.steps.iter().flat_map(|s| &s.commands).flat_map(|c| &c.argv).any(|w| w.contains(word));
        let turn = match (says(SLOTS), says(JOBS)) {
            (true, _) => self.slots.take_none(),
            // Tools that know no jobserver are told a number, and have that many slots to their end.
            (false, true) => self.slots.take(self.slots.total(), self.cancel)?,
            (false, false) => self.slots.take(1, self.cancel)?,
        };
        let steps = action.steps.iter().map(|step| self.with_numbers(step.clone(), turn.count().max(1))).collect();
        let spec = self.spec(action, &work, steps, &log)?;
        let outcome = self.enter(&spec, action, version)?;
        drop(turn);
        let output = scratch.path().join("output");
        fs::create_dir(&output)?;
        collect(&work, action, &output)?;
        let result = ActionResult {
            output: self.store.adopt(&output)?,
            seconds: begun.elapsed().as_secs_f64(),
            cpu_seconds: outcome.cpu_ms as f64 / 1000.0,
            unsandboxed: action.unsandboxed,
        };
        self.store.record(key, &result)?;
        Ok(result)
    }

    /// Opens a shell where the action would run.
    pub(crate) fn shell(&self, action: &Action, libcs: &[Libc]) -> Result<(), BuildError> {
        let (_scratch, work) = self.work_folder()?;
        let action = &self.as_run(action, &work)?;
        self.prepare(action, libcs, &work)?;
        let mut text = String::from("#!/bin/sh\n# What this build runs; nothing of it has been run yet.\nset -ex\n");
        for command in action.steps.iter().flat_map(|step| self.with_numbers(step.clone(), self.slots.total()).commands)
        {
            let words: Vec<_> = command.argv.iter().map(|word| driver::quoted(word)).collect();
            let env: String =
                command.env.iter().map(|(name, value)| format!("{name}={} ", driver::quoted(value))).collect();
            text.push_str(&format!("cd {}; {env}{}\n", driver::quoted(&command.cwd), words.join(" ")));
        }
        write_file(&work.join("commands"), &text)?;
        let shell = Command {
            argv: vec!["sh".to_owned()],
            cwd: if action.unsandboxed {
                work.join("src").display().to_string()
            } else {
                driver::SOURCE_FOLDER.to_owned()
            },
            env: [("PS1".to_owned(), format!("{} in the sandbox (commands: /b/commands)$ ", action.name))].into(),
        };
        let log = work.join("shell.log");
        let mut spec = self.spec(action, &work, vec![Step { commands: vec![shell] }], &log)?;
        spec.interactive = true;
        // How the person left the shell is no failure.
        match rst_sandbox::run(&spec, self.cancel) {
            Ok(_) | Err(rst_sandbox::Error::CommandFailed { .. }) => Ok(()),
            Err(error) => Err(error.into()),
        }
    }

    fn work_folder(&self) -> Result<(Scratch, PathBuf), BuildError> {
        let scratch = self.store.scratch()?;
        let work = scratch.path().join("work");
        Ok((scratch, work))
    }

    /// The action itself; without a sandbox, with the host's paths in place of the sandbox's.
    fn as_run<'a>(&self, action: &'a Action, work: &Path) -> Result<Cow<'a, Action>, BuildError> {
        if !action.unsandboxed {
            return Ok(Cow::Borrowed(action));
        }
        let trees = action.mounts.iter().filter(|(target, _)| !target.starts_with("/b/"));
        let mut places: BTreeMap<_, _> =
            trees.map(|(target, tree)| (target.clone(), self.store.tree_path(*tree))).collect();
        places.insert(Action::WORK.to_owned(), work.to_owned());
        if let Some(zig) = action.mounts.get(Zig::MOUNT).filter(|_| self.warm) {
            places.insert(Zig::CACHE.to_owned(), self.store.cache("zig", *zig)?);
        }
        if let Some(cache) = &action.cache {
            places.insert(cache.target.clone(), self.cache_folder(cache, work)?);
        }
        Ok(Cow::Owned(bare::relocate(action, &places)))
    }

    /// Fills the work folder: sources copied, files written, Zig's compiled libc laid in.
    fn prepare(&self, action: &Action, libcs: &[Libc], work: &Path) -> Result<(), BuildError> {
        for folder in ["home", "bin", "out", "dest", "src", "tmp"] {
            fs::create_dir_all(work.join(folder))?;
        }
        self.slots.link_into(work)?;
        for (path, tree) in &action.checkouts {
            self.store.checkout(*tree, &work.join(path))?;
        }
        // A mount below the work folder needs a place to stand on.
        for target in action.mounts.keys() {
            if let Some(inner) = target.strip_prefix("/b/") {
                fs::create_dir_all(work.join(inner))?;
            }
        }
        for (path, text) in &action.files {
            write_file(&work.join(path), text)?;
        }
        if self.warm && !action.unsandboxed {
            for libc in libcs {
                let cache = self.compiled(*libc, &action.mounts)?;
                self.store.checkout(cache, &work.join("zig-cache"))?;
            }
        }
        Ok(())
    }

    /// One Go build at a time for a cache: two would compile the same packages twice.
    fn hold_cache(&self, action: &Action) -> Result<Option<(Working, Held)>, BuildError> {
        match &action.cache {
            Some(cache) if self.warm => {
                let held = self.store.hold(&format!("{}-{}", cache.name, cache.validity.short()))?;
                let working = self.store.work_in(&self.store.cache(&cache.name, cache.validity)?)?;
                Ok(Some((working, held)))
            }
            _ => Ok(None),
        }
    }

    fn spec(&self, action: &Action, work: &Path, steps: Vec<Step>, log: &Path) -> Result<Spec, BuildError> {
        let mut root = Vec::new();
        // Without a sandbox nothing is mounted, whatever stands in `root`.
        let mut mount = |target: &str, source: MountSource| {
            root.push(Mount { target: target.to_owned(), source });
        };
        for (target, tree) in &action.mounts {
            let tree = self.store.tree_path(*tree);
            if *target == tool_mount(ROOT_TOOL) {
                mount_build_root(&tree, &mut mount)?;
            } else {
                mount(target, MountSource::ReadOnly(tree));
            }
        }
        mount(Action::WORK, MountSource::Writable(work.to_owned()));
        if let Some(cache) = &action.cache {
            mount(&cache.target, MountSource::Writable(self.cache_folder(cache, work)?));
        }
        let fifo = match action.unsandboxed {
            true => work.join(slots::FIFO).display().to_string(),
            false => format!("{}/{}", Action::WORK, slots::FIFO),
        };
        let mut env = action.env.clone();
        env.insert("CARGO_MAKEFLAGS".to_owned(), self.slots.makeflags(&fifo));
        env.insert("RST_SLOTS".to_owned(), fifo);
        Ok(Spec {
            root,
            env,
            steps,
            jobs: self.slots.total(),
            log: log.to_owned(),
            // Beside the work folder, so that it goes with it.
            desk: work.parent().unwrap_or(work).to_owned(),
            bare: action.unsandboxed,
            ..Spec::default()
        })
    }

    /// A step with the numbers of processes filled in.
    fn with_numbers(&self, mut step: Step, jobs: usize) -> Step {
        for (placeholder, number) in [(JOBS, jobs), (SLOTS, self.slots.total())] {
            for word in step.commands.iter_mut().flat_map(|command| &mut command.argv) {
                if word.contains(placeholder) {
                    *word = word.replace(placeholder, &number.to_string());
                }
            }
        }
        step
    }

    fn cache_folder(&self, cache: &CacheMount, work: &Path) -> Result<PathBuf, BuildError> {
        if self.warm {
            return Ok(self.store.cache(&cache.name, cache.validity)?);
        }
        let cold = work.with_file_name("cache");
        fs::create_dir_all(&cold)?;
        Ok(cold)
    }

    fn enter(&self, spec: &Spec, action: &Action, version: &str) -> Result<rst_sandbox::Outcome, BuildError> {
        match rst_sandbox::run(spec, self.cancel) {
            Ok(outcome) => Ok(outcome),
            Err(rst_sandbox::Error::Cancelled) => Err(BuildError::Interrupted),
            Err(rst_sandbox::Error::CommandFailed { argv, how }) => {
                let last_lines = last_lines(&spec.log);
                Err(BuildError::Command {
                    name: action.name.clone(),
                    version: version.to_owned(),
                    platform: action.platform,
                    command: argv.join(" "),
                    how,
                    // Zig says it in one word; on a full disk the log itself may lack the line.
                    no_space: self.store.is_full()
                        || last_lines.iter().any(|l| l.contains("No space left") || l.contains("NoSpaceLeft")),
                    last_lines,
                    log: spec.log.clone(),
                    // Whoever knows more says so.
                    by_zig: false,
                })
            }
            // The commands' end is told in a file, too.
            Err(rst_sandbox::Error::Died(_) | rst_sandbox::Error::Io(_)) if self.store.is_full() => {
                Err(BuildError::NoSpace { store: self.store.root().to_owned() })
            }
            Err(error) => Err(error.into()),
        }
    }

    /// Zig's cache with one of its libcs compiled, which is done now when nobody has. It depends on the tools
    /// and the target alone, so it is no part of any action's key. `mounts` has the tools, and may have more.
    pub(crate) fn compiled(&self, libc: Libc, mounts: &BTreeMap<String, Digest>) -> Result<Digest, BuildError> {
        let tools = [Zig::MOUNT.to_owned(), tool_mount(ROOT_TOOL)];
        let mounts = tools.into_iter().filter_map(|target| Some((target.clone(), *mounts.get(&target)?)));
        let mut env = driver::base_env(EPOCH);
        env.extend(Zig::env());
        let seed = libc.seed(mounts.collect(), env);
        let key = seed.key();
        let _held = self.store.hold(&key.to_string())?;
        // Zig knows its own files by their inodes too: where those are others (the tree was fetched anew, the store is a
        // copy), it would compile the libc once more in every action.
        let (zig, name) = (self.inode_of(seed.mounts.get(Zig::MOUNT))?, format!("seed-{}", key.short()));
        match self.store.result(key) {
            Some(result) if self.store.recall(&name) == zig => Ok(result.output),
            _ => {
                let output = self.make_seed(&seed, key)?;
                self.store.remember(&name, &zig)?;
                Ok(output)
            }
        }
    }

    fn inode_of(&self, tree: Option<&Digest>) -> Result<Option<u64>, BuildError> {
        let metadata = tree.map(|tree| fs::metadata(self.store.tree_path(*tree))).transpose()?;
        Ok(metadata.map(|metadata| std::os::unix::fs::MetadataExt::ino(&metadata)))
    }

    fn make_seed(&self, seed: &Action, key: Digest) -> Result<Digest, BuildError> {
        let begun = Instant::now();
        let name = seed.name.clone();
        self.reporter.event(Event::Preparing { name: name.clone() });
        self.store.remember(&memory_of(&seed.name, seed.platform), seed)?;
        let (_scratch, work) = self.work_folder()?;
        fs::create_dir_all(work.join("tmp"))?;
        self.slots.link_into(&work)?;
        for (path, text) in &seed.files {
            write_file(&work.join(path), text)?;
        }
        let _turn = self.slots.take(1, self.cancel)?;
        let spec = self.spec(seed, &work, seed.steps.clone(), &self.store.log_path(key))?;
        let outcome = self.enter(&spec, seed, "seed")?;
        let cache = work.join("zig-cache");
        // What was being written when a process ended is of no use to others.
        let _ = fs::remove_dir_all(cache.join("tmp"));
        let result = ActionResult {
            output: self.store.adopt(&cache)?,
            seconds: begun.elapsed().as_secs_f64(),
            cpu_seconds: outcome.cpu_ms as f64 / 1000.0,
            unsandboxed: false,
        };
        self.store.record(key, &result)?;
        let (seconds, cpu_seconds) = (result.seconds, result.cpu_seconds);
        self.reporter.event(Event::Prepared { name, seconds, cpu_seconds });
        Ok(result.output)
    }
}

/// update-alternatives(1)
const ALTERNATIVES: &str = "etc/alternatives";

/// The build root's own top folders become those of the sandbox.
fn mount_build_root(tree: &Path, mount: &mut impl FnMut(&str, MountSource)) -> Result<(), BuildError> {
    // Through these an image's programs may be called by other names: awk, ld. A link could lead to the host's.
    let is_folder = |name: &str| fs::symlink_metadata(tree.join(name)).is_ok_and(|metadata| metadata.is_dir());
    if ["etc", ALTERNATIVES].into_iter().all(is_folder) {
        mount(&format!("/{ALTERNATIVES}"), MountSource::ReadOnly(tree.join(ALTERNATIVES)));
    }
    for entry in fs::read_dir(tree)? {
        let entry = entry?;
        let target = format!("/{}", entry.file_name().to_string_lossy());
        if matches!(target.as_str(), "/dev" | "/proc" | "/tmp" | "/b" | "/etc" | "/sys" | "/run" | "/home" | "/root") {
            continue;
        }
        if entry.file_type()?.is_symlink() {
            let link = fs::read_link(entry.path())?;
            mount(&target, MountSource::Symlink(link.to_string_lossy().into_owned()));
        } else if entry.file_type()?.is_dir() {
            mount(&target, MountSource::ReadOnly(entry.path()));
        }
    }
    Ok(())
}

/// Writes a file of the work folder; what begins with `#!` is a program.
fn write_file(path: &Path, text: &str) -> Result<(), BuildError> {
    if let Some(folder) = path.parent() {
        fs::create_dir_all(folder)?;
    }
    let mut file = fs::File::create(path)?;
    file.write_all(text.as_bytes())?;
    let mode = if text.starts_with("#!") { 0o755 } else { 0o644 };
    fs::set_permissions(path, std::os::unix::fs::PermissionsExt::from_mode(mode))?;
    // The same time as every other file of a work folder: make compares them.
    let time = std::time::UNIX_EPOCH + std::time::Duration::from_secs(rst_store::MTIME.unsigned_abs());
    file.file().set_modified(time)?;
    Ok(())
}

fn last_lines(log: &Path) -> Vec<String> {
    let Ok(file) = fs::File::open(log) else { return Vec::new() };
    let mut lines = std::collections::VecDeque::new();
    for line in BufReader::new(file).split(b'\n').map_while(Result::ok) {
        if lines.len() == LAST_LINES {
            lines.pop_front();
        }
        lines.push_back(String::from_utf8_lossy(&line).into_owned());
    }
    lines.into()
}
