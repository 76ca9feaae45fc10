//! GCC with musl, of a container image: a fallback, should Zig fail at something. The image takes the place of
//! Zig and of the build root.

use std::collections::BTreeMap;

use fs_err as fs;
use rst_model::{Action, ApkPackage, Collect, Command, Digest, ImageName, Platform, RelPath, Step, Version};

use super::{License, Runtime, zig};
use crate::{driver, error::BuildError, execute::Executor};

/// The compiler of an image, looked at.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Gcc {
    /// The image.
    pub image: ImageName,
    /// All its files.
    pub tree: Digest,
    /// What was laid over it.
    pub packages: BTreeMap<String, ApkPackage>,
    /// What looking at it left: facts, and the kernel's headers if its compiler does not find them.
    pub found: Digest,
    /// As it calls itself.
    pub version: Version,
    /// The libc's.
    pub musl: Version,
    /// As it is called.
    command: String,
}

/// Options that every C file is compiled with: those for Zig, as far as GCC has them. Programs have a fixed
/// address, whatever the image's GCC makes when nobody says.
const CFLAGS: [&str; 7] = [
    "-Os",
    "-g0",
    "-fno-pie",
    "-fstack-protector-strong",
    "-ffunction-sections",
    "-fdata-sections",
    "-ffile-prefix-map=/b/src=.",
];

/// A build's identity would be a digest of symbols too, which program and twin do not share.
const LDFLAGS: [&str; 6] =
    ["-static", "-no-pie", "-Wl,--gc-sections", "-Wl,--build-id=none", "-Wl,-z,relro,-z,noexecstack", "-s"];

/// What the look leaves: a line `NAME=VALUE` for each fact.
const FACTS: &str = "facts";
const LOOK: &str = include_str!("look.sh");

/// What GCC leaves in every program that it links.
pub(super) const RUNTIMES: [Runtime; 2] = [
    Runtime {
        name: "libgcc",
        tool: Gcc::NAME,
        license_text: License::Here { file: "libgcc/COPYING.RUNTIME", text: include_str!("licenses/libgcc.txt") },
        license: "GPL-3.0-or-later WITH GCC-exception-3.1",
    },
    Runtime {
        name: "musl",
        tool: Gcc::NAME,
        license_text: License::Here { file: "musl/COPYRIGHT.image", text: include_str!("licenses/musl.txt") },
        license: "MIT",
    },
];

impl Gcc {
    /// What it is called among toolchains.
    pub const NAME: &str = "container";
    /// Where what the look left is seen.
    pub const MOUNT: &str = "/kit";

    /// Finds out, in the sandbox, what compiler an image has.
    pub(crate) fn of(image: &rst_fetch::Image, executor: &Executor) -> Result<Self, BuildError> {
        let action = look(image.tree);
        let result = match executor.run(&action, "", &[]) {
            Err(BuildError::Command { how, log, .. }) => {
                let said = fs::read_to_string(log).unwrap_or_default();
                let found = format!("its shell {how} {}", said.trim());
                return Err(BuildError::NoCompiler { image: image.name.to_string(), found });
            }
            other => other?,
        };
        let text = fs::read_to_string(executor.store.tree_path(result.output).join(FACTS))?;
        let fact = |name: &str| text.lines().find_map(|line| line.strip_prefix(name)?.strip_prefix('='));
        let lacking = |found: &str| BuildError::NoCompiler { image: image.name.to_string(), found: found.to_owned() };
        if let Some(found) = fact("lacking") {
            return Err(lacking(found));
        }
        let known = |name: &str| fact(name).ok_or_else(|| lacking(&format!("nothing that says its {name}")));
        Ok(Self {
            image: image.name.clone(),
            tree: image.tree,
            packages: image.packages.clone(),
            found: result.output,
            version: Version::new(known("version")?),
            musl: Version::new(known("musl")?),
            command: known("command")?.to_owned(),
        })
    }

    /// What all its files are from.
    pub fn whole(&self) -> String {
        let over = if self.packages.is_empty() { "" } else { " with packages over it" };
        format!("the container image {}{over}", self.image)
    }

    /// The commands, as files of the work folder; `/b/bin` is first in PATH. The image's `ar` and its kin are found
    /// behind them.
    pub fn commands(&self) -> BTreeMap<RelPath, String> {
        let gcc = &self.command;
        let link = LDFLAGS.join(" ");
        [
            ("cc", zig::twin_linker(gcc, &format!("{gcc} \"$@\" || exit\n"), "", gcc)),
            ("host-cc", format!("#!/bin/sh\nexec {gcc} \"$@\" {link} -g0\n")),
            ("pkg-config", zig::PKG_CONFIG.to_owned()),
        ]
        .into_iter()
        .map(|(name, text)| (RelPath::new(&format!("bin/{name}")).expect("a plain name"), text))
        .collect()
    }

    /// Options that every C file is compiled with, cgo's included.
    pub fn cflags(&self) -> Vec<String> {
        CFLAGS.map(str::to_owned).to_vec()
    }

    /// Words that link a library whose `function` takes the place of the libc's. GNU's linker takes from a library only
    /// what is wanted when it comes to it, and later finds the libc's.
    pub fn before_libc(library: &str, function: &str) -> Vec<String> {
        vec![format!("-Wl,-u,{function}"), format!("-l{library}")]
    }

    /// Options that every program is linked with.
    pub fn ldflags(&self) -> Vec<String> {
        LDFLAGS.map(str::to_owned).to_vec()
    }
}

/// The action that looks at an image's root.
fn look(tree: Digest) -> Action {
    let path = |text: &str| RelPath::new(text).expect("a plain name");
    let taken = |from: &str| Collect { from: from.to_owned(), to: String::new(), optional: false, merged: false };
    let mut env = driver::base_env(crate::compose::EPOCH);
    env.extend([("PATH".to_owned(), "/usr/bin:/bin".to_owned())]);
    Action {
        name: "compiler-of-image".to_owned(),
        platform: Platform::HOST,
        mounts: [(crate::compose::tool_mount(crate::compose::ROOT_TOOL), tree)].into(),
        checkouts: BTreeMap::new(),
        files: [(path("look.sh"), LOOK.to_owned())].into(),
        env,
        steps: vec![Step {
            commands: vec![Command {
                argv: vec!["sh".to_owned(), "/b/look.sh".to_owned()],
                cwd: format!("{}/out", Action::WORK),
                env: BTreeMap::new(),
            }],
        }],
        collect: vec![Collect { to: "/".to_owned(), ..taken("out/") }],
        links: BTreeMap::new(),
        cache: None,
        unsandboxed: false,
    }
}
