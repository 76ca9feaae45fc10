//! The nouns of the project: what a recipe, a lock, a tree, an action and an archive *are*.
//!
//! Nothing here touches a file, a process or the network; every other crate speaks in these types.

mod action;
mod apk;
mod archive;
mod cancel;
mod carried;
mod digest;
pub mod event;
mod image;
mod lock;
pub mod names;
mod path;
mod platform;
pub mod recipe;
mod release;
pub mod toml_file;
mod tree;
mod version;

pub use action::{Action, CacheMount, Collect, Command, Step};
pub use apk::{ApkPackage, ApkRequest, ApkRequestError, ApkVersion};
pub use archive::{Archives, Manifest, ManifestComponent, ManifestFile, ManifestSource, Variant, archive_name};
pub use cancel::Cancel;
pub use carried::{Carried, VersionPattern};
pub use digest::{Digest, DigestError, Hasher};
pub use image::{ImageName, ImagePlace, ImagePlaceError, ToolchainImage};
pub use lock::{Lock, LockError, LockedSource, Origin, Place};
pub use path::{PathError, RelPath};
pub use platform::{Arch, Platform, PlatformError};
pub use release::{Releases, Revision, Tag, TagError, ToolReleases};
pub use tree::{Entry, Kind, Listing, ListingError};
pub use version::Version;
