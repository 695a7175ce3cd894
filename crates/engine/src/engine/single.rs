//! Single resources: get, wait, adopt, export, describe.

use std::collections::BTreeMap;
use std::time::Duration;

use jiff::{SignedDuration, Timestamp};
use sagewright_decide::Step;
use sagewright_decide::error::{Failure, Permanent, Retryable};
use sagewright_decide::observed::{Found, Ownership};
use sagewright_kinds::{Kind, Phase};
use sagewright_objects::keys;
use sagewright_objects::manifest::suggest;
use sagewright_objects::mark::Owner;
use sagewright_objects::object::{Object, ObjectId};
use sagewright_port::clock::since;
use sagewright_port::retry;

use super::export::manifest;
use super::lookup::{self, inside, object_of, user_tags};
use super::polling::PollInterval;
use super::reconcile::{Memory, Trouble, act};
use super::{Description, Engine, Until};
use crate::error::EngineError;
use crate::event::{Event, EventKind, Observer};
use crate::observe::Owners;
use crate::observe::calls::is_refused;

impl Engine {
    async fn find(&self, kind: &Kind, name: &str) -> Result<Found, EngineError> {
        match lookup::find(&self.calls, kind, name).await? {
            Some(found) => Ok(found),
            None => Err(EngineError::NotFound {
                kind: kind.words(),
                name: name.to_owned(),
                hint: self.hint(kind, name).await,
            }),
        }
    }

    /// What might have been meant; nothing where listing fails, for the error is the same without it.
    async fn hint(&self, kind: &Kind, name: &str) -> String {
        let Ok(all) = lookup::all(&self.calls, kind).await else { return String::new() };
        let names: Vec<&str> = all.iter().map(|o| o.metadata.name.as_str()).collect();
        match suggest(name, names.iter().copied()) {
            Some(close) => format!("; did you mean `{close}`?"),
            None if names.is_empty() => format!("; there are no {} in this account and region", kind.words_of_many()),
            None => String::new(),
        }
    }

    /// One resource by name or ARN, with its tags, or all of a kind as listings give them (no spec beyond the name).
    /// For a kind that AWS names, the name of what they are inside of gives all of those: `mnist` its versions.
    ///
    /// # Errors
    /// There is none of that name, or a call failed.
    pub async fn get(&self, kind: &Kind, name: Option<&str>) -> Result<Vec<Object>, EngineError> {
        let Some(name) = name else { return Ok(lookup::all(&self.calls, kind).await?) };
        if kind.is_arn_identified() && !name.starts_with("arn:") && !name.contains('/') {
            let mut objects = Vec::new();
            for item in inside(&self.calls, kind, Some(name)).await? {
                if let Some(arn) = sagewright_decide::arn::arn_of(kind, &item)
                    && let Some(found) = lookup::find(&self.calls, kind, &arn).await?
                {
                    objects.push(object_of(kind, &found));
                }
            }
            if !objects.is_empty() {
                return Ok(objects);
            }
        }
        Ok(vec![object_of(kind, &self.find(kind, name).await?)])
    }

    /// Waits for one resource.
    ///
    /// # Errors
    /// The time is over, it cannot come true any more, or a call failed.
    pub async fn wait(
        &self,
        kind: &Kind,
        name: &str,
        until: &Until,
        timeout: Option<Duration>,
        observer: &dyn Observer,
    ) -> Result<Object, EngineError> {
        if let Until::Status(word) = until {
            known_status(kind, word)?;
        }
        let start = self.calls.clock.now();
        let mut engine = self.clone();
        engine.calls.deadline = timeout.and_then(|limit| start.checked_add(SignedDuration::try_from(limit).ok()?).ok());
        engine.wait_until(kind, name, until, (timeout, start), observer).await
    }

