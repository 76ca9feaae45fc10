//! The sandbox for real: what is seen inside, what cannot be done, what dies with whom. The host's own
//! programs, seen read-only, are the tools inside.

use std::{
    collections::BTreeMap,
    path::{Path, PathBuf},
    process::{Command as Process, Stdio},
    time::{Duration, Instant},
};

use fs_err as fs;
use libtest_mimic::{Arguments, Failed, Trial};
use rst_model::{Command, Step};
use rst_sandbox::{Cancel, Error, Mount, MountSource, Spec, run};

type Check = fn() -> Result<(), Failed>;

fn main() -> std::process::ExitCode {
    rst_sandbox::init_if_asked();
    if let Some(script) = std::env::args().nth(1).and_then(|a| a.strip_prefix("--script=").map(str::to_owned)) {
        return match shell(&script) {
            Ok(out) => {
                print!("{out}");
                std::process::ExitCode::SUCCESS
            }
            Err(error) => {
                eprintln!("{error:?}");
                std::process::ExitCode::FAILURE
            }
        };
    }
    let tests: Vec<(&str, Check)> = vec![
        ("nothing_of_the_host_is_seen", nothing_of_the_host_is_seen),
        ("who_and_where_are_fixed", who_and_where_are_fixed),
        ("there_is_no_network", there_is_no_network),
        ("inputs_cannot_be_changed", inputs_cannot_be_changed),
        ("a_failure_names_the_command", a_failure_names_the_command),
        ("a_missing_program_is_named", a_missing_program_is_named),
        ("commands_of_a_step_run_together", commands_of_a_step_run_together),
        ("cancelling_ends_grandchildren", cancelling_ends_grandchildren),
        ("killing_the_caller_ends_all", killing_the_caller_ends_all),
        ("an_ordinary_user_can_too", an_ordinary_user_can_too),
    ];
    let trials = tests.into_iter().map(|(name, test)| Trial::test(name, test)).collect();
    libtest_mimic::run(&Arguments::from_args(), trials).exit_code()
}

/// The host's programs and libraries, and nothing else of it.
fn host_tools() -> Vec<Mount> {
    let mut mounts = vec![Mount { target: "/usr".into(), source: MountSource::ReadOnly("/usr".into()) }];
    for name in ["bin", "sbin", "lib", "lib64"] {
        if let Ok(target) = fs::read_link(Path::new("/").join(name)) {
            let source = MountSource::Symlink(target.display().to_string());
            mounts.push(Mount { target: format!("/{name}"), source });
        }
    }
    mounts
}

fn sh(script: &str) -> Command {
    Command { argv: ["sh", "-c", script].map(str::to_owned).to_vec(), cwd: "/".into(), env: BTreeMap::new() }
}

fn spec(log: &Path, steps: Vec<Step>) -> Spec {
    Spec {
        root: host_tools(),
        env: [("PATH".to_owned(), "/usr/bin".to_owned())].into(),
        steps,
        jobs: 2,
        log: log.to_owned(),
        desk: log.parent().unwrap().to_owned(),
        ..Spec::default()
    }
}

/// Runs one script; what it printed, or the error.
fn shell(script: &str) -> Result<String, Error> {
    let folder = tempfile::tempdir().unwrap();
    let log = folder.path().join("log");
    run(&spec(&log, vec![Step { commands: vec![sh(script)] }]), &Cancel::default())?;
    Ok(fs::read_to_string(log)?)
}

fn same(found: &str, expected: &str) -> Result<(), Failed> {
    if found == expected { Ok(()) } else { Err(format!("expected {expected:?}, found {found:?}").into()) }
}

fn nothing_of_the_host_is_seen() -> Result<(), Failed> {
    let seen = shell("ls / | grep -v -e '^lib' -e bin; ls /tmp /etc; ls -d /proc/[0-9]* | wc -l")?;
    let (seen, processes) = seen.trim_end().rsplit_once('\n').ok_or("printed nothing")?;
    same(seen, "dev\netc\nproc\ntmp\nusr\n/etc:\ngroup\nhosts\nnsswitch.conf\npasswd\n\n/tmp:")?;
    // The first process, the shell, ls and wc; a host has dozens.
    let processes: u32 = processes.trim().parse()?;
    if processes <= 4 { Ok(()) } else { Err(format!("{processes} processes are seen").into()) }
}

fn who_and_where_are_fixed() -> Result<(), Failed> {
    let seen = shell(
        "id -u; id -g; uname -n; umask; pwd; env | grep -v -e ^PWD= -e ^SHLVL= -e ^_= -e ^OLDPWD= | sort; grep CapEff /proc/self/status",
    )?;
    same(&seen, "1000\n1000\nbuild\n0022\n/\nPATH=/usr/bin\nCapEff:\t0000000000000000\n")
}

