//! `rst trial`

use fs_err as fs;
use rst_trial::{Line, Trial};

use super::CommandError;
use crate::{
    args::{TrialArgs, TrialCommand},
    render,
    setup::Setup,
};

pub fn trial(setup: &Setup, arguments: &TrialArgs) -> Result<(), CommandError> {
    let format = setup.format();
    if let Some(TrialCommand::Clean) = arguments.command {
        let removed = rst_trial::clean()?;
        let words = match removed[..] {
            [] => "nothing was left".to_owned(),
            _ => format!("removed {}", removed.join(", ")),
        };
        return render::done(&words, &serde_json::json!({ "event": "cleaned", "removed": removed }), format);
    }
    let Some(archive) = arguments.archive.clone().filter(|_| !arguments.list) else {
        return render::checks(format);
    };
    let known: Vec<_> = rst_trial::checks().map(|check| check.name.to_owned()).collect();
    if let Some(unknown) = arguments.only.iter().find(|name| !known.contains(name)) {
        return Err(CommandError::Usage {
            message: format!("there is no check `{unknown}`"),
            hint: rst_model::names::way_out(unknown, &known),
        });
    }
    let trial = Trial {
        archive,
        older: arguments.from.clone(),
        only: arguments.only.iter().cloned().collect(),
        long: arguments.long,
        keep: arguments.keep,
    };
    let mut unasked = Vec::new();
    let report = trial.run(&setup.cancel, |line| {
        if let Line::Planned { unasked: names, .. } = line {
            unasked.extend(names.iter().cloned());
        }
        render::trial_line(line, format);
    })?;
    render::trial(&report, &unasked, format)?;
    if let Some(file) = &arguments.junit {
        fs::write(file, report.junit())?;
    }
    let (failed, impossible) = (report.failures().count(), report.impossible().count());
    match (failed, impossible, report.checks.len()) {
        (0, 0, 1..) => Ok(()),
        (0, untried, checks) if arguments.allow_untried && untried < checks => Ok(()),
        (_, _, checks) => Err(CommandError::Tried { archive: report.archive, failed, impossible, checks }),
    }
}
