//! `cargo`: a crate's programs, or a library that they are all compiled with: Rust's own, since there
//! is no prebuilt one for musl that is ours.

use rst_model::{Platform, RelPath, recipe::Cargo};

use super::{Context, Plan, TWINS, joined, step_with};

/// Flags for the target do not reach build scripts and proc macros, so those have a table of their
/// own: without it rustc looks for the linker of its own distribution, of which no part is here.
const CONFIG: &str = r#"target-applies-to-host = false

[host]
linker = "/b/bin/host-rust-cc"
rustflags = ["-Clink-self-contained=no"]

[source.crates-io]
replace-with = "vendored"

[source.vendored]
directory = "/b/src/vendor"
"#;

pub(super) fn plan(context: &Context, options: &Cargo) -> Plan {
    let target = context.platform.rust_triple();
    let host = Platform { arch: context.host };
    let host_triple = format!("{}-unknown-linux-gnu", host.arch.cpu());
    let mut rustflags: Vec<String> = [
        "-Ctarget-feature=+crt-static",
        "-Clink-self-contained=no",
        "-Crelocation-model=static",
        "--remap-path-prefix=/b/src/vendor=v",
        "--remap-path-prefix=/b/src=s",
    ]
    .map(str::to_owned)
    .to_vec();
    rustflags.extend(context.libraries.iter().map(|name| format!("-L/deps/{name}/lib")));
    rustflags.extend(options.rustflags.iter().cloned());
    for word in [context.ldflags(), context.allocator()].concat() {
        rustflags.push(format!("-Clink-arg={word}"));
    }
    let variable = |prefix: &str, triple: &str, suffix: &str| {
        format!("{prefix}_{}_{suffix}", triple.to_uppercase().replace('-', "_"))
    };
    let mut env: std::collections::BTreeMap<String, String> = [
        ("PATH", "/b/bin:/tools/rust/bin:/usr/bin"),
        ("CARGO_HOME", "/b/cargo-home"),
        ("CARGO_TERM_COLOR", "never"),
        ("CARGO_INCREMENTAL", "0"),
        ("CARGO_NET_OFFLINE", "true"),
        ("CARGO_PROFILE_RELEASE_PANIC", "abort"),
        // Stripped by the linker, so that the twin of the link is not.
        ("CARGO_PROFILE_RELEASE_STRIP", "none"),
        ("CARGO_PROFILE_RELEASE_LTO", "fat"),
        ("CARGO_PROFILE_RELEASE_OPT_LEVEL", "s"),
        ("CARGO_PROFILE_RELEASE_DEBUG", "0"),
        ("CARGO_PROFILE_RELEASE_CODEGEN_UNITS", "1"),
        // For -Z, and for what only the standard library may do, with the stable compiler.
        ("RUSTC_BOOTSTRAP", "1"),
        ("LD_LIBRARY_PATH", "/tools/rust/lib"),
    ]
    .into_iter()
    .map(|(name, value)| (name.to_owned(), value.to_owned()))
    .collect();
    env.insert(variable("CARGO_TARGET", &target, "LINKER"), "/b/bin/rust-cc".to_owned());
    env.insert(variable("CARGO_TARGET", &target, "RUSTFLAGS"), joined(&rustflags));
    env.insert(format!("CC_{}", target.replace('-', "_")), "cc".to_owned());
    env.insert(format!("CC_{}", host_triple.replace('-', "_")), "host-cc".to_owned());
    for (name, value) in &options.env {
        env.insert(name.clone(), context.fill(value));
    }
    let mut argv: Vec<String> = ["cargo", "build", "--release", "--locked", "--target", &target]
        .into_iter()
        .chain(["-Zhost-config", "-Ztarget-applies-to-host"])
        .map(str::to_owned)
        .collect();
    for library in &options.libraries {
        argv.extend(["-p".to_owned(), library.clone()]);
    }
    for program in &options.programs {
        argv.extend(["--bin".to_owned(), program.clone()]);
    }
    Plan {
        files: [(RelPath::new("cargo-home/config.toml").expect("a plain name"), CONFIG.to_owned())].into(),
        env,
        steps: vec![step_with(argv, &[("RST_TWIN", TWINS)])],
        products: format!("src/target/{target}/release"),
    }
}
