//! The first process hears the others to their end, or just waits for it.

use std::{
    collections::BTreeSet,
    io::{BufRead as _, BufReader, Read},
    process::{Child, ExitStatus},
    sync::mpsc::{self, RecvTimeoutError},
    thread,
    time::{Duration, Instant},
};

use rst_model::Cancel;

use crate::{
    checks,
    report::{CheckReport, Outcome},
    run::TrialError,
    stage::Line,
};

/// When somebody who says nothing is ended.
#[derive(Clone, Copy)]
pub(crate) struct Limits {
    /// Until a machine is up.
    pub up: Duration,
    /// Until all is done.
    pub whole: Duration,
}

/// What was heard.
pub(crate) struct Heard {
    /// Whether a machine came up.
    pub up: bool,
    /// Whether anybody said what they would do.
    pub planned: bool,
    /// The checks that ended.
    ends: Vec<CheckReport>,
    /// Those that were planned and did not.
    open: BTreeSet<String>,
    /// How the process ended.
    pub status: ExitStatus,
    /// It was ended, after so long.
    late: Option<Duration>,
}

impl Heard {
    /// How it came to its end.
    pub(crate) fn why(&self) -> String {
        match self.late {
            Some(limit) => format!("it was ended after {} s", limit.as_secs()),
            None => self.status.to_string(),
        }
    }

    /// All that was planned: whoever did what did not end is gone.
    pub(crate) fn reports(self, log: &str) -> Vec<CheckReport> {
        let reason = format!("its process ended before it did: {}", self.why());
        let open = checks::known().filter(|check| self.open.contains(check.name));
        let lost = || Outcome::Failed { reason: reason.clone(), log: log.to_owned() };
        let lost: Vec<_> = open.map(|check| CheckReport::new(&check, lost(), 0.0)).collect();
        [self.ends, lost].concat()
    }
}

/// Hears a process that stands for all below it, by what it tells.
pub(crate) fn hear(
    child: &mut Child,
    told: impl Read + Send + 'static,
    cancel: &Cancel,
    limits: Option<Limits>,
    heard: &mut dyn FnMut(&Line),
) -> Result<Heard, TrialError> {
    let (sender, lines) = mpsc::channel();
    let reader = thread::spawn(move || {
        for line in BufReader::new(told).split(b'\n').map_while(Result::ok) {
            if let Ok(line) = serde_json::from_slice::<Line>(&line) {
                let _ = sender.send(line);
            }
        }
    });
    let begun = Instant::now();
    let (mut up, mut planned, mut late) = (false, false, None);
    let (mut names, mut ends) = (BTreeSet::new(), Vec::<CheckReport>::new());
    loop {
        match lines.recv_timeout(Duration::from_millis(100)) {
            Ok(line) => {
                match &line {
                    Line::Planned { names: more, .. } => {
                        planned = true;
                        names.extend(more.iter().cloned());
                    }
                    Line::Up { .. } => up = true,
                    Line::Making { .. }
                    | Line::Panicked { .. }
                    | Line::Down { .. }
                    | Line::Began { .. }
                    | Line::Tested { .. } => {}
                    Line::Ended(end) => ends.push(end.clone()),
                }
                heard(&line);
            }
            Err(RecvTimeoutError::Timeout) if cancel.is_cancelled() => {
                child.kill()?;
                child.wait()?;
                return Err(TrialError::Interrupted);
            }
            Err(RecvTimeoutError::Timeout) => {
                let limit = limits.map(|limits| if up { limits.whole } else { limits.up });
                late = limit.filter(|limit| begun.elapsed() > *limit);
                if late.is_some() {
                    child.kill()?;
                    break;
                }
            }
            Err(RecvTimeoutError::Disconnected) => break,
        }
    }
    let status = child.wait()?;
    reader.join().expect("reading does not panic");
    for end in &ends {
        names.remove(&end.name);
    }
    Ok(Heard { up, planned, ends, open: names, status, late })
}

/// Waits for a process that tells nothing. It is ended when somebody asks to stop, and when it takes longer, which gives
/// none.
pub(crate) fn ended(child: &mut Child, cancel: &Cancel, limit: Duration) -> Result<Option<ExitStatus>, TrialError> {
    let begun = Instant::now();
    loop {
        // Before it is asked how it ended: Ctrl-C at a terminal ends it too.
        let late = begun.elapsed() > limit;
        if late || cancel.is_cancelled() {
            child.kill()?;
            child.wait()?;
            return if late { Ok(None) } else { Err(TrialError::Interrupted) };
        }
        if let Some(status) = child.try_wait()? {
            return Ok(Some(status));
        }
        thread::sleep(Duration::from_millis(50));
    }
}

#[cfg(test)]
mod tests {
    use std::process::{Command, Stdio};

    use super::*;

    fn hear_script(script: &str, limits: Limits) -> Heard {
        let mut sh = Command::new("sh");
        let mut child = sh.args(["-c", script]).stdout(Stdio::piped()).spawn().unwrap();
        let told = child.stdout.take().unwrap();
        hear(&mut child, told, &Cancel::default(), Some(limits), &mut |_| {}).unwrap()
    }

    #[test]
    fn who_hangs_is_ended_and_what_they_had_planned_has_failed() {
        let limits = Limits { up: Duration::from_secs(60), whole: Duration::from_millis(1) };
        let script = r#"echo '{"event":"up","kernel":"6"}
                             {"event":"planned","names":["exec"],"unasked":[]}'; exec sleep 1000"#;
        let ended = hear_script(script, limits);
        assert!(ended.up && ended.planned);
        let reports = ended.reports("last words");
        let [report] = &reports[..] else { panic!("{reports:?}") };
        assert_eq!(report.name, "exec");
        let Outcome::Failed { reason, log } = &report.outcome else { panic!("{report:?}") };
        assert!(reason.contains("it was ended after 0 s") && log == "last words", "{reason}");
    }

    #[test]
    fn who_tells_nothing_is_waited_for_until_somebody_asks_to_stop_or_it_takes_too_long() {
        let wait = |script: &str, cancel: &Cancel, limit| {
            let mut child = Command::new("sh").args(["-c", script]).spawn().unwrap();
            let ended = ended(&mut child, cancel, limit);
            assert!(child.try_wait().unwrap().is_some(), "it has ended");
            ended
        };
        let (long, asked) = (Duration::from_secs(900), Cancel::default());
        assert_eq!(wait("exit 3", &asked, long).unwrap().and_then(|status| status.code()), Some(3));
        assert_eq!(wait("exec sleep 1000", &asked, Duration::ZERO).unwrap(), None);
        asked.cancel();
        assert!(matches!(wait("exec sleep 1000", &asked, long), Err(TrialError::Interrupted)));
    }

    #[test]
    fn who_never_comes_up_has_less_time() {
        let limits = Limits { up: Duration::from_millis(1), whole: Duration::MAX };
        let ended = hear_script("exec sleep 1000", limits);
        assert!(!ended.up && ended.why().starts_with("it was ended after"), "{}", ended.why());
    }
}
