//! Toolchains: what a compiler, a linker and their flags are. Recipes know nothing of this.

mod gcc;
mod zig;

use std::{collections::BTreeMap, sync::Arc};

pub use gcc::Gcc;
pub use zig::{Libc, Zig};

use rst_model::{Arch, Digest, Platform, RelPath, recipe::Driver};

/// What C code is compiled with, and programs are linked with.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub enum Toolchain {
    /// Zig, in the build root.
    #[default]
    Zig,
    /// GCC, in a container image that has all that the build root has. For this machine only.
    Gcc(Arc<Gcc>),
}

impl Toolchain {
    /// What `--toolchain` and manifests call it.
    pub fn name(&self) -> &'static str {
        match self {
            Toolchain::Zig => "zig",
            Toolchain::Gcc(_) => Gcc::NAME,
        }
    }

    /// Whether GCC may do in Zig's place what a driver does. Rust's compiler needs a glibc, which an image with musl
    /// seldom has, and Zig beside it.
    pub fn may_be_gcc(driver: &Driver) -> bool {
        !matches!(driver, Driver::Source | Driver::Cargo(_))
    }

    /// The recipes of the tools that a driver runs. The build root, or the image, holds shell, make and the like.
    pub fn tools_of(&self, driver: &Driver) -> &'static [&'static str] {
        match (self, driver) {
            (_, Driver::Source) => &[],
            (Toolchain::Zig, Driver::Cc(_) | Driver::Autotools(_) | Driver::Make(_)) => &["build-root", "zig"],
            (Toolchain::Zig, Driver::Meson(_)) => &["build-root", "zig", "meson", "ninja"],
            (Toolchain::Zig, Driver::Go(_)) => &["build-root", "zig", "go"],
            (_, Driver::Cargo(_)) => &["build-root", "zig", "rust"],
            (Toolchain::Gcc(_), Driver::Cc(_) | Driver::Autotools(_) | Driver::Make(_)) => &[],
            (Toolchain::Gcc(_), Driver::Meson(_)) => &["meson"],
            (Toolchain::Gcc(_), Driver::Go(_)) => &["go"],
        }
    }

    /// What stands for those of its parts that are no recipes, by the tool's name.
    pub fn mounts(&self) -> BTreeMap<String, Digest> {
        match self {
            Toolchain::Zig => BTreeMap::new(),
            Toolchain::Gcc(gcc) => {
                let root = crate::compose::tool_mount(crate::compose::ROOT_TOOL);
                [(root, gcc.tree), (Gcc::MOUNT.to_owned(), gcc.found)].into()
            }
        }
    }

    /// The commands, as files of the work folder; `/b/bin` is first in PATH.
    pub fn commands(&self, platform: Platform) -> BTreeMap<RelPath, String> {
        match self {
            Toolchain::Zig => Zig { platform, host: Arch::HOST }.commands(),
            Toolchain::Gcc(gcc) => gcc.commands(),
        }
    }

    /// Variables that the compiler itself reads.
    pub fn env(&self) -> BTreeMap<String, String> {
        match self {
            Toolchain::Zig => Zig::env(),
            Toolchain::Gcc(_) => BTreeMap::new(),
        }
    }

    /// Adds to PATH where else an image has programs: not each has merged /bin with /usr/bin.
    pub fn widen_path(&self, env: &mut BTreeMap<String, String>) {
        if let (Toolchain::Gcc(_), Some(path)) = (self, env.get_mut("PATH")) {
            path.push_str(":/bin");
        }
    }

    /// Options that every C file is compiled with, cgo's included.
    pub fn cflags(&self) -> Vec<String> {
        match self {
            Toolchain::Zig => Zig::cflags(),
            Toolchain::Gcc(gcc) => gcc.cflags(),
        }
    }

    /// Options that every program is linked with.
    pub fn ldflags(&self) -> Vec<String> {
        match self {
            Toolchain::Zig => Zig::ldflags(),
            Toolchain::Gcc(gcc) => gcc.ldflags(),
        }
    }

    /// Words that link a library whose `function` takes the place of the libc's.
    pub fn before_libc(&self, library: &str, function: &str) -> Vec<String> {
        match self {
            Toolchain::Zig => vec![format!("-l{library}")],
            Toolchain::Gcc(_) => Gcc::before_libc(library, function),
        }
    }

    /// Ninja, which is a program of glibc's where it is a tool of ours.
    pub fn ninja(&self) -> &'static str {
        match self {
            Toolchain::Zig => "/tools/ninja/bin/ninja",
            Toolchain::Gcc(_) => "ninja",
        }
    }

    /// What it leaves in a driver's programs, beside what is a component of its own (Rust's library).
    pub fn runtimes_of(&self, driver: &Driver) -> Vec<Runtime> {
        let mut runtimes = match (self, driver) {
            (_, Driver::Source) => Vec::new(),
            (Toolchain::Zig, Driver::Cargo(_)) => vec![zig::COMPILER_RT, zig::MUSL, zig::LIBUNWIND],
            (Toolchain::Zig, _) => vec![zig::COMPILER_RT, zig::MUSL],
            (Toolchain::Gcc(_), _) => gcc::RUNTIMES.to_vec(),
        };
        if matches!(driver, Driver::Go(_)) {
            runtimes.push(GO);
        }
        runtimes
    }

    /// The libcs with which a driver links something and that are compiled for it, what comes first at the front.
    /// Libraries alone are compiled while the libcs still are.
    pub fn libcs_of(&self, driver: &Driver, platform: Platform) -> Vec<Libc> {
        if *self != Toolchain::Zig {
            return Vec::new();
        }
        let (own, host) = (Libc::Musl(platform.arch), Libc::Musl(Arch::HOST));
        let mut libcs = match driver {
            Driver::Source => Vec::new(),
            Driver::Go(_) => vec![own],
            Driver::Cargo(cargo) if cargo.programs.is_empty() => vec![Libc::Glibc(Arch::HOST)],
            Driver::Cargo(_) => vec![Libc::Glibc(Arch::HOST), host, own],
            Driver::Cc(cc) if cc.prepare.is_empty() && cc.makes_only_libraries() => Vec::new(),
            Driver::Cc(_) | Driver::Autotools(_) | Driver::Make(_) | Driver::Meson(_) => vec![host, own],
        };
        libcs.dedup();
        libcs
    }
}

/// Something that a toolchain leaves in every program that it links.
#[derive(Clone, Copy)]
pub struct Runtime {
    /// What it is called, here and among an archive's licences.
    pub name: &'static str,
    /// The recipe of the tool that has it, or the image's toolchain.
    pub tool: &'static str,
    /// Its licence's text.
    pub license_text: License,
    /// Its licence, as an SPDX expression.
    pub license: &'static str,
}

/// Where the text of a licence is.
#[derive(Clone, Copy)]
pub enum License {
    /// A file of the tool's, where a build sees it.
    At(&'static str),
    /// A text of ours, since images seldom have it, and where it goes among the licences.
    Here {
        /// `musl/COPYRIGHT.image`
        file: &'static str,
        /// The text.
        text: &'static str,
    },
}

const GO: Runtime =
    Runtime { name: "go", tool: "go", license_text: License::At("/go/LICENSE"), license: "BSD-3-Clause" };
