//! Kubernetes events: one for each transition and failure, also across restarts. What is told is found by comparing the status that
//! the object had with the one that it gets.

use std::borrow::Cow;
use std::sync::Arc;

use futures_util::{StreamExt, stream};
use sagewright_decide::arn::name_in_arn;
use sagewright_decide::conditions::{ADVISORY, READY, RECOVERABLE, REFERENCES_RESOLVED, TERMINAL};
use sagewright_decide::{Condition, ConditionStatus, Step};
use sagewright_engine::EventKind;
use sagewright_engine::reconcile::Reconciled;
use sagewright_kinds::{Kind, Phase};
use sagewright_objects::Object;
use serde_json::{Value, json};
use tokio::sync::mpsc;

use crate::api::{Api, MANAGER, Place};
use crate::conditions::{find, holds};
use crate::metrics::Metrics;

/// Letters of a message that the API server takes.
const LONGEST: usize = 1_024;
/// Letters of an event's name before the part that the API server makes up.
const LONGEST_NAME: usize = 200;
/// Events that wait to be written. More are dropped, and counted: they must not hold up what they tell of.
const WAITING: usize = 4_096;
/// Events that are written at the same time.
const AT_ONCE: usize = 8;

/// What is told.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Note {
    pub(crate) warning: bool,
    /// In one word, in camel case.
    pub(crate) reason: String,
    pub(crate) message: String,
}

impl Note {
    pub(crate) fn new(warning: bool, reason: &str, message: impl Into<String>) -> Self {
        Self { warning, reason: reason.to_owned(), message: message.into() }
    }
}

/// What the engine did in a look: that is told although the status could not be written, since no later look tells it.
pub(crate) fn done(kind: &Kind, done: &Reconciled) -> Vec<Note> {
    let steps = done.events.iter().filter(|event| matches!(event.what, EventKind::Done { .. }));
    steps.filter_map(|event| acted(kind, done, &event.what)).collect()
}

/// What a look is to be told of.
pub(crate) fn of(kind: &Kind, before: &Value, after: &Value, done: &Reconciled) -> Vec<Note> {
    let mut notes = acts(kind, done);
    let created = done.events.iter().any(|e| matches!(&e.what, EventKind::Done { step: Step::Create { .. } }));
    notes.extend(turned(before, after, created));
    notes
}

/// What a look did to a resource.
pub(crate) fn acts(kind: &Kind, done: &Reconciled) -> Vec<Note> {
    done.events.iter().filter_map(|event| acted(kind, done, &event.what)).collect()
}

/// What the engine did, or saw of AWS's own doing.
fn acted(kind: &Kind, done: &Reconciled, what: &EventKind) -> Option<Note> {
    let thing = format!("the {} `{}`", kind.words(), named(done.resource.as_deref(), &done.status));
    let fields = || {
        let paths: Vec<String> = done.changes.iter().map(|change| change.path.clone()).collect();
        if paths.is_empty() { String::new() } else { format!(": {}", paths.join(", ")) }
    };
    match what {
        EventKind::Done { step } => Some(match step {
            Step::Create { .. } => Note::new(false, "Created", format!("created {thing}")),
            Step::Update { .. } => Note::new(false, "Updated", format!("updated {thing}{}", fields())),
            Step::SyncTags { .. } => Note::new(false, "Tagged", format!("changed tags of {thing}")),
            Step::Adopt { .. } => Note::new(false, "Adopted", format!("took over {thing}")),
            Step::Stop { .. } => Note::new(false, "Stopping", format!("stopped {thing}")),
            Step::Delete { .. } => Note::new(false, "Deleting", format!("deleted {thing}")),
            Step::Wait { .. } | Step::Refuse(_) => return None,
        }),
        EventKind::Status { from, to, secondary, reason } => {
            let failed = kind.phase(to) == Phase::Failed;
            let was = if from.is_empty() { String::new() } else { format!(", was {from}") };
            let finer = secondary.as_ref().map(|s| format!(" ({s})")).unwrap_or_default();
            let why = reason.as_ref().map(|r| format!(": {r}")).unwrap_or_default();
            Some(Note::new(failed, &camel(to), format!("{thing} is {to}{finer}{was}{why}")))
        }
        _ => None,
    }
}

