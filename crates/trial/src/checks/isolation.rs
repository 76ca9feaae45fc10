//! What a container may see and do.

use fs_err as fs;

use super::person;
use crate::{
    check::{Check, Verdict, contains, failed, same},
    person::Person,
};

pub(super) const CHECKS: &[Check] = &[
    person("volumes", "A named volume keeps what one container writes for the next", volumes),
    person("binds", "A folder of the host is seen, read-only or made the container's own (:U)", binds),
    person("tmpfs-and-read-only", "A read-only container can write to a tmpfs alone", tmpfs_and_read_only),
    person("tmpfs-size", "A tmpfs and /dev/shm hold what they were given, and no more", tmpfs_size),
    person(
        "volume-copies",
        "A volume is exported and imported, and one without a name goes with its container",
        volume_copies,
    ),
    person("mounts", "An image, another container's volumes and a file of the host are mounted as asked", mounts),
    person("keep-id", "With keep-id the user is the same inside and on the host", keep_id),
    person(
        "userns-auto",
        "With userns=auto a container has a range of its own, and with nomap not the user's id",
        userns,
    ),
    person("seccomp", "The default filter refuses what it should, a custom one what it says, none nothing", seccomp),
    person("capabilities", "Capabilities are few, fewer when dropped, and cannot be gained", capabilities),
    person("user-and-workdir", "User, folder, variables, host name and entrypoint are as asked", user_and_workdir),
    person("ulimits", "Limits of the caller that are below the defaults are no reason to refuse", ulimits),
];

fn volumes(person: &Person) -> Verdict {
    person.run("volume create keep")?;
    person.script("run --rm --network none --volume keep:/data", "echo hello > /data/letter")?;
    let letter = person.run("run --rm --network none --volume keep:/data small cat /data/letter");
    person.run("volume rm keep")?;
    same(&letter?, "hello")
}

fn binds(person: &Person) -> Verdict {
    let folder = person.home.join("shared");
    fs::create_dir(&folder)?;
    fs::write(folder.join("letter"), "hello\n")?;
    let read_only = person.script(
        "run --rm --network none --volume ./shared:/data:ro,Z",
        "cat /data/letter; touch /data/new 2>/dev/null || echo refused",
    )?;
    same(&read_only, "hello\nrefused")?;
    let owned = person.script(
        "run --rm --network none --user 1000 --volume ./shared:/data:U",
        "stat -c %u /data/letter; touch /data/new && echo written",
    )?;
    let back = person.run("unshare chown -R 0:0 shared");
    same(&owned, "1000\nwritten")?;
    back.map(drop)
}

fn tmpfs_and_read_only(person: &Person) -> Verdict {
    let script = "touch /letter 2>/dev/null || echo refused; echo hello > /tmp/letter && cat /tmp/letter";
    same(&person.script("run --rm --network none --read-only --tmpfs /tmp", script)?, "refused\nhello")
}

fn keep_id(person: &Person) -> Verdict {
    let folder = person.home.join("mine");
    fs::create_dir(&folder)?;
    let id = nix::unistd::geteuid().to_string();
    let found =
        person.script("run --rm --network none --userns keep-id --volume ./mine:/data", "id -u; touch /data/new")?;
    same(&found, &id)?;
    let owner = std::os::unix::fs::MetadataExt::uid(&fs::metadata(folder.join("new"))?);
    same(&owner.to_string(), &id)
}

fn userns(person: &Person) -> Verdict {
    let map = person.run("run --rm --network none --userns auto small cat /proc/self/uid_map")?;
    let fields: Vec<_> = map.split_whitespace().collect();
    if !matches!(fields[..], ["0", first, _] if first != "0") {
        return failed(format!("expected a range of its own, found {map:?}"));
    }
    let map = person.run("run --rm --network none --userns nomap small cat /proc/self/uid_map")?;
    match map.lines().all(|line| line.split_whitespace().nth(1) != Some("0")) {
        true => Ok(()),
        false => failed(format!("the user's own id is mapped: {map:?}")),
    }
}

