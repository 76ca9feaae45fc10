//! Mirrors: folders or URLs that are asked before every origin. They need no trust, since whatever
//! they give is checked like the rest.

use std::{
    collections::BTreeMap,
    path::{Path, PathBuf},
    sync::OnceLock,
};

/// A place that keeps sources by the names of their files.
pub(crate) enum Mirror {
    /// A folder, with all folders in it.
    Folder(PathBuf, OnceLock<BTreeMap<String, PathBuf>>),
    /// Files lie directly below a URL.
    Url(String),
}

impl Mirror {
    pub(crate) fn new(place: &str) -> Self {
        match place.starts_with("http://") || place.starts_with("https://") {
            true => Mirror::Url(place.trim_end_matches('/').to_owned()),
            false => Mirror::Folder(PathBuf::from(place), OnceLock::new()),
        }
    }

    /// The file of this name, if this mirror is a folder and has it.
    pub(crate) fn file(&self, name: &str) -> Option<&Path> {
        let Mirror::Folder(folder, index) = self else {
            return None;
        };
        let index = index.get_or_init(|| {
            let files = walkdir::WalkDir::new(folder).into_iter().flatten().filter(|entry| entry.file_type().is_file());
            files.map(|entry| (without_epoch(&entry.file_name().to_string_lossy()), entry.into_path())).collect()
        });
        index.get(&without_epoch(name)).map(PathBuf::as_path)
    }
}

/// `make_1:4.4_amd64.deb`, as apt saves it, and `make_4.4_amd64.deb`, as the pool has it, are one.
fn without_epoch(name: &str) -> String {
    match name.split_once('_') {
        Some((package, rest)) => {
            let version = rest.split_once("%3a").or_else(|| rest.split_once(':'));
            match version {
                Some((epoch, version)) if epoch.bytes().all(|b| b.is_ascii_digit()) => {
                    format!("{package}_{version}")
                }
                _ => name.to_owned(),
            }
        }
        None => name.to_owned(),
    }
}

#[cfg(test)]
mod tests {
    #[test]
    fn epochs_do_not_count() {
        assert_eq!(super::without_epoch("make_1:4.4_amd64.deb"), "make_4.4_amd64.deb");
        assert_eq!(super::without_epoch("make_1%3a4.4_amd64.deb"), "make_4.4_amd64.deb");
        assert_eq!(super::without_epoch("crun_1.21.orig.tar.gz"), "crun_1.21.orig.tar.gz");
    }
}
