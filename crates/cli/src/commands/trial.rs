//! `rst trial`

use std::time::Duration;

use fs_err as fs;
use rst_model::names::way_out;
use rst_trial::{Images, Line, System, Trial};

use super::{CommandError, upstream::upstream};
use crate::{
    args::{Format, TrialArgs, TrialCommand},
    render,
    setup::Setup,
};

pub fn trial(setup: &Setup, arguments: &TrialArgs) -> Result<(), CommandError> {
    let format = setup.format();
    if let Some(TrialCommand::Clean) = arguments.command {
        let removed = rst_trial::clean(&setup.images_path()?)?;
        let words = match removed[..] {
            [] => "nothing was left".to_owned(),
            _ => format!("removed {}", removed.join(", ")),
        };
        return render::done(&words, &serde_json::json!({ "event": "cleaned", "removed": removed }), format);
    }
    let Some(archive) = arguments.archive.clone().filter(|_| !arguments.list) else {
        return if arguments.vm.is_empty() { render::checks(format) } else { render::systems(format) };
    };
    setup.grace.to_tidy();
    if arguments.upstream {
        return upstream(setup, &archive, arguments);
    }
    let known = match arguments.vm.is_empty() {
        true => rst_trial::checks().map(|check| check.name.to_owned()).collect(),
        false => rst_trial::known_checks().map(|check| check.name.to_owned()).collect(),
    };
    let in_machines = |name: &&String| rst_trial::for_machines().any(|check| check.name == **name);
    if let Some(name) = arguments.only.iter().find(in_machines).filter(|_| arguments.vm.is_empty()) {
        return Err(CommandError::Usage {
            message: format!("`{name}` is tried in virtual machines alone"),
            hint: "add --vm SYSTEM; `rst trial --list --vm all` shows the systems".to_owned(),
        });
    }
    all_known("check", &arguments.only, known)?;
    let trial = Trial {
        archive,
        older: arguments.from.clone(),
        only: arguments.only.iter().cloned().collect(),
        long: arguments.long,
        keep: arguments.keep,
        limit: Duration::from_secs(arguments.limit),
        shell: arguments.shell,
    };
    let mut unasked = Vec::new();
    let tell = |line: &Line| {
        if let Line::Planned { unasked: names, .. } = line {
            unasked.extend(names.iter().cloned());
        }
        render::trial_line(line, format);
    };
    let report = match arguments.vm.is_empty() {
        true => trial.run(&setup.cancel, tell)?,
        false => {
            let systems = systems(&trial, &arguments.vm)?;
            one_console(arguments, &systems, format)?;
            let images = Images { folder: setup.images_path()?, mirror: &|| setup.debian_mirror() };
            trial.run_in_machines(&systems, &images, &setup.cancel, tell)?
        }
    };
    render::trial(&report, &unasked, format)?;
    if let Some(file) = &arguments.junit {
        fs::write(file, report.junit())?;
    }
    let (failed, impossible) = (report.failures().count(), report.impossible().count());
    match (failed, impossible, report.checks.len()) {
        (0, 0, 1..) => Ok(()),
        // A look around.
        (0, 0, 0) if arguments.shell => Ok(()),
        (0, untried, checks) if arguments.allow_untried && untried < checks => Ok(()),
        (_, _, checks) => Err(CommandError::Tried { archive: report.archive, failed, impossible, checks }),
    }
}

/// The first that nobody knows is told, with the way out.
pub(super) fn all_known(what: &str, names: &[String], known: Vec<String>) -> Result<(), CommandError> {
    match names.iter().find(|name| !known.contains(name)) {
        None => Ok(()),
        Some(unknown) => Err(CommandError::Usage {
            message: format!("there is no {what} `{unknown}`"),
            hint: way_out(unknown, &known),
        }),
    }
}

/// A terminal shows one machine, and nothing else.
fn one_console(arguments: &TrialArgs, systems: &[System], format: Format) -> Result<(), CommandError> {
    if arguments.shell && (systems.len() != 1 || format == Format::Json) {
        return Err(CommandError::Usage {
            message: "--shell wants one system, and the terminal for itself".to_owned(),
            hint: "for example: rst trial ARCHIVE --vm trixie --shell".to_owned(),
        });
    }
    Ok(())
}

/// Those that are named, or all that the archive is for.
fn systems(trial: &Trial, names: &[String]) -> Result<Vec<System>, CommandError> {
    let all = rst_trial::systems();
    if names.iter().any(|name| name == "all") {
        let arch = trial.arch()?;
        return Ok(all.into_iter().filter(|system| system.arch == arch).collect());
    }
    let elsewhere = rst_trial::elsewhere();
    if let Some((name, other)) = names.iter().find_map(|name| elsewhere.get_key_value(name)) {
        return Err(CommandError::Usage {
            message: format!("no machine can be made of {name} here: {}", other.reason),
            hint: format!("run `rst trial ARCHIVE` as root where {name} runs"),
        });
    }
    let known = all.iter().map(|system| system.name.clone()).chain(["all".to_owned()]);
    all_known("system", names, known.collect())?;
    Ok(all.into_iter().filter(|system| names.contains(&system.name)).collect())
}
