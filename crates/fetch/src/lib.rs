//! Sources into the store: from a mirror, or from the first origin that gives the pinned bytes.
//!
//! Everything is checked twice: the archive's digest before it is opened, the tree's when it is
//! unpacked. `origin` has one file for each kind of place; [`Fetcher::pin`] makes the lock's entries, and
//! [`Fetcher::versions`] asks which versions there are.

mod apk;
mod client;
mod error;
mod http;
mod image;
mod mirror;
mod origin;
mod osv;
mod pin;
mod shape;
mod versions;

use std::{
    path::{Path, PathBuf},
    sync::{Arc, OnceLock},
    time::Instant,
};

use fs_err as fs;
use rst_model::{
    Cancel, Digest, Hasher, LockedSource, Origin, Place,
    event::{Event, Reporter},
    recipe::SourceSpec,
};
use rst_store::Store;

pub use error::{FetchError, Refusal};
pub use http::{Cancelled, Patience, connections, pause};
pub use image::{Image, ImageError};
pub use osv::{Advisory, OSV, OsvPackage};
pub use versions::{Asked, Question};

use crate::{
    error::OriginError,
    http::Http,
    mirror::Mirror,
    origin::{Delivered, Desk},
    versions::SourceIndex,
};

/// What a person may choose.
#[derive(Clone, Debug, Default)]
pub struct Settings {
    /// Folders or URLs that are asked first.
    pub mirrors: Vec<String>,
    /// Whether nothing may be fetched.
    pub offline: bool,
    /// The Debian mirror, in place of the one that apt is set up with.
    pub debian_mirror: Option<String>,
    /// How patient to be.
    pub patience: Patience,
    /// The project, for sources that lie in it.
    pub project: PathBuf,
}

/// What vendoring reads.
#[derive(Clone, Debug)]
pub struct Vendoring {
    /// The program's source.
    pub source_tree: PathBuf,
    /// Go.
    pub go: Option<PathBuf>,
    /// Rust, with cargo.
    pub rust: Option<PathBuf>,
}

/// A source to be had.
#[derive(Clone, Debug)]
pub struct Wanted<'a> {
    /// Its pins.
    pub locked: &'a LockedSource,
    /// How it is unpacked.
    pub spec: &'a SourceSpec,
    /// For vendored dependencies.
    pub vendoring: Option<Vendoring>,
}

/// Brings sources into a store.
pub struct Fetcher {
    store: Arc<Store>,
    settings: Settings,
    reporter: Arc<dyn Reporter>,
    cancel: Cancel,
    mirrors: Vec<Mirror>,
    http: Http,
    /// Debian's mirrors as apt has them; asking apt takes half a second, so it is done once.
    debian: OnceLock<Result<Vec<String>, String>>,
    /// Debian's list of sources: ten megabytes.
    sources: SourceIndex,
}

impl Fetcher {
    /// A fetcher for a store.
    pub fn new(store: Arc<Store>, settings: Settings, reporter: Arc<dyn Reporter>, cancel: Cancel) -> Self {
        Self {
            mirrors: settings.mirrors.iter().map(|place| Mirror::new(place)).collect(),
            http: Http::new(settings.patience, None),
            debian: OnceLock::new(),
            sources: SourceIndex::default(),
            store,
            settings,
            reporter,
            cancel,
        }
    }

    /// Makes sure that a source is in the store.
    pub fn fetch(&self, wanted: &Wanted) -> Result<Digest, FetchError> {
        let locked = wanted.locked;
        let source_name = format!("{} {}", locked.name, locked.version);
        if self.store.has_tree(locked.tree) {
            return Ok(locked.tree);
        }
        // Another process may be at it.
        let _held = self.store.hold(&format!("fetch-{}", locked.tree.short()))?;
        if self.store.has_tree(locked.tree) {
            return Ok(locked.tree);
        }
        self.check_at_hand([locked])?;
        let begun = Instant::now();
        let size = locked.origins.iter().find_map(|origin| origin.size);
        self.reporter.event(Event::FetchStarted { source: source_name.clone(), size });
        let mut reasons = Vec::new();
        for attempt in self.attempts(locked) {
            let served = self.try_one(wanted, &attempt, &source_name);
            let error = match served {
                Ok(tree) => {
                    let origin = attempt.to_string();
                    let seconds = begun.elapsed().as_secs_f64();
                    self.reporter.event(Event::FetchFinished { source: source_name, origin, seconds });
                    return Ok(tree);
                }
                Err(OriginError::Cancelled) => return Err(FetchError::Cancelled),
                Err(error) if error.is_no_space() => {
                    return Err(FetchError::NoSpace { source_name, source: error.into() });
                }
                Err(error) => error,
            };
            let refusal = Refusal {
                origin: attempt.to_string(),
                wrong_bytes: matches!(error, OriginError::WrongBytes { .. }),
                reason: error.to_string(),
            };
            self.reporter.event(Event::FetchRefused {
                source: source_name.clone(),
                origin: refusal.origin.clone(),
                reason: refusal.reason.clone(),
            });
            reasons.push(refusal);
        }
        match reasons.iter().any(|refusal| refusal.wrong_bytes) {
            true => Err(FetchError::WrongDigest { source_name, reasons }),
            false => Err(FetchError::NoOrigin { source_name, reasons }),
        }
    }

