//! The processes below the first one, and what they tell it: one JSON object a line on standard output.

use std::{
    collections::BTreeSet,
    io::Write as _,
    net::{Ipv4Addr, Ipv6Addr, UdpSocket},
    path::{Path, PathBuf},
    process::Command,
    time::Instant,
};

use serde::{Deserialize, Serialize};

use crate::{
    check::{Check, Miss, When, Who},
    checks::{self, AFTER_REBOOT},
    person::Person,
    report::{CheckReport, Outcome},
    run::Trial,
    upstream::{self, Subject, Test},
    vm::{Init, guest},
    world,
};

/// Names the stage of a process that is not the first, with its order, as JSON.
pub(crate) const STAGE: &str = "RST_TRIAL_STAGE";

/// Who a process is.
#[derive(Debug, Serialize, Deserialize)]
pub(crate) enum Stage {
    /// Root, process 1 of new namespaces: it starts the next and waits for whatever loses its parent.
    First(Box<Stage>),
    /// Root, in the new namespaces, which are still empty.
    World(Order),
    /// Root, who becomes the person as a login makes one: with a cgroup of their own.
    Session(Order),
    /// A user.
    User(Order, Who),
    /// In a container: a server of UDP, which no busybox of a distribution's has.
    Echo,
    /// Root, in a machine.
    Machine(Order),
    /// Root, in new namespaces, outside the root that upstream's tests run in.
    UpstreamOutside(upstream::Run),
    /// Root, inside it.
    UpstreamInside(upstream::Run),
    /// The user there.
    UpstreamPerson(upstream::Run),
}

impl Stage {
    /// As JSON.
    pub(crate) fn text(&self) -> String {
        serde_json::to_string(self).expect("plain data")
    }

    /// Has this program, which the command starts, become this.
    pub(crate) fn given_to<'c>(&self, command: &'c mut Command) -> &'c mut Command {
        command.env(STAGE, self.text())
    }
}

/// Where [`Stage::Echo`] listens: the port that RFC 862 gives it.
pub(crate) const ECHO: u16 = 7;

/// What is to be done.
#[derive(Clone, Debug, Serialize, Deserialize)]
pub(crate) struct Order {
    /// The archive, where every user can read it.
    pub archive: PathBuf,
    /// A folder for all that is made.
    pub scratch: PathBuf,
    /// An older archive, beside it.
    pub older: Option<PathBuf>,
    /// Whether the person does the colleague's checks too: only root can make one, and a machine has none.
    pub alone: bool,
    /// Names of checks; all that are for this host, when there is none and it is no machine's.
    pub only: BTreeSet<String>,
    /// Whether there is time for long ones.
    pub long: bool,
    /// Whether homes are left as they are.
    pub keep: bool,
    /// Whether root has a shell in the machine in the end.
    pub shell: bool,
    /// Process 1 of the machine, where it is a machine's.
    pub init: Option<Init>,
    /// Whether the machine will be booted once more.
    pub boots_again: bool,
    /// Whether it was booted before: homes and storage are there.
    pub is_second_boot: bool,
}

impl Order {
    /// For this host, with no older archive.
    pub(crate) fn new(archive: PathBuf, scratch: &Path, trial: &Trial) -> Self {
        Self {
            archive,
            scratch: scratch.into(),
            older: None,
            alone: false,
            only: trial.only.clone(),
            long: trial.long,
            keep: trial.keep || trial.shell,
            shell: trial.shell,
            init: None,
            boots_again: false,
            is_second_boot: false,
        }
    }

    /// Whether a check is to be done.
    pub(crate) fn wants(&self, check: &Check) -> bool {
        let asked = || match check.when {
            When::Always => true,
            When::Long => self.long,
            When::Upgrade => self.older.is_some(),
        };
        match self.init.is_none() && self.only.is_empty() {
            true => asked() && checks::all().any(|host| host.name == check.name),
            false => self.only.contains(check.name),
        }
    }

    /// Whether a check is this user's.
    pub(crate) fn gives(&self, check: &Check, who: Who) -> bool {
        match check.who {
            Who::Colleague if self.alone => who == Who::Person,
            other => other == who,
        }
    }

    /// Whether a user is needed.
    pub(crate) fn needs(&self, who: Who) -> bool {
        self.shell && who == Who::Person || checks::known().any(|check| self.gives(&check, who) && self.wants(&check))
    }

    /// What was not done is not forgotten: what is planned and does not end has failed.
    pub(crate) fn plan(&self, who: Who) {
        let wanted = checks::known().filter(|check| self.gives(check, who) && self.wants(check));
        Line::Planned { names: wanted.map(|check| check.name.to_owned()).collect(), unasked: Vec::new() }.tell();
    }

    /// The same of a check of this host's, by its name.
    pub(crate) fn wants_by_name(&self, name: &str) -> bool {
        checks::all().any(|check| check.name == name && self.wants(&check))
    }

    /// What is to be done in a machine's first boot, or in its second.
    pub(crate) fn of_boot(self, second: bool) -> Self {
        let boots_again = !second && self.only.contains(AFTER_REBOOT);
        let only = self.only.into_iter().filter(|name| (name == AFTER_REBOOT) == second).collect();
        Self { only, boots_again, is_second_boot: second, keep: self.keep || boots_again, ..self }
    }

    /// Whether a user has a session of systemd's.
    pub(crate) fn has_session(&self, who: Who) -> bool {
        self.init == Some(Init::Systemd) && who == Who::Person
    }

    /// Where a user lives.
    pub(crate) fn home(&self, who: Who) -> PathBuf {
        self.scratch.join(format!("{who:?}"))
    }
}

