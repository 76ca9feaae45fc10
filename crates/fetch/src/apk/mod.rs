//! Alpine's packages over an image that has no compiler: those of the repositories that the image itself names, signed
//! by the keys that it trusts. Their scripts are not run. <https://wiki.alpinelinux.org/wiki/Apk_spec>

mod index;
mod seal;

use std::{
    collections::BTreeMap,
    io::{Seek as _, SeekFrom},
    path::PathBuf,
    time::Instant,
};

use fs_err as fs;
use rayon::prelude::*;
use rst_archive::Format;
use rst_model::{ApkPackage, ApkRequest, Arch, Digest, Kind, Listing, RelPath, ToolchainImage, Version, event::Event};
use rst_store::ActionResult;

use self::index::Package;
use crate::{Fetcher, Image, ImageError, error::OriginError, origin::Desk};

/// Raised when the same packages give another tree.
const FORMAT: u32 = 1;

/// Where an image says whose signature it takes, a file for each key.
const KEYS: &str = "etc/apk/keys/";
/// Where it says from where packages come, a URL in each line.
const REPOSITORIES: &str = "etc/apk/repositories";
/// Which packages it has, from Alpine 3.23 on in the second place.
const INSTALLED: [&str; 2] = ["lib/apk/db/installed", "usr/lib/apk/db/installed"];

impl Fetcher {
    /// Makes sure that an image is in the store, with the packages that it is to have. What was laid over it once is
    /// kept: Alpine has only the newest of each package, and tomorrow another.
    pub fn toolchain_image(&self, wanted: &ToolchainImage) -> Result<Image, ImageError> {
        let image = self.image(&wanted.image)?;
        match wanted.packages.is_empty() {
            true => Ok(image),
            false => self.laid_over(image, &wanted.packages).map_err(|error| ImageError::over(&wanted.image, error)),
        }
    }

    fn laid_over(&self, image: Image, wanted: &[ApkRequest]) -> Result<Image, OriginError> {
        let wants: Vec<_> = wanted.iter().map(ApkRequest::to_string).collect();
        let key = |what| Digest::of_json(&("image with packages", FORMAT, what, Arch::HOST, image.tree, &wants));
        let (of_tree, of_list) = (key("tree"), key("list"));
        let _held = self.store.hold(&format!("packages-{}", of_tree.short()))?;
        let known = || {
            let (tree, packages) = (self.store.result(of_tree)?.output, self.store.value(of_list)?);
            Some(Image { name: image.name.clone(), tree, packages })
        };
        if let Some(known) = known() {
            return Ok(known);
        }
        if self.settings.offline {
            return Err(OriginError::reason("nothing may be fetched (--offline), and they are not in the store"));
        }
        let begun = Instant::now();
        let scratch = self.store.scratch()?;
        let desk = Desk { fetcher: self, scratch: scratch.path(), source_name: "packages", wanted_host: None };
        let taken = desk.packages(image.tree, wanted)?;
        let layers: Vec<_> = taken.iter().map(|one| (one.files.clone(), Format::TarGz)).collect();
        let packages: BTreeMap<_, _> = taken.into_iter().map(|one| (one.name, one.package)).collect();
        let root = scratch.path().join("root");
        self.store.checkout(image.tree, &root)?;
        rst_archive::unpack_over(&layers, &root, Default::default())?;
        let tree = self.store.adopt(&root)?;
        let seconds = begun.elapsed().as_secs_f64();
        self.store.record_value(of_list, &packages, seconds)?;
        let result = ActionResult { output: tree, seconds, cpu_seconds: 0.0, unsandboxed: false };
        self.store.record(of_tree, &result)?;
        Ok(Image { name: image.name, tree, packages })
    }
}

/// A package that was fetched, and is the one that was signed.
struct Taken {
    name: String,
    package: ApkPackage,
    /// The archive of its files.
    files: PathBuf,
}