    /// Where nothing may be fetched: fails with the names of all sources that are neither in the store
    /// nor in a folder, a mirror's or one of their own.
    pub fn check_at_hand<'a>(&self, sources: impl IntoIterator<Item = &'a LockedSource>) -> Result<(), FetchError> {
        if !self.settings.offline {
            return Ok(());
        }
        let missing: Vec<_> = sources
            .into_iter()
            .filter(|locked| !self.store.has_tree(locked.tree) && self.attempts(locked).is_empty())
            .map(|locked| format!("{} {}", locked.name, locked.version))
            .collect();
        if missing.is_empty() { Ok(()) } else { Err(FetchError::Offline { missing }) }
    }

    /// Every way to have it, in order: mirrors first.
    fn attempts<'a>(&'a self, locked: &'a LockedSource) -> Vec<Attempt<'a>> {
        let mut attempts = Vec::new();
        for mirror in &self.mirrors {
            if self.settings.offline && matches!(mirror, Mirror::Url(_)) {
                continue;
            }
            let packed = tree_file_names(locked).into_iter().find(|name| mirror.file(name).is_some());
            let packed = packed.or_else(|| matches!(mirror, Mirror::Url(_)).then(|| tree_file_name(locked)));
            attempts.extend(packed.map(|name| Attempt::MirroredTree(mirror, name)));
            for origin in &locked.origins {
                let served = match (&origin.place, origin.file_name()) {
                    (Place::Parts(parts), _) => {
                        parts.iter().all(|part| part.file_name().is_some_and(|name| mirror.file(&name).is_some()))
                    }
                    (_, Some(name)) => matches!(mirror, Mirror::Url(_)) || mirror.file(&name).is_some(),
                    _ => false,
                };
                if served {
                    attempts.push(Attempt::Mirrored(mirror, origin));
                }
            }
        }
        let is_at_hand = |origin: &&Origin| !self.settings.offline || matches!(origin.place, Place::Folder(_));
        attempts.extend(locked.origins.iter().filter(is_at_hand).map(Attempt::Origin));
        attempts
    }

    fn try_one(&self, wanted: &Wanted, attempt: &Attempt, source_name: &str) -> Result<Digest, OriginError> {
        let scratch = self.store.scratch()?;
        let desk = Desk { fetcher: self, scratch: scratch.path(), source_name, wanted_host: wanted.locked.host };
        let top = match attempt {
            // A folder is taken as it is.
            Attempt::Origin(origin) if matches!(origin.place, Place::Folder(_)) => {
                self.shaped(&desk, &Wanted { spec: &SourceSpec::default(), ..wanted.clone() }, origin, None)?
            }
            Attempt::Origin(origin) => self.shaped(&desk, wanted, origin, None)?,
            Attempt::Mirrored(mirror, origin) => self.shaped(&desk, wanted, origin, Some(mirror))?,
            Attempt::MirroredTree(mirror, name) => {
                let file = desk.copy_of(mirror, name)?;
                let delivered = Delivered::Archive { file, strip: Some(1) };
                let origin = Origin { place: Place::Https(name.clone()), sha256: None, size: None, h1: None };
                let unpacked = desk.open(delivered, &origin, "unpacked")?;
                unpacked.shape(&Wanted { spec: &SourceSpec::default(), ..wanted.clone() })?
            }
        };
        self.settle(&top, wanted.locked.tree)
    }

    /// Delivers, checks, unpacks and shapes one origin's bytes.
    fn shaped(
        &self,
        desk: &Desk,
        wanted: &Wanted,
        origin: &Origin,
        mirror: Option<&Mirror>,
    ) -> Result<PathBuf, OriginError> {
        let delivered = match mirror {
            Some(mirror) => desk.mirrored(mirror, origin)?,
            None => desk.deliver(origin, wanted)?,
        };
        let unpacked = desk.open(delivered, origin, "unpacked")?;
        unpacked.shape(wanted)
    }

    /// Takes a folder into the store if it is the tree that is pinned.
    fn settle(&self, top: &Path, expected: Digest) -> Result<Digest, OriginError> {
        let found = self.store.adopt_expected(top, expected)?;
        if found == expected {
            return Ok(found);
        }
        Err(OriginError::WrongBytes { expected: format!("of the tree {expected}"), found: found.to_string() })
    }

    /// Writes every source's archive into a folder that can serve as a mirror. Trees that come from no
    /// archive (vendored ones) are packed.
    pub fn export(&self, wanted: &Wanted, to: &Path) -> Result<(), FetchError> {
        self.fetch(wanted)?;
        let locked = wanted.locked;
        let name = tree_file_name(locked);
        let tree = self.store.tree_path(locked.tree);
        let top = rst_model::RelPath::new("tree").expect("a plain name");
        let entries = rst_archive::entries(&self.store.listing(locked.tree)?, &tree, &top);
        let scratch = self.store.scratch()?;
        let part = scratch.path().join("tree");
        rst_archive::write(entries, 0, rst_archive::Compression::ZstdDraft, &part).map_err(std::io::Error::other)?;
        let beside = to.join(format!(".{name}.part"));
        fs::copy(part, &beside)?;
        fs::rename(beside, to.join(name))?;
        Ok(())
    }
}