const PROFILE: &str = r#"{
  "defaultAction": "SCMP_ACT_ALLOW",
  "syscalls": [{ "names": ["mkdir", "mkdirat"], "action": "SCMP_ACT_ERRNO", "errnoRet": 28 }]
}"#;

fn seccomp(person: &Person) -> Verdict {
    fs::write(person.home.join("profile.json"), PROFILE)?;
    let script = "grep Seccomp: /proc/self/status | tr -d '\\t'; mkdir /folder 2>&1 | grep -o 'No space' || echo made";
    let run = |profile: &str| person.script(&format!("run --rm --network none {profile}"), script);
    same(&run("")?, "Seccomp:2\nmade")?;
    same(&run("--security-opt seccomp=profile.json")?, "Seccomp:2\nNo space")?;
    same(&run("--security-opt seccomp=unconfined")?, "Seccomp:0\nmade")
}

fn capabilities(person: &Person) -> Verdict {
    let script = "grep -E 'CapEff|NoNewPrivs' /proc/self/status | tr -d '\\t'";
    let run = |options: &str| person.script(&format!("run --rm --network none {options}"), script);
    same(&run("")?, "CapEff:00000000800405fb\nNoNewPrivs:0")?;
    same(&run("--cap-drop all")?, "CapEff:0000000000000000\nNoNewPrivs:0")?;
    same(&run("--cap-drop all --cap-add chown")?, "CapEff:0000000000000001\nNoNewPrivs:0")?;
    contains(&run("--security-opt no-new-privileges")?, "NoNewPrivs:1")
}

fn user_and_workdir(person: &Person) -> Verdict {
    let options = "--user 5:6 --workdir /bin --env WORD=hello --hostname here --entrypoint /bin/sh";
    let call = person.call(&format!("run --rm --network none {options} small -c"));
    let found = call.with(["id -u; id -g; pwd; echo $WORD; hostname"]).prints()?;
    same(&found, "5\n6\n/bin\nhello\nhere")
}

fn ulimits(person: &Person) -> Verdict {
    let limited = "ulimit -Hn 500; ulimit -Hu 4000; exec \"$0\" run --rm --network none small echo hello";
    let podman = person.podman().display().to_string();
    let call = person.call("-c").program("/bin/bash").with([limited, podman.as_str()]);
    same(&call.prints()?, "hello")
}

fn tmpfs_size(person: &Person) -> Verdict {
    let script = "for place in /tmp /dev/shm; do dd if=/dev/zero of=$place/file bs=1k count=100 2>/dev/null; stat -c %s $place/file; done";
    let found = person.script("run --rm --network none --tmpfs /tmp:size=64k --shm-size 32k", script)?;
    same(&found, "65536\n32768")
}

fn volume_copies(person: &Person) -> Verdict {
    person.script("run --rm --network none --volume one:/data --volume /unnamed", "echo hello >/data/letter")?;
    let copied = (|| {
        person.run("volume export --output one.tar one")?;
        person.run("volume create other")?;
        person.run("volume import other one.tar")?;
        same(&person.run("run --rm --network none --volume other:/data small cat /data/letter")?, "hello")?;
        same(&person.run("volume ls --quiet --filter name=o")?, "one\nother")
    })();
    person.run("volume rm --force one other")?;
    copied?;
    same(&person.run("volume ls --quiet")?, "")
}

fn mounts(person: &Person) -> Verdict {
    fs::write(person.home.join("note"), "hello\n")?;
    person.script("create --name owner --network none --volume /owned", "true")?;
    let seen = person.script(
        "run --rm --network none --mount type=image,source=small,destination=/image --volumes-from owner \
         --mount type=bind,source=note,destination=/note,readonly",
        "ls /image/bin/busybox; test -d /owned && echo owned; cat /note; touch /note 2>/dev/null || echo refused",
    );
    person.run("rm --volumes owner")?;
    same(&seen?, "/image/bin/busybox\nowned\nhello\nrefused")
}
