//! Zig as cross-compiler: `zig cc` behind one-word commands, since autotools, meson, libtool and Go
//! all split a command of two words badly.
//!
//! When `RST_TWIN` names a folder, every link of a program is done twice: as asked, and without
//! stripping into that folder. The proof reads the symbols of a program from that twin. The second
//! link is the linker's own command, not `zig cc` without `-s`: Zig would compile musl with debug
//! information, and clang's code for the x87 is another then.

use std::collections::BTreeMap;

use rst_model::{Action, Arch, Command, Digest, Platform, RelPath, Step};

use super::{License, Runtime};

/// pkg-config, for libraries that lie elsewhere than they say.
pub(super) const PKG_CONFIG: &str = "#!/bin/sh\nexec pkgconf --static --define-prefix \"$@\"\n";

/// The Zig toolchain for one platform.
#[derive(Clone, Copy, Debug)]
pub struct Zig {
    /// What it compiles for.
    pub platform: Platform,
    /// The building machine.
    pub host: Arch,
}

impl Zig {
    /// Where the toolchain's tree is seen.
    pub const MOUNT: &'static str = "/zig";
    /// Where its cache of musl and compiler_rt is seen.
    pub const CACHE: &'static str = "/b/zig-cache";
    const ZIG: &'static str = "/zig/ziglang/zig";
    /// The options of a link on which Zig's libc depends: one optimisation level for all, since Zig
    /// compiles it anew for each.
    const LINK: [&'static str; 2] = ["-Os", "-fno-sanitize=undefined"];
    /// What is shipped has these too.
    const STATIC: [&'static str; 3] = ["-static", "-Wl,--gc-sections", "-s"];

    /// The commands, as files of the work folder; `/b/bin` is first in PATH.
    pub fn commands(self) -> BTreeMap<RelPath, String> {
        let target = Libc::Musl(self.platform.arch).triple();
        let host = Libc::Musl(self.host).triple();
        let host_gnu = Libc::Glibc(self.host).triple();
        // Configure scripts, Go's linker and a build's own helpers link with options of their own or with none,
        // and Zig would compile a libc for each: the same options for all, as in a seed.
        let link = Self::LINK.join(" ");
        let zig = Self::ZIG;
        let cc = format!("{zig} cc -target {target} {link}");
        [
            ("cc", twin_linker(&cc, &link_by(&cc), "shift\n", &format!("{zig} ld.lld"))),
            ("c++", format!("#!/bin/sh\nexec {zig} c++ -target {target} \"$@\"\n")),
            ("host-cc", format!("#!/bin/sh\nexec {zig} cc -target {host} \"$@\" {link} -g0 -s\n")),
            ("rust-cc", rust_linker("/b/bin/cc")),
            ("host-rust-cc", rust_linker(&format!("{zig} cc -target {host_gnu} {link}"))),
            ("ar", format!("#!/bin/sh\nexec {zig} ar \"$@\"\n")),
            // libtool looks for one, though it links by the compiler.
            ("ld", format!("#!/bin/sh\nexec {zig} ld.lld \"$@\"\n")),
            ("ranlib", format!("#!/bin/sh\nexec {zig} ranlib \"$@\"\n")),
            ("pkg-config", PKG_CONFIG.to_owned()),
        ]
        .into_iter()
        .map(|(name, text)| (RelPath::new(&format!("bin/{name}")).expect("a plain name"), text))
        .collect()
    }

    /// Variables that Zig itself reads.
    pub fn env() -> BTreeMap<String, String> {
        [
            ("ZIG_GLOBAL_CACHE_DIR", Self::CACHE),
            ("ZIG_LOCAL_CACHE_DIR", Self::CACHE),
            ("ZIG_LIB_DIR", "/zig/ziglang/lib"),
        ]
        .into_iter()
        .map(|(name, value)| (name.to_owned(), value.to_owned()))
        .collect()
    }

    /// Options that every C file is compiled with, cgo's included.
    pub fn cflags() -> Vec<String> {
        // Without -O, `zig cc` compiles at -O0 with its undefined-behaviour sanitizer on.
        [
            "-Os",
            "-g0",
            "-fno-sanitize=undefined",
            "-fstack-protector-strong",
            "-ffunction-sections",
            "-fdata-sections",
            "-ffile-prefix-map=/b/src=.",
            // Zig makes these an error; clang takes them from SOURCE_DATE_EPOCH.
            "-Wno-date-time",
        ]
        .map(str::to_owned)
        .to_vec()
    }

    /// Options that every program is linked with.
    pub fn ldflags() -> Vec<String> {
        Self::LINK.into_iter().chain(Self::STATIC).map(str::to_owned).collect()
    }
}

pub(super) const COMPILER_RT: Runtime =
    Runtime { name: "compiler-rt", tool: "zig", license_text: License::At("/zig/ziglang/LICENSE"), license: "MIT" };
pub(super) const MUSL: Runtime = Runtime {
    name: "musl",
    tool: "zig",
    license_text: License::At("/zig/ziglang/lib/libc/musl/COPYRIGHT"),
    license: "MIT",
};
pub(super) const LIBUNWIND: Runtime = Runtime {
    name: "libunwind",
    tool: "zig",
    license_text: License::At("/zig/ziglang/lib/libunwind/LICENSE.TXT"),
    license: "Apache-2.0 WITH LLVM-exception",
};

/// A libc that Zig compiles when it links the first program with it.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub enum Libc {
    /// Of what is shipped, and of tools that run while building.
    Musl(Arch),
    /// Of Rust's build scripts and proc macros: rustc loads them, and is linked with glibc.
    Glibc(Arch),
}

impl Libc {
    /// Zig's name of the target.
    pub fn triple(self) -> String {
        match self {
            Self::Musl(arch) => Platform { arch }.musl_triple(),
            // The oldest that Zig knows well.
            Self::Glibc(arch) => format!("{}-linux-gnu.2.17", arch.cpu()),
        }
    }