    async fn wait_until(
        &self,
        kind: &Kind,
        name: &str,
        until: &Until,
        (timeout, start): (Option<Duration>, Timestamp),
        observer: &dyn Observer,
    ) -> Result<Object, EngineError> {
        let what = format!("the {} `{name}`", kind.words());
        let mut interval = PollInterval::of(kind);
        let mut wait_emitted = false;
        let mut word: Option<(String, Option<String>)> = None;
        let mut found = match (lookup::find(&self.calls, kind, name).await?, until) {
            (Some(found), _) => found,
            (None, Until::Deleted) => return Ok(Object::new(kind, name)),
            (None, _) => self.find(kind, name).await?,
        };
        loop {
            let object = object_of(kind, &found);
            let emit = |what: EventKind| {
                let at = self.calls.clock.now();
                observer.event(&Event { object: object.id(), resource: Some(found.name.clone()), at, what });
            };
            let now = (found.word.clone(), found.secondary.clone());
            if word.as_ref() != Some(&now) && !now.0.is_empty() {
                let from = word.replace(now.clone()).map(|(w, _)| w).unwrap_or_default();
                emit(EventKind::Status { from, to: now.0, secondary: now.1, reason: found.reason.clone() });
            }
            let parts = sagewright_decide::parts_at_work(kind, &found);
            let reached = match until {
                Until::Settled => found.phase == Phase::Settled && !parts,
                Until::Final => found.phase.is_final() && !parts,
                Until::Deleted => found.phase == Phase::Gone,
                Until::Status(wanted) => found.word == *wanted,
            };
            if reached {
                return Ok(object);
            }
            let stuck = match until {
                Until::Settled => matches!(found.phase, Phase::Failed | Phase::Stopped | Phase::Gone),
                // An endpoint in service may become another thing yet; a job that has ended may not.
                Until::Status(_) => found.phase.is_final() && (kind.is_job() || found.phase != Phase::Settled),
                // AWS keeps the records of jobs.
                Until::Deleted => kind.is_job() && found.phase.is_final(),
                Until::Final => false,
            };
            if stuck {
                let reason = found.reason.as_ref().map(|r| format!(": {r}")).unwrap_or_default();
                let is = format!("{}{reason}", found.word);
                return Err(EngineError::Unreachable { what, until: until_words(until), is });
            }
            let left = timeout.map(|limit| limit.saturating_sub(since(self.calls.clock.now(), start)));
            if let (Some(limit), Some(Duration::ZERO)) = (timeout, left) {
                return Err(EngineError::Timeout {
                    what,
                    until: until_words(until),
                    is: is_now(found.word),
                    after: limit,
                });
            }
            let after = interval.next();
            let after = left.map_or(after, |left| after.min(left));
            if !wait_emitted {
                emit(EventKind::Waiting { reason: found.reason.clone().unwrap_or_default(), after });
                wait_emitted = true;
            }
            self.calls.clock.sleep(after).await;
            let left = left.map(|left| left.saturating_sub(after));
            let on_retry = |why: &str, after: Duration| {
                emit(EventKind::Retrying { step: None, why: why.to_owned(), after });
            };
            match self.with_retries(kind, left, &on_retry, || lookup::again(&self.calls, kind, &found)).await {
                Ok(Some(next)) => found = next,
                Err(GivenUp::Late(_)) => {
                    let after = timeout.unwrap_or_default();
                    return Err(EngineError::Timeout {
                        what,
                        until: until_words(until),
                        is: is_now(found.word),
                        after,
                    });
                }
                Err(GivenUp::Failed(failure)) => return Err(failure.into()),
                Ok(None) if *until == Until::Deleted => return Ok(object),
                Ok(None) => {
                    let is = "gone".to_owned();
                    return Err(EngineError::Unreachable { what, until: until_words(until), is });
                }
            }
        }
    }

