//! `sagewright local replay`

mod compare;
mod log;

use std::time::{Duration, Instant};

use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use sagewright_engine::{Call, Cloud as _, CloudError, Stage, Target};
use sagewright_model::{Operation, Service, mask};
use serde_json::{Value, json};
use sha2::{Digest as _, Sha256};

use self::compare::{Names, difference, stable};
use self::log::{Log, Recorded};
use crate::args::{Global, Replay};
use crate::context::Context;
use crate::exit::Exit;
use crate::output::{Printer, Table, amount};

/// What changes nothing, by how its name begins.
const READS: &[&str] = &["Describe", "Get", "List", "Head", "Search", "Query", "Filter", "BatchGet", "BatchDescribe"];
/// A read whose answer differs is asked again at such intervals until it is as late as it was when it was recorded…
const PAUSE: Duration = Duration::from_millis(200);
/// … and for this long after that while its answer shows that something is under way.
const PATIENCE: Duration = Duration::from_secs(180);
/// Longest content of an object that is compared.
const LONGEST: u64 = 64 * 1024 * 1024;

/// What became of a request.
enum Outcome {
    Same,
    Different(String),
    Skipped(String),
}

impl Outcome {
    fn words(&self) -> (&'static str, &str) {
        match self {
            Self::Same => ("same", ""),
            Self::Different(why) => ("different", why),
            Self::Skipped(why) => ("skipped", why),
        }
    }
}

/// Sends the requests of a log again, and compares the answers.
pub(crate) async fn run(args: &Replay, global: &Global, printer: &Printer) -> anyhow::Result<Exit> {
    let log = log::read(&args.file)?;
    // Requests that change things are for an embedded cloud, unless an endpoint of all services is named. Variables of
    // single services would leave the others to AWS.
    let endpoint_url = global.endpoint_url.clone().filter(|url| !url.trim().is_empty());
    let global = Global { local: global.local || endpoint_url.is_none(), endpoint_url, ..global.clone() };
    let mut run = Run {
        context: Context::connect(&global, printer).await?,
        names: Names::default(),
        began: (Instant::now(), log.requests.first().map(|first| first.time)),
    };
    let mut outcomes = Vec::new();
    for (i, request) in log.requests.iter().enumerate() {
        let outcome = match without_sending(&log.requests, i) {
            Some(why) => Outcome::Skipped(why),
            None => run.send(request).await?,
        };
        outcomes.push(outcome);
    }
    report(&log, &outcomes, args, printer)
}

/// Why a request is not sent.
fn without_sending(requests: &[Recorded], i: usize) -> Option<String> {
    let request = requests.get(i)?;
    let (Some(_), Some(operation)) = (&request.service, &request.operation) else {
        return Some("it was refused before its operation was known".to_owned());
    };
    if !request.masked.is_empty() {
        return Some(format!("its input has secrets, which are not recorded: {}", request.masked.join(", ")));
    }
    if request.input.is_none() {
        return Some("its input is long, and was not recorded".to_owned());
    }
    if let Some(body) = &request.body
        && body.bytes > 0
        && body.base64.is_none()
    {
        let kept =
            if request.service.as_deref() == Some("s3") { "; record with --record-bodies, up to 1 MiB" } else { "" };
        return Some(format!("its body of {} was not recorded{kept}", amount::bytes(body.bytes)));
    }
    if request.cut_off {
        return Some("its answer was cut off when it was recorded".to_owned());
    }
    if request.answer.as_ref().is_some_and(|answer| answer.bytes > LONGEST) {
        return Some(format!("its answer is longer than {}", amount::bytes(LONGEST)));
    }
    let same = |other: &Recorded| {
        (&other.service, &other.operation, &other.region, &other.input)
            == (&request.service, &request.operation, &request.region, &request.input)
    };
    let mut later = requests.get(i + 1..)?.iter().take_while(|other| other.operation.as_deref().is_none_or(is_read));
    (is_read(operation) && later.any(same)).then(|| "the same was asked again before anything was changed".to_owned())
}

fn is_read(operation: &str) -> bool {
    READS.iter().any(|start| operation.starts_with(start))
}

/// A replay under way.
struct Run {
    context: Context,
    names: Names,
    /// When the first request was sent, and when it was recorded.
    began: (Instant, Option<jiff::Timestamp>),
}

impl Run {
    async fn send(&mut self, request: &Recorded) -> anyhow::Result<Outcome> {
        let (Some(id), Some(name)) = (&request.service, &request.operation) else { return Ok(Outcome::Same) };
        let model = sagewright_model::service(id).and_then(|service| Some((service, service.operation(name)?)));
        let Some((service, operation)) = model else {
            return Ok(Outcome::Skipped(format!("{id} has no operation {name} in this version")));
        };
        let mut target = self.context.target.clone();
        if let Ok(region) = request.region.parse() {
            target.region = region;
        }
        let due = self.due(request);
        loop {
            let (outcome, under_way) = self.once(request, service, operation, &target).await?;
            let deadline = if under_way { due + PATIENCE } else { due };
            if !matches!(outcome, Outcome::Different(_)) || !is_read(name) || Instant::now() >= deadline {
                return Ok(outcome);
            }
            tokio::time::sleep(PAUSE).await;
        }
    }

    /// When the request would be sent at the pace at which it was recorded.
    fn due(&self, request: &Recorded) -> Instant {
        let (began, recorded) = self.began;
        let since = recorded.and_then(|first| Duration::try_from(request.time.duration_since(first)).ok());
        began + since.unwrap_or_default()
    }

