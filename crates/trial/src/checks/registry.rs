//! A real registry with TLS and passwords, on loopback: Debian's docker-registry, which is the CNCF's distribution.

use std::{
    net::TcpStream,
    path::PathBuf,
    process::{Command, Stdio},
};

use fs_err as fs;

use super::{network::free_port, person};
use crate::{
    check::{Check, Verdict, contains, impossible, patiently, same},
    person::Person,
    world::program,
};

pub(super) const CHECKS: &[Check] = &[
    person(
        "registry",
        "After a login an image is pushed and pulled, by tag and by digest; after the logout it is refused",
        push_and_pull,
    ),
    person("registry-wrong-password", "A wrong password is refused, and nothing is kept of it", wrong_password),
    person(
        "registry-unknown-ca",
        "A registry whose certificate nobody vouches for is refused, unless that is asked for",
        unknown_ca,
    ),
    person(
        "registry-many-platforms",
        "A list of images for several platforms is pushed, and the right one is pulled",
        many_platforms,
    ),
    person("registry-zstd", "An image whose layers are compressed with zstd is pushed, pulled and runs", zstd),
    person(
        "registry-signed",
        "Where policy.json asks for a signature, an image with the right one is pulled and no other",
        signed,
    ),
];

/// One that runs.
pub(super) struct Registry {
    /// Host and port.
    pub place: String,
    /// What it keeps, and its certificate.
    pub folder: PathBuf,
}

impl Registry {
    /// The words for `login`, of the one user whom it knows.
    pub(super) fn login(&self) -> String {
        format!("login --username person --password letmein {}", self.place)
    }
}

/// `person:letmein`, of the lowest cost that bcrypt has.
const PASSWORDS: &str = "person:$2y$04$KxRTA0vCas/SW2Tp/3FaSOUeC7OGdylAhdCjtu3E5LkCukxFwDyb6\n";

fn configuration(folder: &str, place: &str) -> String {
    format!(
        "version: 0.1\n\
         log: {{ level: error, accesslog: {{ disabled: true }} }}\n\
         storage: {{ filesystem: {{ rootdirectory: {folder}/kept }}, delete: {{ enabled: true }} }}\n\
         auth: {{ htpasswd: {{ realm: trial, path: {folder}/passwords }} }}\n\
         http: {{ addr: '{place}', tls: {{ certificate: {folder}/ca.crt, key: {folder}/key.pem }} }}\n"
    )
}

/// With a registry, to the end of `act` whatever happens; its certificate is trusted, as a user does that.
pub(super) fn registered(person: &Person, act: impl Fn(&Registry) -> Verdict) -> Verdict {
    let Some(server) = program("docker-registry").or_else(|| program("registry")) else {
        return impossible("no registry is installed: make install-test-deps");
    };
    let Some(openssl) = program("openssl") else { return impossible("openssl is not installed") };
    let folder = person.home.join("registry");
    fs::create_dir(&folder)?;
    let registry = Registry { place: format!("127.0.0.1:{}", free_port()?), folder };
    let folder = &registry.folder;
    let request = "req -x509 -nodes -newkey ec -pkeyopt ec_paramgen_curve:P-256 -days 2 -subj /CN=registry \
                   -addext subjectAltName=IP:127.0.0.1 -keyout registry/key.pem -out registry/ca.crt";
    person.call(request).program(openssl).prints()?;
    fs::write(folder.join("passwords"), PASSWORDS)?;
    fs::write(folder.join("config.yml"), configuration(&folder.display().to_string(), &registry.place))?;
    trust(person, &registry, true)?;
    let mut serving = Command::new(server);
    serving.arg("serve").arg(folder.join("config.yml")).stdin(Stdio::null()).stdout(Stdio::null());
    let mut serving = serving.stderr(fs::File::create(folder.join("log"))?.into_parts().0).spawn()?;
    let verdict = patiently(|| Ok(TcpStream::connect(&registry.place)?)).and_then(|_| act(&registry));
    serving.kill()?;
    serving.wait()?;
    trust(person, &registry, false)?;
    let _ = fs::remove_file(person.home.join("run/containers/auth.json"));
    fs::remove_dir_all(folder)?;
    verdict
}

fn trust(person: &Person, registry: &Registry, wanted: bool) -> Verdict {
    let folder = person.home.join(".config/containers/certs.d").join(&registry.place);
    if wanted {
        fs::create_dir_all(&folder)?;
        fs::copy(registry.folder.join("ca.crt"), folder.join("ca.crt"))?;
    } else if folder.exists() {
        fs::remove_dir_all(&folder)?;
    }
    Ok(())
}

fn push_and_pull(person: &Person) -> Verdict {
    registered(person, |registry| {
        let image = format!("{}/folder/small:one", registry.place);
        let refused = person.call(&format!("push --retry 0 small {image}")).refuses()?;
        contains(&refused, "authentication required")?;
        person.run(&registry.login())?;
        same(&person.run(&format!("login --get-login {}", registry.place))?, "person")?;
        person.run(&format!("push --digestfile digest small {image}"))?;
        person.run(&format!("pull {image}"))?;
        same(&person.run(&format!("run --rm --network none {image} echo hello"))?, "hello")?;
        let digest = fs::read_to_string(person.home.join("digest"))?;
        let by_digest = format!("{}/folder/small@{digest}", registry.place);
        person.run(&format!("rmi {image}"))?;
        person.run(&format!("pull {by_digest}"))?;
        person.run(&format!("rmi {by_digest}"))?;
        contains(&person.run(&format!("search {}/folder/", registry.place))?, "folder/small")?;
        person.run(&format!("logout {}", registry.place))?;
        let refused = person.call(&format!("pull --retry 0 {image}")).refuses()?;
        contains(&refused, "authentication required")
    })
}

