//! Making the lock's entries: every place that a recipe names is tried, and what it gives is digested.

use fs_err as fs;
use rst_model::{
    Arch, Digest, LockedSource, Origin, Place, Version,
    event::Event,
    recipe::{SourceSpec, Vendor},
};

use crate::{
    FetchError, Fetcher, Refusal, Vendoring, Wanted,
    error::OriginError,
    origin::{Desk, rustup, wheel},
};

impl Fetcher {
    /// The lock's entry for a version: each origin that could be reached, all giving one tree.
    pub fn pin(
        &self,
        name: &str,
        version: &Version,
        spec: &SourceSpec,
        host: Option<Arch>,
    ) -> Result<LockedSource, FetchError> {
        let source_name = format!("{name} {version}");
        let places = self.places(&source_name, version, spec, host)?;
        let mut reasons = Vec::new();
        let mut pinned: Option<(Digest, Origin)> = None;
        let mut origins = Vec::new();
        let mut unreached = Vec::new();
        for origin in places {
            // Another kind of machine's rustup is not here; what it would give is the official archives' tree.
            if matches!(origin.place, Place::Rustup(_)) && host.is_some_and(|host| host != Arch::HOST) {
                origins.push(origin);
                continue;
            }
            match self.pin_one(&source_name, spec, host, &origin, None) {
                Ok((tree, origin)) => {
                    match &pinned {
                        Some((first, first_origin)) if *first != tree => {
                            return Err(self.differ(source_name, (*first, first_origin), (tree, &origin))?);
                        }
                        _ => pinned = Some((tree, origin.clone())),
                    }
                    origins.push(origin);
                }
                Err(OriginError::Cancelled) => return Err(FetchError::Cancelled),
                Err(error) => {
                    let reason = error.to_string();
                    self.reporter.event(Event::FetchRefused {
                        source: source_name.clone(),
                        origin: origin.place.to_string(),
                        reason: reason.clone(),
                    });
                    reasons.push(Refusal { origin: origin.place.to_string(), reason, wrong_bytes: false });
                    unreached.push(origin);
                }
            }
        }
        let Some((tree, reached)) = pinned else {
            return Err(match reasons.is_empty() {
                true => FetchError::NoPlace { source_name },
                false => FetchError::NoOrigin { source_name, reasons },
            });
        };
        if spec.same_bytes {
            // The recipe says that these are one file: its digest holds for the places not reached.
            let same = |origin: Origin| Origin { sha256: reached.sha256, size: reached.size, ..origin };
            origins.splice(0..0, unreached.into_iter().filter(|o| matches!(o.place, Place::Https(_))).map(same));
        } else {
            // A digest that is published elsewhere (Rust's channel manifest) needs no visit.
            origins.extend(unreached.into_iter().filter(|origin| match &origin.place {
                Place::Parts(parts) => parts.iter().all(|part| part.sha256.is_some()),
                _ => false,
            }));
        }
        Ok(LockedSource { name: name.to_owned(), version: version.clone(), host, tree, origins })
    }

    /// The entry for a program's vendored dependencies.
    pub fn pin_vendor(
        &self,
        name: &str,
        version: &Version,
        vendor: Vendor,
        vendoring: Vendoring,
    ) -> Result<LockedSource, FetchError> {
        let of = format!("{name}@{version}");
        let place = match vendor {
            Vendor::Go => Place::GoVendor(of),
            Vendor::Cargo => Place::CargoVendor(of),
        };
        let origin = Origin { place, sha256: None, size: None, h1: None };
        let source_name = format!("{name}-vendor {version}");
        let spec = SourceSpec::default();
        match self.pin_one(&source_name, &spec, None, &origin, Some(vendoring)) {
            Ok((tree, origin)) => Ok(LockedSource {
                name: format!("{name}-vendor"),
                version: version.clone(),
                host: None,
                tree,
                origins: vec![origin],
            }),
            Err(OriginError::Cancelled) => Err(FetchError::Cancelled),
            Err(error) => {
                let refusal =
                    Refusal { origin: origin.place.to_string(), reason: error.to_string(), wrong_bytes: false };
                Err(FetchError::NoOrigin { source_name, reasons: vec![refusal] })
            }
        }
    }

