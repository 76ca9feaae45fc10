//! Package URLs (purl): the names by which scanners know parts.
//! <https://github.com/package-url/purl-spec/blob/main/PURL-TYPES.rst>

use packageurl::PackageUrl;
use rst_model::Place;

/// Of a source as the lock has it: by its place, where that is one that a type of purl stands for.
pub fn of_source(place: &Place, name: &str, version: &str) -> Option<String> {
    match place {
        Place::GoModule(module) => module.split_once('@').and_then(|(path, version)| of_go_module(path, version)),
        Place::Crate(krate) => krate.split_once('@').and_then(|(name, version)| of_crate(name, version)),
        Place::Https(url) => match on_github(url) {
            Some((owner, repository, tag)) => purl("github", Some(owner), repository, tag),
            None => of_generic(name, version),
        },
        Place::Wheel(file) => {
            let mut words = file.split('-');
            purl("pypi", None, words.next()?, words.next()?)
        }
        Place::Debian(_) => of_generic(name, version),
        _ => None,
    }
}

/// `pkg:golang/github.com/docker/go-units@v0.5.0`
pub fn of_go_module(path: &str, version: &str) -> Option<String> {
    match path.rsplit_once('/') {
        Some((namespace, name)) => purl("golang", Some(namespace), name, version),
        None => purl("golang", None, path, version),
    }
}

/// `pkg:cargo/libc@0.2.180`
pub fn of_crate(name: &str, version: &str) -> Option<String> {
    purl("cargo", None, name, version)
}

/// `pkg:generic/musl@1.2.5`
pub fn of_generic(name: &str, version: &str) -> Option<String> {
    purl("generic", None, name, version)
}

fn purl(kind: &str, namespace: Option<&str>, name: &str, version: &str) -> Option<String> {
    let mut purl = PackageUrl::new(kind, name).ok()?;
    if let Some(namespace) = namespace {
        purl.with_namespace(namespace).ok()?;
    }
    purl.with_version(version).ok()?;
    Some(purl.to_string())
}

/// Owner, repository and tag of an archive that GitHub serves.
fn on_github(url: &str) -> Option<(&str, &str, &str)> {
    let path: Vec<_> = url.strip_prefix("https://github.com/")?.split('/').collect();
    let tag = match path[..] {
        [_, _, "releases", "download", tag, _] => tag,
        [_, _, "archive", "refs", "tags", file] | [_, _, "archive", file] => {
            [".tar.gz", ".tar.xz", ".zip"].iter().find_map(|ending| file.strip_suffix(ending))?
        }
        _ => return None,
    };
    Some((path[0], path[1], tag))
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    fn of(place: Place) -> Option<String> {
        of_source(&place, "thing", "1.2")
    }

    #[test]
    fn a_place_gives_the_name_that_scanners_know() {
        let https = |url: &str| of(Place::Https(url.to_owned())).unwrap();
        let github = "https://github.com/containers/crun";
        assert_eq!(
            https(&format!("{github}/releases/download/1.21/crun-1.21.tar.gz")),
            "pkg:github/containers/crun@1.21"
        );
        assert_eq!(https(&format!("{github}/archive/refs/tags/v1.21.tar.gz")), "pkg:github/containers/crun@v1.21");
        assert_eq!(https("https://example.org/thing-1.2.tar"), "pkg:generic/thing@1.2");
        let module = Place::GoModule("go.podman.io/podman/v6@v6.0.2".to_owned());
        assert_eq!(of(module).unwrap(), "pkg:golang/go.podman.io/podman/v6@v6.0.2");
        assert_eq!(of(Place::Crate("netavark@2.0.0".to_owned())).unwrap(), "pkg:cargo/netavark@2.0.0");
        let wheel = Place::Wheel("ziglang-0.17.1-py3-none-any.whl".to_owned());
        assert_eq!(of(wheel).unwrap(), "pkg:pypi/ziglang@0.17.1");
        assert_eq!(of(Place::Folder("build/src/thing".to_owned())), None);
    }

    proptest! {
        /// Whatever a path or version holds, it can be read back from the purl.
        #[test]
        fn what_goes_in_comes_out(path in "[a-z][a-z0-9.]{0,8}(/[A-Za-z0-9~._+!-]{1,8}){1,3}", version in "v[0-9]\\.[0-9a-z.+-]{1,9}") {
            prop_assume!(path.split('/').all(|part| part != "." && part != ".."));
            let purl = of_go_module(&path, &version).unwrap();
            let read: PackageUrl = purl.parse().unwrap();
            let whole = format!("{}/{}", read.namespace().unwrap(), read.name());
            // The type's rule: names are in lower case.
            prop_assert!(whole.eq_ignore_ascii_case(&path), "{whole} {path}");
            prop_assert_eq!(read.version(), Some(version.as_str()));
        }
    }
}
