//! Reads the queue: each message becomes a notice for the controller, or is dropped, and is deleted after that.

use std::sync::Arc;
use std::time::Duration;

use sagewright_port::clock::Clock;
use sagewright_port::cloud::{Call, Cloud, Priority, Target};
use serde_json::{Value, json};
use tokio::sync::{mpsc, oneshot, watch};
use tokio::time::Instant;

use super::notice::{self, Notice};
use super::recent::Recent;
use super::trouble::Trouble;
use super::{EventQueue, Heard, QueueState};
use crate::message::Message;
use crate::metrics::Metrics;

/// Messages of one answer, and of one delete: the most that SQS takes.
const BATCH: usize = 10;
/// Seconds that SQS waits for a message: the most that it takes.
const WAIT: u64 = 20;
/// Seconds until a message that was not deleted is given again.
const HIDDEN: u64 = 30;
/// How long a call may take; SQS waits for a part of it.
const CALL: Duration = Duration::from_secs(WAIT + 20);
/// An empty answer takes as long at least: an emulator may not wait.
const EMPTY: Duration = Duration::from_secs(1);

/// Reads the queue until the controller listens no more.
pub(crate) struct Reader {
    queue: EventQueue,
    target: Target,
    cloud: Arc<dyn Cloud>,
    clock: Arc<dyn Clock>,
    metrics: Arc<Metrics>,
    out: mpsc::Sender<Message>,
    state: watch::Sender<QueueState>,
    recent: Recent,
    /// Failures in a row, and the last one's code.
    failures: u32,
    told: String,
}

/// A message of the queue.
struct Received {
    id: String,
    receipt: String,
    body: String,
    /// When it was sent, in milliseconds.
    sent: Option<i64>,
}

impl Received {
    fn of(message: &Value) -> Option<Self> {
        let text = |member: &str| message.get(member).and_then(Value::as_str).map(str::to_owned);
        let sent = message.pointer("/Attributes/SentTimestamp").and_then(Value::as_str);
        Some(Self {
            id: text("MessageId").unwrap_or_default(),
            receipt: text("ReceiptHandle")?,
            body: text("Body").unwrap_or_default(),
            sent: sent.and_then(|millis| millis.parse().ok()),
        })
    }
}

impl Reader {
    pub(crate) fn new(
        queue: EventQueue,
        (cloud, clock): (Arc<dyn Cloud>, Arc<dyn Clock>),
        metrics: Arc<Metrics>,
        out: mpsc::Sender<Message>,
        state: watch::Sender<QueueState>,
    ) -> Self {
        let target = Target::new(queue.region.clone());
        metrics.queue_is_readable(false);
        let recent = Recent::default();
        Self { queue, target, cloud, clock, metrics, out, state, recent, failures: 0, told: String::new() }
    }

    /// Reads. A message that was received is deleted after the controller heard of it, and given again otherwise.
    pub(crate) async fn run(mut self) {
        let (queue, region) = (self.queue.url.clone(), self.queue.region.as_str().to_owned());
        tracing::info!(queue, region, "reading SageMaker's events");
        loop {
            let out = self.out.clone();
            let began = Instant::now();
            let received = tokio::select! {
                () = out.closed() => return,
                received = self.receive() => received,
            };
            let done = match received {
                Ok(messages) if messages.is_empty() => {
                    self.readable().await;
                    self.pause(EMPTY.saturating_sub(began.elapsed())).await;
                    Ok(())
                }
                Ok(messages) => {
                    self.readable().await;
                    self.take(messages).await
                }
                Err(trouble) => Err(trouble),
            };
            if let Err(trouble) = done {
                self.failed(&trouble).await;
                self.pause(trouble.pause(self.failures)).await;
            }
        }
    }

    async fn pause(&self, pause: Duration) {
        tokio::select! {
            () = self.out.closed() => {}
            () = self.clock.sleep(pause) => {}
        }
    }

