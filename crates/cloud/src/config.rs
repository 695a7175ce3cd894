//! What the embedded cloud is started with.

use std::net::{Ipv4Addr, SocketAddr};
use std::path::PathBuf;
use std::sync::Arc;
use std::time::Duration;

use crate::clock::{SharedWall, Speed, SystemWall};
use crate::durability::Durability;
use crate::outbox::Subscriber;
use crate::server::{Limits, record};

/// Settings of one embedded cloud.
#[derive(Clone)]
pub struct Config {
    /// Where it listens. Port 0 takes a free one.
    pub listen: SocketAddr,
    /// Folder of all its state; made where it is missing.
    pub data: PathBuf,
    /// Account of the first access key.
    pub default_account: String,
    /// Region that clients are told to use; its partition is that of all IAM ARNs. Calls to any region are answered.
    pub region: String,
    /// The machine's time: processes, HTTP, signatures, credentials. The simulated clock runs over it.
    pub wall: SharedWall,
    /// How fast simulated time passes until it is changed: what resources show, and what happens to them by itself.
    pub speed: Speed,
    /// What acknowledged writes outlive.
    pub durability: Durability,
    /// How long a description of something that is about to settle is held; not at all where zero.
    pub hold: Duration,
    /// Longest request body in bytes, S3 excepted, which streams.
    pub max_body: usize,
    /// Names, besides its own, by which clients call it: requests for any other host are refused.
    pub hosts: Vec<String>,
    /// Who is told of events, such as that a training job ended. None are kept where nobody is.
    pub subscribers: Vec<Subscriber>,
    /// Bounds on connections and on requests that are not believed yet.
    pub limits: Limits,
    /// The request log, where one is to be kept.
    pub record: Option<record::Settings>,
}

impl Config {
    /// The usual settings for a data folder: `127.0.0.1:4599`, account `000000000000`, `us-east-1`, 16 MiB.
    #[must_use]
    pub fn new(data: impl Into<PathBuf>) -> Self {
        Self {
            listen: SocketAddr::from((Ipv4Addr::LOCALHOST, 4599)),
            data: data.into(),
            default_account: "000000000000".to_owned(),
            region: "us-east-1".to_owned(),
            wall: Arc::new(SystemWall),
            speed: Speed::REAL,
            durability: Durability::default(),
            hold: Duration::from_secs(2),
            max_body: 16 * 1024 * 1024,
            hosts: Vec::new(),
            subscribers: Vec::new(),
            limits: Limits::default(),
            record: None,
        }
    }
}
