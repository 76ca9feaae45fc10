//! What stands in braces in a recipe, beside the groups of a source's `pattern`.

/// A word in braces, and what it stands for.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Placeholder {
    /// The component's version.
    Version,
    /// `x86_64`
    Cpu,
    /// `amd64`
    Arch,
    /// Rust's name of the target.
    Rust,
    /// SOURCE_DATE_EPOCH.
    Epoch,
    /// How many processes one action may run; known only where it runs.
    Jobs,
    /// The compiler for what is shipped.
    Cc,
    /// The compiler for what runs while building.
    HostCc,
    /// The compiler's options.
    Cflags,
    /// The linker's options.
    Ldflags,
    /// A staging folder for `make install`.
    Dest,
}

impl Placeholder {
    /// All of them.
    pub const ALL: [Self; 11] = [
        Self::Version,
        Self::Cpu,
        Self::Arch,
        Self::Rust,
        Self::Epoch,
        Self::Jobs,
        Self::Cc,
        Self::HostCc,
        Self::Cflags,
        Self::Ldflags,
        Self::Dest,
    ];

    /// The word.
    pub fn name(self) -> &'static str {
        match self {
            Self::Version => "version",
            Self::Cpu => "cpu",
            Self::Arch => "arch",
            Self::Rust => "rust",
            Self::Epoch => "epoch",
            Self::Jobs => "jobs",
            Self::Cc => "cc",
            Self::HostCc => "host-cc",
            Self::Cflags => "cflags",
            Self::Ldflags => "ldflags",
            Self::Dest => "dest",
        }
    }
}
