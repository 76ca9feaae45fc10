//! Where the entries of an archive may go. What an archive says is believed only after this.

use std::{
    collections::{BTreeMap, BTreeSet},
    io::{self, Read},
    path::{Path, PathBuf},
};

use fs_err as fs;
use rst_model::RelPath;

use crate::{UnpackError, unpack::Limits};

/// Puts entries below a folder, and refuses what would leave it. Symbolic links are made last, so
/// that nothing can be written through one.
pub(crate) struct Placer<'a> {
    top: &'a Path,
    limits: Limits,
    rules: Rules,
    entries: u64,
    bytes: u64,
    files: BTreeSet<RelPath>,
    links: BTreeMap<RelPath, String>,
    /// What the layer at hand has put there: all else lies below it.
    own: BTreeSet<RelPath>,
}

/// What an archive may be besides a folder's content.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Rules {
    /// No more than that.
    Folder,
    /// A root's files (Debian packages): an absolute link begins at the archive's top.
    Root,
    /// A root in layers: a later one takes the place of what lies below it, and a root's devices, of which its user
    /// makes none, are passed over.
    Layers,
}

impl<'a> Placer<'a> {
    pub(crate) fn new(top: &'a Path, limits: Limits, rules: Rules) -> Self {
        let (files, links, own) = (BTreeSet::new(), BTreeMap::new(), BTreeSet::new());
        Self { top, limits, rules, entries: 0, bytes: 0, files, links, own }
    }

    /// Over what is there: its links are taken up, and made again in the end.
    pub(crate) fn over(top: &'a Path, limits: Limits) -> Result<Self, UnpackError> {
        let mut placer = Self::new(top, limits, Rules::Layers);
        for entry in walkdir::WalkDir::new(top).min_depth(1) {
            let entry = entry.map_err(io::Error::from)?;
            let below = entry.path().strip_prefix(top).expect("below the top");
            let Some(path) = checked(below.as_os_str().as_encoded_bytes())? else { continue };
            if entry.path_is_symlink() {
                let target = fs::read_link(entry.path())?;
                fs::remove_file(entry.path())?;
                placer.link(&path, target.as_os_str().as_encoded_bytes())?;
            } else if entry.file_type().is_file() {
                placer.files.insert(path);
            }
        }
        Ok(placer)
    }

    /// What comes from now on lies above what is there.
    pub(crate) fn begin_layer(&mut self) {
        self.own.clear();
    }

    /// Checks an entry's name. `None` for the archive's top folder itself, and for a whiteout, which is no file.
    pub(crate) fn name(&mut self, bytes: &[u8]) -> Result<Option<RelPath>, UnpackError> {
        self.entries += 1;
        if self.entries > self.limits.entries {
            return Err(UnpackError::TooMany { limit: self.limits.entries });
        }
        let is_file = |path: &RelPath| self.rules != Rules::Layers || Whiteout::of(path).is_none();
        Ok(checked(bytes)?.filter(is_file))
    }

    pub(crate) fn folder(&mut self, path: &RelPath) -> Result<(), UnpackError> {
        self.not_through_a_link(path)?;
        if self.links.contains_key(path) || self.files.contains(path) {
            self.replace(path)?;
        }
        self.own.insert(path.clone());
        Ok(fs::create_dir_all(self.top.join(path))?)
    }

    /// What is neither file, folder nor link.
    pub(crate) fn other(&self, path: &RelPath, kind: &str) -> Result<(), UnpackError> {
        match self.rules {
            Rules::Layers => Ok(()),
            Rules::Folder | Rules::Root => Err(UnpackError::Kind { entry: path.to_string(), kind: kind.to_owned() }),
        }
    }

    /// Makes room where something lies in the way, if that is of a layer below.
    fn replace(&mut self, path: &RelPath) -> Result<(), UnpackError> {
        if self.rules != Rules::Layers || self.own.contains(path) {
            return Err(UnpackError::Duplicate { entry: path.to_string() });
        }
        self.remove(path)
    }

