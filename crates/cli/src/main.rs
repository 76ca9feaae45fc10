//! `rst`: arguments in, one call, an exit code out.

mod args;
mod commands;
mod config;
mod exit;
mod interrupt;
mod render;
mod setup;

use std::process::ExitCode;

use clap::Parser as _;

use crate::{args::Arguments, setup::Setup};

fn main() -> ExitCode {
    // The first process of a sandbox is this program too.
    rst_sandbox::init_if_asked();
    // And so are the users of a trial.
    rst_trial::act_if_asked();
    // And who builds elsewhere.
    rst_rebuild::act_if_asked();
    let arguments = Arguments::parse();
    render::start_log(arguments.global.verbose);
    let format = arguments.global.format;
    let result = Setup::new(arguments.global).and_then(|setup| commands::run(&setup, arguments.command));
    match result {
        Ok(()) => ExitCode::SUCCESS,
        Err(error) => {
            render::error(&error, format);
            exit::code(&error).into()
        }
    }
}
