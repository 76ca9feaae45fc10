//! Drivers: a recipe's table in, commands out. Each is one short file; none touches anything.

mod autotools;
mod cargo;
mod cc;
mod go;
mod make;
mod meson;

use std::collections::BTreeMap;

use rst_model::{
    Arch, Command, Platform, RelPath, Step,
    recipe::{Component, Driver, Placeholder},
};

use crate::toolchain::Toolchain;

/// What a driver is told.
pub struct Context<'a> {
    /// What is built.
    pub component: &'a Component,
    /// For what.
    pub platform: Platform,
    /// The compiler.
    pub toolchain: &'a Toolchain,
    /// The building machine.
    pub host: Arch,
    /// The libraries it links, in link order; each is seen at `/deps/NAME`.
    pub libraries: &'a [String],
    /// SOURCE_DATE_EPOCH.
    pub epoch: i64,
}

/// What a driver answers.
#[derive(Debug, Default)]
pub struct Plan {
    /// Files written into the work folder.
    pub files: BTreeMap<RelPath, String>,
    /// Variables on top of those that every build has.
    pub env: BTreeMap<String, String>,
    /// What is run.
    pub steps: Vec<Step>,
    /// The folder, relative to the work folder, in which `install` looks.
    pub products: String,
}

/// The commands for a component; none for a mere source.
pub fn plan(context: &Context) -> Plan {
    match &context.component.driver {
        Driver::Source => Plan::default(),
        Driver::Cc(options) => cc::plan(context, options),
        Driver::Autotools(options) => autotools::plan(context, options),
        Driver::Make(options) => make::plan(context, options),
        Driver::Meson(options) => meson::plan(context, options),
        Driver::Cargo(options) => cargo::plan(context, options),
        Driver::Go(options) => go::plan(context, options),
    }
}

pub(crate) use go::link_time_values;

const SOURCE: &str = "/b/src";
const DESTINATION: &str = "/b/dest";
const TWINS: &str = "/b/twin";

impl Context<'_> {
    /// Whether mimalloc is linked in.
    fn mimalloc(&self) -> bool {
        self.libraries.iter().any(|name| name == "mimalloc")
    }

    /// Base options, the libraries' headers, then the recipe's own, which so have the last word.
    fn cflags(&self, own: &[String]) -> Vec<String> {
        let includes = self.libraries.iter().map(|name| format!("-I/deps/{name}/include"));
        let own = own.iter().map(|text| self.fill(text));
        self.toolchain.cflags().into_iter().chain(includes).chain(own).collect()
    }

    fn ldflags(&self) -> Vec<String> {
        let paths = self.libraries.iter().map(|name| format!("-L/deps/{name}/lib"));
        self.toolchain.ldflags().into_iter().chain(paths).collect()
    }

    /// What stands last at every link.
    fn allocator(&self) -> Vec<String> {
        if self.mimalloc() { self.toolchain.before_libc("mimalloc", "malloc") } else { Vec::new() }
    }

    fn pkg_config_path(&self) -> String {
        let folders: Vec<_> = self.libraries.iter().map(|name| format!("/deps/{name}/lib/pkgconfig")).collect();
        folders.join(":")
    }

    /// Puts values in place of a recipe's placeholders; that of `{jobs}` is the sandbox's to give.
    pub fn fill(&self, text: &str) -> String {
        let component = self.component;
        let expanded = component.source.expand(text, &component.version);
        let mut text = expanded.unwrap_or_else(|| text.to_owned());
        for placeholder in Placeholder::ALL {
            let word = format!("{{{}}}", placeholder.name());
            if let Some(value) = text.contains(&word).then(|| self.value(placeholder)).flatten() {
                text = text.replace(&word, &value);
            }
        }
        text
    }

    fn value(&self, placeholder: Placeholder) -> Option<String> {
        let arch = self.platform.arch;
        Some(match placeholder {
            Placeholder::Version => self.component.version.to_string(),
            Placeholder::Cpu => arch.cpu().to_owned(),
            Placeholder::Arch => arch.oci().to_owned(),
            Placeholder::Rust => self.platform.rust_triple(),
            Placeholder::Epoch => self.epoch.to_string(),
            Placeholder::Jobs => return None,
            Placeholder::Cc => "cc".to_owned(),
            Placeholder::HostCc => "host-cc".to_owned(),
            Placeholder::Cflags => joined(&self.cflags(&[])),
            Placeholder::Ldflags => joined(&[self.ldflags(), self.allocator()].concat()),
            Placeholder::Dest => DESTINATION.to_owned(),
        })
    }

    fn fill_all(&self, texts: &[String]) -> Vec<String> {
        texts.iter().map(|text| self.fill(text)).collect()
    }

    /// Files that a recipe writes into the source folder.
    fn written(&self, files: &BTreeMap<String, String>) -> BTreeMap<RelPath, String> {
        files
            .iter()
            .filter_map(|(name, text)| Some((RelPath::new(&format!("src/{name}")).ok()?, self.fill(text))))
            .collect()
    }
}

/// A word as the shell takes it for itself.
pub(crate) fn quoted(word: &str) -> String {
    format!("'{}'", word.replace('\'', r"'\''"))
}

/// A step of one command in the source folder.
pub(crate) fn step(argv: impl IntoIterator<Item = impl Into<String>>) -> Step {
    step_with(argv, &[])
}

fn step_with(argv: impl IntoIterator<Item = impl Into<String>>, env: &[(&str, &str)]) -> Step {
    Step {
        commands: vec![Command {
            argv: argv.into_iter().map(Into::into).collect(),
            cwd: SOURCE.to_owned(),
            env: env.iter().map(|(name, value)| (name.to_string(), value.to_string())).collect(),
        }],
    }
}

/// `make` as the recipe calls it, each link kept in its unstripped form too.
fn make_steps(context: &Context, calls: &[Vec<String>]) -> Vec<Step> {
    let call = |arguments: &Vec<String>| {
        let argv = ["make".to_owned(), "-j{jobs}".to_owned()].into_iter().chain(context.fill_all(arguments));
        step_with(argv, &[("RST_TWIN", TWINS)])
    };
    calls.iter().map(call).collect()
}

/// For variables that tools split at spaces.
fn joined(words: &[String]) -> String {
    words.join(" ")
}

/// The environment that every action has.
pub fn base_env(epoch: i64) -> BTreeMap<String, String> {
    [
        ("PATH", "/b/bin:/usr/bin"),
        ("HOME", "/b/home"),
        ("TMPDIR", "/b/tmp"),
        ("LANG", "C"),
        ("LC_ALL", "C"),
        ("TZ", "UTC"),
        ("PYTHONDONTWRITEBYTECODE", "1"),
        ("PYTHONHASHSEED", "0"),
        ("PYTHONUTF8", "1"),
    ]
    .into_iter()
    .map(|(name, value)| (name.to_owned(), value.to_owned()))
    .chain([("SOURCE_DATE_EPOCH".to_owned(), epoch.to_string())])
    .collect()
}

/// The folder that drivers work in.
pub const SOURCE_FOLDER: &str = SOURCE;
/// Where Go keeps its build cache.
pub const GO_CACHE: &str = go::CACHE;
