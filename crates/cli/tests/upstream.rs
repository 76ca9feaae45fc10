//! Following upstream: what places say is newest. Everything runs on folders and servers of this machine
//! that stand in for upstream's; the ordinary clients ask them.

mod fixture;

use std::{path::Path, process::Command};

use fixture::{
    Run, World,
    archive::{self, hello},
    server::{Answer, Server},
};
use fs_err as fs;
use serde_json::Value;

/// A git repository with these tags, the last made last; its URL.
fn repository(world: &World, name: &str, tags: &[&str]) -> String {
    let folder = world.path(name);
    fs::create_dir(&folder).unwrap();
    let git = |arguments: &[&str]| {
        let run = Command::new("git").args(arguments).current_dir(&folder).output().unwrap();
        Run::of(run).exits(0);
    };
    git(&["init", "--quiet"]);
    git(&["-c", "user.name=a", "-c", "user.email=a@example.org", "commit", "--quiet", "--allow-empty", "-m", "a"]);
    for tag in tags {
        git(&["tag", tag]);
    }
    format!("file://{}", folder.display())
}

/// A source that is locked in these versions, with what its recipe says beside its name.
fn locked(world: &World, server: &Server, name: &str, versions: &[&str], says: &str) {
    let url = server.url(&format!("/{name}-{{version}}.tar"));
    world.recipe(name, &format!("{says}\n[source]\nhttps = [\"{url}\"]\n"));
    for version in versions {
        server.answers(&format!("/{name}-{version}.tar"), [Answer::Whole(hello(version))]);
        world.pin(&[&format!("{name}@{version}")]);
    }
}

fn tags_of(url: &str) -> String {
    format!(r"upstream.git = {{ url = '{url}', tag = 'v(?<version>.+)' }}")
}

/// What was found: source, line, locked, newest, state.
fn rows(run: &Run) -> Vec<[String; 5]> {
    let lines = run.stdout.lines().map(|line| serde_json::from_str::<Value>(line).unwrap());
    let compared = lines.filter(|line| line["event"] == "compared");
    let text = |value: &Value| value.as_str().unwrap_or("-").to_owned();
    compared.map(|row| ["name", "line", "locked", "newest", "state"].map(|key| text(&row[key]))).collect()
}

#[track_caller]
fn compared(run: Run, expected: &[[&str; 5]]) {
    assert_eq!(rows(&run), expected, "{run}");
}

