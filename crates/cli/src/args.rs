//! The command line: every command and option, with its help.

mod controller;
mod duration;
mod local;
mod serving;
mod smlogs;

use std::net::{IpAddr, Ipv4Addr, SocketAddr};
use std::path::PathBuf;

use clap::{Args, Parser, Subcommand, ValueEnum};
use sagewright_engine::{Owner, Selector};
use sagewright_model::{AccountId, Region};

pub(crate) use controller::*;
pub(crate) use duration::duration;
pub(crate) use local::*;
pub(crate) use serving::*;
pub(crate) use smlogs::*;

/// Deliver machine-learning models on Amazon SageMaker: on AWS, or on a SageMaker embedded in this program.
#[derive(Debug, Parser)]
#[command(name = "sagewright", version, propagate_version = true, disable_help_subcommand = true, max_term_width = 110)]
#[command(after_help = "Start with `sagewright quickstart`. Exit codes: 0 done, 1 failed, 2 changes pending (plan \
--exit-code), 3 timed out, 64 wrong usage, 65 wrong manifest, saved plan or project file, 126 and 127 `local exec` \
could not start its program, 130 interrupted.")]
pub(crate) struct Cli {
    #[command(flatten)]
    pub(crate) global: Global,
    #[command(subcommand)]
    pub(crate) command: Command,
}

/// Where calls go and how results are shown.
#[derive(Debug, Clone, Args)]
#[command(next_help_heading = "Global options")]
pub(crate) struct Global {
    /// AWS region [default: AWS_REGION, the profile's; --local: us-east-1]
    #[arg(long, global = true, value_name = "REGION")]
    pub(crate) region: Option<String>,
    /// Profile of the AWS configuration files; its credentials go before the environment's
    #[arg(long, global = true, value_name = "NAME")]
    pub(crate) profile: Option<String>,
    /// Endpoint of all services, in place of AWS's [env: AWS_ENDPOINT_URL]
    #[arg(long, global = true, value_name = "URL")]
    pub(crate) endpoint_url: Option<String>,
    /// Role to assume for all calls
    #[arg(long, global = true, value_name = "ARN")]
    pub(crate) role_arn: Option<String>,
    /// External id that the role's trust policy asks for
    #[arg(long, global = true, value_name = "ID", requires = "role_arn")]
    pub(crate) external_id: Option<String>,
    /// Account that must be called, or several with commas; another one is refused before the first call
    /// [env: SAGEWRIGHT_EXPECT_ACCOUNT]
    #[arg(long, global = true, value_name = "ID", value_delimiter = ',')]
    pub(crate) expect_account: Vec<AccountId>,
    /// Region that must be called, or several with commas [env: SAGEWRIGHT_EXPECT_REGION]
    #[arg(long, global = true, value_name = "REGION", value_delimiter = ',')]
    pub(crate) expect_region: Vec<Region>,
    /// Use the embedded cloud that is up on this machine
    #[arg(long, global = true, env = "SAGEWRIGHT_LOCAL", value_parser = clap::builder::FalseyValueParser::new())]
    pub(crate) local: bool,
    /// Folder of the embedded cloud's state [default: a folder of yours for application data]
    #[arg(long, global = true, env = "SAGEWRIGHT_DATA", value_name = "DIR")]
    pub(crate) data: Option<PathBuf>,
    /// How results are printed
    #[arg(long, short, global = true, value_enum, value_name = "FORMAT", default_value_t = Format::Table)]
    pub(crate) output: Format,
    /// When to use color
    #[arg(long, global = true, value_enum, value_name = "WHEN", default_value_t = Color::Auto)]
    pub(crate) color: Color,
    /// Show what the program does; twice for more
    #[arg(long, short, global = true, action = clap::ArgAction::Count)]
    pub(crate) verbose: u8,
}

/// Formats of results.
#[derive(Debug, Clone, Copy, PartialEq, Eq, ValueEnum)]
pub(crate) enum Format {
    /// Columns for people
    Table,
    /// More columns
    Wide,
    /// JSON
    Json,
    /// YAML
    Yaml,
    /// KIND/NAME lines
    Name,
}

/// When to use color.
#[derive(Debug, Clone, Copy, PartialEq, Eq, ValueEnum)]
pub(crate) enum Color {
    /// On a terminal, unless NO_COLOR is set
    Auto,
    /// Always
    Always,
    /// Never
    Never,
}