    /// Marks a resource as belonging to an object. One that is another object's has to be taken `from` that one. It is of
    /// no set after that.
    ///
    /// # Errors
    /// There is none, it belongs to another object, or a call failed.
    pub async fn adopt(
        &self,
        kind: &Kind,
        name: &str,
        owner: &ObjectId,
        from: Option<&Owner>,
    ) -> Result<Object, EngineError> {
        let found = self.find(kind, name).await?;
        let wanted = Owner::new(&self.claims.installation, owner);
        let refuse = |why: String, advice: &str| {
            Failure::Permanent(Permanent::new(format!("adopt the {} `{}`", kind.words(), found.name), why, advice))
        };
        let here = &self.claims.installation;
        match (&found.owner, from) {
            (Ownership::Marked(other), Some(from)) if *other == wanted && from.within(here) != wanted.within(here) => {
                let why = format!("it belongs to that object already, and not to {}", from.words(here));
                return Err(refuse(why, "leave --from out").into());
            }
            (Ownership::Marked(other), _) if *other == wanted => return Ok(object_of(kind, &found)),
            // An old mark gets its new form.
            (Ownership::Marked(other), None) if wanted.is(other) => {}
            (Ownership::Marked(other), Some(from)) if other.within(here) == from.within(here) => {}
            (Ownership::Marked(other), _) => {
                return Err(refuse(
                    format!("it belongs to {}", other.words(here)),
                    &format!("to take it from that object, pass `--from {}`", other.short(here)),
                )
                .into());
            }
            (Ownership::Unmarked, Some(from)) => {
                let why = format!("no object owns it, so it cannot be taken from {}", from.words(here));
                return Err(refuse(why, "leave --from out").into());
            }
            (Ownership::Unmarked, None) => {}
            // Perhaps a later version of this program wrote it.
            (Ownership::Unreadable(text), _) => {
                return Err(refuse(
                    format!("its owner tag `{text}` is not valid"),
                    &format!("correct the tag {} in AWS, or remove it and adopt the resource", keys::OWNER),
                )
                .into());
            }
            (Ownership::ByIdentity, _) => {
                return Err(refuse(
                    format!("a {} has no mark", kind.words()),
                    "whoever declares its name owns it: just apply it",
                )
                .into());
            }
        }
        if let Some(other) = self.other_of(kind, &wanted, &found).await? {
            return Err(refuse(
                format!("{} already has the {} `{}`", wanted.words(here), kind.words(), other.name),
                "one object has one resource: adopt it for another object with --as, or delete that one first",
            )
            .into());
        }
        // What it was applied with is the former owner's: no prune of theirs or ours may count it as left behind.
        if let (Some(arn), true) = (&found.arn, found.tags.contains_key(keys::SET)) {
            let step = Step::SyncTags { arn: arn.clone(), add: BTreeMap::new(), remove: vec![keys::SET.to_owned()] };
            let leave = || act(&self.calls, kind, &found.name, &step, Some(&found));
            self.with_retries(kind, None, &|_, _| {}, leave).await.map_err(GivenUp::failure)?;
        }
        let arn = found.arn.clone().unwrap_or_else(|| found.name.clone());
        let step = Step::Adopt { arn, owner: wanted.to_string() };
        let adopt = || act(&self.calls, kind, &found.name, &step, Some(&found));
        self.with_retries(kind, None, &|_, _| {}, adopt).await.map_err(GivenUp::failure)?;
        let found = self.find(kind, found.arn.as_deref().filter(|_| kind.is_arn_identified()).unwrap_or(name)).await?;
        let mut object = object_of(kind, &found);
        object.metadata.name.clone_from(&owner.name);
        object.metadata.namespace = (owner.namespace != "default").then(|| owner.namespace.clone());
        Ok(object)
    }

    /// Another resource of the owner that is about to get one. Whoever may not search can still adopt.
    async fn other_of(&self, kind: &Kind, owner: &Owner, found: &Found) -> Result<Option<Found>, Failure> {
        if kind.tags_member().is_none() {
            return Ok(None);
        }
        let other = |there: &Found| {
            let is_owners = matches!(&there.owner, Ownership::Marked(of) if owner.is(of));
            is_owners && there.phase != Phase::Gone && (&there.name, &there.arn) != (&found.name, &found.arn)
        };
        match Owners::default().bearing(&self.calls, kind, owner, None, &other).await {
            Err(failure) if is_refused(&failure) => Ok(None),
            other => other,
        }
    }