fn wrong_password(person: &Person) -> Verdict {
    registered(person, |registry| {
        let wrong = format!("login --username person --password-stdin {}", registry.place);
        let said = person.call(&wrong).reading("letmeout").refuses()?;
        contains(&said, "invalid username/password")?;
        person.call(&format!("login --get-login {}", registry.place)).refuses()?;
        person.call(&wrong).reading("letmein").prints().map(drop)
    })
}

fn unknown_ca(person: &Person) -> Verdict {
    registered(person, |registry| {
        let place = &registry.place;
        person.run(&registry.login())?;
        trust(person, registry, false)?;
        let said = person.call(&format!("push --retry 0 small {place}/small")).refuses()?;
        contains(&said, "x509: certificate signed by unknown authority")?;
        person.run(&format!("push --tls-verify=false small {place}/small"))?;
        person.run(&format!("push --cert-dir registry small {place}/small")).map(drop)
    })
}

fn many_platforms(person: &Person) -> Verdict {
    registered(person, |registry| {
        let image = format!("{}/many", registry.place);
        person.run(&registry.login())?;
        fs::write(person.home.join("context/many"), "FROM scratch\nCOPY busybox /busybox\n")?;
        let built = person.run("build --platform linux/amd64,linux/arm64 --manifest many --file context/many context");
        fs::remove_file(person.home.join("context/many"))?;
        built?;
        person.run(&format!("manifest push --all many docker://{image}"))?;
        person.run("manifest rm many")?;
        person.run("image prune --force")?;
        for architecture in ["arm64", "amd64"] {
            person.run(&format!("pull --platform linux/{architecture} {image}"))?;
            same(&person.run(&format!("image inspect --format {{{{.Architecture}}}} {image}"))?, architecture)?;
            person.run(&format!("rmi {image}"))?;
        }
        Ok(())
    })
}

fn zstd(person: &Person) -> Verdict {
    registered(person, |registry| {
        person.run(&registry.login())?;
        for compression in ["zstd", "zstd:chunked"] {
            let image = format!("{}/small:{}", registry.place, compression.replace(':', "-"));
            person.run(&format!("push --compression-format {compression} --force-compression small {image}"))?;
            person.run("untag small small")?;
            let used = (|| {
                person.run(&format!("pull {image}"))?;
                same(&person.run(&format!("run --rm --network none {image} echo hello"))?, "hello")
            })();
            person.run(&format!("tag {image} small"))?;
            person.run(&format!("untag {image} {image}"))?;
            used?;
        }
        Ok(())
    })
}

/// With this as the user's policy, and signatures beside the images, to the end of `act` whatever happens.
pub(super) fn with_policy(person: &Person, policy: &str, act: impl Fn() -> Verdict) -> Verdict {
    let config = person.home.join(".config/containers");
    fs::create_dir_all(config.join("registries.d"))?;
    let attachments = config.join("registries.d/attachments.yaml");
    fs::write(&attachments, "default-docker: { use-sigstore-attachments: true }\n")?;
    fs::write(config.join("policy.json"), policy)?;
    let verdict = act();
    fs::remove_file(config.join("policy.json"))?;
    fs::remove_file(&attachments)?;
    verdict
}

/// Who signed with a key may be pulled from there, and nothing else from anywhere but the user's own storage.
pub(super) fn policy(place: &str, key: &str) -> String {
    serde_json::json!({
        "default": [{ "type": "reject" }],
        "transports": {
            "docker": { place: [{
                "type": "sigstoreSigned", "keyPath": key, "signedIdentity": { "type": "matchRepository" }
            }] },
            "containers-storage": { "": [{ "type": "insecureAcceptAnything" }] },
            "docker-archive": { "": [{ "type": "insecureAcceptAnything" }] },
        }
    })
    .to_string()
}

/// Made by `skopeo generate-sigstore-key`, for this check alone; podman cannot make any.
const KEYS: [(&str, &str); 3] = [
    ("trial.key", include_str!("keys/trial.key")),
    ("trial.pub", include_str!("keys/trial.pub")),
    ("other.pub", include_str!("keys/other.pub")),
];

fn signed(person: &Person) -> Verdict {
    registered(person, |registry| {
        let place = &registry.place;
        for (name, text) in KEYS {
            fs::write(registry.folder.join(name), text)?;
        }
        fs::write(registry.folder.join("passphrase"), "letmein")?;
        person.run(&registry.login())?;
        let key = |name: &str| registry.folder.join(name).display().to_string();
        let pull = |image: &str| person.call(&format!("pull --retry 0 {place}/{image}"));
        with_policy(person, &policy(place, &key("trial.pub")), || {
            let sign = "--sign-by-sigstore-private-key registry/trial.key --sign-passphrase-file registry/passphrase";
            person.run(&format!("push {sign} small {place}/signed"))?;
            person.run(&format!("push small {place}/unsigned"))?;
            pull("signed").prints()?;
            person.run(&format!("rmi {place}/signed"))?;
            contains(&pull("unsigned").refuses()?, "A signature was required, but no signature exists")
        })?;
        with_policy(person, &policy(place, &key("other.pub")), || contains(&pull("signed").refuses()?, "signature"))
    })
}
