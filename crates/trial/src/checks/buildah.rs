//! buildah, from an archive of its own.

use fs_err as fs;

use super::{Run, check, registry::registered};
use crate::{
    check::{Check, Verdict, Who, contains, same},
    person::Person,
};

pub(super) const CHECKS: &[Check] = &[
    buildah("buildah-builds", "buildah builds from a Containerfile, in a chroot and with crun", builds),
    buildah(
        "buildah-in-stages",
        "buildah takes files from one stage to the next, and finds layers that it has made",
        in_stages,
    ),
    buildah(
        "buildah-for-others",
        "buildah makes an image for another architecture, when nothing runs in it",
        for_others,
    ),
    buildah("buildah-mounts", "A container of buildah's is mounted, changed from outside and committed", mounts),
    buildah("buildah-registry", "buildah pushes to a registry and builds from what it pulls there", to_registry),
    buildah("buildah-by-steps", "buildah makes an image step by step: from, copy, run, config, commit", by_steps),
];

const fn buildah(name: &'static str, says: &'static str, run: Run) -> Check {
    check(Who::Person, &["bin/buildah"], name, says, run)
}

fn with_buildah(person: &Person, line: &str) -> Verdict<String> {
    person.call(line).program(person.top.join("bin/buildah")).prints()
}

fn builds(person: &Person) -> Verdict {
    for isolation in ["chroot", "oci --network none"] {
        with_buildah(person, &format!("build --isolation {isolation} --tag small context"))?;
        with_buildah(person, "rmi small")?;
    }
    Ok(())
}

fn by_steps(person: &Person) -> Verdict {
    with_buildah(person, "from --name worker scratch")?;
    with_buildah(person, "copy worker context/busybox /bin/busybox")?;
    let said = with_buildah(person, "run --network none worker -- /bin/busybox echo hello")?;
    same(&said, "hello")?;
    with_buildah(person, "config --entrypoint /bin/busybox --label by=steps worker")?;
    with_buildah(person, "commit worker stepped")?;
    with_buildah(person, "rm worker")?;
    let label = with_buildah(person, "inspect --type image --format '{{index .OCIv1.Config.Labels \"by\"}}' stepped")?;
    with_buildah(person, "rmi stepped")?;
    same(&label, "steps")
}

fn buildah_file(person: &Person, text: &str) -> Verdict {
    Ok(fs::write(person.home.join("context/File"), text)?)
}

fn in_stages(person: &Person) -> Verdict {
    let text = "FROM scratch AS first\nCOPY busybox /bin/sh\nRUN [\"/bin/sh\", \"-c\", \"echo hello > /letter\"]\n\
                FROM scratch\nCOPY --from=first /letter /letter\nCOPY busybox /bin/cat\n";
    buildah_file(person, text)?;
    let build = || with_buildah(person, "build --layers --tag staged --file context/File context");
    build()?;
    contains(&build()?, "Using cache")?;
    with_buildah(person, "from --name reader staged")?;
    let letter = with_buildah(person, "run --network none reader -- /bin/cat /letter");
    with_buildah(person, "rm reader")?;
    with_buildah(person, "rmi --all --force")?;
    same(&letter?, "hello")
}

fn for_others(person: &Person) -> Verdict {
    let other = match std::env::consts::ARCH {
        "aarch64" => "amd64",
        _ => "arm64",
    };
    buildah_file(person, "FROM scratch\nCOPY busybox /busybox\n")?;
    with_buildah(person, &format!("build --platform linux/{other} --tag foreign --file context/File context"))?;
    let found = with_buildah(person, "inspect --type image --format {{.OCIv1.Architecture}} foreign");
    with_buildah(person, "rmi foreign")?;
    same(&found?, other)
}

/// Whoever has no root mounts in a user namespace of their own.
fn mounts(person: &Person) -> Verdict {
    with_buildah(person, "from --name worker scratch")?;
    let script = "folder=$(\"$0\" mount worker) && cp context/busybox \"$folder/cat\" && echo hello >\"$folder/letter\" && \"$0\" umount worker";
    let buildah = person.top.join("bin/buildah").display().to_string();
    let changed = person.call("unshare -- sh -c").program(&buildah).with([script, buildah.as_str()]).prints();
    let letter = changed.and_then(|_| with_buildah(person, "run --network none worker -- /cat /letter"));
    with_buildah(person, "rm worker")?;
    same(&letter?, "hello")
}

fn to_registry(person: &Person) -> Verdict {
    registered(person, |registry| {
        let image = format!("{}/base", registry.place);
        with_buildah(person, &registry.login())?;
        with_buildah(person, "build --tag base context")?;
        with_buildah(person, &format!("push base docker://{image}"))?;
        with_buildah(person, "rmi --all --force")?;
        buildah_file(person, &format!("FROM {image}\nRUN echo hello > /letter\n"))?;
        let built = with_buildah(person, "build --network none --tag upon --file context/File context");
        let found = built.and_then(|_| with_buildah(person, "from --name reader upon"));
        let letter = found.and_then(|_| with_buildah(person, "run --network none reader -- cat /letter"));
        with_buildah(person, "rm --all")?;
        with_buildah(person, "rmi --all --force")?;
        same(&letter?, "hello")
    })
}
