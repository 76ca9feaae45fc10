//! The kinds of place that sources come from, one file each.

mod cargo_vendor;
pub(crate) mod debian;
pub(crate) mod go_module;
mod go_vendor;
pub(crate) mod krate;
pub(crate) mod rustup;
pub(crate) mod wheel;

use std::path::{Path, PathBuf};

use fs_err as fs;
use rst_model::{Arch, Digest, Origin, Place, event::Event};

use crate::{Fetcher, Wanted, error::OriginError, http::Headers, mirror::Mirror, shape};

/// Where a delivery is worked on.
pub(crate) struct Desk<'a> {
    pub fetcher: &'a Fetcher,
    pub scratch: &'a Path,
    pub source_name: &'a str,
    pub wanted_host: Option<Arch>,
}

/// What an origin gave.
pub(crate) enum Delivered {
    /// An archive, not yet checked; `strip` of its top folders mean nothing.
    Archive { file: PathBuf, strip: Option<usize> },
    /// A folder that a client made.
    Tree(PathBuf),
}

impl Delivered {
    fn archive(file: PathBuf) -> Self {
        Delivered::Archive { file, strip: None }
    }
}

impl Desk<'_> {
    /// Has an origin deliver.
    pub(crate) fn deliver(&self, origin: &Origin, wanted: &Wanted) -> Result<Delivered, OriginError> {
        match &origin.place {
            Place::Https(url) => Ok(Delivered::archive(self.download(url, origin.sha256)?)),
            Place::Debian(path) => Ok(Delivered::archive(debian::deliver(self, path, origin.sha256)?)),
            Place::GoModule(spec) => {
                go_module::deliver(self, spec, origin.h1.as_deref()).map(|(delivered, _)| delivered)
            }
            Place::Crate(spec) => krate::deliver(self, spec),
            Place::Wheel(name) => wheel::deliver(self, name),
            Place::GoVendor(_) => go_vendor::deliver(self, wanted),
            Place::CargoVendor(_) => cargo_vendor::deliver(self, wanted),
            Place::Rustup(toolchain) => rustup::deliver(self, toolchain, wanted.spec),
            Place::Folder(path) => {
                let copied = self.scratch.join("folder");
                go_vendor::copy(&self.fetcher.settings.project.join(path), &copied)?;
                Ok(Delivered::Tree(copied))
            }
            Place::Parts(parts) => self.together(parts, |desk, part| desk.deliver(part, wanted)),
        }
    }

    /// Has a mirror deliver what an origin would.
    pub(crate) fn mirrored(&self, mirror: &Mirror, origin: &Origin) -> Result<Delivered, OriginError> {
        if let Place::Parts(parts) = &origin.place {
            return self.together(parts, |desk, part| desk.mirrored(mirror, part));
        }
        let name = origin.file_name().ok_or_else(|| OriginError::reason("no file that a mirror could have"))?;
        let file = self.copy_of(mirror, &name)?;
        let strip = match &origin.place {
            Place::GoModule(spec) => Some(go_module::depth(spec)),
            _ => None,
        };
        Ok(Delivered::Archive { file, strip })
    }

    /// A mirror's file, copied here so that it cannot change under our eyes.
    pub(crate) fn copy_of(&self, mirror: &Mirror, name: &str) -> Result<PathBuf, OriginError> {
        match mirror {
            Mirror::Url(base) => self.download(&format!("{base}/{name}"), None),
            Mirror::Folder(..) => {
                let file = mirror.file(name).ok_or_else(|| OriginError::reason("it has no such file"))?;
                let copy = self.scratch.join(name);
                fs::copy(file, &copy)?;
                Ok(copy)
            }
        }
    }

    /// Several archives, each checked by itself, unpacked over one another.
    fn together(
        &self,
        parts: &[Origin],
        deliver: impl Fn(&Desk, &Origin) -> Result<Delivered, OriginError>,
    ) -> Result<Delivered, OriginError> {
        let whole = self.scratch.join("together");
        for (number, part) in parts.iter().enumerate() {
            let scratch = self.scratch.join(format!("part-{number}"));
            fs::create_dir(&scratch)?;
            let desk = Desk { scratch: &scratch, ..*self };
            let unpacked = desk.open(deliver(&desk, part)?, part, "unpacked")?;
            // rust-std-1.95.0-x86_64-unknown-linux-gnu/rust-std-x86_64-unknown-linux-gnu/lib/…
            let top = match (&part.place, unpacked.strip) {
                (Place::Https(_), None) => component_folder(&unpacked.folder)?,
                _ => unpacked.folder,
            };
            shape::pour(&top, &whole)?;
            fs::remove_dir_all(&scratch)?;
        }
        Ok(Delivered::Tree(whole))
    }

    /// Downloads a URL. What was cut short is kept under the expected digest and continued next time;
    /// should the whole then be wrong, what was there before may be to blame, and all is had anew.
    pub(crate) fn download(&self, url: &str, expected: Option<Digest>) -> Result<PathBuf, OriginError> {
        self.download_with(url, &[], expected)
    }

    /// The same with headers.
    pub(crate) fn download_with(
        &self,
        url: &str,
        headers: &Headers,
        expected: Option<Digest>,
    ) -> Result<PathBuf, OriginError> {
        let fetcher = self.fetcher;
        let name = url.rsplit('/').next().unwrap_or("file");
        let to = self.scratch.join(name);
        let progress = |bytes| {
            fetcher.reporter.event(Event::FetchProgress { source: self.source_name.to_owned(), bytes });
        };
        let Some(expected) = expected else {
            fetcher.http.download(url, headers, &to, &fetcher.cancel, &progress)?;
            return Ok(to);
        };
        let partial = fetcher.store.root().join("partial");
        let part = partial.join(expected.to_string());
        let _held = fetcher.store.hold(&format!("part-{}", expected.short()))?;
        let continued = fs::metadata(&part).is_ok_and(|there| there.len() > 0);
        let downloaded = fetcher.http.download(url, headers, &part, &fetcher.cancel, &progress);
        if downloaded.is_err() && fs::metadata(&part).is_ok_and(|there| there.len() == 0) {
            fs::remove_file(&part)?;
        }
        downloaded?;
        if continued && crate::digest(&part)?.0 != expected {
            fs::remove_file(&part)?;
            fetcher.http.download(url, headers, &part, &fetcher.cancel, &progress)?;
        }
        fs::rename(&part, &to)?;
        Ok(to)
    }
}

/// A Go module, and its h1 digest.
pub(crate) fn go_module(desk: &Desk, spec: &str) -> Result<(Delivered, String), OriginError> {
    go_module::deliver(desk, spec, None)
}

/// In Rust's distribution archives: the folder of the component itself.
fn component_folder(unpacked: &Path) -> Result<PathBuf, OriginError> {
    let mut top = unpacked.to_owned();
    for _ in 0..2 {
        let mut folders = Vec::new();
        for entry in fs::read_dir(&top)? {
            let entry = entry?;
            if entry.file_type()?.is_dir() {
                folders.push(entry.path());
            }
        }
        match folders.len() {
            1 => top = folders.remove(0),
            _ => {
                return Err(OriginError::reason("expected the layout of a Rust distribution archive"));
            }
        }
    }
    // Its own list of files is no part of the toolchain.
    let _ = fs::remove_file(top.join("manifest.in"));
    Ok(top)
}