fn there_is_no_network() -> Result<(), Failed> {
    same(&shell("tail -n +3 /proc/net/dev | cut -d: -f1 | tr -d ' '")?, "lo\n")
}

fn inputs_cannot_be_changed() -> Result<(), Failed> {
    same(&shell("touch /usr/x /x /etc/x 2>&1 | grep -c 'Read-only'; touch /tmp/x && echo written")?, "3\nwritten\n")
}

fn a_failure_names_the_command() -> Result<(), Failed> {
    match shell("echo before; exit 7") {
        Err(Error::CommandFailed { argv, how }) => {
            same(&argv[0], "sh")?;
            same(&how, "exited with 7")
        }
        other => Err(format!("{other:?}").into()),
    }
}

fn a_missing_program_is_named() -> Result<(), Failed> {
    let folder = tempfile::tempdir()?;
    let command = Command { argv: vec!["no-such-thing".into()], cwd: "/".into(), env: BTreeMap::new() };
    let spec = spec(&folder.path().join("log"), vec![Step { commands: vec![command] }]);
    match run(&spec, &Cancel::default()) {
        Err(error) => same(&error.to_string(), "`no-such-thing` is not there: no `no-such-thing` in /usr/bin"),
        Ok(_) => Err("it ran".into()),
    }
}

/// Each waits for the other: one after the other they would never end.
fn commands_of_a_step_run_together() -> Result<(), Failed> {
    let folder = tempfile::tempdir()?;
    let log = folder.path().join("log");
    let meet =
        |mine: &str, other: &str| sh(&format!("touch /tmp/{mine}; while [ ! -e /tmp/{other} ]; do sleep 0.01; done"));
    let spec = spec(&log, vec![Step { commands: vec![meet("a", "b"), meet("b", "a")] }]);
    run(&spec, &Cancel::default())?;
    Ok(())
}

/// A sleep of this many seconds is looked for among the host's processes.
fn sleepers(seconds: u32) -> usize {
    let wanted = format!("sleep\0{seconds}\0");
    let is_one = |path: PathBuf| fs::read_to_string(path.join("cmdline")).is_ok_and(|text| text == wanted);
    fs::read_dir("/proc").unwrap().flatten().filter(|entry| is_one(entry.path())).count()
}

fn wait_for(what: &str, condition: impl Fn() -> bool) -> Result<(), Failed> {
    let begun = Instant::now();
    while !condition() {
        if begun.elapsed() > Duration::from_secs(30) {
            return Err(format!("waited in vain for {what}").into());
        }
        std::thread::sleep(Duration::from_millis(10));
    }
    Ok(())
}

fn cancelling_ends_grandchildren() -> Result<(), Failed> {
    let seconds = 70_000 + std::process::id();
    let cancel = Cancel::default();
    let ours = cancel.clone();
    let running = std::thread::spawn(move || {
        let folder = tempfile::tempdir().unwrap();
        let script = format!("setsid sleep {seconds} & sleep {seconds}");
        run(&spec(&folder.path().join("log"), vec![Step { commands: vec![sh(&script)] }]), &ours)
    });
    wait_for("both to start", || sleepers(seconds) == 2)?;
    cancel.cancel();
    let result = running.join().map_err(|_| "the runner panicked")?;
    wait_for("both to end", || sleepers(seconds) == 0)?;
    if matches!(result, Err(Error::Cancelled)) { Ok(()) } else { Err(format!("{result:?}").into()) }
}

fn killing_the_caller_ends_all() -> Result<(), Failed> {
    let seconds = 80_000 + std::process::id();
    let script = format!("--script=setsid sleep {seconds} & sleep {seconds}");
    let mut caller = Process::new("/proc/self/exe").arg(script).spawn()?;
    wait_for("both to start", || sleepers(seconds) == 2)?;
    caller.kill()?;
    caller.wait()?;
    wait_for("both to end", || sleepers(seconds) == 0)
}

/// As root this is tried as nobody; otherwise every other test has shown it.
fn an_ordinary_user_can_too() -> Result<(), Failed> {
    if !nix::unistd::geteuid().is_root() {
        return Ok(());
    }
    let folder = tempfile::tempdir()?;
    fs::set_permissions(folder.path(), std::os::unix::fs::PermissionsExt::from_mode(0o755))?;
    let copy = folder.path().join("tests");
    fs::copy("/proc/self/exe", &copy)?;
    fs::set_permissions(&copy, std::os::unix::fs::PermissionsExt::from_mode(0o755))?;
    let out = Process::new("setpriv")
        .args(["--reuid=65534", "--regid=65534", "--clear-groups", "--"])
        .arg(&copy)
        .arg("--script=id -u; grep Uid /proc/1/status")
        .env("TMPDIR", "/tmp")
        .stderr(Stdio::inherit())
        .output()?;
    same(&String::from_utf8_lossy(&out.stdout), "1000\nUid:\t1000\t1000\t1000\t1000\n")
}
