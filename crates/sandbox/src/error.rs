//! What can go wrong, and what to do about it.

use miette::Diagnostic;
use nix::errno::Errno;

/// A run that came to no good end.
#[derive(Debug, thiserror::Error, Diagnostic)]
pub enum Error {
    /// A command failed.
    #[error("`{}` {how}", argv.join(" "))]
    CommandFailed {
        /// The command.
        argv: Vec<String>,
        /// `exited with 2`
        how: String,
    },
    /// The host does not let us make a sandbox.
    #[error("this host refuses the sandbox: {what}: {errno}")]
    #[diagnostic(help("{hint}"))]
    Host {
        /// What was tried.
        what: String,
        /// The kernel's answer.
        errno: Errno,
        /// What to do.
        hint: String,
    },
    /// A place of the sandbox could not be laid out.
    #[error("cannot lay out the sandbox: {what}: {errno}")]
    Layout {
        /// What was tried.
        what: String,
        /// The kernel's answer.
        errno: Errno,
    },
    /// Asked to stop.
    #[error("interrupted")]
    Cancelled,
    /// The sandbox's first process was killed from outside (out of memory?).
    #[error("the sandbox ended without a word: {0}")]
    Died(String),
    /// Its temporary files.
    #[error("cannot start the sandbox")]
    Desk(#[source] std::io::Error),
    /// A file.
    #[error(transparent)]
    Io(#[from] std::io::Error),
}

/// What the kernel refused, with the settings that usually make it.
pub(crate) fn refused(what: String, errno: i32) -> Error {
    let errno = Errno::from_raw(errno);
    let setting = |path: &str| fs_err::read_to_string(path).ok().map(|text| text.trim().to_owned());
    let hint = if !what.starts_with("namespaces") && !what.starts_with("/proc") && !what.starts_with("user ids") {
        return Error::Layout { what, errno };
    } else if setting("/proc/sys/kernel/apparmor_restrict_unprivileged_userns").as_deref() == Some("1") {
        "AppArmor lets only known programs make user namespaces here; as root: sysctl kernel.apparmor_restrict_unprivileged_userns=0, or add a profile for rst with `userns,`"
    } else if setting("/proc/sys/kernel/unprivileged_userns_clone").as_deref() == Some("0") {
        "user namespaces are off for ordinary users; as root: sysctl kernel.unprivileged_userns_clone=1"
    } else if setting("/proc/sys/user/max_user_namespaces").as_deref() == Some("0") {
        "user namespaces are off; as root: sysctl user.max_user_namespaces=10000"
    } else if what.starts_with("/proc") {
        "a container hides parts of /proc; run it with --security-opt unmask=ALL (podman) or --privileged"
    } else {
        "inside a container, run it with --security-opt seccomp=unconfined --security-opt unmask=ALL, or --privileged; inside a chroot there are no user namespaces"
    };
    let way_out = "or build on the host itself, less surely: rst build --no-sandbox";
    Error::Host { what, errno, hint: format!("{hint}\n{way_out}") }
}