/// The resource's name. AWS names some, and then the ARN says it: `group/1` of `arn:aws:sagemaker:…:model-package/group/1`.
fn named<'n>(resource: Option<&'n str>, status: &'n Value) -> &'n str {
    let arn = || status.pointer("/ackResourceMetadata/arn").and_then(Value::as_str);
    let name = resource.filter(|name| !name.is_empty()).or_else(arn).unwrap_or_default();
    if name.starts_with("arn:") { name_in_arn(name) } else { name }
}

/// A status word as the reason of an event.
fn camel(word: &str) -> String {
    let parts = word.split(|c: char| !c.is_ascii_alphanumeric()).filter(|part| !part.is_empty());
    let upper = |part: &str| {
        let (first, rest) = part.split_at(1);
        format!("{}{rest}", first.to_ascii_uppercase())
    };
    let text: String = parts.map(upper).collect();
    if text.is_empty() { "Status".to_owned() } else { text }
}

/// Conditions that became true or say something else, and the one that says that all is well.
pub(crate) fn turned(before: &Value, after: &Value, created: bool) -> Vec<Note> {
    let new = |kind: &str| {
        let now = find(after, kind)?;
        let same = find(before, kind).is_some_and(|was| was.status == now.status && was.message == now.message);
        (!same).then_some(now)
    };
    let message = |condition: &Condition| condition.message.clone().unwrap_or_default();
    let reason = |condition: &Condition, other: &str| condition.reason.clone().unwrap_or_else(|| other.to_owned());
    let mut notes = Vec::new();
    for (kind, word) in [(TERMINAL, "Failed"), (RECOVERABLE, "Retrying"), (ADVISORY, "Advisory")] {
        if let Some(now) = new(kind).filter(|now| now.status == ConditionStatus::True) {
            notes.push(Note::new(kind != ADVISORY, &reason(&now, word), message(&now)));
        }
    }
    // A reference without a value is told by the condition beside it, where there is one.
    if let Some(now) = new(REFERENCES_RESOLVED).filter(|now| now.status != ConditionStatus::True)
        && notes.iter().all(|note| note.message != message(&now))
    {
        notes.push(Note::new(now.status == ConditionStatus::False, &reason(&now, "Unresolved"), message(&now)));
    }
    let first = find(before, READY).is_none();
    if holds(after, READY) && !holds(before, READY) && !(created && first) {
        notes.push(Note::new(false, "Ready", "it is as declared"));
    }
    notes
}

/// Writes events beside what they tell of.
#[derive(Clone)]
pub(crate) struct Recorder {
    /// As they are sent, because many may wait.
    queue: mpsc::Sender<(Place, Box<str>)>,
    metrics: Arc<Metrics>,
    instance: Arc<str>,
}

impl Recorder {
    /// Begins to write events, until every recorder is gone.
    pub(crate) fn start(api: Api, metrics: Arc<Metrics>, instance: &str) -> (Self, tokio::task::JoinHandle<()>) {
        let (queue, waiting) = mpsc::channel::<(Place, Box<str>)>(WAITING);
        let counted = Arc::clone(&metrics);
        let waiting = stream::unfold(waiting, |mut waiting| async { Some((waiting.recv().await?, waiting)) });
        let writer = tokio::spawn(waiting.for_each_concurrent(AT_ONCE, move |(place, event)| {
            let api = api.clone();
            counted.wrote("events", "create");
            async move {
                // A namespace that is going takes none, and none is worth a second try.
                if let Err(error) = api.create_text(&place, event).await {
                    tracing::debug!(%error, "an event could not be written");
                }
            }
        }));
        (Self { queue, metrics, instance: Arc::from(instance) }, writer)
    }

    /// Tells of an object.
    pub(crate) fn tell(&self, object: &Object, note: &Note, now: jiff::Timestamp) {
        let namespace = object.metadata.namespace.as_deref().unwrap_or("default");
        let place = Place::new("", "v1", Some(namespace), "events");
        let event = self.document(object, namespace, note, now).to_string();
        if self.queue.try_send((place, event.into())).is_err() {
            self.metrics.dropped_event();
        }
    }

