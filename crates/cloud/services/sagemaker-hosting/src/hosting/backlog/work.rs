//! One request: its input from S3, the model, and what came of it to S3.

use std::fs::File;
use std::io::{self, Write as _};
use std::path::{Path, PathBuf};
use std::time::{Duration, Instant};

use bytes::Bytes;
use http::header::{CONTENT_LENGTH, CONTENT_TYPE};
use jiff::Timestamp;

use super::super::chain::{self, Trouble};
use super::super::fleet::Logs;
use super::super::pool::{Flow, SendError};
use super::super::server::Server;
use super::driver::{Driver, Place};
use super::notification::{self, Told};
use super::request::{self, Request};
use super::{errors, location};
use crate::hosting::measure::micros;
use sagewright_cloud_core::logs::Event;
use sagewright_cloud_core::objects::parse_s3_uri;
use sagewright_cloud_core::records::{Batch, CommitError, Write};
use sagewright_cloud_core::work;
use sagewright_cloud_sagemaker_base::ports::Body;

/// Most bytes of an input, and of an answer.
const MOST: u64 = 1 << 30;
/// Inputs up to this are read at once.
const WHOLE: u64 = 1 << 20;
/// Most bytes of what one container of a pipeline hands to the next.
const BETWEEN: usize = 100 << 20;
/// Bytes of an answer that are written at a time.
const PIECE: usize = 1 << 20;
/// How long a store waits that failed, on the machine's clock.
const AGAIN: Duration = Duration::from_secs(1);

/// What has become of a request.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum End {
    /// It is done, or was taken back.
    Done,
    /// No server has seen it.
    Again,
}

/// Why there is no answer.
struct Failure {
    /// For people, as notifications tell it.
    reason: String,
    /// For the failure's object.
    body: Bytes,
}

impl Failure {
    fn new(reason: String) -> Self {
        Self { body: reason.clone().into(), reason }
    }
}

/// An answer that is on this machine.
struct Answer {
    file: Scratch,
    content_type: Option<String>,
    /// Where it is short enough for a notification.
    short: Option<Bytes>,
}

/// A file that goes when this is dropped.
struct Scratch(PathBuf);

impl Drop for Scratch {
    fn drop(&mut self) {
        // It may have been moved into the store.
        let _ = std::fs::remove_file(&self.0);
    }
}

/// A request that is too old to be begun.
pub(super) async fn expire(driver: &Driver, name: &str) {
    let Some(request) = read(driver, name).await else { return };
    let reason =
        "ClientError: The request was not processed: it was in the queue for longer than its RequestTTLSeconds.";
    if let Some(variant) = driver.first_variant() {
        let counters = driver.counters(&variant);
        counters.expired();
        counters.done(request.received, true);
        log(driver, &request, &format!("{variant}/data-log"), reason).await;
    }
    fail(driver, name, &request, &Failure::new(reason.to_owned())).await;
}

/// Does a request.
pub(super) async fn process(driver: &Driver, place: &Place, name: &str) -> End {
    let Place { variant, instance, .. } = place;
    let Some(request) = read(driver, name).await else { return End::Done };
    let servers: Vec<&Server> = instance.servers.iter().map(|server| &**server).collect();
    let counters = driver.counters(variant);
    let begun = driver.now();
    let mut took = [Duration::ZERO; 3];
    let result = async {
        let asked = Instant::now();
        let body = match input(driver, &request).await {
            Ok(body) => body,
            Err(why) => {
                counters.not_downloaded();
                return Err(Some(Failure::new(format!("ClientError: The input could not be downloaded: {why}"))));
            }
        };
        took[0] = asked.elapsed();
        counters.downloaded(took[0]);
        let sent = Instant::now();
        let answered = answer(driver, &request, &servers, body).await;
        took[1] = sent.elapsed();
        let (status, answer) = match answered {
            Ok(answer) => (200, Ok(answer)),
            Err(Trouble::Refused) => return Err(None),
            Err(trouble) => failure(&trouble),
        };
        counters.answered(status, took[1]);
        let answer = answer.map_err(Some)?;
        let uploading = Instant::now();
        let put = put_file(driver, &request.output, answer.file.0.clone()).await;
        took[2] = uploading.elapsed();
        match put {
            Ok(()) => counters.uploaded(took[2]),
            Err(why) => {
                counters.not_uploaded();
                return Err(Some(Failure::new(format!("ClientError: The answer could not be uploaded: {why}"))));
            }
        }
        Ok(answer)
    };
    let stream = format!("{variant}/{}/data-log", instance.id);
    match result.await {
        Err(None) => return End::Again,
        Ok(answer) => {
            let told =
                Told::Completed { content_type: answer.content_type.as_deref(), response: answer.short.as_ref() };
            finish(driver, name, &request, &told).await;
            let [download, model, upload] = took.map(micros);
            let (waited, all) = (begun - request.received, driver.now() - request.received);
            let text = format!(
                "Inference request succeeded. ModelLatency: {model} us, RequestDownloadLatency: {download} us, \
                 ResponseUploadLatency: {upload} us, TimeInBacklog: {waited} ms, TotalProcessingTime: {all} ms"
            );
            log(driver, &request, &stream, &text).await;
            counters.done(request.received, false);
        }
        Err(Some(failure)) => {
            log(driver, &request, &stream, &failure.reason).await;
            fail(driver, name, &request, &failure).await;
            counters.done(request.received, true);
        }
    }
    counters.begun(request.received, begun);
    End::Done
}