    async fn receive(&self) -> Result<Vec<Received>, Trouble> {
        // Whether it can be read is to be known at once.
        let wait = if *self.state.borrow() == QueueState::Readable { WAIT } else { 0 };
        let input = json!({"QueueUrl": self.queue.url, "MaxNumberOfMessages": BATCH, "WaitTimeSeconds": wait,
            "VisibilityTimeout": HIDDEN, "MessageSystemAttributeNames": ["SentTimestamp"]});
        let call = Call::new(&self.target, "sqs", "ReceiveMessage", input).with_timeout(CALL);
        let answer = self.cloud.call(call.with_priority(Priority::Background)).await?;
        let messages = answer.get("Messages").and_then(Value::as_array);
        Ok(messages.into_iter().flatten().take(BATCH).filter_map(Received::of).collect())
    }

    /// Tells the controller, and then deletes the messages.
    async fn take(&mut self, messages: Vec<Received>) -> Result<(), Trouble> {
        let notices: Vec<Notice> = messages.iter().filter_map(|message| self.read(message)).collect();
        if !notices.is_empty() {
            let (answer, heard) = oneshot::channel();
            // Who listens no more has not heard it: the next process does.
            if self.out.send(Message::Noticed(notices, answer)).await.is_err() {
                return Ok(());
            }
            let Ok(heard) = heard.await else { return Ok(()) };
            for heard in heard {
                self.metrics.took_message(match heard {
                    Heard::Look => "look",
                    Heard::Own => "own",
                    Heard::NoObject => "no_object",
                });
            }
        }
        self.delete(&messages).await
    }

    fn read(&mut self, message: &Received) -> Option<Notice> {
        if let Some(sent) = message.sent {
            let age = self.clock.now().as_millisecond().saturating_sub(sent);
            self.metrics.message_aged(Duration::from_millis(u64::try_from(age).unwrap_or_default()));
        }
        let notice = match notice::read(&message.body) {
            Ok(notice) => notice,
            Err(why) => {
                // Its text may be anybody's.
                tracing::debug!(id = message.id, %why, "a message of the queue is of no use; it is deleted");
                self.metrics.took_message("ignored");
                return None;
            }
        };
        if self.recent.is_new(notice.content, Instant::now()) {
            return Some(notice);
        }
        self.metrics.took_message("duplicate");
        None
    }

    async fn delete(&self, messages: &[Received]) -> Result<(), Trouble> {
        let entries: Vec<Value> = messages
            .iter()
            .enumerate()
            .map(|(i, message)| json!({"Id": i.to_string(), "ReceiptHandle": message.receipt}))
            .collect();
        let input = json!({"QueueUrl": self.queue.url, "Entries": entries});
        let call = Call::new(&self.target, "sqs", "DeleteMessageBatch", input).with_timeout(CALL);
        let answer = self.cloud.call(call).await?;
        let failed = answer.get("Failed").and_then(Value::as_array).and_then(|failed| failed.first());
        let Some(failed) = failed else { return Ok(()) };
        let text = |member: &str| failed.get(member).and_then(Value::as_str).unwrap_or_default();
        Err(Trouble::undeleted(text("Code"), text("Message")))
    }

    async fn readable(&mut self) {
        if *self.state.borrow() == QueueState::Readable {
            return;
        }
        if self.failures > 0 {
            tracing::info!(queue = self.queue.url, "the queue of events is read again");
        }
        (self.failures, self.told) = (0, String::new());
        self.becomes(QueueState::Readable).await;
    }

    async fn failed(&mut self, trouble: &Trouble) {
        self.failures = self.failures.saturating_add(1);
        let why = trouble.told(&self.queue);
        let queue = self.queue.url.as_str();
        if self.told == trouble.code {
            tracing::debug!(queue, error = why, "cannot read the queue of events");
        } else {
            tracing::warn!(
                queue,
                error = why,
                "cannot read the queue of events; AWS is polled instead, and it is tried again"
            );
            self.told.clone_from(&trouble.code);
        }
        self.becomes(QueueState::Failing(why)).await;
    }

    async fn becomes(&self, state: QueueState) {
        let readable = state == QueueState::Readable;
        self.metrics.queue_is_readable(readable);
        let was = self.state.send_replace(state) == QueueState::Readable;
        if was != readable {
            // The controller is gone otherwise.
            drop(self.out.send(Message::EventsCome(readable)).await);
        }
    }
}

#[cfg(test)]
mod tests;