    fn document(&self, object: &Object, namespace: &str, note: &Note, now: jiff::Timestamp) -> Value {
        let name: String = object.metadata.name.chars().take(LONGEST_NAME).collect();
        let now = now.round(jiff::Unit::Second).unwrap_or(now).to_string();
        let message = shortened(&note.message);
        json!({
            "apiVersion": "v1",
            "kind": "Event",
            "metadata": {"generateName": format!("{}.", name.trim_end_matches('.')), "namespace": namespace},
            "involvedObject": {
                "apiVersion": object.api_version,
                "kind": object.kind,
                "namespace": namespace,
                "name": object.metadata.name,
                "uid": object.metadata.other.get("uid"),
                "resourceVersion": object.metadata.other.get("resourceVersion"),
            },
            "type": if note.warning { "Warning" } else { "Normal" },
            "reason": note.reason,
            "message": message,
            "source": {"component": MANAGER},
            "reportingComponent": MANAGER,
            "reportingInstance": &*self.instance,
            "firstTimestamp": now,
            "lastTimestamp": now,
            "count": 1,
        })
    }
}

/// A message that the API server takes. What is left out is in its middle: advice, and the last lines of a log, are at the end.
fn shortened(message: &str) -> Cow<'_, str> {
    const HALF: usize = (LONGEST - '…'.len_utf8()) / 2;
    if message.len() <= LONGEST {
        return Cow::Borrowed(message);
    }
    let head = message.get(..message.floor_char_boundary(HALF)).unwrap_or_default();
    let tail = message.get(message.ceil_char_boundary(message.len() - HALF)..).unwrap_or_default();
    Cow::Owned(format!("{head}…{tail}"))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn status(conditions: &[(&str, &str, &str)]) -> Value {
        let all = conditions.iter().map(
            |(kind, status, message)| json!({"type": kind, "status": status, "message": message, "reason": "Why"}),
        );
        json!({"conditions": all.collect::<Vec<_>>()})
    }

    #[test]
    fn each_transition_is_told_once() {
        let failing = status(&[(RECOVERABLE, "True", "no"), (READY, "False", "no")]);
        let other = status(&[(RECOVERABLE, "True", "still no"), (READY, "False", "still no")]);
        let ready = status(&[(READY, "True", "")]);
        let waiting = status(&[(READY, "False", "at work")]);
        let none = status(&[]);
        let unresolved = status(&[(TERMINAL, "True", "x"), (REFERENCES_RESOLVED, "False", "x"), (READY, "False", "x")]);
        for (case, before, after, created, told) in [
            ("it fails", &none, &failing, false, vec![(true, "no")]),
            ("it fails again", &failing, &failing, false, vec![]),
            ("it fails otherwise", &failing, &other, false, vec![(true, "still no")]),
            ("it is well again", &failing, &ready, false, vec![(false, "it is as declared")]),
            ("it was created and is ready", &none, &ready, true, vec![]),
            ("it is ready after work", &waiting, &ready, false, vec![(false, "it is as declared")]),
            ("it stays ready", &ready, &ready, false, vec![]),
            ("one reason, two conditions", &none, &unresolved, false, vec![(true, "x")]),
        ] {
            let notes = turned(before, after, created);
            let shown: Vec<(bool, &str)> = notes.iter().map(|n| (n.warning, n.message.as_str())).collect();
            assert_eq!(shown, told, "{case}");
        }
    }

    #[test]
    fn a_status_word_becomes_a_reason() {
        for (word, reason) in [
            ("InService", "InService"),
            ("CREATE_FAILED", "CREATEFAILED"),
            ("", "Status"),
            ("in-progress", "InProgress"),
        ] {
            assert_eq!(camel(word), reason);
        }
    }

    #[test]
    fn a_resource_that_aws_names_is_named_by_its_arn() {
        let arn = |resource: &str| format!("arn:aws:sagemaker:us-east-1:123456789012:{resource}");
        let package = arn("model-package/fraud/1");
        for (resource, status, name) in [
            (Some("fraud"), json!({"ackResourceMetadata": {"arn": arn("model/fraud")}}), "fraud"),
            (None, json!({"ackResourceMetadata": {"arn": package}}), "fraud/1"),
            (Some(""), json!({"ackResourceMetadata": {"arn": package}}), "fraud/1"),
            (Some(package.as_str()), json!({}), "fraud/1"),
            (Some("d-1 mine"), json!({}), "d-1 mine"),
            (None, json!({}), ""),
        ] {
            assert_eq!(named(resource, &status), name);
        }
    }

    #[test]
    fn a_long_message_keeps_its_beginning_and_its_end() {
        assert_eq!(shortened("short"), "short");
        let long = format!("begin {} end", "ü".repeat(2_000));
        let cut = shortened(&long);
        assert!(cut.len() <= LONGEST && cut.starts_with("begin ü") && cut.ends_with("ü end"), "{cut}");
        assert!(cut.contains('…'));
    }
}
