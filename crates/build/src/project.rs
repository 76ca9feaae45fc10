//! The folder `build/` as read: recipes, patches, lock, archives, default configuration.

use std::{
    collections::BTreeMap,
    path::{Path, PathBuf},
};

use fs_err as fs;
use miette::Diagnostic;
use rst_model::{
    Archives, Carried, Digest, Lock, LockedSource, Origin, Place, RelPath, Releases, Revision, ToolchainImage, Version,
    names,
    recipe::{Book, OwnSource, RecipeError},
    toml_file::{self, SyntaxError},
};

/// All that a person writes, checked.
#[derive(Debug)]
pub struct Project {
    /// The folder that holds `build/`.
    pub root: PathBuf,
    /// Recipes and patches.
    pub book: Book,
    /// Pins.
    pub lock: Lock,
    /// What is released.
    pub archives: Archives,
    /// What of releases their bytes do not say.
    pub releases: Releases,
    /// Code of others that sources have within themselves.
    pub carried: Vec<Carried>,
    /// What `--toolchain container` builds with, unless told otherwise.
    pub image: Option<ToolchainImage>,
    /// `build/etc/FOLDER/`: file → text and whether it is executable, per folder.
    pub etc: BTreeMap<String, BTreeMap<RelPath, EtcFile>>,
}

/// A file of `build/etc/`.
#[derive(Clone, Debug, PartialEq, Eq, serde::Serialize)]
pub struct EtcFile {
    /// Its contents.
    pub text: String,
    /// Whether it is a program.
    pub executable: bool,
}

