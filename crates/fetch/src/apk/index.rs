//! What a repository has, and which of that is needed: <https://wiki.alpinelinux.org/wiki/Apk_spec#APKINDEX_Format>.

use std::collections::BTreeMap;

use rst_model::ApkRequest;

/// A package that a repository has, or that an image has in it.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub(super) struct Package {
    pub name: String,
    pub version: String,
    /// Of its second stream: `Q1` and a SHA-1 in base64.
    pub checksum: String,
    /// Its file's, in bytes.
    pub size: u64,
    /// `musl=1.2.5-r10`, `so:libz.so.1`, `/bin/sh`, `!other`
    needs: Vec<String>,
    /// `so:libz.so.1=1.3.1`, `cmd:sh=1.37.0-r18`
    provides: Vec<String>,
    /// Among several that provide a thing the highest is taken.
    priority: u32,
    /// Which repository has it, by its place.
    pub repository: usize,
}

impl Package {
    /// `gcc-14.2.0-r6.apk`
    pub fn file_name(&self) -> String {
        format!("{}-{}.apk", self.name, self.version)
    }

    fn gives(&self, what: &str) -> bool {
        self.name == what || self.provides.iter().any(|given| bare(given) == what)
    }
}

/// A name without versions, and without the repository that it is to come from.
fn bare(word: &str) -> &str {
    word.split(['=', '<', '>', '~', '@']).next().unwrap_or_default()
}

/// Reads an index, or the list of what is installed.
pub(super) fn parse(text: &str, repository: usize) -> Result<Vec<Package>, String> {
    let mut packages = Vec::new();
    for record in text.split("\n\n").filter(|record| !record.trim().is_empty()) {
        let mut package = Package { repository, ..Package::default() };
        let words = |value: &str| value.split_whitespace().map(str::to_owned).collect();
        let number = |line: &str, value: &str| value.parse().map_err(|_| format!("expected a number in `{line}`"));
        for line in record.lines() {
            match line.split_once(':') {
                Some(("P", value)) => value.clone_into(&mut package.name),
                Some(("V", value)) => value.clone_into(&mut package.version),
                Some(("C", value)) => value.clone_into(&mut package.checksum),
                Some(("S", value)) => package.size = number(line, value)?,
                Some(("k", value)) => package.priority = u32::try_from(number(line, value)?).unwrap_or(u32::MAX),
                Some(("D", value)) => package.needs = words(value),
                Some(("p", value)) => package.provides = words(value),
                _ => {}
            }
        }
        // They become part of a file's name and of a URL.
        let is_plain = |text: &str| {
            let is_allowed = |c: char| c.is_ascii_alphanumeric() || "._+-~".contains(c);
            !text.is_empty() && !text.starts_with('.') && text.chars().all(is_allowed)
        };
        if !is_plain(&package.name) || !is_plain(&package.version) {
            return Err(format!("a package is called `{}`, of version `{}`", package.name, package.version));
        }
        packages.push(package);
    }
    Ok(packages)
}

/// Which packages have to be laid over what is there so that all requests are met, in the order of their names. A
/// repository has one version of each package, and its packages fit together: what they say of each other's versions is
/// true of these, and is not looked at. What the image has in another version is taken anew for that reason.
pub(super) fn resolve<'a>(
    available: &'a [Package],
    there: &[Package],
    requests: &[ApkRequest],
) -> Result<Vec<&'a Package>, String> {
    let mut taken: BTreeMap<&str, &'a Package> = BTreeMap::new();
    let mut wanted: Vec<(String, String)> =
        requests.iter().rev().map(|request| (request.name.clone(), "build/toolchain.toml".to_owned())).collect();
    let is_installed = |one: &Package| there.iter().any(|old| old.name == one.name);
    let is_unchanged = |one: &Package| there.iter().any(|old| old.name == one.name && old.version == one.version);
    while let Some((what, by)) = wanted.pop() {
        if what.starts_with('!') {
            continue;
        }
        let what = bare(&what);
        if taken.values().any(|one| one.gives(what)) {
            continue;
        }
        let mut givers: Vec<_> = available.iter().filter(|one| one.gives(what)).collect();
        // Of the best, the first repository's.
        givers.sort_by_key(|one| {
            let other_name = one.name != what;
            (other_name, !is_installed(one), std::cmp::Reverse(one.priority), &one.name, one.repository)
        });
        let Some(best) = givers.first() else {
            return Err(format!("no repository of the image has `{what}`, which {by} wants"));
        };
        if let Some(other) = givers.iter().find(|one| one.name == best.name && one.version != best.version) {
            let (name, one, other) = (&best.name, &best.version, &other.version);
            return Err(format!("its repositories have {name} in two versions, {one} and {other}; expected one"));
        }
        if is_unchanged(best) {
            continue;
        }
        taken.insert(&best.name, best);
        wanted.extend(best.needs.iter().rev().map(|need| (need.clone(), best.name.clone())));
    }
    for request in requests {
        let Some(version) = &request.version else { continue };
        let all = available.iter().filter(|one| one.gives(&request.name));
        let found: Vec<_> = all.map(|one| one.version.as_str()).collect();
        if !found.iter().any(|found| version.takes(found)) {
            return Err(format!(
                "build/toolchain.toml wants `{request}`, and its repositories have {}",
                found.join(", ")
            ));
        }
    }
    Ok(taken.into_values().collect())
}