    /// Delivers from one origin and digests what came.
    fn pin_one(
        &self,
        source_name: &str,
        spec: &SourceSpec,
        host: Option<Arch>,
        origin: &Origin,
        vendoring: Option<Vendoring>,
    ) -> Result<(Digest, Origin), OriginError> {
        let scratch = self.store.scratch()?;
        let desk = Desk { fetcher: self, scratch: scratch.path(), source_name, wanted_host: host };
        let (name, version) = source_name.split_once(' ').unwrap_or((source_name, ""));
        let locked = LockedSource {
            name: name.to_owned(),
            version: Version::new(version),
            host,
            tree: Digest::of(""),
            origins: vec![origin.clone()],
        };
        let wanted = Wanted { locked: &locked, spec, vendoring };
        let mut origin = origin.clone();
        // A mirror may stand in for an origin that needs no asking which file it has.
        let mirrored = self.mirrors.iter().find_map(|mirror| {
            let name = origin.file_name()?;
            mirror.file(&name).map(|file| (mirror, file.to_owned()))
        });
        let top = match (&origin.place, mirrored) {
            (Place::Wheel(requirement), _) if !requirement.ends_with(".whl") => {
                let (name, version) = requirement.split_once("==").unwrap_or((requirement, ""));
                let file = wheel::choose(&desk, name, version)?;
                let file_name = file.file_name().unwrap_or_default().to_string_lossy().into_owned();
                origin = pinned_file(&file, Place::Wheel(file_name))?;
                self.shaped_file(&desk, &wanted, &origin, file)?
            }
            (Place::GoModule(spec), _) => {
                let (delivered, h1) = crate::origin::go_module(&desk, spec)?;
                origin.h1 = Some(h1);
                let unpacked = desk.open(delivered, &origin, "unpacked")?;
                unpacked.shape(&wanted)?
            }
            (place, Some((_, file))) => {
                let copy = scratch.path().join(file.file_name().unwrap_or_default());
                fs::copy(&file, &copy)?;
                origin = pinned_file(&copy, place.clone())?;
                self.shaped_file(&desk, &wanted, &origin, copy)?
            }
            (Place::Https(_) | Place::Debian(_) | Place::Crate(_), None) => {
                let crate::origin::Delivered::Archive { file, .. } = desk.deliver(&origin, &wanted)? else {
                    return Err(OriginError::reason("expected an archive"));
                };
                origin = pinned_file(&file, origin.place.clone())?;
                self.shaped_file(&desk, &wanted, &origin, file)?
            }
            _ => self.shaped(&desk, &wanted, &origin, None)?,
        };
        Ok((self.store.adopt(&top)?, origin))
    }

    fn shaped_file(
        &self,
        desk: &Desk,
        wanted: &Wanted,
        origin: &Origin,
        file: std::path::PathBuf,
    ) -> Result<std::path::PathBuf, OriginError> {
        let unpacked = desk.open(crate::origin::Delivered::Archive { file, strip: None }, origin, "unpacked")?;
        unpacked.shape(wanted)
    }

    fn differ(
        &self,
        source_name: String,
        first: (Digest, &Origin),
        second: (Digest, &Origin),
    ) -> Result<FetchError, FetchError> {
        let (one, two) = (self.store.listing(first.0)?, self.store.listing(second.0)?);
        let differs = one.iter().find(|(path, kind)| two.get(path) != Some(kind)).map(|(path, _)| path);
        let path = differs.or_else(|| two.iter().map(|(path, _)| path).find(|path| one.get(path).is_none()));
        Ok(FetchError::OriginsDiffer {
            source_name,
            first: first.1.place.to_string(),
            second: second.1.place.to_string(),
            path: path.map(ToString::to_string).unwrap_or_default(),
        })
    }