/// What a process tells the first one.
#[derive(Clone, Debug, Serialize, Deserialize)]
#[serde(tag = "event", rename_all = "kebab-case")]
pub enum Line {
    /// The image of a system is being made, which takes a minute.
    Making {
        /// The system's name.
        system: String,
    },
    /// A machine has booted.
    Up {
        /// The system's name, which the machine does not know.
        #[serde(default)]
        system: String,
        /// The version of its kernel.
        kernel: String,
    },
    /// The kernel of a machine has panicked; all that the machine does is done once more.
    Panicked {
        /// The system's name.
        system: String,
        /// The last of its console.
        said: String,
    },
    /// A machine has ended.
    Down {
        /// The system's name.
        system: String,
        /// How long it took, its boot included.
        seconds: f64,
    },
    /// These checks will be done.
    Planned {
        /// Their names.
        names: Vec<String>,
        /// Those that were not asked for, and the archive has what they try.
        unasked: Vec<String>,
    },
    /// A check has begun.
    Began {
        /// Its name.
        name: String,
    },
    /// A check has ended.
    Ended(CheckReport),
    /// A test of upstream's has ended.
    Tested {
        /// Whose programs were tried.
        subject: Subject,
        /// The test.
        #[serde(flatten)]
        test: Test,
    },
}

impl Line {
    /// As it is told of a system's machine.
    pub(crate) fn of(self, system: &str) -> Self {
        let named = |name: String| format!("{system}/{name}");
        match self {
            Self::Planned { names, unasked } => {
                Self::Planned { names: names.into_iter().map(named).collect(), unasked }
            }
            Self::Began { name } => Self::Began { name: named(name) },
            Self::Ended(end) => Self::Ended(end.of(system)),
            Self::Up { kernel, .. } => Self::Up { system: system.to_owned(), kernel },
            Self::Making { .. } | Self::Panicked { .. } | Self::Down { .. } | Self::Tested { .. } => self,
        }
    }

    pub(crate) fn tell(&self) {
        let mut text = serde_json::to_string(self).expect("plain data");
        text.push('\n');
        // One write a line: others write to the same pipe.
        let _ = std::io::stdout().lock().write_all(text.as_bytes());
    }
}

/// Becomes one of the processes below the first, if this was started as one, and never returns then.
/// To be called first of all in `main`.
pub fn act_if_asked() {
    let Some(stage) = std::env::var_os(STAGE) else { return };
    let stage = serde_json::from_str(&stage.to_string_lossy()).expect("set by this program");
    let well = match stage {
        Stage::First(next) => world::first(&next),
        Stage::World(order) => world::furnish(&order),
        Stage::Session(order) => world::session(&order),
        Stage::User(order, who) => act(&order, who),
        Stage::Echo => echo().is_ok(),
        Stage::Machine(order) => guest::act(&order),
        Stage::UpstreamOutside(run) => upstream::enter(run),
        Stage::UpstreamInside(run) => upstream::furnish(run),
        Stage::UpstreamPerson(run) => upstream::act(&run),
    };
    std::process::exit(i32::from(!well));
}

/// Sends back what it gets, until somebody ends it.
fn echo() -> std::io::Result<()> {
    let socket =
        UdpSocket::bind((Ipv6Addr::UNSPECIFIED, ECHO)).or_else(|_| UdpSocket::bind((Ipv4Addr::UNSPECIFIED, ECHO)))?;
    let mut datagram = [0; 1500];
    loop {
        let (length, from) = socket.recv_from(&mut datagram)?;
        socket.send_to(&datagram[..length], from)?;
    }
}

/// Does a user's checks, and tells whether that could be done.
fn act(order: &Order, who: Who) -> bool {
    if !order.needs(who) {
        return true;
    }
    let wanted: Vec<Check> = checks::known().filter(|check| order.gives(check, who) && order.wants(check)).collect();
    let person = match Person::new(order, who) {
        Ok(person) => person,
        Err(miss) => {
            plan(&wanted, &[]);
            for check in &wanted {
                tell_end(check, Err(&miss), String::new(), 0.0);
            }
            return false;
        }
    };
    // What an archive does not hold is no check of it.
    let wanted: Vec<Check> = wanted.into_iter().filter(|check| person.has_what_it_takes(check)).collect();
    let others = checks::all().filter(|check| {
        order.gives(check, who) && order.init.is_none() && order.only.is_empty() && !order.wants(check)
    });
    plan(&wanted, &others.filter(|check| person.has_what_it_takes(check)).collect::<Vec<_>>());
    for check in &wanted {
        Line::Began { name: check.name.to_owned() }.tell();
        let begun = Instant::now();
        person.forget();
        let verdict = (check.run)(&person);
        tell_end(check, verdict.as_ref().map(drop), person.log(), begun.elapsed().as_secs_f64());
    }
    true
}

fn plan(wanted: &[Check], unasked: &[Check]) {
    let names = |checks: &[Check]| checks.iter().map(|check| check.name.to_owned()).collect();
    Line::Planned { names: names(wanted), unasked: names(unasked) }.tell();
}

fn tell_end(check: &Check, verdict: Result<(), &Miss>, log: String, seconds: f64) {
    let outcome = match verdict {
        Ok(()) => Outcome::Passed,
        Err(Miss::Failed(reason)) => Outcome::Failed { reason: reason.clone(), log },
        Err(Miss::Impossible(reason)) => Outcome::Impossible { reason: reason.clone() },
    };
    Line::Ended(CheckReport::new(check, outcome, seconds)).tell();
}