    async fn once(
        &mut self,
        request: &Recorded,
        service: &'static Service,
        operation: &'static Operation,
        target: &Target,
    ) -> anyhow::Result<(Outcome, bool)> {
        let mut input = request.input.clone().unwrap_or_default();
        self.names.apply(&mut input);
        if let (Some(content), Some(shape)) = (&request.body, service.input(&operation.name))
            && let (Some(payload), Some(base64)) = (&shape.payload, &content.base64)
        {
            input[payload.as_str()] = base64.as_str().into();
        }
        let answer = self.context.aws.call(Call::new(target, service.id, &operation.name, input)).await;
        Ok(match answer {
            Ok(output) => {
                let under_way = under_way(&output);
                (self.answered(request, service, operation, output), under_way)
            }
            Err(error) => match error.stage {
                Stage::Service => (failed(request, &error), false),
                Stage::Input => (Outcome::Skipped(format!("the client refuses it: {}", error.message)), false),
                Stage::Credentials | Stage::Queue | Stage::Transport | Stage::Answer => return Err(error.into()),
            },
        })
    }

    fn answered(&mut self, request: &Recorded, service: &Service, operation: &Operation, mut output: Value) -> Outcome {
        if let Some(code) = told(request) {
            return Outcome::Different(format!("it succeeds now, and failed with {code} when it was recorded"));
        }
        let Some(shape) = service.output(&operation.name) else { return Outcome::Same };
        if let (Some(answer), Some(payload)) = (&request.answer, &shape.payload) {
            let content =
                output[payload.as_str()].as_str().and_then(|text| STANDARD.decode(text).ok()).unwrap_or_default();
            if Some(hex::encode(Sha256::digest(&content))) != answer.sha256 {
                let (now, then) = (amount::bytes(content.len() as u64), amount::bytes(answer.bytes));
                return Outcome::Different(format!("its content of {now} is not that of {then} when it was recorded"));
            }
        }
        // Long answers are not recorded.
        let Some(recorded) = &request.output else { return Outcome::Same };
        mask(service, shape, &mut output);
        self.names.learn(recorded, &output);
        let (recorded, given) = (stable(service, shape, recorded), stable(service, shape, &output));
        difference(&recorded, &given).map_or(Outcome::Same, Outcome::Different)
    }
}

/// Whether a status in an answer says that something goes on: `InProgress`, `Pending`, `Creating`, `Uploading`.
fn under_way(output: &Value) -> bool {
    match output {
        Value::Object(map) => map.iter().any(|(name, value)| match value.as_str() {
            Some(status) => name.ends_with("Status") && (status == "InProgress" || status.ends_with("ing")),
            None => under_way(value),
        }),
        Value::Array(items) => items.iter().any(under_way),
        _ => false,
    }
}

/// The code, or else the status, of a recorded failure.
fn told(request: &Recorded) -> Option<String> {
    (request.status >= 300).then(|| request.code.clone().unwrap_or_else(|| format!("status {}", request.status)))
}

fn failed(request: &Recorded, error: &CloudError) -> Outcome {
    match told(request) {
        // What answers a HEAD has no body, and so no code.
        Some(code) if code == error.code || (request.code.is_none() && error.status == Some(request.status)) => {
            Outcome::Same
        }
        told => {
            let then = told.map_or_else(|| "succeeded".to_owned(), |code| format!("failed with {code}"));
            Outcome::Different(format!(
                "it fails now with {} ({}), and {then} when it was recorded",
                error.code, error.message
            ))
        }
    }
}

fn report(log: &Log, outcomes: &[Outcome], args: &Replay, printer: &Printer) -> anyhow::Result<Exit> {
    let count = |word: &str| outcomes.iter().filter(|outcome| outcome.words().0 == word).count();
    let (same, different, skipped) = (count("same"), count("different"), count("skipped"));
    let exit = if different == 0 { Exit::Done } else { Exit::Failed };
    let named = |request: &Recorded| match (&request.service, &request.operation, &request.request) {
        (Some(service), Some(operation), _) => format!("{service}.{operation}"),
        (_, _, Some(request)) => request.clone(),
        _ => "unknown".to_owned(),
    };
    if printer.for_programs() {
        let requests: Vec<Value> = log
            .requests
            .iter()
            .zip(outcomes)
            .map(|(request, outcome)| {
                let (result, why) = outcome.words();
                json!({"time": request.time.to_string(), "request": named(request), "result": result, "why": why})
            })
            .collect();
        printer.document(&json!({
            "same": same, "different": different, "skipped": skipped, "torn": log.torn, "leftOut": log.left_out,
            "stopped": log.stopped, "requests": requests,
        }))?;
        return Ok(exit);
    }
    let mut table = Table::new(["TIME", "REQUEST", "RESULT", "WHY"]);
    let mut rows = 0;
    for (request, outcome) in log.requests.iter().zip(outcomes) {
        let (result, why) = outcome.words();
        if args.all || result != "same" {
            table.row([request.time.to_string(), named(request), result.to_owned(), why.to_owned()]);
            rows += 1;
        }
    }
    if rows > 0 {
        printer.result(&table.render())?;
    }
    printer.result(&format!("{same} same, {different} different, {skipped} skipped\n"))?;
    if log.torn > 0 {
        printer.note(&format!("{} lines were not written to their end, as when a process is killed", log.torn));
    }
    if log.left_out > 0 {
        printer.note(&format!("{} requests came too fast to be recorded", log.left_out));
    }
    if let Some(why) = &log.stopped {
        printer.note(&format!("recording had stopped: {why}"));
    }
    Ok(exit)
}