/// The request of a record; `None` where it is no more.
async fn read(driver: &Driver, name: &str) -> Option<Request> {
    loop {
        match driver.env.store.record(&request::key(&driver.endpoint, name)).await {
            Ok(record) => return Request::of(&record?),
            Err(error) if error.is_lasting() => {
                tracing::error!(request = name, %error, "a stored request cannot be read");
                return None;
            }
            Err(error) => {
                tracing::warn!(request = name, %error, "a stored request cannot be read yet");
                driver.env.wall.sleep(AGAIN).await;
            }
        }
    }
}

/// What the first container is sent, and how long that is where it is read while it is sent.
async fn input(driver: &Driver, request: &Request) -> Result<(Body, Option<u64>), String> {
    if let Some(body) = request.payload() {
        return Ok((body.into(), None));
    }
    let uri = request.text("InputLocation").unwrap_or_default();
    let (bucket, key) = location::object(uri).ok_or_else(|| format!("{uri} is not an object in S3"))?;
    let (objects, account) = (driver.env.objects.clone(), driver.endpoint.account.clone());
    blocking(move || {
        let (info, mut file) = objects.open(&account, &bucket, &key).map_err(|error| error.to_string())?;
        if info.size > MOST {
            return Err(format!("s3://{bucket}/{key} has {} bytes, and {MOST} are the most", info.size));
        }
        if info.size > WHOLE {
            // Opened already, so that it is the object of now, whatever becomes of the key.
            let open = move || {
                let mut file = file.try_clone()?;
                io::Seek::rewind(&mut file)?;
                Ok(Box::new(file) as Box<dyn io::Read + Send>)
            };
            return Ok((Body::Chunks(std::sync::Arc::new(open)), Some(info.size)));
        }
        let mut whole = Vec::new();
        io::Read::read_to_end(&mut file, &mut whole).map_err(|error| error.to_string())?;
        Ok((Body::Whole(whole.into()), None))
    })
    .await
}

/// Asks the model, and writes its answer to this machine's disk.
async fn answer(
    driver: &Driver,
    request: &Request,
    servers: &[&Server],
    body: (Body, Option<u64>),
) -> Result<Answer, Trouble> {
    let container = servers.last().map_or("", |server| &server.name);
    let silent = |why| Trouble::Silent { container: container.to_owned(), why };
    let late = driver.env.wall.sleep(Duration::from_secs(request.timeout_seconds));
    let asked = async {
        let flow = chain::open(servers, &request.input, body, BETWEEN).await?;
        write(driver, flow, container).await.map_err(silent)
    };
    tokio::select! {
        biased;
        answer = asked => answer,
        () = late => Err(Trouble::Late { container: container.to_owned() }),
    }
}

async fn write(driver: &Driver, mut flow: Flow, container: &str) -> Result<Answer, SendError> {
    // AWS asks for it here, and nowhere else.
    if !flow.headers.contains_key(CONTENT_LENGTH) {
        return Err(SendError::Broken(format!(
            "The response from container {container} did not specify the required Content-Length header"
        )));
    }
    let failed = |error: String| SendError::Broken(format!("the answer could not be written: {error}"));
    let content_type = flow.headers.get(CONTENT_TYPE).and_then(|value| value.to_str().ok()).map(str::to_owned);
    let scratch = Scratch(work::new(&driver.work));
    let (folder, path) = (driver.work.clone(), scratch.0.clone());
    let mut file = blocking(move || create(&folder, &path)).await.map_err(failed)?;
    let (mut held, mut length) = (Vec::new(), 0u64);
    let mut short = Some(Vec::new());
    while let Some(piece) = flow.next().await {
        let piece = piece?;
        length += piece.len() as u64;
        if length > MOST {
            return Err(SendError::TooLong);
        }
        short = short.filter(|_| length <= notification::LONGEST_RESPONSE as u64).map(|mut all| {
            all.extend_from_slice(&piece);
            all
        });
        held.extend_from_slice(&piece);
        if held.len() >= PIECE {
            file = append(file, std::mem::take(&mut held)).await.map_err(failed)?;
        }
    }
    append(file, held).await.map_err(failed)?;
    Ok(Answer { file: scratch, content_type, short: short.map(Bytes::from) })
}

fn create(folder: &Path, path: &Path) -> Result<File, String> {
    std::fs::create_dir_all(folder).and_then(|()| File::create(path)).map_err(|error| error.to_string())
}

