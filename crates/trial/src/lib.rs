//! Trying an archive as those will who download it: ordinary users unpack it and do what a person does.
//! `world` makes the users and what is around them, `person` is one of them, `checks` is what they do.
//!
//! Three processes stand in a row, all of them this program. The first takes the order and hears the others;
//! the second, for root only, furnishes private namespaces; the third is a user, and there is one for each.
//! `vm` has the same users in virtual machines.

mod check;
mod checks;
mod debian;
mod hear;
mod leftovers;
mod person;
mod report;
mod run;
mod stage;
mod upstream;
mod vm;
mod world;

pub use check::{Check, When, Who};
pub use checks::{all as checks, for_machines, known as known_checks};
pub use debian::DebianRoot;
pub use leftovers::clean;
pub use report::{CheckReport, Outcome, Report};
pub use run::{Trial, TrialError};
pub use stage::{Line, act_if_asked};
pub use upstream::{Counts, Subject, Test, Upstream, UpstreamReport, Verdict};
pub use vm::{Elsewhere, Images, Init, System, elsewhere, systems};
