//! Single resources: get, wait, adopt, export, describe.

use std::collections::BTreeMap;
use std::time::Duration;

use sagewright_kinds::{Kind, Phase};

use super::export::manifest;
use super::lookup::{self, inside, object_of, user_tags};
use super::polling::PollInterval;
use super::reconcile::act;
use super::{Description, Engine, Until};
use crate::clock::since;
use crate::decide::Step;
use crate::error::{EngineError, Failure, Permanent};
use crate::event::{Event, EventKind, Observer};
use crate::keys;
use crate::mark::Owner;
use crate::object::{Object, ObjectId};
use crate::observe::{Found, Ownership};
use crate::retry;

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
        match crate::manifest::suggest(name, names.iter().copied()) {
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
                if let Some(arn) = crate::observe::arn_of(kind, &item)
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
        let start = self.calls.clock.now();
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
            let parts = crate::decide::parts_at_work(kind, &found);
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
                return Err(EngineError::Timeout { what, until: until_words(until), is: found.word, after: limit });
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
            match self.with_retries(left, &on_retry, || lookup::again(&self.calls, kind, &found)).await? {
                Some(next) => found = next,
                None if *until == Until::Deleted => return Ok(object),
                None => {
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
            (Ownership::Marked(other), _) if *other == wanted => return Ok(object_of(kind, &found)),
            // An old mark gets its new form.
            (Ownership::Marked(other), None) if wanted.is(other) => {}
            (Ownership::Marked(other), Some(from)) if other.within(here) == from.within(here) => {}
            (Ownership::Marked(other), _) => {
                return Err(refuse(
                    format!("it belongs to {}", other.words(here)),
                    &format!("if it is to leave that object, say so with `--from {}`", other.short(here)),
                )
                .into());
            }
            (Ownership::Unmarked, Some(from)) => {
                let why = format!("it belongs to nobody, and not to {}", from.words(here));
                return Err(refuse(why, "leave --from out").into());
            }
            (Ownership::Unmarked | Ownership::Unreadable(_), _) => {}
            (Ownership::ByIdentity, _) => {
                return Err(refuse(
                    format!("a {} bears no mark", kind.words()),
                    "whoever declares its name owns it: just apply it",
                )
                .into());
            }
        }
        // What it was applied with is the former owner's: no prune of theirs or ours may count it as left behind.
        if let (Some(arn), true) = (&found.arn, found.tags.contains_key(keys::SET)) {
            let step = Step::SyncTags { arn: arn.clone(), add: BTreeMap::new(), remove: vec![keys::SET.to_owned()] };
            let leave = || act(&self.calls, kind, &found.name, &step, Some(&found));
            self.with_retries(None, &|_, _| {}, leave).await?;
        }
        let arn = found.arn.clone().unwrap_or_else(|| found.name.clone());
        let step = Step::Adopt { arn, owner: wanted.to_string() };
        let adopt = || act(&self.calls, kind, &found.name, &step, Some(&found));
        self.with_retries(None, &|_, _| {}, adopt).await?;
        let found = self.find(kind, found.arn.as_deref().filter(|_| kind.is_arn_identified()).unwrap_or(name)).await?;
        let mut object = object_of(kind, &found);
        object.metadata.name.clone_from(&owner.name);
        object.metadata.namespace = (owner.namespace != "default").then(|| owner.namespace.clone());
        Ok(object)
    }

    /// Makes a call again for as long as the retry policy allows a command, and `left` lasts.
    async fn with_retries<T, F>(
        &self,
        left: Option<Duration>,
        on_retry: &(dyn Fn(&str, Duration) + Sync),
        call: impl Fn() -> F,
    ) -> Result<T, Failure>
    where
        F: Future<Output = Result<T, Failure>>,
    {
        let clock = &self.calls.clock;
        let (begun, mut failed_since, mut failures) = (clock.now(), None, 0);
        loop {
            let again = match call().await {
                Err(Failure::Retryable(again)) => again,
                done => return done,
            };
            failures += 1;
            let now = clock.now();
            let spent = since(now, *failed_since.get_or_insert(now));
            let left = left.map(|left| left.saturating_sub(since(now, begun)));
            let Some(pause) = retry::next_of_command(again.class(), failures, again.after, spent, left) else {
                return Err(again.into());
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

fn until_words(until: &Until) -> String {
    match until {
        Until::Settled => "ready".to_owned(),
        Until::Final => "settled".to_owned(),
        Until::Deleted => "deleted".to_owned(),
        Until::Status(word) => word.clone(),
    }
}
