//! `sagewright load`

mod bodies;
mod pace;
mod show;
mod tally;

use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::{Duration, Instant};

use bytes::Bytes;
use sagewright_aws::runtime::{self, InvokeRequest};
use sagewright_engine::CloudError;
use sagewright_engine::cloud::Stage;
use tokio::sync::Semaphore;

use self::pace::Schedule;
use self::show::{Gate, Measured};
use self::tally::{Answer, Tally};
use crate::args::{Global, Load};
use crate::commands::invoke;
use crate::context::Context;
use crate::exit::{Exit, Failure};
use crate::output::{self, Printer, amount};
use crate::signals::Signals;

/// How often the line on a terminal is renewed.
const LIVE: Duration = Duration::from_millis(250);

/// Sends requests to an endpoint at a given rate and tells what came of them.
pub(crate) async fn run(args: &Load, global: &Global, printer: &Printer) -> anyhow::Result<Exit> {
    let endpoint = invoke::name(&args.endpoint)?;
    let schedule = Schedule::new(args.rate, args.duration);
    if schedule.count == 0 {
        return Err(Failure::new(Exit::Usage, "nothing is sent in no time")
            .help("give --duration, for example 30s")
            .into());
    }
    let mut signals = Signals::new();
    let load = tokio::select! {
        load = prepare(args, endpoint, global, printer) => Arc::new(load?),
        () = signals.next() => return Err(Failure::new(Exit::Interrupted, "interrupted").into()),
    };
    let start = Instant::now();
    let (took, interrupted) = send(&load, schedule, &mut signals).await?;
    // Of one that was interrupted, what is under way does not come into it any more.
    let tally = load.tally().clone();
    let took = took.unwrap_or_else(|| start.elapsed().min(args.duration));
    let measured = Measured { endpoint, args, planned: schedule.count, tally: &tally, took, interrupted };
    if printer.for_programs() {
        printer.document(&measured.document())?;
    } else {
        printer.result(&measured.text())?;
    }
    for note in measured.notes() {
        printer.note(&note);
    }
    if interrupted {
        printer.note("interrupted: this is what was measured until then");
        return Ok(Exit::Interrupted);
    }
    let broken: Vec<String> = measured.gates().iter().filter(|gate| !gate.holds()).map(Gate::told).collect();
    if broken.is_empty() { Ok(Exit::Done) } else { Err(Failure::new(Exit::Failed, broken.join("; ")).into()) }
}

/// What all requests share.
struct Requests {
    context: Context,
    endpoint: String,
    args: Load,
    bodies: Vec<Bytes>,
    tally: Mutex<Tally>,
}

/// Reads the bodies and sends the first one, which is not counted: what is refused is told at once, and credentials and a connection
/// are there when the clock starts.
async fn prepare(args: &Load, endpoint: &str, global: &Global, printer: &Printer) -> anyhow::Result<Requests> {
    let bodies = bodies::read(args).await?;
    let mut context = Context::connect_to("sagemaker-runtime", global, printer).await?;
    context.announce(&[]).await?;
    let load = Requests { context, endpoint: endpoint.to_owned(), args: args.clone(), bodies, tally: Mutex::default() };
    match load.request(0, false).await {
        Err(error) if is_final(&error) => Err(invoke::failed(&load.context, endpoint, error).await),
        _ => Ok(load),
    }
}

/// Whether all requests would fail in this way.
fn is_final(error: &CloudError) -> bool {
    let refused = error.status.is_some_and(|status| (400..500).contains(&status));
    match error.stage {
        Stage::Service => refused && error.code != "ModelError" && !error.is_throttle(),
        Stage::Answer => false,
        Stage::Queue | Stage::Input | Stage::Credentials | Stage::Transport => true,
    }
}

/// Sends all requests and waits for their answers, or for a signal. Gives how long they were sent, where all were, and whether
/// there was a signal.
async fn send(
    load: &Arc<Requests>,
    schedule: Schedule,
    signals: &mut Signals,
) -> anyhow::Result<(Option<Duration>, bool)> {
    let places = Arc::new(Semaphore::new(load.args.concurrency as usize));
    let stop = Arc::new(AtomicBool::new(false));
    let sending = {
        let (load, places, stop) = (Arc::clone(load), Arc::clone(&places), Arc::clone(&stop));
        let runtime = tokio::runtime::Handle::current();
        tokio::task::spawn_blocking(move || {
            let start = Instant::now();
            schedule.run(&stop, |n, planned| {
                let Ok(place) = Arc::clone(&places).try_acquire_owned() else {
                    load.tally().not_sent += 1;
                    return;
                };
                load.tally().sent(planned.elapsed());
                let load = Arc::clone(&load);
                runtime.spawn(async move {
                    let (answer, variant) = match load.request(n, true).await {
                        Ok(variant) => (Answer::good(), variant),
                        Err(error) => (Answer { status: error.status, code: Some(error.code) }, None),
                    };
                    load.tally().ended(answer, variant, planned.elapsed());
                    drop(place);
                });
            });
            start.elapsed()
        })
    };
    let all = async {
        let took = sending.await?;
        // All places are free once all requests have ended.
        drop(places.acquire_many(load.args.concurrency).await);
        Ok::<_, anyhow::Error>(took)
    };
    let outcome = tokio::select! {
        took = all => (Some(took?), false),
        () = signals.next() => (None, true),
        () = tell(load, schedule.count) => (None, true),
    };
    stop.store(true, Ordering::Relaxed);
    Ok(outcome)
}

/// Shows how far it is, on a terminal; never ends.
async fn tell(load: &Requests, planned: u64) {
    let printer = &load.context.printer;
    if !printer.is_live() {
        return std::future::pending().await;
    }
    let line = printer.spinner("");
    loop {
        let text = {
            let tally = load.tally();
            let p99 = tally.good().and_then(|times| times.quantile(0.99));
            format!(
                "{} of {planned} sent, {} answered, {} failed, {} not sent, p99 {}",
                tally.sent,
                tally.all_ended() - tally.failed(),
                tally.failed(),
                tally.not_sent,
                p99.map_or_else(|| "-".to_owned(), amount::milliseconds)
            )
        };
        line.set_message(output::label(&text));
        tokio::time::sleep(LIVE).await;
    }
}

impl Requests {
    fn tally(&self) -> MutexGuard<'_, Tally> {
        self.tally.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// Sends the request of a number; the variant that answered.
    async fn request(&self, n: u64, once: bool) -> Result<Option<String>, CloudError> {
        let args = &self.args;
        let at = usize::try_from(n % self.bodies.len() as u64).unwrap_or_default();
        let body = self.bodies.get(at).cloned().unwrap_or_default();
        let request = InvokeRequest { once, ..invoke::request(&self.endpoint, &args.asked, body) };
        Ok(runtime::invoke(&self.context.aws, &self.context.target, request).await?.variant)
    }
}
