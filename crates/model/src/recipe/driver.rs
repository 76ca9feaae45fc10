//! The drivers' options: data only. What they mean is in `rst-build`, one file a driver.
//!
//! In arguments and values a [`Placeholder`](super::Placeholder) in braces stands for what the
//! toolchain gives.

use std::collections::BTreeMap;

use serde::{Deserialize, Serialize};

use crate::Arch;

/// How a component is built.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
#[serde(rename_all = "kebab-case")]
pub enum Driver {
    /// Not at all: a source used as it is.
    Source,
    /// Compiling named files, with no build system.
    Cc(Cc),
    /// `./configure && make`
    Autotools(Autotools),
    /// `make`
    Make(Make),
    /// `meson setup && ninja`
    Meson(Meson),
    /// `cargo build`
    Cargo(Cargo),
    /// `go build`
    Go(Go),
}

/// `[cc]`
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields, rename_all = "kebab-case", default)]
pub struct Cc {
    /// Compiler options for every file.
    pub cflags: Vec<String>,
    /// `-D`
    pub defines: Vec<String>,
    /// `-I`, relative to the source folder.
    pub includes: Vec<String>,
    /// `NAME.c` or `config.h`, relative to the source folder → its text.
    pub write: BTreeMap<String, String>,
    /// Commands run first in the source folder, one after the other; `>FILE` as the last argument
    /// keeps what one prints.
    pub prepare: Vec<Vec<String>>,
    /// What is made: `libNAME.a`, `NAME.o`, or a program.
    pub output: BTreeMap<String, CcOutput>,
}

/// `[cc.output.NAME]`
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields, rename_all = "kebab-case", default)]
pub struct CcOutput {
    /// Files or patterns.
    pub sources: Vec<String>,
    /// Files or patterns that are left out again.
    pub exclude: Vec<String>,
    /// Options for its files alone.
    pub cflags: Vec<String>,
    /// Options for its link, such as `-lseccomp`, or `NAME.a` made above.
    pub libs: Vec<String>,
    /// The only architecture that has it.
    pub arch: Option<Arch>,
}

impl Cc {
    /// Whether nothing is linked.
    pub fn makes_only_libraries(&self) -> bool {
        self.output.keys().all(|name| name.ends_with(".a") || name.ends_with(".o"))
    }
}

/// `[autotools]`
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields, rename_all = "kebab-case", default)]
pub struct Autotools {
    /// Whether `autoreconf -fi` comes first.
    pub autoreconf: bool,
    /// Options for the compiler.
    pub cflags: Vec<String>,
    /// Files written first, relative to the source folder → text.
    pub write: BTreeMap<String, String>,
    /// Options for `./configure`.
    pub configure: Vec<String>,
    /// Arguments of each call of make.
    pub make: Vec<Vec<String>>,
}

/// `[make]`
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields, rename_all = "kebab-case", default)]
pub struct Make {
    /// Options for the compiler.
    pub cflags: Vec<String>,
    /// Files written first, relative to the source folder → text.
    pub write: BTreeMap<String, String>,
    /// Arguments of each call of make.
    pub make: Vec<Vec<String>>,
}

/// `[meson]`
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields, rename_all = "kebab-case", default)]
pub struct Meson {
    /// Options for the compiler.
    pub cflags: Vec<String>,
    /// Options for `meson setup`.
    pub options: Vec<String>,
    /// Libraries that are asked for by pkg-config but not linked in: empty stand-ins, name to version.
    pub stubs: BTreeMap<String, String>,
    /// What ninja makes.
    pub targets: Vec<String>,
    /// Arguments of `meson install`, if it is called at all.
    pub install: Option<Vec<String>>,
}

/// `[cargo]`
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields, rename_all = "kebab-case", default)]
pub struct Cargo {
    /// The programs, as cargo names them.
    pub programs: Vec<String>,
    /// Libraries, by their packages' names, in place of programs.
    pub libraries: Vec<String>,
    /// Options for rustc.
    pub rustflags: Vec<String>,
    /// Variables for the build.
    pub env: BTreeMap<String, String>,
}

/// `[go]`
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields, rename_all = "kebab-case", default)]
pub struct Go {
    /// Build tags.
    pub tags: Vec<String>,
    /// What is built, in this order.
    pub program: Vec<GoProgram>,
    /// Arguments of each call of make after that, for manual pages and the like.
    pub make: Vec<Vec<String>>,
}

/// `[[go.program]]`
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields, rename_all = "kebab-case")]
pub struct GoProgram {
    /// Its name.
    pub name: String,
    /// Its package: `./cmd/podman`.
    pub package: String,
    /// Variables set at link time, `-X`. A name that does not exist is ignored by Go in silence:
    /// the proof looks for each.
    #[serde(default)]
    pub set: BTreeMap<String, String>,
    /// Whether its completions are written, as its own command `completion` would write them: it stands on
    /// cobra. They are left as `completions/bash/NAME`, `completions/zsh/_NAME` and `completions/fish/NAME.fish`.
    #[serde(default)]
    pub completions: bool,
}