    fn arch(self) -> Arch {
        match self {
            Self::Musl(arch) | Self::Glibc(arch) => arch,
        }
    }

    /// The action after which this libc is in Zig's cache: it links an empty program as all are linked.
    pub fn seed(self, mounts: BTreeMap<String, Digest>, env: BTreeMap<String, String>) -> Action {
        let own: &[&str] = match self {
            Self::Musl(_) => &Zig::STATIC,
            // As rustc links a build script.
            Self::Glibc(_) => &["-pie", "-Wl,--strip-debug"],
        };
        let triple = self.triple();
        let words = [Zig::ZIG, "cc", "-target", &triple, "-fstack-protector-strong", "seed.c", "-o", "seed"];
        let argv = words.iter().chain(&Zig::LINK).chain(own).map(|word| word.to_string()).collect();
        let source = RelPath::new("seed.c").expect("a plain name");
        Action {
            name: format!("libc-{triple}"),
            platform: Platform { arch: self.arch() },
            mounts,
            checkouts: BTreeMap::new(),
            files: [(source, "int main(void) { return 0; }\n".to_owned())].into(),
            env,
            steps: vec![Step { commands: vec![Command { argv, cwd: Action::WORK.to_owned(), env: BTreeMap::new() }] }],
            collect: Vec::new(),
            links: BTreeMap::new(),
            cache: None,
            unsandboxed: false,
        }
    }
}

/// A compiler of one word that links every program twice, if asked to: first as it is told to, by `first`; then, by
/// `again`, without stripping. `words` has what is put before the arguments of that.
pub(super) fn twin_linker(cc: &str, first: &str, words: &str, again: &str) -> String {
    format!(
        r#"#!/bin/sh
[ -n "$RST_TWIN" ] || exec {cc} "$@"
out= before=
for argument do
  [ "$before" = -o ] && out=$argument
  case $argument in
    -c|-E|-S|-M|-MM|-r|-shared|-v|--version|-dump*|-print*) exec {cc} "$@" ;;
  esac
  before=$argument
done
[ -n "$out" ] || exec {cc} "$@"
{first}mkdir -p "$RST_TWIN" || exit
{words}before= count=$#
while [ $count -gt 0 ]; do
  argument=$1 count=$((count - 1))
  shift
  [ "$argument" = -s ] && continue
  [ "$before" = -o ] && argument=$RST_TWIN/${{out##*/}}
  before=$argument
  set -- "$@" "$argument"
done
exec {again} "$@"
"#
    )
}

/// The link that Zig does, and its linker's own command in place of the arguments.
fn link_by(zig_cc: &str) -> String {
    format!(
        r#"said=$TMPDIR/link.$$
ZIG_VERBOSE_LINK=1 {zig_cc} "$@" 2>"$said"
status=$?
grep -v -e '^ld.lld ' -e '^ar rcs ' "$said" >&2
[ $status -eq 0 ] || exit $status
# The link that Zig did, once more without stripping.
set -f
set -- $(grep '^ld.lld ' "$said" | tail -n 1)
"#
    )
}

/// rustc speaks to GCC: what `zig cc` does not take is dropped, and libgcc's unwinder is libunwind.
fn rust_linker(cc: &str) -> String {
    format!(
        r#"#!/bin/sh
count=$#
while [ $count -gt 0 ]; do
  argument=$1 count=$((count - 1))
  shift
  case $argument in
    --target=*|-no-pie|-fuse-ld=lld|-Wl,--eh-frame-hdr|-Wl,-O1|-Wl,-O2) continue ;;
    -lgcc|-lgcc_s|-lgcc_eh) argument=-lunwind ;;
  esac
  set -- "$@" "$argument"
done
exec {cc} "$@"
"#
    )
}
