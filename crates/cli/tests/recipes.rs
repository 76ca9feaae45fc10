//! Mistakes in recipes, lock and requests: found before anything is fetched, and shown where they are.

mod fixture;

use fixture::{
    Run, World,
    archive::hello,
    server::{Answer, Server},
};

/// A library and a program that needs it, both pinned, both to be had.
struct Shop {
    world: World,
    server: Server,
}

impl Shop {
    fn new() -> Self {
        let (world, server) = (World::new(), Server::new());
        for name in ["library", "program"] {
            server.answers(&format!("/{name}-1.0.tar"), [Answer::Whole(hello(name))]);
        }
        let shop = Shop { world, server };
        shop.recipe("library", "", "");
        shop.recipe("program", "needs = [\"library\"]\n", "");
        shop.world.pin(&["library@1.0", "program@1.0"]);
        shop.server.asked();
        shop
    }

    fn recipe(&self, name: &str, before: &str, after: &str) {
        let url = self.server.url(&format!("/{name}-{{version}}.tar"));
        self.world.recipe(name, &format!("{before}[source]\nhttps = [\"{url}\"]\n{after}"));
    }

    /// What is told, once it is sure that nothing was fetched and the exit code is that of wrong usage.
    fn refuses(&self, target: &str) -> String {
        let run = self.world.rst(["build", target]).exits(2);
        assert_eq!(self.server.asked(), [""; 0], "{run}");
        run.shown()
    }
}

#[test]
fn a_sound_project_is_fetched() {
    let shop = Shop::new();
    shop.world.rst(["fetch", "program"]).exits(0);
    let mut asked = shop.server.asked();
    asked.sort();
    assert_eq!(asked, ["/library-1.0.tar", "/program-1.0.tar"]);
}