    /// The places that a recipe names, for one version and building machine.
    fn places(
        &self,
        source_name: &str,
        version: &Version,
        spec: &SourceSpec,
        host: Option<Arch>,
    ) -> Result<Vec<Origin>, FetchError> {
        let fill = |template: &str| {
            let text = spec.expand(template, version).unwrap_or_else(|| template.to_owned());
            match host {
                Some(host) => text.replace("{arch}", host.oci()).replace("{cpu}", host.cpu()),
                None => text,
            }
        };
        let plain = |place| Origin { place, sha256: None, size: None, h1: None };
        let mut places: Vec<Origin> = spec.https.iter().map(|url| plain(Place::Https(fill(url)))).collect();
        if let Some(debian) = &spec.debian {
            let package = &debian.package;
            let folder = if package.starts_with("lib") { &package[..4] } else { &package[..1] };
            places.push(plain(Place::Debian(format!("pool/main/{folder}/{package}/{}", fill(&debian.file)))));
        }
        if let Some(module) = &spec.go_module {
            let module = if module.contains('@') { module.clone() } else { format!("{module}@v{{version}}") };
            places.push(plain(Place::GoModule(fill(&module))));
        }
        if let Some(name) = &spec.krate {
            places.push(plain(Place::Crate(format!("{name}@{version}"))));
        }
        if let Some(name) = &spec.wheel {
            places.push(plain(Place::Wheel(format!("{name}=={version}"))));
        }
        if let Some(toolchain) = &spec.rustup {
            let toolchain = fill(toolchain);
            places.push(plain(Place::Rustup(toolchain.clone())));
            if let Some(parts) = self.rust_archives(&toolchain, host.unwrap_or(Arch::HOST)) {
                places.push(plain(Place::Parts(parts)));
            }
        }
        if let Some(suite) = &spec.debian_suite {
            let parts =
                self.debian_packages(suite, &spec.debian_packages, host.unwrap_or(Arch::HOST)).map_err(|error| {
                    FetchError::NoOrigin {
                        source_name: source_name.to_owned(),
                        reasons: vec![Refusal {
                            origin: format!("Debian {suite}"),
                            reason: error.to_string(),
                            wrong_bytes: false,
                        }],
                    }
                })?;
            places.push(plain(Place::Parts(parts)));
        }
        Ok(places)
    }

    /// The official archives, by the digests of the channel manifest that rustup keeps.
    fn rust_archives(&self, toolchain: &str, host: Arch) -> Option<Vec<Origin>> {
        let manifest = rustup::folder(toolchain).ok()?.join("lib/rustlib/multirust-channel-manifest.toml");
        let manifest: toml::Table = toml::from_str(&fs::read_to_string(manifest).ok()?).ok()?;
        let target = format!("{}-unknown-linux-gnu", host.cpu());
        ["rustc", "cargo", "rust-std"]
            .into_iter()
            .map(|package| {
                let entry = manifest.get("pkg")?.get(package)?.get("target")?.get(&target)?;
                let text = |name: &str| entry.get(name)?.as_str();
                let sha256 = text("xz_hash")?.parse().ok()?;
                Some(Origin {
                    place: Place::Https(text("xz_url")?.to_owned()),
                    sha256: Some(sha256),
                    size: None,
                    h1: None,
                })
            })
            .collect()
    }

    /// Where a suite has these packages, by its signed index.
    fn debian_packages(&self, suite: &str, names: &[String], host: Arch) -> Result<Vec<Origin>, OriginError> {
        let scratch = self.store.scratch()?;
        let desk = Desk { fetcher: self, scratch: scratch.path(), source_name: suite, wanted_host: Some(host) };
        let packages = desk.debian_index(suite, &format!("main/binary-{}/Packages.xz", host.oci()))?;
        names.iter().map(|name| package(&packages, name)).collect()
    }
}

fn pinned_file(file: &std::path::Path, place: Place) -> Result<Origin, OriginError> {
    let (sha256, size) = crate::digest(file)?;
    Ok(Origin { place, sha256: Some(sha256), size: Some(size), h1: None })
}

/// A stanza of a Packages file.
fn package(packages: &str, name: &str) -> Result<Origin, OriginError> {
    let first = format!("Package: {name}");
    let stanza = packages
        .split("\n\n")
        .find(|stanza| stanza.lines().next() == Some(&first))
        .ok_or_else(|| OriginError::reason(format!("no package `{name}`")))?;
    let field = |field: &str| {
        let line = stanza.lines().find_map(|line| line.strip_prefix(field)?.strip_prefix(": "));
        line.ok_or_else(|| OriginError::reason(format!("package `{name}` has no {field}")))
    };
    let bad = |_| OriginError::reason(format!("package `{name}` has an unreadable SHA256"));
    Ok(Origin {
        place: Place::Debian(field("Filename")?.to_owned()),
        sha256: Some(field("SHA256")?.parse().map_err(bad)?),
        size: field("Size")?.parse().ok(),
        h1: None,
    })
}