/// How a mirror keeps a whole tree.
fn tree_file_name(locked: &LockedSource) -> String {
    let host = locked.host.map(|host| format!("-{}", host.oci())).unwrap_or_default();
    format!("{}-{}{host}.tree.tar.zst", locked.name, locked.version)
}

/// The names under which a folder may have it: as we write it, or packed by a person.
fn tree_file_names(locked: &LockedSource) -> Vec<String> {
    let ours = tree_file_name(locked);
    let plain = ours.replace(".tree.tar.zst", ".tar.xz");
    let is_an_origins = locked.origins.iter().any(|origin| origin.file_name().as_deref() == Some(&plain));
    if is_an_origins { vec![ours] } else { vec![ours, plain] }
}

/// One way to have a source.
enum Attempt<'a> {
    MirroredTree(&'a Mirror, String),
    Mirrored(&'a Mirror, &'a Origin),
    Origin(&'a Origin),
}

impl std::fmt::Display for Attempt<'_> {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        match self {
            Attempt::MirroredTree(_, name) => write!(f, "mirror: {name}"),
            Attempt::Mirrored(_, origin) => {
                write!(f, "mirror: {}", origin.file_name().unwrap_or_else(|| origin.place.to_string()))
            }
            Attempt::Origin(origin) => origin.place.fmt(f),
        }
    }
}

/// Compares a file with the digest that is pinned; the file is removed if it is another.
fn check(file: &Path, expected: Digest) -> Result<u64, OriginError> {
    let (found, size) = digest(file)?;
    if found != expected {
        fs::remove_file(file)?;
        return Err(OriginError::WrongBytes { expected: expected.to_string(), found: found.to_string() });
    }
    Ok(size)
}

fn digest(file: &Path) -> Result<(Digest, u64), OriginError> {
    Ok(Hasher::read(fs::File::open(file)?)?)
}

/// Where a delivered archive was unpacked, and how many of its top folders are of no meaning.
struct Unpacked {
    folder: PathBuf,
    strip: Option<usize>,
}

impl Unpacked {
    /// The folder that becomes the tree.
    fn shape(&self, wanted: &Wanted) -> Result<PathBuf, OriginError> {
        let strip = wanted.spec.strip.or(self.strip);
        shape::shape(&self.folder, wanted.spec, strip, wanted.locked.host, &wanted.locked.version)
    }
}

impl Desk<'_> {
    /// Checks an archive's digest and then unpacks it.
    fn open(&self, delivered: Delivered, origin: &Origin, name: &str) -> Result<Unpacked, OriginError> {
        let (file, strip) = match delivered {
            Delivered::Tree(folder) => {
                return Ok(Unpacked { folder, strip: Some(0) });
            }
            Delivered::Archive { file, strip } => (file, strip),
        };
        if let Some(expected) = origin.sha256 {
            check(&file, expected)?;
        }
        let file_name = file.to_string_lossy();
        let format = rst_archive::Format::of(&file_name)
            .ok_or_else(|| OriginError::reason(format!("no archive that can be opened: {file_name}")))?;
        let folder = self.scratch.join(name);
        rst_archive::unpack(&file, format, &folder, Default::default())?;
        let strip = if format == rst_archive::Format::Deb { Some(0) } else { strip };
        Ok(Unpacked { folder, strip })
    }
}
