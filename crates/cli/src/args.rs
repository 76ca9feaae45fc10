//! What can be typed.

use std::path::PathBuf;

use clap::{Args, Parser, Subcommand, ValueEnum};
use clap_complete::Shell;
use rst_build::Request;
use rst_model::{ImagePlace, Platform};

const EXIT_CODES: &str = "\
Exit codes:
  0  done                      4  a build failed
  1  failed                    5  a proof or trial failed, archives differ, or a vulnerability is known
  2  wrong usage               6  a digest or signature is wrong
  3  a source could not be had 7  the host lacks something
                               130 interrupted";

/// Builds podman, buildah and skopeo as static programs, with all that podman needs.
#[derive(Debug, Parser)]
#[command(name = "rst", version, after_help = EXIT_CODES, max_term_width = 100)]
pub struct Arguments {
    #[command(flatten)]
    pub global: Global,
    #[command(subcommand)]
    pub command: Command,
}

/// Options that every command takes.
#[derive(Debug, Args)]
pub struct Global {
    /// The checkout to work in [default: the one that the current folder is in]
    #[arg(long, global = true, value_name = "FOLDER", help_heading = "Global options")]
    pub project: Option<PathBuf>,
    /// Where results are kept [default: $XDG_CACHE_HOME/rst]
    #[arg(long, global = true, env = "RST_STORE", value_name = "FOLDER", help_heading = "Global options")]
    pub store: Option<PathBuf>,
    /// A folder or URL that is asked for sources first, or several with commas between; need not be trusted
    #[arg(long, global = true, env = "RST_MIRROR", value_name = "PLACE", help_heading = "Global options")]
    pub mirror: Vec<String>,
    /// The Debian mirror, where apt is not Debian's own
    #[arg(long, global = true, env = "RST_DEBIAN_MIRROR", value_name = "URL", help_heading = "Global options")]
    pub debian_mirror: Option<String>,
    /// Fetch nothing; say what is missing
    #[arg(long, global = true, help_heading = "Global options")]
    pub offline: bool,
    /// How to tell what happens
    #[arg(long, global = true, value_enum, default_value_t, help_heading = "Global options")]
    pub format: Format,
    /// Say more (-vv: everything)
    #[arg(short, long, global = true, action = clap::ArgAction::Count, help_heading = "Global options")]
    pub verbose: u8,
}

/// Who reads.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, ValueEnum)]
pub enum Format {
    /// A person
    #[default]
    Human,
    /// A program: one JSON object a line on standard output
    Json,
}

