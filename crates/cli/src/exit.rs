//! Exit codes, documented in `rst --help`.

use std::process::ExitCode;

use rst_archive::PackedError;
use rst_build::{AdvisoryError, BuildError, BumpError, PinError};
use rst_fetch::{FetchError, ImageError};
use rst_rebuild::RebuildError;
#[cfg(feature = "release")]
use rst_release::{PublishError, ReleaseError};
use rst_sandbox::Error as SandboxError;
#[cfg(feature = "release")]
use rst_sign::{SignError, VerifyError};
use rst_trial::TrialError;

use crate::commands::CommandError;

/// How the program ends.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Exit {
    /// Something else failed.
    Failed = 1,
    /// What was asked for makes no sense.
    Usage = 2,
    /// A source could not be had.
    Source = 3,
    /// A build failed.
    Build = 4,
    /// A proof or a trial failed, or what was built has a known vulnerability.
    Proof = 5,
    /// A digest or a signature is wrong.
    Digest = 6,
    /// The host lacks something.
    Host = 7,
    /// Ctrl-C, as shells have it.
    Interrupted = 130,
}

impl Exit {
    /// That of another rst, which ended with it.
    fn of(code: u8) -> Self {
        let all = [Self::Usage, Self::Source, Self::Build, Self::Proof, Self::Digest, Self::Host, Self::Interrupted];
        all.into_iter().find(|exit| *exit as u8 == code).unwrap_or(Self::Failed)
    }
}

impl From<Exit> for ExitCode {
    fn from(exit: Exit) -> Self {
        ExitCode::from(exit as u8)
    }
}

/// The code for an error.
pub fn code(error: &CommandError) -> Exit {
    match error {
        CommandError::Build(error) => build(error),
        CommandError::Fetch(error) => fetch(error),
        CommandError::Pin(error) => pin(error),
        CommandError::Bump(error) => bump(error),
        CommandError::Graph(_) | CommandError::Project(_) | CommandError::Config(_) | CommandError::Usage { .. } => {
            Exit::Usage
        }
        CommandError::Advisory(AdvisoryError::Fetch(error)) => fetch(error),
        CommandError::Advisory(AdvisoryError::Syntax(_) | AdvisoryError::NoBill { .. }) => Exit::Usage,
        CommandError::Vulnerable { .. } => Exit::Proof,
        CommandError::Unasked { .. } => Exit::Source,
        CommandError::Damaged { .. } => Exit::Digest,
        CommandError::Proof { .. } | CommandError::Tried { .. } => Exit::Proof,
        #[cfg(feature = "release")]
        CommandError::Release(error) => release(error),
        #[cfg(feature = "release")]
        CommandError::Publish(error) => publish(error),
        #[cfg(feature = "release")]
        CommandError::Sign(error) => sign(error),
        #[cfg(feature = "release")]
        CommandError::Verify(error) => verify(error),
        CommandError::Trial(error) => trial(error),
        CommandError::Packed(error) => packed(error),
        CommandError::NotIdentical { .. } => Exit::Proof,
        CommandError::Rebuild(error) => rebuild(error),
        CommandError::Sandbox(error) => sandbox(error),
        _ => Exit::Failed,
    }
}

fn packed(error: &PackedError) -> Exit {
    match error {
        PackedError::Unpack { .. } => Exit::Failed,
        PackedError::Name(_) | PackedError::NoManifest(_) | PackedError::Manifest { .. } => Exit::Usage,
    }
}

fn rebuild(error: &RebuildError) -> Exit {
    match error {
        RebuildError::Packed(error) => packed(error),
        RebuildError::NotFromSources { .. } | RebuildError::NoCommit { .. } => Exit::Source,
        RebuildError::NoSources(_)
        | RebuildError::NoSuchDraft(_)
        | RebuildError::OtherRecipes { .. }
        | RebuildError::Project(_)
        | RebuildError::Graph(_) => Exit::Usage,
        RebuildError::Refused(_) => Exit::Host,
        RebuildError::Interrupted => Exit::Interrupted,
        RebuildError::Failed { code } => Exit::of(*code),
        RebuildError::Sources { .. } | RebuildError::Unpack(_) | RebuildError::Io(_) => Exit::Failed,
    }
}

fn build(error: &BuildError) -> Exit {
    match error {
        BuildError::Command { no_space: true, .. } => Exit::Failed,
        BuildError::Command { .. } | BuildError::NotMade { .. } | BuildError::Leaves { .. } => Exit::Build,
        BuildError::Proof { .. } | BuildError::Budget { .. } => Exit::Proof,
        BuildError::Interrupted => Exit::Interrupted,
        BuildError::Fetch(error) => fetch(error),
        BuildError::Image(error) => image(error),
        BuildError::Graph(_)
        | BuildError::Pattern { .. }
        | BuildError::NoCompiler { .. }
        | BuildError::NotNative { .. } => Exit::Usage,
        BuildError::Sandbox(error) => sandbox(error),
        _ => Exit::Failed,
    }
}

