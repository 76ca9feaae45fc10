//! skopeo, from an archive of its own.

use std::process::Command;

use fs_err as fs;

use super::{
    Run, check,
    registry::{policy, registered, with_policy},
};
use crate::{
    check::{Check, Verdict, Who, contains, failed, same},
    person::Person,
};

pub(super) const CHECKS: &[Check] = &[
    skopeo("skopeo-copies", "skopeo copies an image from each kind of place to the next", copies),
    skopeo(
        "skopeo-every-pair",
        "skopeo copies the same image between any two of the six kinds of place it has",
        every_pair,
    ),
    skopeo("skopeo-registry", "skopeo logs in, copies, lists, inspects, syncs, deletes and logs out", in_registry),
    skopeo(
        "skopeo-refused",
        "skopeo says no to a wrong password and to a certificate that nobody vouches for",
        refused,
    ),
    skopeo("skopeo-signs", "skopeo makes a key, signs with it, and copies what policy.json allows alone", signs),
    skopeo("skopeo-storage", "skopeo copies into podman's storage, and lists what is there", storage),
];

const fn skopeo(name: &'static str, says: &'static str, run: Run) -> Check {
    check(Who::Person, &["bin/skopeo"], name, says, run)
}

fn with_skopeo(person: &Person, line: &str) -> Verdict<String> {
    person.call(line).program(person.top.join("bin/skopeo")).prints()
}

/// An image as `docker save` writes it, of one layer with one file; gives the layer's digest.
fn saved_image(person: &Person) -> Verdict<String> {
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
    tar(&folder, "../image.tar", &["manifest.json", "config.json", "layer.tar"])?;
    Ok(digest)
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

fn every_pair(person: &Person) -> Verdict {
    let layer = saved_image(person)?;
    registered(person, |registry| {
        with_skopeo(person, &registry.login())?;
        let folder = person.home.join("pairs");
        fs::create_dir(&folder)?;
        // With a name for each copy, so that none finds anything of another's.
        let places = |name: &str| {
            [
                format!("docker-archive:pairs/{name}.docker:localhost/letter:latest"),
                format!("oci:pairs/{name}.layout:letter"),
                format!("oci-archive:pairs/{name}.oci:letter"),
                format!("dir:pairs/{name}.folder"),
                format!("containers-storage:localhost/{name}:latest"),
                format!("docker://{}/{name}:latest", registry.place),
            ]
        };
        let copied = (|| -> Verdict {
            for source in places("source") {
                with_skopeo(person, &format!("copy docker-archive:image.tar {source}"))?;
            }
            for (number, source) in places("source").iter().enumerate() {
                for target in places(&format!("from{number}")) {
                    with_skopeo(person, &format!("copy {source} {target}"))?;
                    contains(&with_skopeo(person, &format!("inspect --config {target}"))?, &layer)?;
                }
            }
            Ok(())
        })();
        fs::remove_dir_all(&folder)?;
        for name in ["source", "from0", "from1", "from2", "from3", "from4", "from5"] {
            let _ = with_skopeo(person, &format!("delete containers-storage:localhost/{name}:latest"));
        }
        copied
    })
}

fn in_registry(person: &Person) -> Verdict {
    saved_image(person)?;
    registered(person, |registry| {
        let place = &registry.place;
        with_skopeo(person, &registry.login())?;
        for tag in ["one", "two"] {
            with_skopeo(person, &format!("copy docker-archive:image.tar docker://{place}/letter:{tag}"))?;
        }
        let tags = || with_skopeo(person, &format!("list-tags docker://{place}/letter"));
        let listed = tags()?;
        contains(&listed, "\"one\"")?;
        contains(&listed, "\"two\"")?;
        let digest = with_skopeo(person, &format!("inspect --format {{{{.Digest}}}} docker://{place}/letter:one"))?;
        contains(&digest, "sha256:")?;
        with_skopeo(person, &format!("copy docker://{place}/letter@{digest} dir:by-digest"))?;
        same(&with_skopeo(person, "manifest-digest by-digest/manifest.json")?, &digest)?;
        with_skopeo(person, &format!("sync --src docker --dest dir {place}/letter synced"))?;
        for tag in ["one", "two"] {
            same(&person.home.join(format!("synced/letter:{tag}/manifest.json")).exists().to_string(), "true")?;
        }
        with_skopeo(person, &format!("sync --src dir --dest docker synced {place}/again"))?;
        contains(&with_skopeo(person, &format!("list-tags docker://{place}/again/letter"))?, "\"two\"")?;
        fs::remove_dir_all(person.home.join("synced"))?;
        fs::remove_dir_all(person.home.join("by-digest"))?;
        with_skopeo(person, &format!("delete docker://{place}/letter:one"))?;
        skopeo_refuses(person, &format!("inspect docker://{place}/letter:one"), "manifest unknown")?;
        with_skopeo(person, &format!("logout {place}"))?;
        skopeo_refuses(person, &format!("inspect docker://{place}/letter:two"), "authentication required")
    })
}

fn skopeo_refuses(person: &Person, line: &str, word: &str) -> Verdict {
    contains(&person.call(line).program(person.top.join("bin/skopeo")).refuses()?, word)
}

fn refused(person: &Person) -> Verdict {
    saved_image(person)?;
    registered(person, |registry| {
        let place = &registry.place;
        let wrong = format!("login --username person --password letmeout {place}");
        skopeo_refuses(person, &wrong, "invalid username/password")?;
        with_skopeo(person, &registry.login())?;
        fs::create_dir(person.home.join("no-certificate"))?;
        let copy = format!("copy --dest-cert-dir no-certificate docker-archive:image.tar docker://{place}/letter");
        // The certificate is trusted by the user's folder too: what is asked for goes first.
        skopeo_refuses(person, &copy, "certificate signed by unknown authority")
    })
}

fn signs(person: &Person) -> Verdict {
    saved_image(person)?;
    registered(person, |registry| {
        let place = &registry.place;
        with_skopeo(person, &registry.login())?;
        fs::write(registry.folder.join("passphrase"), "letmein")?;
        for key in ["own", "other"] {
            let make = "generate-sigstore-key --passphrase-file registry/passphrase --output-prefix";
            with_skopeo(person, &format!("{make} registry/{key}"))?;
        }
        let key = |name: &str| registry.folder.join(name).display().to_string();
        with_policy(person, &policy(place, &key("own.pub")), || {
            let sign = "--sign-by-sigstore-private-key registry/own.private --sign-passphrase-file registry/passphrase";
            with_skopeo(person, &format!("copy {sign} docker-archive:image.tar docker://{place}/signed"))?;
            with_skopeo(person, &format!("copy docker-archive:image.tar docker://{place}/unsigned"))?;
            with_skopeo(person, &format!("copy docker://{place}/signed dir:registry/signed"))?;
            let copy = format!("copy docker://{place}/unsigned dir:registry/unsigned");
            skopeo_refuses(person, &copy, "A signature was required, but no signature exists")
        })?;
        with_policy(person, &policy(place, &key("other.pub")), || {
            skopeo_refuses(person, &format!("copy docker://{place}/signed dir:registry/again"), "signature")
        })
    })
}