/// All commands.
#[derive(Debug, Subcommand)]
pub(crate) enum Command {
    /// Train, register and serve a model of handwritten digits on this machine
    Quickstart(Quickstart),
    /// Make the cloud match manifests
    Apply(Apply),
    /// Show what apply would do, and write nothing
    Plan(Plan),
    /// Show resources
    Get(Get),
    /// Wait until a resource is settled, ready or gone
    Wait(Wait),
    /// Show the logs of a job, an endpoint, the steps of a pipeline execution, or a monitoring schedule's last execution
    Logs(Logs),
    /// Delete resources; running jobs are stopped
    Delete(Delete),
    /// Take over a resource that exists in the cloud
    Adopt(Adopt),
    /// Write a resource of the cloud as a manifest
    Export(Export),
    /// Send a request to an endpoint
    Invoke(Invoke),
    /// Send requests to an endpoint at a given rate and measure the answers. One is sent first and not counted; none is repeated
    Load(Load),
    /// Show how an endpoint's traffic is shared among its variants, and where a deployment is
    Traffic(Traffic),
    /// Have an endpoint serve the config that it served before. It is shown first, and asked for
    Rollback(Rollback),
    /// Write a page about an endpoint: requests, errors, latency and shares over time, with its variants and config
    Report(Report),
    /// Explain a kind or one of its fields
    Explain(Explain),
    /// Print the CustomResourceDefinitions of all kinds, for kubectl apply -f -
    Crds(Crds),
    /// Copy files to and from S3
    Cp(Cp),
    /// Upload a public data set to S3
    #[command(subcommand)]
    Dataset(Dataset),
    /// Turn objects of earlier controllers into today's
    #[command(subcommand)]
    Migrate(Migrate),
    /// The embedded cloud
    #[command(subcommand)]
    Local(Local),
    /// Run the Kubernetes operator
    Controller(Box<Controller>),
    /// Show the logs of the job or endpoint that an object in a Kubernetes cluster stands for; as `kubectl-smlogs` on the PATH,
    /// this is `kubectl smlogs`
    Smlogs(Smlogs),
    /// Print shell completions
    Completions(Completions),
    /// Write man pages
    Man(Man),
    /// Run a built-in algorithm as its container would
    #[command(hide = true)]
    Algorithm(Algorithm),
}

/// Manifests to read.
#[derive(Debug, Clone, Args)]
pub(crate) struct Files {
    /// Manifest file, folder of manifests, or - for standard input; may be repeated
    #[arg(
        long = "filename",
        short = 'f',
        value_name = "FILE|DIR|-",
        required_unless_present = "saved",
        conflicts_with = "saved"
    )]
    pub(crate) files: Vec<PathBuf>,
}

/// `quickstart`
#[derive(Debug, Clone, Args)]
pub(crate) struct Quickstart {
    /// Stop the embedded cloud at the end, if it was not up before
    #[arg(long)]
    pub(crate) exit: bool,
    /// Address of the embedded cloud
    #[arg(long, value_name = "ADDRESS", default_value_t = LISTEN, value_parser = address)]
    pub(crate) listen: SocketAddr,
    /// Folder of the tutorial's manifests and data [default: examples/mnist, or a fresh copy]
    #[arg(long, value_name = "DIR")]
    pub(crate) examples: Option<PathBuf>,
}

/// `apply`
#[derive(Debug, Clone, Args)]
pub(crate) struct Apply {
    /// A plan that `plan --out` wrote, in place of manifests: it is done exactly as it was shown, or not at all
    #[arg(value_name = "PLAN", conflicts_with = "strategy")]
    pub(crate) saved: Option<PathBuf>,
    #[command(flatten)]
    pub(crate) files: Files,
    /// Return when the calls are accepted, without waiting for jobs and endpoints
    #[arg(long, conflicts_with = "prune")]
    pub(crate) no_wait: bool,
    /// Show the logs of jobs while they run
    #[arg(long, conflicts_with = "no_wait")]
    pub(crate) logs: bool,
    /// Give up waiting after this long, for example 90s, 30m, 2h
    #[arg(long, value_name = "DURATION", value_parser = duration)]
    pub(crate) timeout: Option<std::time::Duration>,
    #[command(flatten)]
    pub(crate) set: Set,
    #[command(flatten)]
    pub(crate) rollout: Rollout,
    /// Show what would be done, and write nothing, as `plan` does
    #[arg(long, conflicts_with = "saved")]
    pub(crate) dry_run: bool,
    /// Do not ask before --prune deletes; nothing else asks. Without a terminal, --prune is refused without it
    #[arg(long, short)]
    pub(crate) yes: bool,
    /// In -o json, and in the plan of --dry-run, show values that are secret by their names, too
    #[arg(long)]
    pub(crate) show_secrets: bool,
}

