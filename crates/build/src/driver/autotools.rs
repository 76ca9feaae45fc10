//! `autotools`: `./configure && make`.

use std::collections::BTreeMap;

use rst_model::recipe::Autotools;

use super::{Context, Plan, joined, make_steps, step};

pub(super) fn plan(context: &Context, options: &Autotools) -> Plan {
    let mut steps = Vec::new();
    if options.autoreconf {
        steps.push(step(["autoreconf", "-fi"]));
    }
    let build = format!("--build={}-linux-musl", context.host.cpu());
    let host = format!("--host={}", context.platform.musl_triple());
    // With any other prefix the folder of the build shows in crun, glib and fuse-overlayfs.
    let fixed = [
        "./configure",
        &build,
        &host,
        "--prefix=/usr",
        "--disable-shared",
        "--enable-static",
        "--disable-silent-rules",
    ];
    steps.push(step(fixed.into_iter().map(str::to_owned).chain(context.fill_all(&options.configure))));
    steps.extend(make_steps(context, &options.make));
    Plan {
        files: context.written(&options.write),
        env: compiler_env(context, &options.cflags),
        steps,
        products: "src".to_owned(),
    }
}

/// What configure scripts and makefiles take their compiler from.
pub(super) fn compiler_env(context: &Context, cflags: &[String]) -> BTreeMap<String, String> {
    [
        ("CC", "cc".to_owned()),
        ("AR", "ar".to_owned()),
        ("RANLIB", "ranlib".to_owned()),
        ("CC_FOR_BUILD", "host-cc".to_owned()),
        ("PKG_CONFIG", "pkg-config".to_owned()),
        ("PKG_CONFIG_LIBDIR", context.pkg_config_path()),
        ("CFLAGS", joined(&context.cflags(cflags))),
        ("LDFLAGS", joined(&context.ldflags())),
        ("LIBS", joined(&context.allocator())),
    ]
    .into_iter()
    .map(|(name, value)| (name.to_owned(), value))
    .collect()
}
