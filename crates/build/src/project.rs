//! The folder `build/` as read: recipes, patches, lock, archives, default configuration.

use std::{
    collections::BTreeMap,
    path::{Path, PathBuf},
};

use fs_err as fs;
use miette::Diagnostic;
use rst_model::{
    Archives, Lock, RelPath, names,
    recipe::{Book, RecipeError},
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
    /// Another file is wrong.
    #[error(transparent)]
    #[diagnostic(transparent)]
    Syntax(#[from] SyntaxError),
}

const LOCK: &str = "build/lock.toml";
const ARCHIVES: &str = "build/archives.toml";

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
        let lock = match root.join(LOCK).exists() {
            true => toml_file::parse(&toml_file::named(LOCK, fs::read_to_string(root.join(LOCK))?))?,
            false => Lock::default(),
        };
        let archives = read_archives(root, &book)?;
        Ok(Self { root: root.to_owned(), book, lock, archives, etc: read_etc(&root.join("build/etc"))? })
    }

    /// Where the lock lies.
    pub fn lock_path(&self) -> PathBuf {
        self.root.join(LOCK)
    }
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