/// A set that is applied whole.
#[derive(Debug, Clone, Args)]
pub(crate) struct Set {
    /// Then delete what was applied with the same --selector before and is no longer declared. It is shown first
    #[arg(long, requires = "selector", conflicts_with = "saved")]
    pub(crate) prune: bool,
    /// Label of the set, KEY=VALUE, that every object in the manifests must have
    #[arg(long, short = 'l', value_name = "LABEL", requires = "prune")]
    pub(crate) selector: Option<Selector>,
    /// With --prune: delete in all namespaces of this installation, not only in those of the manifests
    #[arg(long, short = 'A', requires = "prune")]
    pub(crate) all_namespaces: bool,
    /// With --prune: also delete what may still be in use, because not everything that could use it was looked at
    #[arg(long, requires = "prune")]
    pub(crate) force: bool,
}

/// `plan`
#[derive(Debug, Clone, Args)]
pub(crate) struct Plan {
    #[command(flatten)]
    pub(crate) files: Files,
    /// Exit with 2 when there are changes
    #[arg(long)]
    pub(crate) exit_code: bool,
    /// Check the manifests and plan without asking the cloud, as if nothing existed
    #[arg(long, conflicts_with = "prune")]
    pub(crate) offline: bool,
    /// Show what delete would do instead: what would be deleted or kept, and why, and what still uses it
    #[arg(long, conflicts_with_all = ["offline", "prune", "strategy"])]
    pub(crate) delete: bool,
    #[command(flatten)]
    pub(crate) set: Set,
    #[command(flatten)]
    pub(crate) rollout: Rollout,
    /// Write the plan to a file that `apply FILE` does exactly; it contains the full manifests, including any secrets.
    /// A plan with problems is not written
    #[arg(long, value_name = "FILE", conflicts_with_all = ["offline", "delete", "prune"])]
    pub(crate) out: Option<PathBuf>,
    /// Show a plan that --out wrote, without asking the cloud; sensitive values are left out
    #[arg(long = "show", value_name = "FILE", conflicts_with_all = ["offline", "delete", "out", "strategy"])]
    pub(crate) saved: Option<PathBuf>,
    /// Show values that are secret by their names, too: what AWS marks as sensitive is never shown
    #[arg(long)]
    pub(crate) show_secrets: bool,
}

/// `get`
#[derive(Debug, Clone, Args)]
pub(crate) struct Get {
    /// KIND[,KIND…] [NAME…] or KIND/NAME…; KIND is TrainingJob, trainingjobs and the like. Or `alarms [NAME…]`, CloudWatch's alarms, or
    /// `metrics ENDPOINT|JOB`, what CloudWatch measured of an endpoint's variants or of a training job
    #[arg(required = true, value_name = "KIND|KIND/NAME|alarms|metrics")]
    pub(crate) what: Vec<String>,
    /// Of pipeline executions (`sagewright get pipelineexecutions PIPELINE` has those of one pipeline): show the steps too,
    /// with what each waits for, its times, its job and why it failed
    #[arg(long, conflicts_with = "executions")]
    pub(crate) steps: bool,
    /// Of monitoring schedules: show the latest executions, with their jobs and what they found
    #[arg(long)]
    pub(crate) executions: bool,
    #[command(flatten)]
    pub(crate) window: Window,
}

/// `wait`
#[derive(Debug, Clone, Args)]
pub(crate) struct Wait {
    /// KIND/NAME
    #[arg(value_name = "KIND/NAME")]
    pub(crate) resource: String,
    /// What to wait for
    #[arg(long = "for", value_enum, value_name = "STATE", default_value_t = WaitFor::Ready)]
    pub(crate) state: WaitFor,
    /// Give up after this long
    #[arg(long, value_name = "DURATION", value_parser = duration)]
    pub(crate) timeout: Option<std::time::Duration>,
}

/// States that `wait` knows.
#[derive(Debug, Clone, Copy, PartialEq, Eq, ValueEnum)]
pub(crate) enum WaitFor {
    /// Settled well: in service, completed
    Ready,
    /// Settled, well or badly
    Settled,
    /// Gone
    Deleted,
}

/// `logs`
#[derive(Debug, Clone, Args)]
pub(crate) struct Logs {
    /// KIND/NAME
    #[arg(value_name = "KIND/NAME")]
    pub(crate) resource: String,
    /// Follow until the job ends (an endpoint: until interrupted)
    #[arg(long, short)]
    pub(crate) follow: bool,
    /// Only the last lines
    #[arg(long, value_name = "N")]
    pub(crate) tail: Option<usize>,
    /// Put time and stream before each line; without, lines of several streams have what tells these apart before them
    #[arg(long)]
    pub(crate) timestamps: bool,
}

