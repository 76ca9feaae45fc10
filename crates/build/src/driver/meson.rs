//! `meson`: `meson setup` with a cross file, then ninja.

use std::fmt::Write as _;

use rst_model::{RelPath, recipe::Meson};

use super::{Context, DESTINATION, Plan, TWINS, autotools::compiler_env, step, step_with};

const BUILD: &str = "build";
const STUBS: &str = "/b/pkgconfig";

pub(super) fn plan(context: &Context, options: &Meson) -> Plan {
    let mut files = std::collections::BTreeMap::new();
    let mut write = |name: &str, text: String| {
        files.insert(RelPath::new(name).expect("a plain name"), text);
    };
    write("cross.ini", cross_file(context, options));
    write("native.ini", native_file(context));
    // Meson's checks are linked at -O0, for which Zig would compile musl once more.
    for name in ["cc", "host-cc"] {
        write(
            &format!("bin/meson-{name}"),
            format!(
                "#!/bin/sh\nfor argument do\n  shift\n  [ \"$argument\" = -O0 ] || set -- \"$@\" \"$argument\"\ndone\n\
                 exec /b/bin/{name} \"$@\"\n"
            ),
        );
    }
    // The tool's tree is a wheel, unpacked: a Python package.
    write("bin/meson", "#!/bin/sh\nPYTHONPATH=/tools/meson exec python3 -m mesonbuild.mesonmain \"$@\"\n".to_owned());
    for (name, version) in &options.stubs {
        write(&format!("pkgconfig/{name}.pc"), format!("Name: {name}\nDescription: stand-in\nVersion: {version}\n"));
    }
    let mut env = compiler_env(context, &[]);
    // The cross file has the flags; from here they would count for the building machine too.
    for name in ["CC", "CFLAGS", "LDFLAGS", "LIBS"] {
        env.remove(name);
    }
    let ninja = context.toolchain.ninja();
    env.insert("NINJA".to_owned(), ninja.to_owned());
    env.insert("PKG_CONFIG_LIBDIR".to_owned(), format!("{}:{STUBS}", context.pkg_config_path()));
    let setup = ["meson", "setup", BUILD, "--cross-file=/b/cross.ini", "--native-file=/b/native.ini"]
        .into_iter()
        .chain([
            "--prefix=/usr",
            "--libdir=lib",
            "--default-library=static",
            "--buildtype=plain",
            "--wrap-mode=nodownload",
        ])
        .map(str::to_owned)
        .chain(context.fill_all(&options.options));
    let ninja = [ninja, "-C", BUILD, "-j{jobs}", "-v"];
    let mut steps = vec![
        step(setup),
        step_with(ninja.into_iter().map(str::to_owned).chain(options.targets.clone()), &[("RST_TWIN", TWINS)]),
    ];
    if let Some(arguments) = &options.install {
        let install = ["meson", "install", "-C", BUILD, "--no-rebuild", "--destdir", DESTINATION];
        steps.push(step(install.into_iter().map(str::to_owned).chain(context.fill_all(arguments))));
    }
    Plan { files, env, steps, products: "src".to_owned() }
}

fn cross_file(context: &Context, options: &Meson) -> String {
    let cpu = context.platform.arch.cpu();
    let mut text = String::new();
    let _ = write!(
        text,
        "[binaries]\nc = 'meson-cc'\nar = 'ar'\nranlib = 'ranlib'\npkg-config = 'pkg-config'\n\n\
         [host_machine]\nsystem = 'linux'\ncpu_family = '{cpu}'\ncpu = '{cpu}'\nendian = 'little'\n\n\
         [built-in options]\nc_args = {cflags}\nc_link_args = {ldflags}\n\n\
         [properties]\nneeds_exe_wrapper = true\ngrowing_stack = false\n\
         have_c99_vsnprintf = true\nhave_c99_snprintf = true\nhave_unix98_printf = true\n",
        cflags = array(&context.cflags(&options.cflags)),
        ldflags = array(&[context.ldflags(), context.allocator()].concat()),
    );
    text
}

fn native_file(context: &Context) -> String {
    let flags = array(&context.toolchain.ldflags());
    format!(
        "[binaries]\nc = 'meson-host-cc'\nar = 'ar'\npkg-config = 'pkg-config'\n\n\
         [built-in options]\nc_args = {flags}\nc_link_args = {flags}\n"
    )
}

fn array(words: &[String]) -> String {
    let quoted: Vec<_> = words.iter().map(|word| format!("'{}'", word.replace('\'', "\\'"))).collect();
    format!("[{}]", quoted.join(", "))
}
