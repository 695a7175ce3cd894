//! Thousands of models, as a controller and as a set: what `cargo xtask bench engine` measures.
//!
//! `fleet controller URL COUNT` creates, resyncs, changes and deletes models one object at a time, as an operator does.
//! `fleet set URL COUNT` plans and applies them as one set, as a delivery does. Each phase is a line of JSON on standard
//! output, with what this process needed for it. What answers at the URL is another process's cost.
#![allow(clippy::print_stdout)]

mod controller;
mod meter;
mod models;
mod set;

use std::error::Error;
use std::sync::Arc;
use std::time::Duration;

use futures_util::future::BoxFuture;
use jiff::Timestamp;
use sagewright_aws::Aws;
use sagewright_engine::{Clock, Engine, Target};

use meter::{Counted, Meter};

/// Whatever ends the program.
type Result<T> = std::result::Result<T, Box<dyn Error + Send + Sync>>;

struct WallClock;

impl Clock for WallClock {
    fn now(&self) -> Timestamp {
        Timestamp::now()
    }

    fn sleep(&self, duration: Duration) -> BoxFuture<'static, ()> {
        Box::pin(tokio::time::sleep(duration))
    }
}

/// What both ways share.
struct Setup {
    engine: Engine,
    cloud: Arc<Counted>,
    clock: Arc<dyn Clock>,
    target: Target,
    meter: Meter,
}

#[tokio::main]
async fn main() -> Result<()> {
    let args: Vec<String> = std::env::args().skip(1).collect();
    let [way, url, count] = args.as_slice() else { return Err("usage: fleet controller|set URL COUNT".into()) };
    let count: usize = count.parse()?;
    let aws = Aws::builder().endpoint_url(url).region("us-east-1").credentials("AKIDEXAMPLE", "secret", None);
    let cloud = Arc::new(Counted::new(Arc::new(aws.build().await?)));
    let clock: Arc<dyn Clock> = Arc::new(WallClock);
    let target = Target::new("us-east-1".parse()?);
    let engine = Engine::new(cloud.clone(), Arc::clone(&clock), target.clone());
    let meter = Meter::start(Arc::clone(&cloud), count)?;
    let setup = Setup { engine, cloud, clock, target, meter };
    match way.as_str() {
        "controller" => controller::run(setup, count).await,
        "set" => set::run(setup, count).await,
        other => Err(format!("there is no way `{other}`: it is controller or set").into()),
    }
}
