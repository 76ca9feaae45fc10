//! Toolchains: what a compiler, a linker and their flags are. Recipes know nothing of this.

mod zig;

pub use zig::{Zig, seed_steps};

use rst_model::recipe::Driver;

/// The recipes of the tools that a driver runs. The build root holds shell, make and the like.
pub fn tools_of(driver: &Driver) -> &'static [&'static str] {
    match driver {
        Driver::Source => &[],
        Driver::Cc(_) | Driver::Autotools(_) | Driver::Make(_) => &["build-root", "zig"],
        Driver::Meson(_) => &["build-root", "zig", "meson", "ninja"],
        Driver::Cargo(_) => &["build-root", "zig", "rust", "rust-library"],
        Driver::Go(_) => &["build-root", "zig", "go"],
    }
}