/// Why the folder cannot be used.
#[derive(Debug, thiserror::Error, Diagnostic)]
pub enum ProjectError {
    /// Not a checkout of the project, nor a folder in one.
    #[error("no build/recipes folder in {} or above it", .0.display())]
    #[diagnostic(help("run rst inside a checkout of the project, or give --project FOLDER"))]
    NotFound(PathBuf),
    /// A file among the patches that would not be applied.
    #[error("{0} is no patch")]
    #[diagnostic(help("patches are build/patches/RECIPE/NAME.patch, or build/patches/RECIPE/LINE/NAME.patch"))]
    Stray(String),
    /// A file could not be read.
    #[error(transparent)]
    Io(#[from] std::io::Error),
    /// A recipe is wrong.
    #[error(transparent)]
    #[diagnostic(transparent)]
    Recipe(#[from] RecipeError),
    /// Nothing to build from.
    #[error("{name} cannot be built from {}: there is no such folder", .folder.display())]
    NoFolder {
        /// What was to be overridden.
        name: String,
        /// With what.
        folder: PathBuf,
    },
    /// A folder of source could not be read.
    #[error(transparent)]
    Folder(#[from] rst_store::StoreError),
    /// Another file is wrong.
    #[error(transparent)]
    #[diagnostic(transparent)]
    Syntax(#[from] SyntaxError),
}

const LOCK: &str = "build/lock.toml";
const ARCHIVES: &str = "build/archives.toml";
const CARRIED: &str = "build/carried.toml";
const RELEASES: &str = "build/releases.toml";
const TOOLCHAIN: &str = "build/toolchain.toml";

impl Project {
    /// Finds the project at or above a folder and reads it.
    pub fn find(from: &Path) -> Result<Self, ProjectError> {
        let from = fs::canonicalize(from)?;
        let root = from
            .ancestors()
            .find(|folder| folder.join("build/recipes").is_dir())
            .ok_or_else(|| ProjectError::NotFound(from.clone()))?;
        Self::load(root)
    }

    fn load(root: &Path) -> Result<Self, ProjectError> {
        let mut book = Book::default();
        for path in files(&root.join("build/recipes"))? {
            if path.extension().is_some_and(|e| e == "toml") {
                book.add(&shown(root, &path), fs::read_to_string(&path)?)?;
            }
        }
        let patches = root.join("build/patches");
        for path in files(&patches)? {
            let parts: Vec<_> = path.strip_prefix(&patches).into_iter().flatten().filter_map(|p| p.to_str()).collect();
            let (recipe, line, file) = match parts[..] {
                [recipe, file] => (recipe, None, file),
                [recipe, line, file] => (recipe, Some(line), file),
                _ => return Err(ProjectError::Stray(shown(root, &path))),
            };
            if !file.ends_with(".patch") {
                return Err(ProjectError::Stray(shown(root, &path)));
            }
            book.add_patch(recipe, line, &shown(root, &path), fs::read_to_string(&path)?)?;
        }
        book.check()?;
        let mut lock: Lock = match root.join(LOCK).exists() {
            true => toml_file::parse(&toml_file::named(LOCK, fs::read_to_string(root.join(LOCK))?))?,
            false => Lock::default(),
        };
        for (name, own) in book.own_sources() {
            lock.put(own_source(root, name, own)?);
        }
        let archives = read_archives(root, &book)?;
        let releases = match root.join(RELEASES).exists() {
            true => toml_file::parse(&toml_file::named(RELEASES, fs::read_to_string(root.join(RELEASES))?))?,
            false => Releases::default(),
        };
        let etc = read_etc(&root.join("build/etc"))?;
        let image = read_image(root)?;
        let carried = read_carried(root, &book)?;
        Ok(Self { root: root.to_owned(), book, lock, archives, releases, carried, image, etc })
    }

    /// Has a component built from a folder, in every version, in place of what the lock pins.
    pub fn override_source(&mut self, name: &str, folder: &Path) -> Result<(), ProjectError> {
        let known = self.book.names();
        if !known.iter().any(|recipe| recipe == name) {
            return Err(RecipeError::Unknown { name: name.to_owned(), known }.into());
        }
        let folder = std::path::absolute(folder)?;
        if !folder.is_dir() {
            return Err(ProjectError::NoFolder { name: name.to_owned(), folder });
        }
        let (tree, origin) = as_it_is(&folder, &folder.display().to_string())?;
        for locked in self.lock.sources.iter_mut().filter(|locked| locked.name == name) {
            locked.tree = tree;
            locked.origins = vec![origin.clone()];
        }
        Ok(())
    }

    /// At which revision a tool's version is.
    pub fn revision(&self, tool: &str, version: &Version) -> Revision {
        self.releases.tool.get(tool).and_then(|tool| tool.revision.get(version)).copied().unwrap_or_default()
    }

    /// Where it is said what is released.
    pub fn archives_path(&self) -> PathBuf {
        self.root.join(ARCHIVES)
    }

    /// Whether no newer version of a tool is locked.
    pub fn is_newest(&self, tool: &str, version: &Version) -> bool {
        self.lock.version(tool, None).is_ok_and(|newest| newest == *version)
    }

    /// Where a version's files lie in `dist/`: the newest's at its top.
    pub fn dist(&self, dist: &Path, tool: &str, version: &Version) -> PathBuf {
        match self.is_newest(tool, version) {
            true => dist.to_owned(),
            false => dist.join(format!("{tool}-v{version}")),
        }
    }

    /// Where revisions are said.
    pub fn releases_path(&self) -> PathBuf {
        self.root.join(RELEASES)
    }

    /// Where the lock lies.
    pub fn lock_path(&self) -> PathBuf {
        self.root.join(LOCK)
    }
}

/// A folder of the project as the lock would have it: pinned to what it is now.
fn own_source(root: &Path, name: &str, own: &OwnSource) -> Result<LockedSource, ProjectError> {
    let (tree, origin) = as_it_is(&root.join(&own.folder), own.folder.as_str())?;
    Ok(LockedSource { name: name.to_owned(), version: own.version.clone(), host: None, tree, origins: vec![origin] })
}

/// The tree that a folder is now, and the folder as an origin, called so.
fn as_it_is(folder: &Path, called: &str) -> Result<(Digest, Origin), ProjectError> {
    let place = Place::Folder(called.to_owned());
    Ok((rst_store::scan(folder)?.digest(), Origin { place, sha256: None, size: None, h1: None }))
}

fn read_archives(root: &Path, book: &Book) -> Result<Archives, ProjectError> {
    let text = toml_file::named(ARCHIVES, fs::read_to_string(root.join(ARCHIVES))?);
    let archives: Archives = toml_file::parse(&text)?;
    let known = book.names();
    for name in archives.values().flat_map(|variant| variant.components.iter().chain([&variant.tool])) {
        if !known.contains(name.get_ref()) {
            let message = format!("there is no recipe `{}`", name.get_ref());
            let help = names::way_out(name.get_ref(), &known);
            return Err(SyntaxError::at(&text, name.span(), message).with_help(help).into());
        }
    }
    Ok(archives)
}

fn read_carried(root: &Path, book: &Book) -> Result<Vec<Carried>, ProjectError> {
    #[derive(serde::Deserialize)]
    #[serde(deny_unknown_fields)]
    struct File {
        carried: Vec<toml::Spanned<Carried>>,
    }
    let path = root.join(CARRIED);
    if !path.exists() {
        return Ok(Vec::new());
    }
    let text = toml_file::named(CARRIED, fs::read_to_string(path)?);
    let known = book.names();
    let checked = |carried: toml::Spanned<Carried>| {
        let within = &carried.get_ref().within;
        // A module's path has a host.
        if !within.contains('.') && !known.contains(within) {
            let message = format!("there is no recipe `{within}`");
            let help = names::way_out(within, &known);
            return Err(SyntaxError::at(&text, carried.span(), message).with_help(help).into());
        }
        Ok(carried.into_inner())
    };
    toml_file::parse::<File>(&text)?.carried.into_iter().map(checked).collect()
}

fn read_image(root: &Path) -> Result<Option<ToolchainImage>, ProjectError> {
    let path = root.join(TOOLCHAIN);
    if !path.exists() {
        return Ok(None);
    }
    let text = toml_file::named(TOOLCHAIN, fs::read_to_string(path)?);
    Ok(Some(toml_file::parse(&text)?))
}

fn read_etc(etc: &Path) -> Result<BTreeMap<String, BTreeMap<RelPath, EtcFile>>, ProjectError> {
    let mut folders: BTreeMap<String, BTreeMap<RelPath, EtcFile>> = BTreeMap::new();
    for path in files(etc)? {
        let Ok(relative) = path.strip_prefix(etc) else { continue };
        let Some((folder, inner)) = relative.to_str().and_then(|text| text.split_once('/')) else { continue };
        let inner = RelPath::new(inner).map_err(std::io::Error::other)?;
        let mode = std::os::unix::fs::PermissionsExt::mode(&fs::metadata(&path)?.permissions());
        let file = EtcFile { text: fs::read_to_string(&path)?, executable: mode & 0o111 != 0 };
        folders.entry(folder.to_owned()).or_default().insert(inner, file);
    }
    Ok(folders)
}

/// Every file below a folder, sorted, links followed (a patch may serve two components); none when
/// there is no such folder.
fn files(folder: &Path) -> Result<Vec<PathBuf>, ProjectError> {
    let mut paths = Vec::new();
    for entry in walkdir::WalkDir::new(folder).follow_links(true).sort_by_file_name() {
        match entry {
            Ok(entry) if entry.file_type().is_file() => paths.push(entry.into_path()),
            Ok(_) => {}
            Err(_) if !folder.exists() => break,
            Err(error) => return Err(std::io::Error::from(error).into()),
        }
    }
    Ok(paths)
}

fn shown(root: &Path, path: &Path) -> String {
    path.strip_prefix(root).unwrap_or(path).display().to_string()
}