/// `delete`
#[derive(Debug, Clone, Args)]
pub(crate) struct Delete {
    /// KIND/NAME; or -f with manifests, or -l with the label of a set
    #[arg(required_unless_present_any = ["files", "selector"], conflicts_with = "files", value_name = "KIND/NAME")]
    pub(crate) resources: Vec<String>,
    /// Delete what these manifests declare
    #[arg(long = "filename", short = 'f', value_name = "FILE|DIR|-")]
    pub(crate) files: Vec<PathBuf>,
    /// Delete what `apply --prune` applied with this label, KEY=VALUE
    #[arg(long, short = 'l', value_name = "LABEL", conflicts_with_all = ["files", "resources", "unmanaged"])]
    pub(crate) selector: Option<Selector>,
    /// With --selector: in this namespace
    #[arg(long, short, value_name = "NAMESPACE", default_value = "default", requires = "selector")]
    pub(crate) namespace: String,
    /// With --selector: in all namespaces of this installation
    #[arg(long, short = 'A', requires = "selector", conflicts_with = "namespace")]
    pub(crate) all_namespaces: bool,
    /// Show what would be deleted or kept, and why, and what still uses it; delete nothing
    #[arg(long)]
    pub(crate) dry_run: bool,
    /// Do not ask. Without a terminal, nothing is deleted without it
    #[arg(long, short)]
    pub(crate) yes: bool,
    /// Also delete what something else still uses, and an endpoint that serves a different config than its manifest declares
    #[arg(long)]
    pub(crate) force: bool,
    /// Return when the calls are accepted
    #[arg(long)]
    pub(crate) no_wait: bool,
    /// Give up waiting after this long; what was begun goes on
    #[arg(long, value_name = "DURATION", value_parser = duration)]
    pub(crate) timeout: Option<std::time::Duration>,
    /// Delete named resources that no manifest owns, too
    #[arg(long)]
    pub(crate) unmanaged: bool,
}

/// `adopt`
#[derive(Debug, Clone, Args)]
pub(crate) struct Adopt {
    /// KIND/NAME; for model packages and executions KIND/ARN
    #[arg(value_name = "KIND/NAME")]
    pub(crate) resource: String,
    /// Object name that will own it [default: the resource's own]
    #[arg(long = "as", value_name = "NAME")]
    pub(crate) name: Option<String>,
    /// Namespace of that object
    #[arg(long, short, value_name = "NAMESPACE", default_value = "default")]
    pub(crate) namespace: String,
    /// Take it from the object that owns it now, NAMESPACE/NAME, or INSTALLATION/NAMESPACE/NAME of another installation
    #[arg(long, value_name = "OWNER")]
    pub(crate) from: Option<Owner>,
}

/// `export`
#[derive(Debug, Clone, Args)]
pub(crate) struct Export {
    /// KIND/NAME; for model packages and executions KIND/ARN
    #[arg(value_name = "KIND/NAME")]
    pub(crate) resource: String,
}

/// `explain`
#[derive(Debug, Clone, Args)]
pub(crate) struct Explain {
    /// KIND[.field…], for example TrainingJob.resourceConfig; all kinds without one
    #[arg(value_name = "KIND[.FIELD…]")]
    pub(crate) path: Option<String>,
    /// Print the reference of all kinds as Markdown instead
    #[arg(long, hide = true, conflicts_with = "path")]
    pub(crate) markdown: bool,
}

/// `cp`
#[derive(Debug, Clone, Args)]
pub(crate) struct Cp {
    /// File, folder or s3://BUCKET/KEY; - for standard input
    pub(crate) source: String,
    /// s3://BUCKET/KEY, file or folder; a trailing / keeps the source's name; - for standard output
    pub(crate) destination: String,
    /// Make the bucket where it is missing
    #[arg(long)]
    pub(crate) make_bucket: bool,
    /// Decompress a .gz file on the way
    #[arg(long)]
    pub(crate) decompress: bool,
}

/// `dataset`
#[derive(Debug, Clone, Subcommand)]
pub(crate) enum Dataset {
    /// Handwritten digits as comma-separated values: PREFIX/train/examples, PREFIX/validation/examples, PREFIX/test/examples
    Mnist(MnistDataset),
}

