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

/// The licence texts of what a toolchain leaves in every program: where each is seen, and its place below a
/// folder of licences.
pub fn runtime_licenses(driver: &Driver) -> Vec<(&'static str, &'static str)> {
    let mut texts = vec![
        ("/zig/ziglang/LICENSE", "compiler-rt/LICENSE"),
        ("/zig/ziglang/lib/libc/musl/COPYRIGHT", "musl/COPYRIGHT"),
    ];
    match driver {
        Driver::Source => texts.clear(),
        Driver::Go(_) => texts.push(("/go/LICENSE", "go/LICENSE")),
        Driver::Cargo(_) => texts.push(("/zig/ziglang/lib/libunwind/LICENSE.TXT", "libunwind/LICENSE.TXT")),
        Driver::Cc(_) | Driver::Autotools(_) | Driver::Make(_) | Driver::Meson(_) => {}
    }
    texts
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