    /// Makes a call again for as long as the retry policy allows a command, and `left` lasts.
    async fn with_retries<T, F>(
        &self,
        kind: &Kind,
        left: Option<Duration>,
        on_retry: &(dyn Fn(&str, Duration) + Sync),
        call: impl Fn() -> F,
    ) -> Result<T, GivenUp>
    where
        F: Future<Output = Result<T, Failure>>,
    {
        let clock = &self.calls.clock;
        let (begun, mut memory) = (clock.now(), Memory::default());
        loop {
            let failure = match call().await {
                Err(failure) => failure,
                Ok(done) => return Ok(done),
            };
            let now = clock.now();
            memory.failed(Trouble::of(Some(kind), &failure), now);
            let again = match failure {
                Failure::Retryable(again) => again,
                failure => return Err(GivenUp::Failed(failure)),
            };
            let left = left.map(|left| left.saturating_sub(since(now, begun)));
            let pause = |left| {
                let (failures, spent) = (u32::from(memory.failures()), memory.failing_for(now));
                retry::next_of_command(again.class(), failures, again.after, spent, left)
            };
            let Some(pause) = pause(left) else {
                let is_late = pause(None).is_some();
                return Err(if is_late { GivenUp::Late(again) } else { GivenUp::Failed(again.into()) });
            };
            on_retry(&again.why, pause);
            clock.sleep(pause).await;
        }
    }

    /// A manifest of a resource. Planning it against the same resource shows no change.
    ///
    /// # Errors
    /// There is none, or a call failed.
    pub async fn export(&self, kind: &Kind, name: &str) -> Result<Object, EngineError> {
        Ok(manifest(kind, &self.find(kind, name).await?))
    }

    /// A resource in full.
    ///
    /// # Errors
    /// There is none, or a call failed.
    pub async fn describe(&self, kind: &Kind, name: &str) -> Result<Description, EngineError> {
        let found = self.find(kind, name).await?;
        let object = object_of(kind, &found);
        let word = if kind.is_arn_identified() { object.metadata.name.clone() } else { found.name.clone() };
        Ok(Description {
            owner: match &found.owner {
                Ownership::Marked(owner) => Some(owner.clone()),
                _ => None,
            },
            tags: user_tags(&found).into_iter().collect(),
            logs: kind.logs(&word),
            resource: found.name.clone(),
            object,
        })
    }
}

/// Why a call is not made again.
enum GivenUp {
    /// It failed.
    Failed(Failure),
    /// It would be, with more time.
    Late(Retryable),
}

impl GivenUp {
    fn failure(self) -> Failure {
        match self {
            Self::Failed(failure) => failure,
            Self::Late(again) => again.into(),
        }
    }
}

/// A word that no status of the kind has would be waited for in vain.
fn known_status(kind: &Kind, word: &str) -> Result<(), EngineError> {
    let status = &kind.row().status;
    let all = [&status.progressing, &status.settled, &status.failed, &status.stopping, &status.stopped];
    let words: Vec<&str> =
        all.into_iter().chain([&status.deleting, &status.gone]).flatten().map(String::as_str).collect();
    if words.contains(&word) {
        return Ok(());
    }
    let close = words.iter().find(|other| other.eq_ignore_ascii_case(word)).copied();
    let hint = close.or_else(|| suggest(word, words.iter().copied())).map(|w| format!("; did you mean `{w}`?"));
    let what = format!("wait for a {} to be `{word}`", kind.words());
    let why = format!("it has no such status{}", hint.unwrap_or_default());
    let advice = if words.is_empty() { String::new() } else { format!("one of {}", words.join(", ")) };
    Err(Failure::Permanent(Permanent::new(what, why, &advice)).into())
}

/// What a resource is by the time that nobody waits any longer; not every kind has a status.
fn is_now(word: String) -> String {
    if word.is_empty() { "still there".to_owned() } else { word }
}

fn until_words(until: &Until) -> String {
    match until {
        Until::Settled => "ready".to_owned(),
        Until::Final => "settled".to_owned(),
        Until::Deleted => "deleted".to_owned(),
        Until::Status(word) => word.clone(),
    }
}