/// `dataset mnist`
#[derive(Debug, Clone, Args)]
pub(crate) struct MnistDataset {
    /// Bucket to upload to
    #[arg(long, value_name = "BUCKET")]
    pub(crate) s3_bucket: String,
    /// Prefix of the keys
    #[arg(long, value_name = "PREFIX", default_value = "")]
    pub(crate) s3_prefix: String,
    /// Folder with the four IDX files of MNIST, packed with gzip or not [default: a sample of 6,000 digits]
    #[arg(long, value_name = "DIR")]
    pub(crate) from: Option<PathBuf>,
    /// Make the bucket where it is missing
    #[arg(long)]
    pub(crate) make_bucket: bool,
}

/// `migrate`
#[derive(Debug, Clone, Subcommand)]
pub(crate) enum Migrate {
    /// From ACK's controllers for SageMaker and Application Auto Scaling: what there is in a cluster, what Sagewright would change in
    /// AWS, and the swap of the controllers
    Ack(MigrateAck),
    /// Objects of Amazon SageMaker Operators for Kubernetes (sagemaker.aws.amazon.com/v1): manifests, or what
    /// `kubectl get -o yaml` shows; live ones become objects that take over the same resources
    Legacy(MigrateLegacy),
}

/// `migrate ack`
#[derive(Debug, Clone, Args)]
pub(crate) struct MigrateAck {
    /// Swap ACK for Sagewright, if the check finds nothing: each step is told first
    #[arg(long, conflicts_with = "back")]
    pub(crate) swap: bool,
    /// Swap Sagewright for ACK
    #[arg(long)]
    pub(crate) back: bool,
    /// Do the steps without asking
    #[arg(long, short)]
    pub(crate) yes: bool,
    /// Swap although the check found something
    #[arg(long)]
    pub(crate) force: bool,
    /// How long the end of a controller is waited for
    #[arg(long, value_name = "DURATION", default_value = "2m", value_parser = duration)]
    pub(crate) timeout: std::time::Duration,
    #[command(flatten)]
    pub(crate) cluster: ClusterChoice,
}

/// `migrate legacy`
#[derive(Debug, Clone, Args)]
pub(crate) struct MigrateLegacy {
    /// Manifest file, folder of manifests, or - for standard input; may be repeated
    #[arg(long = "filename", short = 'f', value_name = "FILE|DIR|-", required = true)]
    pub(crate) files: Vec<PathBuf>,
}

/// `crds`
#[derive(Debug, Clone, Args)]
pub(crate) struct Crds {
    /// Those of Amazon SageMaker Operators for Kubernetes (sagemaker.aws.amazon.com) instead
    #[arg(long)]
    pub(crate) legacy: bool,
}

/// `completions`
#[derive(Debug, Clone, Args)]
pub(crate) struct Completions {
    /// Shell
    #[arg(value_enum)]
    pub(crate) shell: clap_complete::Shell,
}

/// `man`
#[derive(Debug, Clone, Args)]
pub(crate) struct Man {
    /// Folder to write to; the page of sagewright itself goes to standard output without one
    pub(crate) dir: Option<PathBuf>,
    /// Print the reference of all commands as Markdown instead
    #[arg(long, hide = true)]
    pub(crate) markdown: bool,
}

/// `algorithm`
#[derive(Debug, Clone, Args)]
pub(crate) struct Algorithm {
    /// Algorithm
    pub(crate) algorithm: String,
    /// `train`, `serve` or `process`
    pub(crate) program: String,
}

/// Where the embedded cloud listens, unless it is told otherwise.
pub(crate) const LISTEN: SocketAddr = SocketAddr::new(IpAddr::V4(Ipv4Addr::LOCALHOST), 4599);

fn address(text: &str) -> Result<SocketAddr, String> {
    let numeric = text.strip_prefix("localhost:").map_or_else(|| text.to_owned(), |port| format!("127.0.0.1:{port}"));
    numeric.parse().map_err(|_| "expected an IP address and a port, for example 127.0.0.1:4599".to_owned())
}

#[cfg(test)]
mod tests {
    use clap::CommandFactory as _;

    #[test]
    fn the_command_line_is_consistent() {
        super::Cli::command().debug_assert();
    }

    #[test]
    fn addresses_are_an_ip_and_a_port() {
        for (text, wanted) in [("127.0.0.1:1", "127.0.0.1:1"), ("localhost:0", "127.0.0.1:0"), ("[::1]:80", "[::1]:80")]
        {
            assert_eq!(super::address(text).map(|a| a.to_string()).as_deref(), Ok(wanted));
        }
        for wrong in ["localhost", "127.0.0.1", "4599", "example.com:80", "localhost:x"] {
            assert!(super::address(wrong).unwrap_err().contains("for example 127.0.0.1:4599"), "{wrong}");
        }
    }
}
