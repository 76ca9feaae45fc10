//! The daily look at OSV. A server of this machine stands in for it, since no test may depend on the network: it
//! answers as <https://google.github.io/osv.dev/post-v1-querybatch/> and get-v1-vulns say.

mod fixture;

use fixture::{
    Run, World,
    server::{Answer, Server, nobody},
};
use serde_json::{Value, json};

/// A bill of materials with parts of every kind that we write.
fn world() -> World {
    let world = World::new();
    let part = |name: &str, version: &str, purl: &str| json!({ "name": name, "version": version, "purl": purl });
    let parts = json!([
        part("github.com/BurntSushi/toml", "v1.2.0", "pkg:golang/github.com/burntsushi/toml@v1.2.0"),
        part("go", "1.26.8", "pkg:golang/stdlib@1.26.8"),
        part("libc", "0.2.1", "pkg:cargo/libc@0.2.1"),
        {
            "name": "pcre2", "version": "10.48", "purl": "pkg:github/pcre2project/pcre2@pcre2-10.48",
            "externalReferences": [{
                "type": "source-distribution",
                "url": "https://github.com/PCRE2Project/pcre2/releases/download/pcre2-10.48/pcre2-10.48.tar.gz",
            }],
        },
        part("glib", "2.88.0", "pkg:generic/glib@2.88.0"),
        { "name": "health-timer", "version": "1.0" },
    ]);
    world.write("dist/a.cdx.json", &json!({ "bomFormat": "CycloneDX", "components": parts }).to_string());
    world
}

fn ask(world: &World, server: &Server, more: &[&str]) -> Run {
    world.rst([&["advisories", "dist/a.cdx.json", "dist/a.cdx.json", "--osv", &server.url("")], more].concat())
}

fn answers(server: &Server, path: &str, answers: impl IntoIterator<Item = Value>) {
    server.answers(path, answers.into_iter().map(|answer| Answer::Whole(answer.to_string().into())));
}

/// Of the parts in OSV's order of asking (crates.io, Go, GIT…) the Go module has one, which two databases know.
fn found(server: &Server) {
    let vulns = json!({ "vulns": [{ "id": "GHSA-1", "modified": "x" }, { "id": "GO-2026-1", "modified": "x" }] });
    answers(server, "/v1/querybatch", [json!({ "results": [vulns, {}, {}, {}] })]);
    let affected = json!([{
        "package": { "name": "github.com/BurntSushi/toml", "ecosystem": "Go" },
        "ranges": [
            { "type": "SEMVER", "events": [{ "introduced": "0" }, { "fixed": "1.1.9" }] },
            { "type": "SEMVER", "events": [{ "introduced": "1.2.0" }, { "fixed": "1.2.3" }] },
            { "type": "GIT", "events": [{ "introduced": "0" }, { "fixed": "abcdef" }] },
        ],
    }]);
    let one = |id: &str, other: &str| json!({ "id": id, "aliases": [other, "CVE-2026-1"], "summary": "reads too far", "affected": affected });
    answers(server, "/v1/vulns/GHSA-1", [one("GHSA-1", "GO-2026-1")]);
    answers(server, "/v1/vulns/GO-2026-1", [one("GO-2026-1", "GHSA-1")]);
}

