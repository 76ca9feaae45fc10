//! Images: built, kept, moved.

use fs_err as fs;

use super::person;
use crate::{
    check::{Check, Verdict, contains, same},
    person::Person,
};

pub(super) const CHECKS: &[Check] = &[
    person("builds-in-stages", "A build of several stages takes files from one to the next", builds_in_stages),
    person("builds-from-cache", "A second build of the same uses the layers of the first", builds_from_cache),
    person("builds-with-crun", "RUN works in a container of crun as in a mere chroot", builds_with_crun),
    person(
        "builds-for-others",
        "An image for another architecture is built, when nothing runs in it",
        builds_for_others,
    ),
    person("saves-and-loads", "An image saved as docker-archive and OCI archive is loaded again", saves_and_loads),
    person("exports-and-imports", "A container's files are exported, and imported as an image", exports_and_imports),
    person("commits", "A changed container becomes an image", commits),
    person(
        "no-short-name-surprise",
        "A short name is looked up at one registry, docker.io, and that is said",
        no_short_name_surprise,
    ),
];

fn build(person: &Person, name: &str, text: &str, options: &str) -> Verdict<String> {
    let file = format!("context/{name}");
    fs::write(person.home.join(&file), text)?;
    person.run(&format!("build --file {file} --tag {name} {options} context"))
}

/// The image holds the letter; it is removed whatever it holds.
fn holds_letter(person: &Person, image: &str) -> Verdict {
    let letter = person.run(&format!("run --rm --network none {image} cat /letter"));
    person.run(&format!("rmi {image}"))?;
    same(&letter?, "hello")
}

/// With a container that has written a letter and ended, makes a call of podman; the container is removed whatever comes of it.
fn with_writer(person: &Person, line: &str) -> Verdict {
    person.script("run --name writer --network none", "echo hello > /letter")?;
    let verdict = person.run(line).map(drop);
    person.run("rm writer")?;
    verdict
}

fn builds_in_stages(person: &Person) -> Verdict {
    let text = "FROM small AS first\nRUN echo hello > /letter\n\
                FROM scratch\nCOPY --from=first /letter /letter\nCOPY busybox /busybox\nENTRYPOINT [\"/busybox\"]\n";
    // Otherwise upstream asks the registry whether there is a newer one for this platform.
    build(person, "staged", text, "--pull=never")?;
    holds_letter(person, "staged")
}

fn builds_from_cache(person: &Person) -> Verdict {
    let text = "FROM small\nRUN echo hello > /letter\n";
    build(person, "cached", text, "--layers")?;
    let again = build(person, "cached", text, "--layers");
    person.run("rmi cached")?;
    contains(&again?, "Using cache")
}

fn builds_with_crun(person: &Person) -> Verdict {
    let text = "FROM small\nRUN test \"$(cat /proc/1/comm)\" = sh && echo hello > /letter\n";
    build(person, "crunned", text, "--isolation oci --network none")?;
    holds_letter(person, "crunned")
}

fn builds_for_others(person: &Person) -> Verdict {
    let other = match std::env::consts::ARCH {
        "aarch64" => "amd64",
        _ => "arm64",
    };
    build(person, "foreign", "FROM scratch\nCOPY busybox /busybox\n", &format!("--platform linux/{other}"))?;
    let found = person.run("image inspect --format {{.Architecture}} foreign");
    person.run("rmi foreign")?;
    same(&found?, other)
}

fn saves_and_loads(person: &Person) -> Verdict {
    for format in ["docker-archive", "oci-archive"] {
        person.run("tag small moving")?;
        let saved = person.run(&format!("save --format {format} --output saved.tar moving"));
        person.run("untag moving moving")?;
        saved?;
        let loaded = person.run("load --input saved.tar");
        fs::remove_file(person.home.join("saved.tar"))?;
        contains(&loaded?, "moving")?;
        same(&person.run("run --rm --network none moving echo hello")?, "hello")?;
        person.run("untag moving moving")?;
    }
    Ok(())
}

fn exports_and_imports(person: &Person) -> Verdict {
    with_writer(person, "export --output files.tar writer")?;
    person.run("import files.tar imported")?;
    fs::remove_file(person.home.join("files.tar"))?;
    holds_letter(person, "imported")
}

fn commits(person: &Person) -> Verdict {
    with_writer(person, "commit --quiet writer committed")?;
    holds_letter(person, "committed")
}

fn no_short_name_surprise(person: &Person) -> Verdict {
    let said = person.call("pull --retry 0 surprise").refuses()?;
    contains(&said, "Trying to pull docker.io/library/surprise:latest")?;
    same(&said.matches("Trying to pull").count().to_string(), "1")
}