impl Desk<'_> {
    /// The packages that are needed, in the order in which they are laid over.
    fn packages(&self, image: Digest, wanted: &[ApkRequest]) -> Result<Vec<Taken>, OriginError> {
        let inside = Inside { root: self.fetcher.store.tree_path(image), listing: self.fetcher.store.listing(image)? };
        let keys = inside.keys()?;
        let mut available = Vec::new();
        let repositories = inside.repositories()?;
        for (number, repository) in repositories.iter().enumerate() {
            let url = format!("{repository}/APKINDEX.tar.gz");
            let at = |error: OriginError| error.of(&url);
            let file = self.download(&url, None).map_err(at)?;
            let text = seal::index(&file, &keys).map_err(at)?;
            available.extend(index::parse(&text, number).map_err(|reason| at(OriginError::reason(reason)))?);
            fs::remove_file(file)?;
        }
        let there = index::parse(&inside.installed()?, 0).map_err(OriginError::reason)?;
        let needed = index::resolve(&available, &there, wanted).map_err(OriginError::reason)?;
        let take = |package: &Package| {
            let url = format!("{}/{}", repositories[package.repository], package.file_name());
            self.package(package, url)
        };
        needed.into_par_iter().map(take).collect()
    }

    fn package(&self, package: &Package, url: String) -> Result<Taken, OriginError> {
        let begun = Instant::now();
        let source = format!("{} {}", package.name, package.version);
        let reporter = &self.fetcher.reporter;
        reporter.event(Event::FetchStarted { source: source.clone(), size: Some(package.size) });
        let at = |error: OriginError| error.of(&url);
        let file = Desk { source_name: &source, ..*self }.download(&url, None).map_err(at)?;
        let begin = seal::package(&file, package).map_err(at)?;
        let sha256 = crate::digest(&file)?.0;
        let files = file.with_extension("tar.gz");
        let mut from = fs::File::open(&file)?;
        from.seek(SeekFrom::Start(begin))?;
        std::io::copy(&mut from, &mut fs::File::create(&files)?)?;
        fs::remove_file(file)?;
        let seconds = begun.elapsed().as_secs_f64();
        reporter.event(Event::FetchFinished { source, origin: url.clone(), seconds });
        let version = Version::new(&package.version);
        Ok(Taken { name: package.name.clone(), package: ApkPackage { version, url, sha256 }, files })
    }
}

/// What an image says of packages.
struct Inside {
    root: PathBuf,
    listing: Listing,
}

impl Inside {
    /// A file of its own, not one that a link in it leads to.
    fn read(&self, path: &str) -> Result<Option<Vec<u8>>, OriginError> {
        match RelPath::new(path).ok().and_then(|path| self.listing.get(&path)) {
            Some(Kind::File { .. }) => Ok(Some(fs::read(self.root.join(path))?)),
            _ => Ok(None),
        }
    }

    fn text(&self, path: &str) -> Result<Option<String>, OriginError> {
        let text = self.read(path)?.map(String::from_utf8).transpose();
        text.map_err(|_| OriginError::reason(format!("the image's {path} is no text")))
    }

    fn keys(&self) -> Result<BTreeMap<String, Vec<u8>>, OriginError> {
        let names = self.listing.iter().filter_map(|(path, _)| path.as_str().strip_prefix(KEYS));
        let read = |name: &str| Ok(self.read(&format!("{KEYS}{name}"))?.map(|key| (name.to_owned(), key)));
        names.map(read).filter_map(Result::transpose).collect()
    }

    /// The URLs of indexes' folders, for this machine's architecture.
    fn repositories(&self) -> Result<Vec<String>, OriginError> {
        let text = self.text(REPOSITORIES)?.unwrap_or_default();
        let is_url = |line: &&str| line.starts_with("https://") || line.starts_with("http://");
        let urls = text.lines().map(str::trim).filter(is_url);
        let found: Vec<_> = urls.map(|url| format!("{}/{}", url.trim_end_matches('/'), Arch::HOST.cpu())).collect();
        match found.is_empty() {
            true => Err(OriginError::reason(format!("the image names no repository: it has no URL in {REPOSITORIES}"))),
            false => Ok(found),
        }
    }

    fn installed(&self) -> Result<String, OriginError> {
        for path in INSTALLED {
            if let Some(text) = self.text(path)? {
                return Ok(text);
            }
        }
        Ok(String::new())
    }
}
