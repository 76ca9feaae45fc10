//! buildah and skopeo, from archives of their own.

use std::process::Command;

use fs_err as fs;

use super::Run;
use crate::{
    check::{Check, Verdict, Who, contains, failed, same},
    person::Person,
};

pub(super) const CHECKS: &[Check] = &[
    buildah("buildah-builds", "buildah builds from a Containerfile, in a chroot and with crun", builds),
    buildah("buildah-by-steps", "buildah makes an image step by step: from, copy, run, config, commit", by_steps),
    skopeo("skopeo-copies", "skopeo copies an image from each kind of place to the next", copies),
    skopeo("skopeo-storage", "skopeo copies into podman's storage, and lists what is there", storage),
];

const fn buildah(name: &'static str, says: &'static str, run: Run) -> Check {
    Check { name, says, who: Who::Person, needs: &["bin/buildah"], run }
}

const fn skopeo(name: &'static str, says: &'static str, run: Run) -> Check {
    Check { name, says, who: Who::Person, needs: &["bin/skopeo"], run }
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

fn with_skopeo(person: &Person, line: &str) -> Verdict<String> {
    person.call(line).program(person.top.join("bin/skopeo")).prints()
}

/// An image as `docker save` writes it, of one layer with one file.
fn saved_image(person: &Person) -> Verdict {
    let folder = person.home.join("image");
    fs::create_dir_all(&folder)?;
    fs::write(folder.join("letter"), "hello")?;
    tar(&folder, "layer.tar", &["letter"])?;
    let digest = Command::new("sha256sum").arg(folder.join("layer.tar")).output()?;
    let digest = String::from_utf8_lossy(&digest.stdout).split(' ').next().unwrap_or_default().to_owned();
    let architecture = person.manifest.platform.arch.oci();
    let config = format!(
        r#"{{"architecture":"{architecture}","os":"linux","config":{{}},"rootfs":{{"type":"layers","diff_ids":["sha256:{digest}"]}}}}"#
    );
    fs::write(folder.join("config.json"), config)?;
    let manifest = r#"[{"Config":"config.json","RepoTags":["localhost/letter:latest"],"Layers":["layer.tar"]}]"#;
    fs::write(folder.join("manifest.json"), manifest)?;
    tar(&folder, "../image.tar", &["manifest.json", "config.json", "layer.tar"])
}

fn tar(folder: &std::path::Path, to: &str, files: &[&str]) -> Verdict {
    let status = Command::new("tar").arg("-C").arg(folder).arg("-cf").arg(folder.join(to)).args(files).status()?;
    if status.success() { Ok(()) } else { failed(format!("`tar -cf {to}`: {status}")) }
}

fn copies(person: &Person) -> Verdict {
    saved_image(person)?;
    let places = [
        "docker-archive:image.tar",
        "oci:layout:letter",
        "dir:folder",
        "oci-archive:letter.tar",
        "docker-archive:again.tar:localhost/letter:latest",
    ];
    for pair in places.windows(2) {
        with_skopeo(person, &format!("copy {} {}", pair[0], pair[1]))?;
    }
    let found = with_skopeo(person, "inspect --config oci:layout:letter")?;
    contains(&found, person.manifest.platform.arch.oci())
}

fn storage(person: &Person) -> Verdict {
    saved_image(person)?;
    with_skopeo(person, "copy docker-archive:image.tar containers-storage:localhost/letter:latest")?;
    let found = with_skopeo(person, "inspect --format {{.Name}} containers-storage:localhost/letter:latest")?;
    contains(&found, "localhost/letter")?;
    with_skopeo(person, "delete containers-storage:localhost/letter:latest").map(drop)
}
