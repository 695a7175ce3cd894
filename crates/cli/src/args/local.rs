//! `sagewright local …`: commands about the embedded cloud.

use std::ffi::OsString;
use std::net::SocketAddr;
use std::path::PathBuf;

use clap::{Args, Subcommand, ValueEnum};
use sagewright_cloud::clock::{Speed, SpeedError};

use super::{address, duration};

/// `local …`
#[derive(Debug, Subcommand)]
pub(crate) enum Local {
    /// Start the embedded cloud
    Up(Up),
    /// Stop it
    Down(Down),
    /// Show whether it is up, and what it holds
    Status(LocalStatus),
    /// Show its simulated time, or change it
    Clock(LocalClock),
    /// Take the spot instances of a training job away, as AWS may at any time
    Interrupt(LocalInterrupt),
    /// Show its own log, which it writes when it was started with --detach
    Logs(LocalLogs),
    /// Tell which operations of AWS's services it has
    Operations,
    /// Show, install and remove the environments in which scripts run, as in scikit-learn's image
    #[command(subcommand)]
    Images(LocalImages),
    /// Throw its state away, and no file that it has not made
    Reset(Reset),
    /// Print the shell commands that point any AWS client at it: eval "$(sagewright local env)"
    Env(Env),
    /// Run a program against it, unmodified: AWS's own host names lead to it, too
    Exec(Exec),
    /// Start a shell in which every program runs against it, as with exec
    Shell(Shell),
    /// Send the requests of a file that `up --record` wrote again, in order, and compare the answers
    Replay(Replay),
}

/// `local replay`
#[derive(Debug, Clone, Args)]
pub(crate) struct Replay {
    /// File that `local up --record` wrote
    #[arg(value_name = "FILE")]
    pub(crate) file: PathBuf,
    /// Also tell of requests whose answers are the same
    #[arg(long)]
    pub(crate) all: bool,
}

/// `local up`
#[derive(Debug, Clone, Args)]
pub(crate) struct Up {
    /// Address to listen on; port 0 takes a free one [default: 127.0.0.1:4599]
    #[arg(long, value_name = "ADDRESS", value_parser = address)]
    pub(crate) listen: Option<SocketAddr>,
    /// Listen on an address that other machines reach; whoever has a key of it can run programs here
    #[arg(long, requires = "listen")]
    pub(crate) allow_remote: bool,
    /// Further name by which clients call it; may be repeated. Requests for foreign hosts are refused
    #[arg(long = "host", value_name = "NAME", value_parser = clap::builder::NonEmptyStringValueParser::new())]
    pub(crate) hosts: Vec<String>,
    /// Go to the background once it answers
    #[arg(long)]
    pub(crate) detach: bool,
    /// The same: go to the background once it answers
    #[arg(long)]
    pub(crate) wait: bool,
    /// With --detach: give up and stop it when it does not answer after this long
    #[arg(long, value_name = "DURATION", value_parser = duration, default_value = "60s")]
    pub(crate) timeout: std::time::Duration,
    /// Be what --detach starts
    #[arg(long, hide = true)]
    pub(crate) detached: bool,
    /// TOML file that maps container images to commands
    #[arg(long, value_name = "FILE")]
    pub(crate) images: Option<PathBuf>,
    /// What acknowledged writes outlive: the end of the process, or a loss of power too, which waits for the disk
    /// [default: kill]
    #[arg(long, value_name = "EVENT", value_enum)]
    pub(crate) durability: Option<Durability>,
    /// Answer every description at once. Otherwise a caller's first look at something that is about to settle, as a
    /// training job or an endpoint, is answered when it settles, 2 s later at the latest
    #[arg(long)]
    pub(crate) no_hold: bool,
    /// Simulated seconds in a second, from 1 to 10000, until it stops: times of resources and what happens to them by
    /// itself. Programs, signatures and credentials keep to the machine's time [default: 1]
    #[arg(long, value_name = "N", value_parser = speed, allow_negative_numbers = true)]
    pub(crate) speed: Option<Speed>,
    /// Write a line of JSON for each request to a file, with secrets masked, for `local replay` and for bug reports
    #[arg(long, value_name = "FILE")]
    pub(crate) record: Option<PathBuf>,
    /// With --record: the contents of objects of up to 1 MiB, too, which are never masked
    #[arg(long, requires = "record")]
    pub(crate) record_bodies: bool,
}

/// `local images`
#[derive(Debug, Subcommand)]
pub(crate) enum LocalImages {
    /// Show which frameworks there are, and which are installed
    List,
    /// Install frameworks, each once for all jobs, with pip as you have configured it
    Install(ImagesInstall),
    /// Remove the environments of frameworks
    Remove(ImagesRemove),
}

/// `local images install`
#[derive(Debug, Clone, Args)]
pub(crate) struct ImagesInstall {
    /// Framework and version, for example sklearn:1.2-1
    #[arg(value_name = "FRAMEWORK:VERSION", required = true)]
    pub(crate) frameworks: Vec<String>,
    /// Do not ask
    #[arg(long, short)]
    pub(crate) yes: bool,
}

/// `local images remove`
#[derive(Debug, Clone, Args)]
pub(crate) struct ImagesRemove {
    /// Framework and version, for example sklearn:1.2-1
    #[arg(value_name = "FRAMEWORK:VERSION", required = true)]
    pub(crate) frameworks: Vec<String>,
}