#[test]
fn an_unknown_key_is_underlined() {
    let shop = Shop::new();
    shop.recipe("program", "", "[cc.output.hello]\nsource = [\"hello.c\"]\n");
    insta::assert_snapshot!(shop.refuses("program"), @r#"
     × unknown field `source`, expected one of `sources`, `exclude`, `cflags`, `libs`, `arch`
      ╭─[build/recipes/program.toml:8:1]
    7 │ [cc.output.hello]
    8 │ source = ["hello.c"]
      · ───┬──
      ·    ╰── here
      ╰────
    "#);
}

#[test]
fn a_faulty_recipe_stops_what_does_not_need_it() {
    let shop = Shop::new();
    shop.recipe("program", "needs = library\n", "");
    insta::assert_snapshot!(shop.refuses("library"), @r#"
     × string values must be quoted, expected literal string
      ╭─[build/recipes/program.toml:5:9]
    4 │ homepage = "https://example.org"
    5 │ needs = library
      ·         ───┬───
      ·            ╰── here
    6 │ [source]
      ╰────
    "#);
}

#[test]
fn a_circle_is_shown_where_it_closes() {
    let shop = Shop::new();
    shop.recipe("library", "needs = [\"program\"]\n", "");
    insta::assert_snapshot!(shop.refuses("program"), @r#"
     × recipes need each other: library → program → library
      ╭─[build/recipes/program.toml:5:10]
    4 │ homepage = "https://example.org"
    5 │ needs = ["library"]
      ·          ────┬────
      ·              ╰── closes the circle
    6 │ [source]
      ╰────
    "#);
}

#[test]
fn a_need_without_a_recipe_is_underlined() {
    let shop = Shop::new();
    shop.recipe("program", "needs = [\"library\", \"libary\"]\n", "");
    insta::assert_snapshot!(shop.refuses("program"), @r#"
     × there is no recipe `libary`
      ╭─[build/recipes/program.toml:5:21]
    4 │ homepage = "https://example.org"
    5 │ needs = ["library", "libary"]
      ·                     ────┬───
      ·                         ╰── not found in build/recipes
    6 │ [source]
      ╰────
    "#);
}

#[test]
fn a_need_that_is_not_pinned_is_underlined() {
    let shop = Shop::new();
    shop.recipe("other", "", "");
    shop.recipe("program", "needs = [\"library\", \"other\"]\n", "");
    insta::assert_snapshot!(shop.refuses("program"), @r#"
     × the lock has no entry for `other`
      ╭─[build/recipes/program.toml:5:21]
    4 │ homepage = "https://example.org"
    5 │ needs = ["library", "other"]
      ·                     ───┬───
      ·                        ╰── needed here
    6 │ [source]
      ╰────
     help: add one with `rst lock other@VERSION`
    "#);
}

#[test]
fn a_recipe_that_is_not_pinned_is_shown() {
    let shop = Shop::new();
    shop.recipe("other", "", "");
    insta::assert_snapshot!(shop.refuses("other"), @r#"
     × the lock has no entry for `other`
      ╭─[build/recipes/other.toml:1:8]
    1 │ name = "other"
      ·        ───┬───
      ·           ╰── needed here
    2 │ summary = "a test"
      ╰────
     help: add one with `rst lock other@VERSION`
    "#);
}

#[test]
fn a_toolchain_that_is_not_pinned_is_shown_where_it_is_asked_for() {
    let shop = Shop::new();
    shop.recipe("build-root", "", "");
    shop.recipe("program", "", "[cc.output.hello]\nsources = [\"hello.c\"]\n");
    insta::assert_snapshot!(shop.refuses("program"), @r#"
     × the lock has no entry for `build-root`
      ╭─[build/recipes/program.toml:1:8]
    1 │ name = "program"
      ·        ────┬────
      ·            ╰── needed here
    2 │ summary = "a test"
      ╰────
     help: add one with `rst lock build-root@VERSION`
    "#);
}

#[test]
fn vendored_dependencies_that_are_not_pinned_name_their_owner() {
    let shop = Shop::new();
    shop.recipe("program", "", "vendor = \"go\"\n");
    insta::assert_snapshot!(shop.refuses("program"), @r#"
     × the lock has no entry for `program-vendor`
      ╭─[build/recipes/program.toml:1:8]
    1 │ name = "program"
      ·        ────┬────
      ·            ╰── needed here
    2 │ summary = "a test"
      ╰────
     help: add one with `rst lock program@VERSION`
    "#);
}

#[test]
fn a_version_that_does_not_exist_names_those_that_do() {
    let shop = Shop::new();
    insta::assert_snapshot!(shop.refuses("program@9.9"), @r#"
    × the lock has no program 9.9; it has 1.0
    help: add it with `rst lock program@9.9`
    "#);
}

#[test]
fn a_version_of_no_line_is_shown() {
    let shop = Shop::new();
    shop.recipe("program", "", "[line.\"2\"]\n");
    insta::assert_snapshot!(shop.refuses("program"), @r#"
     × program 1.0 is of no line that this recipe has: 2
      ╭─[build/recipes/program.toml:1:8]
    1 │ name = "program"
      ·        ────┬────
      ·            ╰── has no [line] for it
    2 │ summary = "a test"
      ╰────
    "#);
}

#[test]
fn a_faulty_lock_is_underlined() {
    let shop = Shop::new();
    shop.world.write("build/lock.toml", &shop.world.lock_text().replace("size = 3", "size = 3kB"));
    insta::assert_snapshot!(shop.refuses("program"), @r#"
     × string values must be quoted, expected literal string
       ╭─[build/lock.toml:11:8]
    10 │ sha256 = "DIGEST"
    11 │ size = 3kB072
       ·        ───┬──
       ·           ╰── here
    12 │ 
       ╰────
    "#);
}

#[test]
fn a_misspelt_placeholder_is_underlined() {
    let shop = Shop::new();
    shop.recipe("program", "", "[cc]\ndefines = ['VERSION=\"{versoin}\"']\n");
    insta::assert_snapshot!(shop.refuses("program"), @r#"
     × `{versoin}` stands for nothing
      ╭─[build/recipes/program.toml:8:22]
    7 │ [cc]
    8 │ defines = ['VERSION="{versoin}"']
      ·                      ────┬────
      ·                          ╰── here
      ╰────
     help: did you mean `version`? there are: version, cpu, arch, rust, epoch, jobs, cc, host-cc, cflags, ldflags, dest
    "#);
}

#[test]
fn an_install_path_that_leads_out_is_underlined() {
    let shop = Shop::new();
    shop.recipe("program", "", "[cc]\n[install]\n\"../bin/hello\" = \"hello\"\n");
    insta::assert_snapshot!(shop.refuses("program"), @r#"
     × [install]: `../bin/hello` contains `..`
      ╭─[build/recipes/program.toml:9:2]
    8 │ [install]
    9 │ "../bin/hello" = "hello"
      ·  ──────┬─────
      ·        ╰── here
      ╰────
    "#);
}

#[test]
fn a_link_to_what_is_not_installed_is_underlined() {
    let shop = Shop::new();
    shop.recipe("program", "", "[cc]\n[install]\n\"bin/hello\" = \"hello\"\n\"bin/hi\" = { link = \"bin/helo\" }\n");
    insta::assert_snapshot!(shop.refuses("program"), @r#"
     × [install]: `bin/hi` would be a link to what is not installed
       ╭─[build/recipes/program.toml:10:22]
     9 │ "bin/hello" = "hello"
    10 │ "bin/hi" = { link = "bin/helo" }
       ·                      ────┬───
       ·                          ╰── here
       ╰────
    "#);
}

#[test]
fn a_license_pattern_that_is_none_is_underlined() {
    let shop = Shop::new();
    shop.recipe("program", "license-files = [\"LICENSE[\"]\n", "");
    insta::assert_snapshot!(shop.refuses("program"), @r#"
     × license-files: error parsing glob 'LICENSE[': unclosed character class; missing ']'
      ╭─[build/recipes/program.toml:5:19]
    4 │ homepage = "https://example.org"
    5 │ license-files = ["LICENSE["]
      ·                   ────┬───
      ·                       ╰── here
    6 │ [source]
      ╰────
    "#);
}

#[test]
fn a_source_from_nowhere_is_underlined() {
    let shop = Shop::new();
    shop.world.recipe("program", "[source]\nstrip = 1\n");
    insta::assert_snapshot!(shop.refuses("program"), @r#"
     × source names no place to have it from
      ╭─[build/recipes/program.toml:5:1]
    4 │ homepage = "https://example.org"
    5 │ [source]
      · ────┬───
      ·     ╰── in this table
    6 │ strip = 1
      ╰────
     help: one of: https, debian, go-module, crate, wheel, rustup, debian-packages, own
    "#);
}

#[test]
fn an_install_table_without_a_driver_is_refused() {
    let shop = Shop::new();
    shop.recipe("program", "", "[install]\n\"bin/hello\" = \"hello\"\n");
    insta::assert_snapshot!(shop.refuses("program"), @r#"
     × recipe has an [install] table but no driver that would build anything
      ╭─[build/recipes/program.toml:1:8]
    1 │ name = "program"
      ·        ────┬────
      ·            ╰── of this recipe
    2 │ summary = "a test"
      ╰────
     help: add one of [cc], [autotools], [make], [meson], [cargo], [go]
    "#);
}

#[test]
fn a_patch_says_what_it_is_for_and_is_for_a_recipe() {
    let shop = Shop::new();
    shop.world.write("build/patches/program/fix.patch", "Why: it must.\n\n--- a/x\n+++ b/x\n");
    insta::assert_snapshot!(shop.refuses("program"), @r#"
    × build/patches/program/fix.patch does not say `Upstream:`
    help: a patch begins with `Why:`, `Upstream:` (its state there) and `Can go:` (when), each with words
    "#);
    shop.world.write("build/patches/program/fix.patch", "Why: it must.\nUpstream: sent.\nCan go: with 2.0.\n");
    shop.world.write("build/patches/porgram/fix.patch", "");
    insta::assert_snapshot!(shop.refuses("program"), @r#"
    × build/patches/porgram/fix.patch is for `porgram`, and there is no such recipe
    help: did you mean `program`? there are: library, program
    "#);
}

#[test]
fn a_request_without_a_version_after_the_at_is_refused() {
    let shop = Shop::new();
    let run = shop.world.rst(["lock", "program@"]).exits(2);
    assert!(run.shown().contains("expected NAME or NAME@VERSION"), "{run}");
}

#[test]
fn an_archive_of_what_has_no_recipe_is_refused() {
    let shop = Shop::new();
    shop.world.write(
        "build/archives.toml",
        "[program-full]\ntool = \"program\"\nsummary = \"all\"\ncomponents = [\"program\", \"nothing\"]\n",
    );
    insta::assert_snapshot!(shop.refuses("program"), @r#"
     × there is no recipe `nothing`
      ╭─[build/archives.toml:4:26]
    3 │ summary = "all"
    4 │ components = ["program", "nothing"]
      ·                          ────┬────
      ·                              ╰── here
      ╰────
     help: there are: library, program
    "#);
}

#[test]
fn a_version_of_which_it_is_not_said_what_goes_with_it_is_refused() {
    let shop = Shop::new();
    shop.world.write(
        "build/archives.toml",
        "[program-full]\ntool = \"program\"\nsummary = \"all\"\ncomponents = [\"program\", \"library\"]\n\
         [program-full.line.\"1.1\"]\nlibrary = \"1.0\"\n",
    );
    insta::assert_snapshot!(shop.refuses("program"), @r#"
    × build/archives.toml does not say what goes with 1.0 in program-full: it has the lines 1.1
    help: add a [program-full.line."LINE"] that 1.0 is in, with the lines of the components
    "#);
}

#[test]
fn a_name_that_means_nothing_brings_those_that_mean_something() {
    let shop = Shop::new();
    insta::assert_snapshot!(shop.refuses("porgram"), @r#"
    × there is no tool, archive or component `porgram`
    help: did you mean `program`? there are: library, program
    "#);
}

#[test]
fn outside_a_project_the_way_in_is_told() {
    let world = World::new();
    let mut command = world.command(["graph", "program"]);
    let run = Run::of(command.current_dir(world.path("home")).output().unwrap()).exits(2);
    insta::assert_snapshot!(run.shown().replace(&world.path("").display().to_string(), "/"), @r#"
    × no build/recipes folder in /home or above it
    help: run rst inside a checkout of the project, or give --project FOLDER
    "#);
}