/// What to do.
#[derive(Debug, Subcommand)]
pub enum Command {
    /// Build tools or single components, prove them, and leave archives with their bills of materials in dist/
    #[command(after_help = "\
Examples:
  rst build podman
  rst build podman buildah skopeo --platform linux/amd64,linux/arm64
  rst build podman@5.8.6
  rst build podman --override libseccomp=../my-libseccomp
  rst build crun --shell
  rst build crun conmon --toolchain container --image oci:my-image
  rst build podman --toolchain auto
  rst build podman --explain")]
    Build(BuildArgs),
    /// Show what a build consists of, and what of it is in the store
    #[command(after_help = "Example:\n  rst graph podman --platform linux/arm64")]
    Graph(TargetArgs),
    /// Show the output of the last build of a component
    Log {
        /// The component
        component: String,
        /// What it was built for
        #[arg(long, default_value_t = Platform::HOST)]
        platform: Platform,
    },
    /// Check that every program in an archive is what it must be
    #[command(after_help = "Example:\n  rst prove dist/podman-full-linux-amd64.tar.zst")]
    Prove {
        /// A .tar.zst or .tar.gz
        archive: PathBuf,
        /// Leave out what only unstripped programs show, where the store that built them is not here
        #[arg(long)]
        without_symbols: bool,
    },
    /// Build archives again where all is different that must not matter, and compare
    #[command(
        long_about = "\
Build archives again where all is different that must not matter, and compare

They are built from the commit that the release.json beside them names, or --commit, or a release's sources, with \
an empty store, in another folder, as another user on a host of another name, with other numbers of processes, \
another time zone, locale and umask, and a store in memory, whose folders list their files in another order.",
        after_help = "\
Ends with 0 when all are the same, bit for bit, with 5 when one is not: then the first file that differs is shown, \
where it does, what made it, and the likely cause.

Examples:
  rst rebuild dist/podman-full-linux-amd64.tar.zst
  rst rebuild dist/*.tar.zst --processors 1
  rst rebuild podman-full-linux-amd64.tar.zst --sources podman-v6.0.2-sources.tar.zst"
    )]
    Rebuild(RebuildArgs),
    /// Show what differs first between two archives, and the action that made it
    #[command(after_help = "\
Ends with 0 when they are the same, bit for bit, with 5 when they are not.

Example:
  rst why-not dist/podman-full-linux-amd64.tar.zst other/podman-full-linux-amd64.tar.zst")]
    WhyNot {
        /// A .tar.zst or .tar.gz
        first: PathBuf,
        /// Another
        second: PathBuf,
    },
    /// Raise the revision of every release whose parts (components, Go, Zig) are locked in other versions now
    #[cfg(feature = "release")]
    #[command(after_help = "\
Examples:
  rst revise --index index.json --dry-run
  rst bump go && rst revise --index index.json")]
    Revise(ReviseArgs),
    /// Make a release's folder out of dist/ (archives, digests, SBOMs, sources, provenance, signatures, notes, index)
    /// and publish it
    #[cfg(feature = "release")]
    #[command(after_help = "\
Examples:
  rst build podman --for-release --platform linux/amd64 --platform linux/arm64
  rst trial dist/podman-full-linux-amd64.tar.zst --format json > trial.json
  rst release podman --dry-run --trial trial.json
  rst release podman --trial trial.json
  rst release podman@5.8.6 --dry-run --untried --unsigned
Variables of the signer: see `rst sign --help`.")]
    Release(ReleaseArgs),
    /// Make the index of all releases again, with the next number and a new expiry, and publish it
    #[cfg(feature = "release")]
    #[command(after_help = "\
Examples:
  rst renew index.json
  rst renew index.json --key MAKER.pub --dry-run && rst publish release/index --to www
Variables of the signer: see `rst sign --help`.")]
    Renew(RenewArgs),
    #[cfg(feature = "release")]
    /// Sign files: by the CI's OIDC identity, or by the key in RST_SIGNING_KEY
    #[command(
        long_about = "\
Sign files: by the CI's OIDC identity, or by the key in RST_SIGNING_KEY

Leaves FILE.sigstore.json, a Sigstore bundle, beside each FILE, and for older cosign FILE.sig and, with a \
certificate, FILE.pem.

RST_SIGNING_KEY is the text of a PKCS#8 PEM with a P-256 key, RST_SIGNING_KEY_PASSWORD its password if it is \
encrypted. Without it the OIDC token is the one that --identity-token-file names, or that the CI gives \
(GitHub: permissions: id-token: write).",
        after_help = "\
Examples:
  rst sign dist/podman-full-linux-amd64.tar.zst dist/checksums.txt
  rst sign --statement dist/provenance.json
  RST_SIGNING_KEY=\"$(cat key.pem)\" rst sign dist/skopeo-linux-arm64.tar.gz"
    )]
    Sign(SignArgs),
    #[cfg(feature = "release")]
    /// Check, without a network, that files are what was released, and by whom they were signed
    #[command(
        long_about = "\
Check, without a network, that files are what was released, and by whom they were signed

The signature must be by the workflow that release.toml names (issuer, repository, workflow and ref, each compared \
whole), certified by Sigstore, and in its public log. An index.json must be of now, too: one that has expired, or \
is older than one that was seen (--seen), is refused. A file without a signature of its own (SBOMs, sources) is held to \
checksums.txt beside it, and that to its signature. A trusted_root.json that lies beside a file is not taken by \
itself, since who can forge the one can forge the other.",
        after_help = "\
Examples:
  rst verify podman-full-linux-amd64.tar.zst
  rst verify podman-full-linux-amd64.tar.zst --provenance provenance.json.sigstore.json
  rst verify checksums.txt --key signer.pub
  rst verify checksums.txt --release my-fork/release.toml --trusted-root trusted_root.json"
    )]
    Verify(VerifyArgs),
    #[cfg(feature = "release")]
    /// Publish a release that `rst release` made: to GitHub's releases, or to a folder
    #[command(
        long_about = "\
Publish a release that `rst release` made: to GitHub's releases, or to a folder

At GitHub it is a draft until every file is there and has the right digest. The repository is the one that \
release.toml names; the token, with contents: write, is GITHUB_TOKEN or GH_TOKEN in the environment. index.json \
takes the place of an older one in the release `index`.

What is there already is not sent again, so that running again goes on after any failure; what is there with other \
bytes is not overwritten, but refused (exit code 6).",
        after_help = "\
Examples:
  rst publish dist/podman-v6.0.2
  rst publish dist/podman-v6.0.2 --to /srv/www/releases
  rst publish dist/podman-v6.0.2 --api https://github.example.org/api/v3"
    )]
    Publish(PublishArgs),
    /// Unpack an archive as ordinary users, and run containers with it: in a world of its own for root,
    /// as oneself otherwise
    #[command(
        args_conflicts_with_subcommands = true,
        after_help = "\
Examples:
  rst trial dist/podman-full-linux-amd64.tar.zst
  rst trial dist/podman-full-linux-amd64.tar.zst --only published-port --keep
  rst trial dist/podman-full-linux-amd64.tar.zst --from old/podman-full-linux-amd64.tar.zst --long
  rst trial dist/podman-full-linux-amd64.tar.zst --vm trixie
  rst trial dist/podman-full-linux-amd64.tar.zst --vm trixie --shell
  rst trial dist/podman-full-linux-arm64.tar.zst --vm all
  rst trial dist/podman-full-linux-amd64.tar.zst --upstream --only 030-run
  rst trial --list
  rst trial --list --vm all
  rst trial clean"
    )]
    Trial(TrialArgs),
    /// Pin a version: fetch it from every origin, and write its digests to build/lock.toml
    #[command(after_help = "\
Examples:
  rst lock crun@1.21
  rst lock podman@6.0.3 podman@5.8.6
  rst lock --remove crun@1.20")]
    Lock {
        /// NAME@VERSION, or NAME to pin its locked version again
        #[arg(required = true)]
        sources: Vec<Request>,
        /// Take the versions out of the lock instead
        #[arg(long)]
        remove: bool,
    },
    /// Compare the lock with the newest stable versions of upstream
    #[command(after_help = "\
Ends with 3 when upstream itself could not be asked about something: that is shown as unknown, whatever others say.

Examples:
  rst outdated
  rst outdated podman netavark
  rst outdated --format json --exit-code")]
    Outdated {
        /// Recipes [default: all]
        #[arg(value_name = "NAME")]
        names: Vec<String>,
        /// End with 1 when something is outdated
        #[arg(long)]
        exit_code: bool,
    },
    /// Move the lock to other versions, with all that has to match: all of it, or nothing
    #[command(after_help = "\
Old versions go out of the lock unless something else is built from them. Patches are tried on the new sources.

Examples:
  rst bump crun                     to upstream's newest stable version
  rst bump podman@6.0.3             with the netavark and aardvark-dns of its line
  rst bump podman@5.8 --dry-run     to the newest of a line; show it, write nothing")]
    Bump {
        /// Recipes, each with a version or a line; the newest of each kept line if neither is given
        #[arg(required = true, value_name = "NAME[@VERSION]")]
        sources: Vec<Request>,
        /// Fetch, compare and try the patches, but leave the lock as it is
        #[arg(long)]
        dry_run: bool,
    },
    /// Ask OSV for known vulnerabilities of what bills of materials name
    #[command(after_help = "\
Ends with 5 when there are some that build/advisories.toml does not name, with 3 when OSV could not be asked.

Example:
  rst advisories dist/*.cdx.json")]
    Advisories {
        /// CycloneDX files, as a build leaves them in dist/
        #[arg(required = true, value_name = "SBOM")]
        bills: Vec<PathBuf>,
        /// Where OSV, or a copy of it, answers
        #[arg(long, value_name = "URL", default_value = rst_fetch::OSV)]
        osv: String,
    },
    /// Fetch all that a build needs, and build nothing
    Fetch(TargetArgs),
    /// Work with mirrors of the sources
    #[command(subcommand)]
    Mirror(MirrorCommand),
    /// Look after the store
    #[command(subcommand)]
    Store(StoreCommand),
    /// Remove from the store what the current recipes do not need and nobody has used lately
    Gc {
        /// How many days are lately
        #[arg(long, default_value_t = 14, value_name = "N")]
        days: u64,
    },
    /// Print the completions for a shell
    Completions {
        /// Which
        shell: Shell,
    },
}

/// Which builds are meant.
#[derive(Debug, Args)]
pub struct TargetArgs {
    /// Tools (podman), archives (podman-full) or components (crun), each with @VERSION if not the newest
    #[arg(required = true, value_name = "WHAT[@VERSION]")]
    pub targets: Vec<Request>,
    /// What to build for [default: this machine]
    #[arg(long, value_delimiter = ',', default_values_t = [Platform::HOST])]
    pub platform: Vec<Platform>,
}

/// `rst build`
#[derive(Debug, Args)]
pub struct BuildArgs {
    #[command(flatten)]
    pub target: TargetArgs,
    /// Processes at once, over all builds [default: the number of processors]
    #[arg(short, long, value_name = "N", value_parser = clap::value_parser!(u16).range(1..))]
    pub jobs: Option<u16>,
    /// Pack fast, for trying things out; the archives are larger
    #[arg(long)]
    pub draft: bool,
    /// Leave what `rst release` adds to archives beside them, too: the programs' unstripped twins, and all sources
    #[arg(long, conflicts_with = "draft")]
    pub for_release: bool,
    /// Use no cache of any compiler
    #[arg(long)]
    pub cold: bool,
    /// Build on the host itself, with its own tools, where it allows no sandbox; the manifest says so
    #[arg(long)]
    pub no_sandbox: bool,
    /// What compiles C and links: zig; the musl GCC of a container image (not Rust programs, and for this machine
    /// alone); or that only where Zig fails
    #[arg(long, value_enum, default_value_t, value_name = "WHICH", conflicts_with = "no_sandbox")]
    pub toolchain: Toolchain,
    /// The image: HOST/REPOSITORY@sha256:DIGEST, oci:FOLDER, oci-archive:FILE or docker-archive:FILE [default: the one
    /// in build/toolchain.toml, with the packages there]
    #[arg(long, value_name = "IMAGE")]
    pub image: Option<ImagePlace>,
    /// Where archives go
    #[arg(long, default_value = "dist", value_name = "FOLDER")]
    pub dist: PathBuf,
    /// Build this component from a folder instead of its pinned source; the manifest says so
    #[arg(long = "override", value_name = "COMPONENT=FOLDER")]
    pub overrides: Vec<Override>,
    /// Build nothing; say for each component why it would be built
    #[arg(long, conflicts_with = "shell")]
    pub explain: bool,
    /// Build what the component needs, then open a shell where it would be built
    #[arg(long)]
    pub shell: bool,
}

/// `rst rebuild`
#[derive(Debug, Args)]
pub struct RebuildArgs {
    /// What was built, each a .tar.zst or .tar.gz
    #[arg(required = true, value_name = "ARCHIVE")]
    pub archives: Vec<PathBuf>,
    /// The commit of the checkout to build from [default: that of the release.json beside the archive, or the newest]
    #[arg(long, value_name = "COMMIT")]
    pub commit: Option<String>,
    /// Build from a release's TOOL-vVERSION-sources.tar.zst instead of a checkout
    #[arg(long, value_name = "FILE", conflicts_with = "commit")]
    pub sources: Option<PathBuf>,
    /// Processes at once [default: one more than there are processors]
    #[arg(short, long, value_name = "N", value_parser = clap::value_parser!(u16).range(1..))]
    pub jobs: Option<u16>,
    /// Let the build have only this many processors
    #[arg(long, value_name = "N", value_parser = clap::value_parser!(u16).range(1..))]
    pub processors: Option<u16>,
    /// Build in the root of another distribution: a folder with its files
    #[arg(long, value_name = "FOLDER")]
    pub root: Option<PathBuf>,
    /// Build with another build root, a folder with its files: what archives say of theirs is not compared then
    #[arg(long, value_name = "FOLDER")]
    pub build_root: Option<PathBuf>,
    /// The archives were packed by `rst build --draft`
    #[arg(long)]
    pub draft: bool,
    /// Keep the store on disk, where there is no memory for it (some 8 GB for podman): the order of files is as always
    #[arg(long)]
    pub on_disk: bool,
    /// Leave what was built, and say where
    #[arg(long)]
    pub keep: bool,
}

/// `--toolchain`
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, ValueEnum)]
pub enum Toolchain {
    /// Zig
    #[default]
    Zig,
    /// The GCC of a container image
    Container,
    /// Zig, and GCC for what it fails at
    Auto,
}

#[cfg(feature = "release")]
/// `rst sign`
#[derive(Debug, Args)]
pub struct SignArgs {
    /// What to sign
    #[arg(required = true, value_name = "FILE")]
    pub files: Vec<PathBuf>,
    /// The files are in-toto statements, as provenance is: put each whole into its bundle, as an attestation
    #[arg(long)]
    pub statement: bool,
    #[command(flatten)]
    pub signing: SigningArgs,
}

/// As whom to sign
#[cfg(feature = "release")]
#[derive(Debug, Args)]
pub struct SigningArgs {
    /// Sign as whom the OIDC token in this file names
    #[arg(long, value_name = "FILE")]
    pub identity_token_file: Option<PathBuf>,
    /// Use the services of this Sigstore signing config [default: the public Sigstore's]
    #[arg(long, value_name = "FILE")]
    pub signing_config: Option<PathBuf>,
}

/// What becomes of what `rst release` and `rst renew` make
#[cfg(feature = "release")]
#[derive(Debug, Args)]
pub struct OnwardArgs {
    /// Make the folder and publish nothing
    #[arg(long)]
    pub dry_run: bool,
    /// Publish to this folder instead of GitHub, as `rst publish --to` does
    #[arg(long, value_name = "FOLDER", conflicts_with = "dry_run")]
    pub to: Option<PathBuf>,
    /// Leave it without signatures; a release's notes say so
    #[arg(long)]
    pub unsigned: bool,
    #[command(flatten)]
    pub signing: SigningArgs,
}

/// `rst revise`
#[cfg(feature = "release")]
#[derive(Debug, Args)]
pub struct ReviseArgs {
    /// The index of all releases, its bundle beside it
    #[arg(long, value_name = "FILE")]
    pub index: PathBuf,
    /// The public key of who signed it, if it was no workflow
    #[arg(long, value_name = "FILE")]
    pub key: Option<PathBuf>,
    /// Say what is due, and write nothing
    #[arg(long)]
    pub dry_run: bool,
}

/// `rst release`
#[cfg(feature = "release")]
#[derive(Debug, Args)]
pub struct ReleaseArgs {
    /// A tool, with @VERSION if not the newest
    #[arg(value_name = "TOOL[@VERSION]")]
    pub tool: Request,
    /// What `rst trial ARCHIVE --format json` printed; every archive must have been tried
    #[arg(long, value_name = "REPORT")]
    pub trial: Vec<PathBuf>,
    /// Release what nobody has tried; the notes say so
    #[arg(long, conflicts_with = "trial")]
    pub untried: bool,
    #[command(flatten)]
    pub onward: OnwardArgs,
    /// The index of the releases before, its bundle beside it [default: this is the first]
    #[arg(long, value_name = "FILE")]
    pub index: Option<PathBuf>,
    /// The public key of who signed that index, if it was no workflow
    #[arg(long, value_name = "FILE", requires = "index")]
    pub key: Option<PathBuf>,
    /// Where archives are
    #[arg(long, default_value = "dist", value_name = "FOLDER")]
    pub dist: PathBuf,
    /// Where the release's folder goes, which is named after its tag
    #[arg(long, default_value = "release", value_name = "FOLDER")]
    pub out: PathBuf,
    /// Prove archives without their unstripped twins, which only the store that built them has
    #[arg(long)]
    pub without_symbols: bool,
}

/// `rst renew`
#[cfg(feature = "release")]
#[derive(Debug, Args)]
pub struct RenewArgs {
    /// The newest index, its bundle beside it; it may have expired
    pub index: PathBuf,
    /// The public key of who signed it, if it was no workflow
    #[arg(long, value_name = "FILE")]
    pub key: Option<PathBuf>,
    #[command(flatten)]
    pub onward: OnwardArgs,
    /// Where the folder `index` goes, which holds it
    #[arg(long, default_value = "release", value_name = "FOLDER")]
    pub out: PathBuf,
}

#[cfg(feature = "release")]
/// `rst verify`
#[derive(Debug, Args)]
pub struct VerifyArgs {
    /// What to verify; the bundle of each lies beside it, as FILE.sigstore.json, or that of checksums.txt does
    #[arg(required = true, value_name = "FILE")]
    pub files: Vec<PathBuf>,
    /// A signed attestation that must say how, where and from what every file was built
    #[arg(long, value_name = "BUNDLE")]
    pub provenance: Option<PathBuf>,
    /// Refuse an index.json whose number is below this one, which was seen before
    #[arg(long, value_name = "NUMBER", default_value_t = 0)]
    pub seen: u64,
    /// Whom to trust, as Sigstore's trusted_root.json [default: the public Sigstore, as it is built in]
    #[arg(long, value_name = "FILE")]
    pub trusted_root: Option<PathBuf>,
    /// Trust the owner of this public key (PEM) instead
    #[arg(long, value_name = "FILE", conflicts_with = "trusted_root")]
    pub key: Option<PathBuf>,
    /// Who must have released it [default: the release.toml that is built in]
    #[arg(long, value_name = "FILE")]
    pub release: Option<PathBuf>,
}

#[cfg(feature = "release")]
/// `rst publish`
#[derive(Debug, Args)]
pub struct PublishArgs {
    /// The release's folder, or one with an index alone
    pub folder: PathBuf,
    /// Publish to this folder instead: FOLDER/TAG/, and the newest index.json beside it
    #[arg(long, value_name = "FOLDER")]
    pub to: Option<PathBuf>,
    /// Publish it although nobody has signed it
    #[arg(long)]
    pub unsigned: bool,
    /// The address of GitHub's API [default: that of the host in release.toml]
    #[arg(long, value_name = "URL", conflicts_with = "to", value_parser = url)]
    pub api: Option<String>,
}

#[cfg(feature = "release")]
fn url(text: &str) -> Result<String, String> {
    match text.starts_with("https://") || text.starts_with("http://") {
        true => Ok(text.to_owned()),
        false => Err("expected https://HOST or https://HOST/PATH".to_owned()),
    }
}

/// `rst trial`
#[derive(Debug, Args)]
pub struct TrialArgs {
    /// A .tar.zst or .tar.gz
    #[arg(required_unless_present = "list")]
    pub archive: Option<PathBuf>,
    /// Do these checks alone
    #[arg(long, value_name = "CHECK", value_delimiter = ',')]
    pub only: Vec<String>,
    /// Do the checks that take minutes, too
    #[arg(long)]
    pub long: bool,
    /// Try the upgrade from this older archive, too
    #[arg(long, value_name = "ARCHIVE")]
    pub from: Option<PathBuf>,
    /// Try it in virtual machines of these systems instead; `all` are those that the archive is for
    #[arg(long, value_name = "SYSTEM", value_delimiter = ',')]
    pub vm: Vec<String>,
    /// When a machine is taken to hang, and ended; it has a sixth of that to come up
    #[arg(long, default_value_t = 900, value_name = "SECONDS")]
    pub limit: u64,
    /// Open a shell at the machine's console, after the checks of --only if there are any
    #[arg(long, requires = "vm")]
    pub shell: bool,
    /// Run upstream's own tests of the tool instead; --only names files of them
    #[arg(long, conflicts_with_all = ["long", "from", "vm", "junit", "allow_untried", "list"])]
    pub upstream: bool,
    /// Run them with Debian's programs of the same version too, and compare
    #[arg(long, requires = "upstream")]
    pub debian: bool,
    /// Leave homes and storage, to be looked at
    #[arg(long)]
    pub keep: bool,
    /// End well although some checks cannot be tried here, as without root
    #[arg(long)]
    pub allow_untried: bool,
    /// Write the results as JUnit's XML, too
    #[arg(long, value_name = "FILE")]
    pub junit: Option<PathBuf>,
    /// Show the checks, or with --vm the systems, and do nothing
    #[arg(long)]
    pub list: bool,
    #[command(subcommand)]
    pub command: Option<TrialCommand>,
}

/// `rst trial ...`
#[derive(Debug, Subcommand)]
pub enum TrialCommand {
    /// Remove what trials have left that were killed
    Clean,
}

/// `--override`
#[derive(Clone, Debug)]
pub struct Override {
    /// The recipe's name.
    pub component: String,
    /// The source to build.
    pub folder: PathBuf,
}

impl std::str::FromStr for Override {
    type Err = String;
    fn from_str(text: &str) -> Result<Self, Self::Err> {
        match text.split_once('=') {
            Some((component, folder)) if !component.is_empty() && !folder.is_empty() => {
                Ok(Self { component: component.to_owned(), folder: folder.into() })
            }
            _ => Err("expected COMPONENT=FOLDER".to_owned()),
        }
    }
}

/// `rst mirror`
#[derive(Debug, Subcommand)]
pub enum MirrorCommand {
    /// Write every source in the lock to a folder that can serve as --mirror
    Export {
        /// The folder
        folder: PathBuf,
    },
}

/// `rst store`
#[derive(Debug, Subcommand)]
pub enum StoreCommand {
    /// Digest everything again, and remove what is damaged
    Verify,
    /// Print where the store is
    Path,
}