#[cfg(test)]
mod tests {
    use super::*;

    const INDEX: &str = "\
C:Q1aaa=\nP:gcc\nV:14.2.0-r6\nA:x86_64\nS:10\nD:binutils libgcc=14.2.0-r6 so:libc.musl.so.1 !gcc-old\np:cmd:gcc=14.2.0-r6\n\n\
P:binutils\nV:2.44-r2\nD:so:libc.musl.so.1 /bin/sh\n\n\
P:libgcc\nV:14.2.0-r6\n\n\
P:musl\nV:1.2.5-r10\np:so:libc.musl.so.1=1\n\n\
P:dash-binsh\nV:1\nk:100\np:/bin/sh\n\n\
P:busybox-binsh\nV:1\nk:60\np:/bin/sh cmd:sh=1\nD:busybox\n\n\
P:busybox\nV:1\n\n\
P:samurai\nV:1.2\nk:10\np:cmd:ninja=1\n\n\
P:ninja\nV:1.12\nk:5\np:cmd:ninja=1.12\n";

    fn names(there: &str, requests: &[&str]) -> Result<String, String> {
        let (available, there) = (parse(INDEX, 0).unwrap(), parse(there, 0).unwrap());
        let requests: Vec<ApkRequest> = requests.iter().map(|text| text.parse().unwrap()).collect();
        let taken = resolve(&available, &there, &requests)?;
        Ok(taken.iter().map(|one| one.name.as_str()).collect::<Vec<_>>().join(" "))
    }

    #[test]
    fn a_package_comes_with_what_it_needs() {
        assert_eq!(names("", &["gcc"]).unwrap(), "binutils dash-binsh gcc libgcc musl");
        assert_eq!(names("", &["cmd:ninja"]).unwrap(), "samurai");
        assert_eq!(names("", &["ninja"]).unwrap(), "ninja");
    }

    #[test]
    fn what_the_image_has_stays_unless_it_is_of_another_version() {
        let there = "P:musl\nV:1.2.5-r10\n\nP:busybox-binsh\nV:1\nF:bin\nR:sh\n\n";
        assert_eq!(names(there, &["gcc"]).unwrap(), "binutils gcc libgcc");
        let there = "P:musl\nV:1.2.5-r9\n\nP:busybox-binsh\nV:0\n\n";
        assert_eq!(names(there, &["gcc"]).unwrap(), "binutils busybox busybox-binsh gcc libgcc musl");
    }

    #[test]
    fn what_is_wanted_and_not_there_is_told() {
        assert_eq!(names("", &["gcc~14.2"]).unwrap(), "binutils dash-binsh gcc libgcc musl");
        let error = names("", &["gcc~15"]).unwrap_err();
        assert_eq!(error, "build/toolchain.toml wants `gcc~15`, and its repositories have 14.2.0-r6");
        let error = names("", &["gperf"]).unwrap_err();
        assert_eq!(error, "no repository of the image has `gperf`, which build/toolchain.toml wants");
        let twice = parse("P:a\nV:1\n\nP:a\nV:2\n", 0).unwrap();
        let error = resolve(&twice, &[], &["a".parse().unwrap()]).unwrap_err();
        assert_eq!(error, "its repositories have a in two versions, 1 and 2; expected one");
    }

    #[test]
    fn a_name_that_is_a_path_is_refused() {
        for text in ["P:../a\nV:1\n", "P:a\nV:1/2\n", "P:a\n", "P:a\nV:1\nS:many\n"] {
            assert!(parse(text, 0).is_err(), "{text}");
        }
    }
}
