//! One file a command, or a few that belong together.

mod advisories;
mod build;
mod bump;
mod lock;
mod outdated;
mod prove;
#[cfg(feature = "release")]
mod publish;
mod rebuild;
#[cfg(feature = "release")]
mod release;
#[cfg(feature = "release")]
mod renew;
#[cfg(feature = "release")]
mod revise;
#[cfg(feature = "release")]
mod sign;
mod store;
mod trial;
mod upstream;
#[cfg(feature = "release")]
mod verify;

use clap::CommandFactory as _;
use miette::Diagnostic;

use crate::{
    args::{Arguments, Command},
    setup::Setup,
};

/// Whatever made a command fail.
#[derive(Debug, thiserror::Error, Diagnostic)]
pub enum CommandError {
    #[error(transparent)]
    #[diagnostic(transparent)]
    Build(#[from] rst_build::BuildError),
    #[error(transparent)]
    #[diagnostic(transparent)]
    Config(#[from] rst_model::toml_file::SyntaxError),
    #[error(transparent)]
    #[diagnostic(transparent)]
    Project(#[from] rst_build::ProjectError),
    #[error(transparent)]
    #[diagnostic(transparent)]
    Graph(#[from] rst_build::GraphError),
    #[error(transparent)]
    #[diagnostic(transparent)]
    Pin(#[from] rst_build::PinError),
    #[error(transparent)]
    #[diagnostic(transparent)]
    Fetch(#[from] rst_fetch::FetchError),
    #[error(transparent)]
    #[diagnostic(transparent)]
    Sandbox(#[from] rst_sandbox::Error),
    #[error(transparent)]
    Store(#[from] rst_store::StoreError),
    #[error(transparent)]
    Packed(#[from] rst_archive::PackedError),
    #[error("{archive}: {failed} of {claims} claims failed")]
    Proof { archive: String, failed: usize, claims: usize },
    #[cfg(feature = "release")]
    #[error(transparent)]
    #[diagnostic(transparent)]
    Release(#[from] rst_release::ReleaseError),
    #[cfg(feature = "release")]
    #[error(transparent)]
    #[diagnostic(transparent)]
    Publish(#[from] rst_release::PublishError),
    #[cfg(feature = "release")]
    #[error(transparent)]
    #[diagnostic(transparent)]
    Sign(#[from] rst_sign::SignError),
    #[cfg(feature = "release")]
    #[error(transparent)]
    #[diagnostic(transparent)]
    Verify(#[from] rst_sign::VerifyError),
    #[error(transparent)]
    #[diagnostic(transparent)]
    Rebuild(#[from] rst_rebuild::RebuildError),
    #[error("{differing} of {archives} archives came out differently")]
    NotIdentical { differing: usize, archives: usize },
    #[error(transparent)]
    Trial(#[from] rst_trial::TrialError),
    #[error("{archive}: {failed} of {checks} checks failed{}", many_impossible(*impossible))]
    Tried { archive: String, failed: usize, impossible: usize, checks: usize },
    #[error("{count} entries of the store were damaged")]
    #[diagnostic(help("they are removed; what needs them is fetched or built again by the next run"))]
    Damaged { count: usize },
    #[error(transparent)]
    #[diagnostic(transparent)]
    Bump(#[from] rst_build::BumpError),
    #[error(transparent)]
    #[diagnostic(transparent)]
    Advisory(#[from] rst_build::AdvisoryError),
    #[error("{count} known vulnerabilities are in what was built")]
    #[diagnostic(help(
        "bump what has them (rst bump), or say in build/advisories.toml why one does not matter, and until when"
    ))]
    Vulnerable { count: usize },
    #[error("upstream could not be asked about {unknown} of {rows}")]
    #[diagnostic(help(
        "what each place answered stands above; a version can be named all the same: rst bump NAME@VERSION"
    ))]
    Unasked { unknown: usize, rows: usize },
    #[error("{count} of {rows} are outdated")]
    Outdated { count: usize, rows: usize },
    #[error("{message}")]
    #[diagnostic(help("{hint}"))]
    Usage { message: String, hint: String },
    #[error(transparent)]
    Io(#[from] std::io::Error),
}

fn many_impossible(count: usize) -> String {
    if count == 0 { String::new() } else { format!(", {count} could not be tried here") }
}

/// Does what was asked.
pub fn run(setup: &Setup, command: Command) -> Result<(), CommandError> {
    match command {
        Command::Build(arguments) => build::build(setup, &arguments),
        Command::Graph(arguments) => build::graph(setup, &arguments),
        Command::Fetch(arguments) => build::fetch(setup, &arguments),
        Command::Log { component, platform } => build::log(setup, &component, platform),
        Command::Prove { archive, without_symbols } => prove::prove(setup, &archive, !without_symbols),
        #[cfg(feature = "release")]
        Command::Revise(arguments) => revise::revise(setup, &arguments),
        #[cfg(feature = "release")]
        Command::Release(arguments) => release::release(setup, &arguments),
        #[cfg(feature = "release")]
        Command::Renew(arguments) => renew::renew(setup, &arguments),
        #[cfg(feature = "release")]
        Command::Sign(arguments) => sign::sign(setup, &arguments),
        #[cfg(feature = "release")]
        Command::Verify(arguments) => verify::verify(setup, &arguments),
        #[cfg(feature = "release")]
        Command::Publish(arguments) => publish::publish(setup, &arguments),
        Command::Rebuild(arguments) => rebuild::rebuild(setup, &arguments),
        Command::WhyNot { first, second } => rebuild::why_not(setup, &first, &second),
        Command::Trial(arguments) => trial::trial(setup, &arguments),
        Command::Lock { sources, remove: false } => lock::lock(setup, &sources),
        Command::Lock { sources, remove: true } => lock::remove(setup, &sources),
        Command::Advisories { bills, osv } => advisories::advisories(setup, &bills, &osv),
        Command::Bump { sources, dry_run } => bump::bump(setup, &sources, dry_run),
        Command::Outdated { names, exit_code } => outdated::outdated(setup, &names, exit_code),
        Command::Mirror(command) => lock::mirror(setup, &command),
        Command::Store(command) => store::store(setup, &command),
        Command::Gc { days } => store::gc(setup, days),
        Command::Completions { shell } => {
            let mut command = Arguments::command();
            clap_complete::generate(shell, &mut command, "rst", &mut std::io::stdout());
            Ok(())
        }
    }
}
