//! The servers under measurement, each a process of its own.

use std::io::{BufRead, BufReader};
use std::net::{Ipv4Addr, SocketAddr, TcpListener, TcpStream};
use std::path::{Path, PathBuf};
use std::process::{Command, Stdio};
use std::time::{Duration, Instant};

use anyhow::{Context, Result, bail, ensure};
use serde_json::Value;

use super::Setup;
use super::client::{Answer, Client};
use super::signature::Signer;
use crate::process::{self, Group};

/// How long a server may take to answer first.
const PATIENCE: Duration = Duration::from_secs(60);

/// What can be measured.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Peer {
    Ours,
    Moto,
    /// Only where the user has installed it; it is run, never linked.
    Fakecloud,
}

impl Peer {
    /// Its name in the table.
    pub fn name(self) -> &'static str {
        match self {
            Self::Ours => "ours",
            Self::Moto => "moto",
            Self::Fakecloud => "fakecloud",
        }
    }

    /// All that are on this machine, ours first.
    pub fn here() -> Vec<Self> {
        let mut peers = vec![Self::Ours, Self::Moto];
        if on_path("fakecloud").is_some() {
            peers.push(Self::Fakecloud);
        }
        peers
    }

    fn command(self, setup: &Setup, address: SocketAddr, data: &Path) -> Command {
        let (ip, port) = (address.ip().to_string(), address.port().to_string());
        match self {
            Self::Ours => {
                let mut command = Command::new(&setup.binary);
                command.args(["local", "up", "--output", "json", "--listen", &address.to_string()]);
                command.arg("--data").arg(data);
                command
            }
            Self::Moto => {
                let mut command = Command::new(setup.tests.python());
                command.args(["-m", "moto.server", "--host", &ip, "--port", &port]);
                command
            }
            Self::Fakecloud => {
                let mut command = Command::new("fakecloud");
                command.args(["--addr", &address.to_string()]).current_dir(data);
                command
            }
        }
    }
}

/// A started server; it ends when this is dropped.
pub struct Server {
    group: Group,
    pub address: SocketAddr,
    pub signer: Signer,
    /// From the start of the process to the end of its first answer.
    pub first_answer: Duration,
}

impl Server {
    /// Starts a peer on a free port with its state in `data`, and waits for its first answer.
    pub fn start(peer: Peer, setup: &Setup, data: &Path) -> Result<Self> {
        let address = free_address()?;
        let mut command = peer.command(setup, address, data);
        // A machine's own AWS settings must not reach a server that is to be the same everywhere.
        for (name, _) in std::env::vars_os() {
            if name.to_str().is_some_and(|n| n.starts_with("AWS_")) {
                command.env_remove(name);
            }
        }
        command.stdin(Stdio::null()).stdout(Stdio::piped()).stderr(Stdio::null());
        let start = Instant::now();
        let mut group = Group::start(&mut command)?;
        let output = group.child().stdout.take().context("a server has no output")?;
        // A stranger's key is refused, which is an answer too: what counts is the time to it.
        let probe = Signer::new("probe", "probe", "us-east-1", "sagemaker");
        let first_answer = loop {
            process::fail_if_interrupted()?;
            if TcpStream::connect(address).is_ok()
                && Client::connect(address)?.call(&probe, "SageMaker.ListModels", &serde_json::json!({})).is_ok()
            {
                break start.elapsed();
            }
            if let Some(status) = group.child().try_wait()? {
                bail!("{} ended with {status} before it answered", peer.name());
            }
            ensure!(start.elapsed() < PATIENCE, "{} has not answered in {PATIENCE:?}", peer.name());
            std::thread::sleep(Duration::from_millis(1));
        };
        let mut output = BufReader::new(output);
        let signer = if peer == Peer::Ours { credentials(&mut output)? } else { probe };
        // The pipe is read to its end, so that the server never waits for a reader.
        std::thread::spawn(move || std::io::copy(&mut output, &mut std::io::sink()));
        Ok(Self { group, address, signer, first_answer })
    }

    /// Calls a SageMaker operation on a connection of its own.
    pub fn call(&self, operation: &str, input: &Value) -> Result<Answer> {
        Client::connect(self.address)?.call(&self.signer, &format!("SageMaker.{operation}"), input)
    }

    /// Memory in use, in megabytes.
    pub fn memory(&mut self) -> Result<f64> {
        let output = Command::new("ps")
            .args(["-o", "rss=", "-p", &self.group.child().id().to_string()])
            .output()
            .ok()
            .and_then(|o| String::from_utf8_lossy(&o.stdout).trim().parse::<f64>().ok());
        let kilobytes = match output {
            Some(kilobytes) => kilobytes,
            None => std::fs::read_to_string(format!("/proc/{}/status", self.group.child().id()))?
                .lines()
                .find_map(|l| l.strip_prefix("VmRSS:")?.trim().strip_suffix("kB")?.trim().parse().ok())
                .context("the server's memory cannot be read")?,
        };
        Ok(kilobytes / 1000.0)
    }

    /// The process.
    pub fn id(&mut self) -> u32 {
        self.group.child().id()
    }

    /// Kills the server as a crash would.
    pub fn kill(mut self) {
        self.group.kill();
    }
}

/// Keys from the first line that `sagewright local up --output json` prints.
fn credentials(output: &mut impl BufRead) -> Result<Signer> {
    let mut line = String::new();
    output.read_line(&mut line)?;
    let value: Value = serde_json::from_str(&line)
        .with_context(|| format!("the first line of `sagewright local up --output json` is not JSON: {line}"))?;
    let text = |name: &str| value[name].as_str().with_context(|| format!("`{name}` is missing in {line}"));
    Ok(Signer::new(text("accessKeyId")?, text("secretAccessKey")?, text("region")?, "sagemaker"))
}

/// A port of this machine that nothing listens on.
pub fn free_address() -> Result<SocketAddr> {
    Ok(TcpListener::bind((Ipv4Addr::LOCALHOST, 0)).context("no free port")?.local_addr()?)
}

/// A program of the user's path.
pub fn on_path(program: &str) -> Option<PathBuf> {
    let path = std::env::var_os("PATH")?;
    std::env::split_paths(&path).map(|dir| dir.join(program)).find(|file| file.is_file())
}
