//! Why an image cannot be used.

use miette::Diagnostic;
use rst_model::{Arch, ImagePlace};

use crate::error::OriginError;

/// An image that is not in the store and could not be brought there.
#[derive(Debug, thiserror::Error, Diagnostic)]
pub enum ImageError {
    /// Nobody gave it, or what was given is no image.
    #[error("the image {image} could not be had: {reason}")]
    #[diagnostic(help(
        "name another (--image), or a copy of it: skopeo copy docker://IMAGE oci:FOLDER, then --image oci:FOLDER"
    ))]
    NotHad {
        /// Where.
        image: String,
        /// Why not.
        reason: String,
    },
    /// A blob has other bytes than its digest says.
    #[error("the image {image}: expected SHA-256 {expected}, found {found}")]
    #[diagnostic(help("somebody changed what lies there, or tampers with it on the way; nothing of it was opened"))]
    WrongDigest {
        /// Where.
        image: String,
        /// The blob's name.
        expected: String,
        /// What it is.
        found: String,
    },
    /// What is to be laid over it could not be had.
    #[error("packages for the image {image} could not be had: {reason}")]
    #[diagnostic(help(
        "an image that has all that a build needs wants none: give it by --image, or take packages out of \
         build/toolchain.toml"
    ))]
    NoPackages {
        /// The image.
        image: String,
        /// Why not.
        reason: String,
    },
    /// A repository, or a package, is not what was signed.
    #[error("packages for the image {image}: {reason}")]
    #[diagnostic(help("somebody changed what lies there, or tampers with it on the way; nothing of it was unpacked"))]
    NotAsSigned {
        /// The image.
        image: String,
        /// What is the matter.
        reason: String,
    },
    /// Its programs do not run here.
    #[error("the image {image} is for {found}, expected linux/{}", Arch::HOST.oci())]
    #[diagnostic(help("an image's compiler runs on the building machine: name one that is for it (--image)"))]
    OtherMachine {
        /// Where.
        image: String,
        /// What it is for.
        found: String,
    },
    /// Asked to stop.
    #[error("interrupted")]
    Cancelled,
    /// The disk is full.
    #[error("the image {image} cannot be kept: {reason}")]
    NoSpace {
        /// Where it is from.
        image: String,
        /// What could not be written.
        reason: String,
    },
}

impl ImageError {
    pub(super) fn at(place: &ImagePlace, error: OriginError) -> Self {
        let image = place.to_string();
        match error {
            OriginError::WrongBytes { expected, found } => ImageError::WrongDigest { image, expected, found },
            OriginError::NotAsSigned(reason) => ImageError::NotAsSigned { image, reason },
            OriginError::OtherMachine { found } => ImageError::OtherMachine { image, found },
            OriginError::Cancelled => ImageError::Cancelled,
            error if error.is_no_space() => ImageError::NoSpace { image, reason: error.to_string() },
            error => ImageError::NotHad { image, reason: error.to_string() },
        }
    }

    /// The same of what is to be laid over it.
    pub(crate) fn over(place: &ImagePlace, error: OriginError) -> Self {
        match Self::at(place, error) {
            ImageError::NotHad { image, reason } => ImageError::NoPackages { image, reason },
            other => other,
        }
    }
}
