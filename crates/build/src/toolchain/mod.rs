//! Toolchains: what a compiler, a linker and their flags are. Recipes know nothing of this.

mod zig;

pub use zig::{Libc, Zig};

use rst_model::{Arch, Platform, recipe::Driver};

/// The recipes of the tools that a driver runs. The build root holds shell, make and the like.
pub fn tools_of(driver: &Driver) -> &'static [&'static str] {
    match driver {
        Driver::Source => &[],
        Driver::Cc(_) | Driver::Autotools(_) | Driver::Make(_) => &["build-root", "zig"],
        Driver::Meson(_) => &["build-root", "zig", "meson", "ninja"],
        Driver::Cargo(_) => &["build-root", "zig", "rust"],
        Driver::Go(_) => &["build-root", "zig", "go"],
    }
}

/// Something that a toolchain leaves in every program that it links.
pub struct Runtime {
    /// What it is called, here and among an archive's licences.
    pub name: &'static str,
    /// The recipe of the tool that has it.
    pub tool: &'static str,
    /// Where its licence's text is seen.
    pub license_text: &'static str,
    /// Its licence, as an SPDX expression.
    pub license: &'static str,
}

const COMPILER_RT: Runtime =
    Runtime { name: "compiler-rt", tool: "zig", license_text: "/zig/ziglang/LICENSE", license: "MIT" };
const MUSL: Runtime =
    Runtime { name: "musl", tool: "zig", license_text: "/zig/ziglang/lib/libc/musl/COPYRIGHT", license: "MIT" };
const GO: Runtime = Runtime { name: "go", tool: "go", license_text: "/go/LICENSE", license: "BSD-3-Clause" };
const LIBUNWIND: Runtime = Runtime {
    name: "libunwind",
    tool: "zig",
    license_text: "/zig/ziglang/lib/libunwind/LICENSE.TXT",
    license: "Apache-2.0 WITH LLVM-exception",
};

/// What a driver's toolchains leave in its programs, beside what is a component of its own (Rust's library).
pub fn runtimes_of(driver: &Driver) -> &'static [Runtime] {
    match driver {
        Driver::Source => &[],
        Driver::Go(_) => &[COMPILER_RT, MUSL, GO],
        Driver::Cargo(_) => &[COMPILER_RT, MUSL, LIBUNWIND],
        Driver::Cc(_) | Driver::Autotools(_) | Driver::Make(_) | Driver::Meson(_) => &[COMPILER_RT, MUSL],
    }
}

/// The libcs with which a driver links something, what comes first at the front. Libraries alone are
/// compiled while the libcs still are.
pub fn libcs_of(driver: &Driver, platform: Platform) -> Vec<Libc> {
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