#[test]
fn each_part_is_asked_about_once_by_the_name_that_osv_has_for_it() {
    let (world, server) = (world(), Server::new());
    answers(&server, "/v1/querybatch", [json!({ "results": [{}, {}, {}, {}] })]);
    let run = ask(&world, &server, &[]).exits(0);
    insta::assert_snapshot!(run.stdout, @r"
    0 known vulnerabilities, 0 ignored, in 4 parts
    OSV has no name for 2 others: glib 2.88.0, health-timer 1.0
    ");
    let posted = server.posted();
    let posted: Value = serde_json::from_str(&posted[0]).unwrap();
    let query = |ecosystem: &str, name: &str, version: &str| json!({ "package": { "name": name, "ecosystem": ecosystem }, "version": version });
    let queries = [
        query("Go", "github.com/BurntSushi/toml", "1.2.0"),
        query("GIT", "https://github.com/PCRE2Project/pcre2", "pcre2-10.48"),
        query("crates.io", "libc", "0.2.1"),
        query("Go", "stdlib", "1.26.8"),
    ];
    assert_eq!(posted, json!({ "queries": queries }));
}

#[test]
fn what_is_found_is_told_once_with_its_remedy_and_ends_with_5() {
    let (world, server) = (world(), Server::new());
    found(&server);
    let run = ask(&world, &server, &[]).exits(5).tells("1 known vulnerabilities are in what was built");
    insta::assert_snapshot!(run.stdout, @r"
    part                        version  advisory  fixed in  summary
    github.com/BurntSushi/toml  1.2.0    GHSA-1    1.2.3     reads too far
    1 known vulnerabilities, 0 ignored, in 4 parts
    OSV has no name for 2 others: glib 2.88.0, health-timer 1.0
    ");
    let run = ask(&world, &server, &["--format", "json"]).exits(5);
    let first: Value = serde_json::from_str(run.stdout.lines().next().unwrap()).unwrap();
    assert_eq!((&first["event"], &first["fixed"]), (&"advisory".into(), &"1.2.3".into()), "{run}");
}

#[test]
fn one_that_does_not_matter_is_ignored_until_its_day() {
    let (world, server) = (world(), Server::new());
    found(&server);
    let ignore = |until: &str| {
        world.write(
            "build/advisories.toml",
            &format!("[[ignore]]\nid = \"CVE-2026-1\"\nwhy = \"never called\"\nuntil = {until}\n"),
        );
    };
    ignore("9999-12-31");
    let run = ask(&world, &server, &[]).exits(0);
    assert!(run.stdout.contains("ignored: never called"), "{run}");
    ignore("2020-01-01");
    ask(&world, &server, &[]).exits(5).tells("the day of CVE-2026-1 has come");
    ignore("\"soon\"");
    ask(&world, &server, &[]).exits(2).tells("build/advisories.toml");
}

#[test]
fn an_answer_in_pages_is_read_to_its_end() {
    let (world, server) = (world(), Server::new());
    let first = json!({ "results": [{}, { "vulns": [], "next_page_token": "more" }, {}, {}] });
    let second = json!({ "results": [{ "vulns": [{ "id": "A-1", "modified": "x" }] }] });
    answers(&server, "/v1/querybatch", [first, second]);
    answers(&server, "/v1/vulns/A-1", [json!({ "id": "A-1", "details": "Long.\nLonger.", "affected": [] })]);
    let run = ask(&world, &server, &[]).exits(5);
    assert!(run.stdout.contains("https://github.com/PCRE2Project/pcre2  pcre2-10.48  A-1"), "{run}");
    assert!(server.posted()[1].contains("\"page_token\":\"more\""));
}

#[test]
fn what_cannot_be_asked_is_never_taken_for_nothing_found() {
    let (world, server) = (world(), Server::new());
    let nobody = nobody();
    world
        .rst(["advisories", "dist/a.cdx.json", "--osv", &nobody])
        .exits(3)
        .tells(&format!("could not ask {nobody}/v1/querybatch: "));
    ask(&world, &server, &[]).exits(3).tells("the server answered 404");
    answers(&server, "/v1/querybatch", [json!({ "results": [{}] })]);
    ask(&world, &server, &[]).exits(3).tells("1 answers to 4 questions");
    answers(&server, "/v1/querybatch", [json!("sorry")]);
    ask(&world, &server, &[]).exits(3).tells("the answer is not as OSV's documentation has it");
    ask(&world, &server, &["--offline"]).exits(3).tells("nothing may be fetched (--offline)");
    world.write("dist/a.cdx.json", "{}");
    ask(&world, &server, &[]).exits(2).tells("dist/a.cdx.json is no CycloneDX bill of materials");
}