fn pin(error: &PinError) -> Exit {
    match error {
        PinError::Fetch(error) => fetch(error),
        PinError::Graph(_) => Exit::Usage,
    }
}

fn bump(error: &BumpError) -> Exit {
    match error {
        BumpError::Pin(error) => pin(error),
        BumpError::Unasked { .. } | BumpError::Host { .. } => Exit::Source,
        BumpError::Line { .. } | BumpError::Follower { .. } => Exit::Usage,
        BumpError::NotRequired { .. } | BumpError::Patches { .. } | BumpError::Archives(_) | BumpError::Io(_) => {
            Exit::Failed
        }
    }
}

fn fetch(error: &FetchError) -> Exit {
    match error {
        FetchError::WrongDigest { .. } => Exit::Digest,
        FetchError::Cancelled => Exit::Interrupted,
        FetchError::NoSpace { .. } | FetchError::Io(_) | FetchError::Store(_) => Exit::Failed,
        _ => Exit::Source,
    }
}

fn image(error: &ImageError) -> Exit {
    match error {
        ImageError::NotHad { .. } | ImageError::NoPackages { .. } => Exit::Source,
        ImageError::WrongDigest { .. } | ImageError::NotAsSigned { .. } => Exit::Digest,
        ImageError::OtherMachine { .. } => Exit::Usage,
        ImageError::Cancelled => Exit::Interrupted,
        ImageError::NoSpace { .. } => Exit::Failed,
    }
}

#[cfg(feature = "release")]
fn publish(error: &PublishError) -> Exit {
    match error {
        PublishError::Release(error) => release(error),
        PublishError::Unsigned { .. } | PublishError::Token => Exit::Usage,
        PublishError::NotIndexed { .. } | PublishError::Other { .. } => Exit::Digest,
        PublishError::Cancelled => Exit::Interrupted,
        PublishError::Refused { .. }
        | PublishError::Answer { .. }
        | PublishError::Unreachable { .. }
        | PublishError::RateLimited { .. }
        | PublishError::Io(_) => Exit::Failed,
    }
}

#[cfg(feature = "release")]
fn release(error: &ReleaseError) -> Exit {
    match error {
        ReleaseError::Missing { .. }
        | ReleaseError::Untried { .. }
        | ReleaseError::TriedOther { .. }
        | ReleaseError::Report { .. }
        | ReleaseError::NoOrigin { .. }
        | ReleaseError::NoRelease { .. } => Exit::Usage,
        ReleaseError::Unreleasable { .. } | ReleaseError::NotPassed { .. } => Exit::Proof,
        ReleaseError::Changed { .. } | ReleaseError::Index(_) => Exit::Digest,
        ReleaseError::Sign(error) => sign(error),
        ReleaseError::Io(_) => Exit::Failed,
    }
}

#[cfg(feature = "release")]
fn sign(error: &SignError) -> Exit {
    match error {
        SignError::NoIdentity
        | SignError::TokenExpired { .. }
        | SignError::Key { .. }
        | SignError::Statement { .. } => Exit::Usage,
        SignError::Sigstore(_) | SignError::Io(_) => Exit::Failed,
    }
}

#[cfg(feature = "release")]
fn verify(error: &VerifyError) -> Exit {
    match error {
        VerifyError::Refused { .. } | VerifyError::NoBundle { .. } => Exit::Digest,
        VerifyError::TrustedRoot { .. } | VerifyError::Key { .. } => Exit::Usage,
        VerifyError::Io(_) => Exit::Failed,
    }
}

fn trial(error: &TrialError) -> Exit {
    match error {
        TrialError::NoProgram { .. }
        | TrialError::NotBegun
        | TrialError::NoMemory { .. }
        | TrialError::NotRoot
        | TrialError::OldCgroups { .. }
        | TrialError::NoImage { .. } => Exit::Host,
        TrialError::OtherArch { .. }
        | TrialError::OtherVersion { .. }
        | TrialError::NoSuite { .. }
        | TrialError::NothingToTry => Exit::Usage,
        TrialError::NotUp { .. } => Exit::Proof,
        TrialError::Tampered { .. } => Exit::Digest,
        TrialError::Interrupted => Exit::Interrupted,
        TrialError::NoManifest { .. } | TrialError::Io(_) => Exit::Failed,
    }
}

fn sandbox(error: &SandboxError) -> Exit {
    match error {
        SandboxError::Host { .. } => Exit::Host,
        _ => Exit::Failed,
    }
}