    /// Takes away what a whiteout names.
    pub(crate) fn take_away(&mut self, whiteout: &Whiteout) -> Result<(), UnpackError> {
        match whiteout {
            Whiteout::One(path) => self.remove(path),
            Whiteout::AllIn(Some(folder)) => self.remove(folder),
            Whiteout::AllIn(None) => {
                (self.files, self.links) = Default::default();
                fs::remove_dir_all(self.top)?;
                Ok(fs::create_dir(self.top)?)
            }
        }
    }

    /// There are no links on the disk yet, so nothing is removed through one.
    fn remove(&mut self, path: &RelPath) -> Result<(), UnpackError> {
        self.links.remove(path);
        let at = self.top.join(path);
        if self.files.remove(path) {
            return Ok(fs::remove_file(at)?);
        }
        let below = format!("{path}/");
        self.files.retain(|file| !file.as_str().starts_with(&below));
        self.links.retain(|link, _| !link.as_str().starts_with(&below));
        match at.is_dir() {
            true => Ok(fs::remove_dir_all(at)?),
            false => Ok(()),
        }
    }

    /// Writes a file of at most its declared size.
    pub(crate) fn file(
        &mut self,
        path: &RelPath,
        executable: bool,
        declared: u64,
        from: &mut dyn Read,
    ) -> Result<(), UnpackError> {
        self.count(path, declared)?;
        let at = self.new_place(path)?;
        let mut to = fs::File::create(&at)?;
        // One byte more than declared would show.
        let copied = io::copy(&mut from.take(declared + 1), &mut to)
            .map_err(|source| UnpackError::Read { entry: path.to_string(), source })?;
        if copied != declared {
            return Err(UnpackError::Size { entry: path.to_string(), declared, found: copied });
        }
        let mode = if executable { 0o755 } else { 0o644 };
        Ok(fs::set_permissions(&at, std::os::unix::fs::PermissionsExt::from_mode(mode))?)
    }

    /// A second name for a file that came before: a copy.
    pub(crate) fn hard_link(&mut self, path: &RelPath, target: &RelPath) -> Result<(), UnpackError> {
        if !self.files.contains(target) {
            return Err(UnpackError::Link { entry: path.to_string(), target: target.to_string() });
        }
        self.count(path, fs::metadata(self.top.join(target))?.len())?;
        let at = self.new_place(path)?;
        fs::copy(self.top.join(target), at)?;
        Ok(())
    }

    pub(crate) fn link(&mut self, path: &RelPath, target: &[u8]) -> Result<(), UnpackError> {
        let leaves =
            || UnpackError::Link { entry: path.to_string(), target: String::from_utf8_lossy(target).into_owned() };
        let text = std::str::from_utf8(target).map_err(|_| leaves())?;
        let text = match text.strip_prefix('/') {
            Some(below_root) if self.rules != Rules::Folder => {
                format!("{}{below_root}", "../".repeat(path.ancestors().count()))
            }
            Some(_) => return Err(leaves()),
            None => text.to_owned(),
        };
        if text.is_empty() || text.chars().any(char::is_control) {
            return Err(leaves());
        }
        self.new_place(path)?;
        self.files.remove(path);
        self.links.insert(path.clone(), text);
        Ok(())
    }

    /// Makes the links, when all are known: where one leads can depend on the others.
    pub(crate) fn finish(self) -> Result<(), UnpackError> {
        for (path, target) in &self.links {
            if !self.stays(path) {
                return Err(UnpackError::Link { entry: path.to_string(), target: target.clone() });
            }
        }
        for (path, target) in &self.links {
            fs::os::unix::fs::symlink(target, self.top.join(path))?;
        }
        Ok(())
    }

