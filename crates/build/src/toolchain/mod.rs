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

/// The libcs with which a driver links something, what comes first at the front.
pub fn libcs_of(driver: &Driver, platform: Platform) -> Vec<Libc> {
    let mut libcs = match driver {
        Driver::Source => return Vec::new(),
        Driver::Go(_) => Vec::new(),
        Driver::Cargo(_) => vec![Libc::Glibc(Arch::HOST), Libc::Musl(Arch::HOST)],
        Driver::Cc(_) | Driver::Autotools(_) | Driver::Make(_) | Driver::Meson(_) => vec![Libc::Musl(Arch::HOST)],
    };
    let own = Libc::Musl(platform.arch);
    if !libcs.contains(&own) {
        libcs.push(own);
    }
    libcs
}