async fn append(mut file: File, bytes: Vec<u8>) -> Result<File, String> {
    blocking(move || file.write_all(&bytes).map(|()| file).map_err(|error| error.to_string())).await
}

async fn blocking<T: Send + 'static>(work: impl FnOnce() -> Result<T, String> + Send + 'static) -> Result<T, String> {
    tokio::task::spawn_blocking(work).await.map_err(|error| format!("it broke off: {error}"))?
}

/// The status by which a failure counts, and what is told of it.
fn failure(trouble: &Trouble) -> (u16, Result<Answer, Failure>) {
    match trouble {
        Trouble::Refused => (0, Err(Failure::new("ClientError: No container could be reached.".to_owned()))),
        Trouble::Status { container, status, body } => {
            let side = if (400..500).contains(status) { "client" } else { "server" };
            let reason = format!(
                "ClientError: Received {side} error ({status}) from {container}. See the SageMaker Endpoint logs in your \
                 account for more information."
            );
            (*status, Err(Failure { reason, body: body.clone() }))
        }
        Trouble::Late { container } => (0, Err(Failure::new(format!("ClientError: {}", errors::late(container))))),
        Trouble::Silent { why: SendError::Broken(why), .. } => (0, Err(Failure::new(format!("ClientError: {why}.")))),
        Trouble::Silent { container, why } => {
            let limit = usize::try_from(MOST).unwrap_or(usize::MAX);
            (0, Err(Failure::new(format!("ClientError: {}", errors::silent(container, why, limit)))))
        }
    }
}

async fn fail(driver: &Driver, name: &str, request: &Request, failure: &Failure) {
    if let Some(uri) = &request.failure {
        let scratch = Scratch(work::new(&driver.work));
        let (folder, path, body) = (driver.work.clone(), scratch.0.clone(), failure.body.clone());
        let written = blocking(move || create(&folder, &path)?.write_all(&body).map_err(|error| error.to_string()));
        let put = match written.await {
            Ok(()) => put_file(driver, uri, scratch.0.clone()).await,
            Err(error) => Err(error),
        };
        if let Err(error) = put {
            let (endpoint, id) = (&driver.endpoint.name, &request.inference_id);
            tracing::warn!(endpoint, request = id, error, "a failure could not be put into S3");
        }
    }
    finish(driver, name, request, &Told::Failed { reason: &failure.reason, response: Some(&failure.body) }).await;
}

async fn put_file(driver: &Driver, uri: &str, file: PathBuf) -> Result<(), String> {
    let (bucket, key) = parse_s3_uri(uri).ok_or_else(|| format!("{uri} is not an object in S3"))?;
    let (bucket, key) = (bucket.to_owned(), key.to_owned());
    let (objects, account) = (driver.env.objects.clone(), driver.endpoint.account.clone());
    blocking(move || objects.put_file(&account, &bucket, &key, &file).map(drop).map_err(|error| error.to_string()))
        .await
}

/// Takes a request out of the store, in one commit with what its topic is told. What came of it is in S3 by now.
async fn finish(driver: &Driver, name: &str, request: &Request, told: &Told<'_>) {
    let key = request::key(&driver.endpoint, name);
    let event = notification::event(&driver.endpoint, request, told, driver.now());
    loop {
        let mut batch: Batch = vec![Write::Delete { key: key.clone(), version: None }];
        batch.extend(event.clone().and_then(|event| driver.outbox.keep(|| event)));
        match driver.env.store.commit(batch).await {
            Ok(()) => return driver.outbox.wake(),
            // The endpoint was deleted.
            Err(CommitError::Conflict(_)) => return,
            Err(CommitError::Store(error)) if error.is_lasting() => {
                tracing::error!(request = name, %error, "a request that is done cannot be removed");
                return;
            }
            Err(CommitError::Store(error)) => {
                tracing::warn!(request = name, %error, "a request that is done cannot be removed yet");
                driver.env.wall.sleep(AGAIN).await;
            }
        }
    }
}

/// Writes to the log that the endpoint has for its requests.
async fn log(driver: &Driver, request: &Request, stream: &str, text: &str) {
    let at = driver.now();
    let time = Timestamp::from_millisecond(at).unwrap_or(Timestamp::UNIX_EPOCH).strftime("%Y-%m-%dT%H:%M:%S.%3f");
    let message = format!("{time}:[sagemaker logs] [{}] {text}", request.inference_id);
    let event = Event { timestamp: at, ingested: at, message };
    let (logs, endpoint, stream) = (driver.env.logs.clone(), driver.endpoint.clone(), stream.to_owned());
    let written = blocking(move || {
        let group = Logs::Endpoint.group(&endpoint.name);
        logs.append(&endpoint.account, &endpoint.region, &group, &stream, &[event]).map_err(|error| error.to_string())
    });
    if let Err(error) = written.await {
        tracing::warn!(endpoint = driver.endpoint.name, error, "the endpoint's log could not be written");
    }
}