    fn count(&mut self, path: &RelPath, size: u64) -> Result<(), UnpackError> {
        self.bytes = self.bytes.saturating_add(size);
        if self.bytes > self.limits.bytes {
            return Err(UnpackError::TooLarge { entry: path.to_string(), limit: self.limits.bytes });
        }
        Ok(())
    }

    fn new_place(&mut self, path: &RelPath) -> Result<PathBuf, UnpackError> {
        self.not_through_a_link(path)?;
        let at = self.top.join(path);
        if self.links.contains_key(path) || self.files.contains(path) || at.is_dir() {
            self.replace(path)?;
        }
        self.files.insert(path.clone());
        if self.rules == Rules::Layers {
            self.own.extend(path.ancestors().chain([path.clone()]));
        }
        if let Some(file) = path.ancestors().find(|above| self.files.contains(above)) {
            return Err(UnpackError::Duplicate { entry: file.to_string() });
        }
        fs::create_dir_all(at.parent().expect("below top"))?;
        Ok(at)
    }

    fn not_through_a_link(&self, path: &RelPath) -> Result<(), UnpackError> {
        match path.ancestors().find(|above| self.links.contains_key(above)) {
            Some(link) => Err(UnpackError::ThroughLink { entry: path.to_string(), link: link.to_string() }),
            None => Ok(()),
        }
    }

    /// Whether a link, followed as the kernel would, never climbs above the top. A loop leads nowhere,
    /// so it stays; builds that ship one are odd, not hostile.
    fn stays(&self, link: &RelPath) -> bool {
        let mut at: Vec<String> = Vec::new();
        let mut todo: Vec<String> = parts(link.as_str());
        let mut follows = 0;
        while let Some(part) = todo.pop() {
            match part.as_str() {
                "" | "." => continue,
                ".." => match at.pop() {
                    Some(_) => continue,
                    None => return false,
                },
                _ => at.push(part),
            }
            let Some(target) = RelPath::new(&at.join("/")).ok().and_then(|path| self.links.get(&path)) else {
                continue;
            };
            follows += 1;
            if follows > MOST_FOLLOWS {
                return true;
            }
            at.pop();
            todo.extend(parts(target));
        }
        true
    }
}

/// An entry of a layer that is no file, but takes away what lies below:
/// <https://github.com/opencontainers/image-spec/blob/v1.1.1/layer.md#whiteouts>.
#[derive(Debug, PartialEq, Eq)]
pub(crate) enum Whiteout {
    One(RelPath),
    /// A folder's content; nothing stands for the top.
    AllIn(Option<RelPath>),
}

impl Whiteout {
    pub(crate) fn of(path: &RelPath) -> Option<Self> {
        let (folder, name) = path.as_str().rsplit_once('/').unwrap_or(("", path.as_str()));
        let name = name.strip_prefix(".wh.")?;
        match name {
            ".wh..opq" => Some(Whiteout::AllIn(RelPath::new(folder).ok())),
            _ => RelPath::new(format!("{folder}/{name}").trim_start_matches('/')).ok().map(Whiteout::One),
        }
    }
}

/// An entry's name as a path below the top; `None` for the top itself.
pub(crate) fn checked(bytes: &[u8]) -> Result<Option<RelPath>, UnpackError> {
    let shown = || String::from_utf8_lossy(bytes).into_owned();
    let text = std::str::from_utf8(bytes)
        .map_err(|_| UnpackError::Name { entry: shown(), reason: "its name is not UTF-8".into() })?;
    match RelPath::new(text) {
        Ok(path) => Ok(Some(path)),
        Err(rst_model::PathError::Empty) => Ok(None),
        Err(error) => Err(UnpackError::Name { entry: shown(), reason: error.to_string() }),
    }
}

/// What the kernel follows before it gives up: path_resolution(7).
const MOST_FOLLOWS: usize = 40;

/// The parts of a path, the first one last.
fn parts(path: &str) -> Vec<String> {
    path.rsplit('/').map(str::to_owned).collect()
}