#[test]
fn versions_are_compared_by_number_and_previews_are_not_offered() {
    let (world, server) = (World::new(), Server::new());
    let url = repository(&world, "a", &["v1.10.0", "v1.9.0", "v1.10.1-rc1", "v2.0.0-beta.1", "nightly"]);
    locked(&world, &server, "hello", &["1.9.0"], &tags_of(&url));
    let run = world.rst(["outdated"]).exits(0);
    insta::assert_snapshot!(run.stdout, @r"
    source  line  locked  newest stable            kind
    hello         1.9.0   1.10.0         OUTDATED  toolchain
    ");
    world.rst(["outdated", "--exit-code"]).exits(1).tells("1 of 1 are outdated");
    locked(&world, &server, "hello", &["1.10.0"], &tags_of(&url));
    let run = world.rst(["outdated", "--exit-code", "--format", "json"]).exits(0);
    compared(run, &[["hello", "-", "1.10.0", "1.10.0", "current"]]);
}

#[test]
fn each_kept_line_has_its_own_newest_and_a_new_line_is_told() {
    let (world, server) = (World::new(), Server::new());
    // A release of the older line is the last that was made.
    let url = repository(&world, "a", &["v2.0.0", "v2.1.0", "v3.0.0", "v3.1.0-rc1", "v1.9.0", "v1.8.10"]);
    let says = tags_of(&url);
    locked(&world, &server, "hello", &[], &says);
    world.write(
        "build/recipes/hello.toml",
        &(fs::read_to_string(world.project().join("build/recipes/hello.toml")).unwrap()
            + "[line.\"2\"]\n[line.\"1.8\"]\n"),
    );
    for version in ["2.0.0", "1.8.9"] {
        server.answers(&format!("/hello-{version}.tar"), [Answer::Whole(hello(version))]);
        world.pin(&[&format!("hello@{version}")]);
    }
    let run = world.rst(["outdated", "--format", "json"]).exits(0);
    compared(
        run,
        &[
            ["hello", "2", "2.0.0", "2.1.0", "outdated"],
            ["hello", "1.8", "1.8.9", "1.8.10", "outdated"],
            ["hello", "-", "2.0.0", "3.0.0", "new-line"],
        ],
    );
}

#[test]
fn a_locked_version_that_upstream_took_back_is_told() {
    let (world, server) = (World::new(), Server::new());
    let url = repository(&world, "a", &["v1.0.0"]);
    locked(&world, &server, "hello", &["1.1.0"], &tags_of(&url));
    let run = world.rst(["outdated", "--format", "json"]).exits(0);
    compared(run, &[["hello", "-", "1.1.0", "1.0.0", "withdrawn"]]);
}

#[test]
fn what_cannot_be_asked_is_unknown_and_hides_nothing() {
    let (world, server) = (World::new(), Server::new());
    let url = repository(&world, "a", &["v1.0.0"]);
    locked(&world, &server, "gone", &["1.0.0"], &tags_of("file:///nowhere/at/all"));
    locked(&world, &server, "here", &["1.0.0"], &tags_of(&url));
    locked(&world, &server, "mute", &["1.0.0"], "");
    locked(&world, &server, "other", &["1.0.0"], &tags_of(&url).replace("'v", "'release-"));
    let run = world.rst(["outdated"]).exits(3);
    insta::assert_snapshot!(run.stdout, @r"
    source  line  locked  newest stable           kind
    gone          1.0.0                  UNKNOWN  toolchain
    here          1.0.0   1.0.0          current  toolchain
    mute          1.0.0                  UNKNOWN  toolchain
    other         1.0.0                  UNKNOWN  toolchain
    ");
    let run = run.tells("gone: could not ask tags of file:///nowhere/at/all: `git` exit status: 128");
    let run = run.tells("other: could not ask tags of file://").tells("it has no tags like `release-(?<version>.+)`");
    run.tells("mute: its recipe names nobody to ask").tells("upstream could not be asked about 3 of 4");
    world.rst(["outdated", "here"]).exits(0);
    world.rst(["outdated", "heer"]).exits(2).tells("did you mean `here`?");
    world.rst(["outdated", "here", "--offline"]).exits(3).tells("nothing may be fetched (--offline)");
}

#[test]
fn a_page_of_files_is_read() {
    let (world, server) = (World::new(), Server::new());
    let page =
        r#"<a href="hello-1.2.tar.gz">hello-1.2.tar.gz</a> <a href="hello-1.10.tar.gz">…</a> hello-2.0-rc1.tar.gz"#;
    server.answers("/files/", [Answer::Whole(page.into())]);
    let url = server.url("/files/");
    let says = format!(r"upstream.page = {{ url = '{url}', file = 'hello-(?<version>[\w.-]+)\.tar\.gz' }}");
    locked(&world, &server, "hello", &["1.2"], &says);
    let run = world.rst(["outdated", "--format", "json"]).exits(0);
    compared(run, &[["hello", "-", "1.2", "1.10", "outdated"]]);
}

/// The versions of a Go module in a folder that serves as a proxy, the last with this in its go.mod.
fn go_module(proxy: &Path, module: &str, versions: &[&str], last: &str) {
    let folder = proxy.join(module).join("@v");
    fs::create_dir_all(&folder).unwrap();
    fs::write(folder.join("list"), versions.join("\n")).unwrap();
    for version in versions {
        let info = format!("{{\"Version\": \"{version}\", \"Time\": \"2026-01-01T00:00:00Z\"}}");
        fs::write(folder.join(format!("{version}.info")), info).unwrap();
        fs::write(folder.join(format!("{version}.mod")), format!("module {module}\n{last}\n")).unwrap();
    }
}

#[test]
fn retracted_go_versions_are_not_offered_and_a_new_major_is_found_under_its_own_path() {
    let (world, server) = (World::new(), Server::new());
    let proxy = world.path("proxy");
    go_module(&proxy, "example.org/hello", &["v1.9.0", "v1.10.0", "v1.11.0", "v1.12.0-rc.1"], "retract v1.11.0");
    locked(&world, &server, "hello", &["1.9.0"], "");
    world.recipe("hello", "[source]\ngo-module = \"example.org/hello\"\n");
    let outdated = || {
        let mut rst = world.command(["outdated", "--format", "json"]);
        let run = rst.env("GOPROXY", format!("file://{}", proxy.display())).env("GOSUMDB", "off").output().unwrap();
        Run::of(run).exits(0)
    };
    let in_line = ["hello", "-", "1.9.0", "1.10.0", "outdated"];
    compared(outdated(), &[in_line]);
    go_module(&proxy, "example.org/hello/v2", &["v2.0.0", "v2.1.0-rc.1"], "");
    compared(outdated(), &[in_line, ["hello", "-", "1.9.0", "2.0.0", "new-line"]]);
}

#[test]
fn where_no_registry_lists_versions_upstreams_tags_do() {
    let (world, server) = (World::new(), Server::new());
    let url = repository(&world, "a", &["v1.9.1"]);
    locked(&world, &server, "hello", &["1.9.0"], "");
    world.recipe("hello", &format!("{}\n[source]\ngo-module = \"example.org/hello\"\n", tags_of(&url)));
    // A proxy that gives versions but refuses to list them, as some do.
    server.answers("/example.org/hello/@v/list", [Answer::Status(403)]);
    let mut rst = world.command(["outdated", "--format", "json"]);
    let run = Run::of(rst.env("GOPROXY", server.url("")).env("GOSUMDB", "off").output().unwrap()).exits(0);
    assert!(run.stdout.contains("403"), "{run}");
    compared(run, &[["hello", "-", "1.9.0", "1.9.1", "outdated"]]);
}

/// `rst outdated` with cargo's configuration as a machine might have it: a registry in a folder, in place of
/// the usual one.
#[test]
fn yanked_crates_are_not_offered_and_each_line_has_its_own_newest() {
    let (world, server) = (World::new(), Server::new());
    let registry = world.path("registry");
    let index: Vec<String> =
        [("1.9.0", false), ("1.10.0", false), ("1.10.1", true), ("2.1.0", false), ("3.0.0-rc.1", false)]
            .into_iter()
            .map(|(version, yanked)| {
                fs::create_dir_all(registry.join("index/he/ll")).unwrap();
                fs::write(registry.join(format!("hello-{version}.crate")), "").unwrap();
                let sum = archive::sha256(b"");
                serde_json::json!({
                    "name": "hello", "vers": version, "deps": [], "cksum": sum, "features": {}, "yanked": yanked,
                })
                .to_string()
            })
            .collect();
    fs::write(registry.join("index/he/ll/hello"), index.join("\n")).unwrap();
    let config = "[source.crates-io]\nreplace-with = \"here\"\n[source.here]\nlocal-registry = ";
    fs::create_dir(world.path("home/.cargo")).unwrap();
    fs::write(world.path("home/.cargo/config.toml"), format!("{config}'{}'\n", registry.display())).unwrap();
    locked(&world, &server, "hello", &["2.0.0", "1.9.0"], "");
    world.recipe("hello", "[source]\ncrate = \"hello\"\n[line.\"2\"]\n[line.\"1\"]\n");
    let mut rst = world.command(["outdated", "--format", "json"]);
    let rustup = std::env::var_os("RUSTUP_HOME").map(Into::into);
    let rustup = rustup.unwrap_or_else(|| Path::new(&std::env::var_os("HOME").unwrap()).join(".rustup"));
    let run = Run::of(rst.env("RUSTUP_HOME", rustup).output().unwrap()).exits(0);
    compared(run, &[["hello", "2", "2.0.0", "2.1.0", "outdated"], ["hello", "1", "1.9.0", "1.10.0", "outdated"]]);
}

#[test]
fn withdrawn_wheels_are_not_offered() {
    let (world, server) = (World::new(), Server::new());
    let make = "\
import sys, zipfile
for version in sys.argv[2:]:
    with zipfile.ZipFile(f'{sys.argv[1]}/hello-{version}-py3-none-any.whl', 'w') as wheel:
        info = f'hello-{version}.dist-info'
        wheel.writestr(f'{info}/METADATA', f'Metadata-Version: 2.1\\nName: hello\\nVersion: {version}\\n')
        wheel.writestr(f'{info}/WHEEL', 'Wheel-Version: 1.0\\nRoot-Is-Purelib: true\\nTag: py3-none-any\\n')
        wheel.writestr(f'{info}/RECORD', '')
";
    let folder = world.path("wheels");
    fs::create_dir(&folder).unwrap();
    let mut python = Command::new("python3");
    python.args(["-c", make]).arg(&folder).args(["1.9.0", "1.10.0", "1.11.0", "2.0.0rc1"]);
    Run::of(python.output().unwrap()).exits(0);
    let page = ["1.9.0", "1.10.0", "1.11.0", "2.0.0rc1"].map(|version| {
        let withdrawn = if version == "1.11.0" { " data-yanked=\"broken\"" } else { "" };
        let file = format!("hello-{version}-py3-none-any.whl");
        server.answers(&format!("/{file}"), [Answer::Whole(fs::read(folder.join(&file)).unwrap())]);
        format!("<a href=\"/{file}\"{withdrawn}>{file}</a>\n")
    });
    let page = format!("<!DOCTYPE html><html><body>{}</body></html>", page.concat());
    fs::write(folder.join("index.html"), page.replace("href=\"", &format!("href=\"{}", server.url("")))).unwrap();
    locked(&world, &server, "hello", &["1.9.0"], "");
    world.recipe("hello", "[source]\nwheel = \"hello\"\n");
    let mut rst = world.command(["outdated", "--format", "json"]);
    rst.env("PIP_NO_INDEX", "1")
        .env("PIP_FIND_LINKS", folder.join("index.html"))
        .env("PIP_DISABLE_PIP_VERSION_CHECK", "1");
    compared(Run::of(rst.output().unwrap()).exits(0), &[["hello", "-", "1.9.0", "1.10.0", "outdated"]]);
}