/// `local clock`
#[derive(Debug, Clone, Args)]
pub(crate) struct LocalClock {
    /// Go forward by so much at once, for example 90s, 2h or 30d; by at most ten years (3653d)
    #[arg(long, value_name = "DURATION", value_parser = duration, allow_hyphen_values = true)]
    pub(crate) advance: Option<std::time::Duration>,
    /// Simulated seconds in a second from now on, from 1 to 10000, until the embedded cloud stops
    #[arg(long, value_name = "N", value_parser = speed, allow_negative_numbers = true)]
    pub(crate) speed: Option<Speed>,
}

/// `local interrupt`
#[derive(Debug, Clone, Args)]
#[command(
    after_help = "The program gets SIGTERM, and SIGKILL 120 seconds later. Its checkpoints go to the S3Uri of CheckpointConfig and \
are there when the job runs again, at once. The job must have been created with EnableManagedSpotTraining."
)]
pub(crate) struct LocalInterrupt {
    /// Name of the training job, or TrainingJob/NAME
    #[arg(value_name = "JOB")]
    pub(crate) job: String,
    /// Account that the job is in
    #[arg(long, value_name = "ID", default_value = crate::local::DEFAULT_ACCOUNT)]
    pub(crate) account: String,
}

/// What acknowledged writes outlive.
#[derive(Debug, Clone, Copy, PartialEq, Eq, ValueEnum)]
pub(crate) enum Durability {
    /// However the process ends
    Kill,
    /// The machine losing power as well
    PowerLoss,
}

impl Durability {
    /// As it is written on the command line.
    pub(crate) fn as_str(self) -> &'static str {
        match self {
            Self::Kill => "kill",
            Self::PowerLoss => "power-loss",
        }
    }
}

impl From<Durability> for sagewright_cloud::durability::Durability {
    fn from(durability: Durability) -> Self {
        match durability {
            Durability::Kill => Self::Kill,
            Durability::PowerLoss => Self::PowerLoss,
        }
    }
}

/// `local status`
#[derive(Debug, Clone, Args)]
pub(crate) struct LocalStatus {
    /// Wait until it answers
    #[arg(long)]
    pub(crate) wait: bool,
    /// Give up waiting after this long
    #[arg(long, value_name = "DURATION", value_parser = duration, requires = "wait")]
    pub(crate) timeout: Option<std::time::Duration>,
}

/// `local logs`
#[derive(Debug, Clone, Args)]
pub(crate) struct LocalLogs {
    /// Follow until the embedded cloud stops
    #[arg(long, short)]
    pub(crate) follow: bool,
    /// Only the last lines
    #[arg(long, value_name = "N")]
    pub(crate) tail: Option<usize>,
}

/// `local down`
#[derive(Debug, Clone, Args)]
pub(crate) struct Down {
    /// How long it may take to stop before it is killed
    #[arg(long, value_name = "DURATION", default_value = "75s", value_parser = duration)]
    pub(crate) timeout: std::time::Duration,
}

/// `local reset`
#[derive(Debug, Clone, Args)]
pub(crate) struct Reset {
    /// Do not ask
    #[arg(long)]
    pub(crate) yes: bool,
}

/// `local env`
#[derive(Debug, Clone, Args)]
#[command(
    after_help = "With --profile NAME, prints a profile of AWS's configuration file instead. Programs that heed \
no variable need `sagewright local exec`."
)]
pub(crate) struct Env {
    /// Account whose credentials are wanted; made where it is new
    #[arg(long, value_name = "ID", default_value = "000000000000")]
    pub(crate) account: String,
    /// Shell that is to read the commands
    #[arg(long, value_enum, value_name = "SHELL", default_value_t = Dialect::Sh)]
    pub(crate) shell: Dialect,
    /// Print the commands that take the variables away again; with --profile and --write, remove the profile
    #[arg(long)]
    pub(crate) unset: bool,
    /// Write the profile into AWS's configuration file (AWS_CONFIG_FILE, or ~/.aws/config)
    #[arg(long)]
    pub(crate) write: bool,
}

/// Languages of shells.
#[derive(Debug, Clone, Copy, PartialEq, Eq, ValueEnum)]
pub(crate) enum Dialect {
    /// sh, bash, zsh: eval "$(sagewright local env)"
    Sh,
    /// fish: sagewright local env --shell fish | source
    Fish,
    /// PowerShell: sagewright local env --shell powershell | Out-String | Invoke-Expression
    #[value(alias = "pwsh")]
    Powershell,
}

/// `local exec`
#[derive(Debug, Clone, Args)]
#[command(
    after_help = "The program gets a session of the role sagewright-execution, a proxy for AWS's host names and a \
certificate authority that is trusted by it alone. Its exit code is the command's; 126 and 127 say that it could not be \
started."
)]
pub(crate) struct Exec {
    /// Account that the program works in; made where it is new
    #[arg(long, value_name = "ID", default_value = "000000000000")]
    pub(crate) account: String,
    /// Program with its arguments
    #[arg(required = true, trailing_var_arg = true, allow_hyphen_values = true, value_name = "PROGRAM")]
    pub(crate) command: Vec<OsString>,
}

/// `local shell`
#[derive(Debug, Clone, Args)]
pub(crate) struct Shell {
    /// Account that the shell's programs work in; made where it is new
    #[arg(long, value_name = "ID", default_value = "000000000000")]
    pub(crate) account: String,
}

fn speed(text: &str) -> Result<Speed, SpeedError> {
    text.parse()
}
