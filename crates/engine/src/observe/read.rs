//! Reads one resource, its tags and its mark.

use std::collections::BTreeMap;

use sagewright_kinds::{Kind, Path, Phase, get, values};
use serde_json::Value;

use super::calls::{Calls, is_invalid, is_refused, pick};
use super::{Found, Observed, Owners, Ownership, find};
use crate::decide::inputs::{Known, Place, address, place_of};
use crate::decide::{Claim, Desired, Intent, KNOWN_AFTER_APPLY, claim};
use crate::error::Failure;
use crate::mark;

/// Observes what an object declares.
pub(crate) async fn observe(
    calls: &Calls,
    kind: &Kind,
    desired: &Desired,
    owners: &Owners,
) -> Result<Observed, Failure> {
    let unknown = |m: &String| get(&desired.spec, &Path::parse(m)).and_then(Value::as_str) == Some(KNOWN_AFTER_APPLY);
    if kind.identity_members().any(unknown) {
        return Ok(Observed::MISSING);
    }
    let remembered = if kind.is_arn_identified() { by_arn(calls, kind, desired).await? } else { Remembered::Nothing };
    if let Remembered::Ours(found) = remembered {
        return Ok(Observed::Found(found));
    }
    // The status of a kind that has a name says which resource was made, not which one is wanted.
    let spec = desired.address();
    let known = Known { spec: Some(&spec), arn: None, output: None };
    let found = match address(kind, "read", &kind.row().operations.read, known) {
        Some(_) => match read_output(calls, kind, known).await? {
            Some(output) => named(calls, kind, desired, owners, output).await?,
            None => renamed(calls, kind, desired, owners).await?,
        },
        None => match find::by_mark(calls, kind, desired).await? {
            Some(output) => complete(calls, kind, output).await?,
            None => Observed::MISSING,
        },
    };
    match (found, remembered) {
        (Observed::Missing { elsewhere: None }, Remembered::Other(other)) => Ok(Observed::Found(other)),
        // Whether something is there is not known, so nothing may be made.
        (Observed::Missing { elsewhere: None }, Remembered::Unreadable(failure)) => Err(failure),
        (found, _) => Ok(found),
    }
}

/// What the ARN that an object gives leads to.
enum Remembered {
    Nothing,
    /// The object's own resource, or one that it only reads.
    Ours(Box<Found>),
    /// One that is not marked as its own, and may be meant.
    Other(Box<Found>),
    /// It may be there.
    Unreadable(Failure),
}

/// Reads by the ARN that an object gives. What a status remembers may be out of date: it does not stand for what is the
/// object's own by its mark.
async fn by_arn(calls: &Calls, kind: &Kind, desired: &Desired) -> Result<Remembered, Failure> {
    let Some(arn) = desired.arn.as_deref() else { return Ok(Remembered::Nothing) };
    let from_status = desired.object.arn() == Some(arn);
    if from_status && !is_here(calls, arn) {
        return Ok(Remembered::Nothing);
    }
    let spec = desired.address();
    let known = Known { spec: Some(&spec), arn: Some(arn), output: None };
    let found = match read_output(calls, kind, known).await {
        Ok(Some(output)) => complete_found(calls, kind, output).await?,
        Ok(None) => return Ok(Remembered::Nothing),
        Err(failure) if from_status && is_refused(&failure) => {
            return Ok(if is_invalid(&failure) { Remembered::Nothing } else { Remembered::Unreadable(failure) });
        }
        Err(failure) => return Err(failure),
    };
    Ok(match claim(kind, desired, &found) {
        Claim::Ours { .. } | Claim::Ack => Remembered::Ours(Box::new(found)),
        _ if desired.read_only => Remembered::Ours(Box::new(found)),
        Claim::Other(Some(_)) if from_status => Remembered::Nothing,
        _ => Remembered::Other(Box::new(found)),
    })
}

/// Whether an ARN is of the account and region that calls go to, as far as that is known.
fn is_here(calls: &Calls, arn: &str) -> bool {
    let parts: Vec<&str> = arn.splitn(6, ':').collect();
    let is = |at: usize, here: &str| parts.get(at).is_none_or(|part| part.is_empty() || *part == here);
    let account = calls.target.account.as_ref();
    is(3, calls.target.region.as_str()) && account.is_none_or(|account| is(4, account.as_str()))
}

/// A resource of the declared name is there.
async fn named(
    calls: &Calls,
    kind: &Kind,
    desired: &Desired,
    owners: &Owners,
    output: Value,
) -> Result<Observed, Failure> {
    let found = complete_found(calls, kind, output).await?;
    match claim(kind, desired, &found) {
        Claim::Ours { .. } => owners.saw(calls, kind, desired).await,
        // To take it over would be to have two.
        Claim::Adopt if !desired.read_only => {
            if let Some(other) = owners.elsewhere(calls, kind, desired).await? {
                return Ok(Observed::Missing { elsewhere: Some(other.name) });
            }
        }
        _ => {}
    }
    Ok(Observed::Found(Box::new(found)))
}

/// There is no resource of the declared name: another one may bear the object's mark.
pub(crate) async fn renamed(
    calls: &Calls,
    kind: &Kind,
    desired: &Desired,
    owners: &Owners,
) -> Result<Observed, Failure> {
    if desired.read_only {
        return Ok(Observed::MISSING);
    }
    let Some(found) = owners.elsewhere(calls, kind, desired).await? else { return Ok(Observed::MISSING) };
    // To delete it under another name than the declared one takes more than the mark: the object's own memory of it.
    let remembered = found.arn.is_some() && found.arn.as_deref() == desired.object.arn();
    let stays = desired.retain || desired.kept_for.is_some() || (kind.is_job() && found.phase.is_final());
    if desired.intent == Intent::Absent && (remembered || stays) {
        return Ok(Observed::Found(Box::new(found)));
    }
    Ok(Observed::Missing { elsewhere: Some(found.name) })
}

/// What a read gives of what an object declares, without tags and without a search.
pub(crate) async fn glance(calls: &Calls, kind: &Kind, desired: &Desired) -> Result<Option<Value>, Failure> {
    let arn = if kind.is_arn_identified() { desired.arn.as_deref() } else { None };
    read_output(calls, kind, Known { spec: Some(&desired.spec), arn, output: None }).await
}

async fn complete(calls: &Calls, kind: &Kind, output: Value) -> Result<Observed, Failure> {
    Ok(Observed::Found(Box::new(complete_found(calls, kind, output).await?)))
}

/// What was found, with its tags.
pub(crate) async fn complete_found(calls: &Calls, kind: &Kind, output: Value) -> Result<Found, Failure> {
    let arn = arn_of(kind, &output);
    let takes_tags = matches!(place_of(kind, &kind.spec_of(&output)), Place::Tags(_));
    let tags = match arn.filter(|_| takes_tags) {
        Some(arn) => calls.tags(kind, &arn).await?,
        None => BTreeMap::new(),
    };
    Ok(Found::new(kind, output, tags))
}

/// What a read gives, for what is known of a resource.
pub(crate) async fn read_output(calls: &Calls, kind: &Kind, known: Known<'_>) -> Result<Option<Value>, Failure> {
    let operation = &kind.row().operations.read;
    let Some(input) = address(kind, "read", operation, known) else { return Ok(None) };
    let output = calls.read(kind, operation, &input).await?;
    Ok(output.and_then(|o| pick(kind, o, known.spec)))
}

pub(crate) fn arn_of(kind: &Kind, output: &Value) -> Option<String> {
    let member = kind.row().identity.arn.as_deref()?;
    output.get(member).and_then(Value::as_str).filter(|a| !a.is_empty()).map(str::to_owned)
}

/// The parts of an ARN after the resource's type: `mnist/3`.
pub(crate) fn name_in_arn(arn: &str) -> &str {
    let resource = arn.splitn(6, ':').nth(5).unwrap_or(arn);
    resource.split_once('/').map_or(resource, |(_, rest)| rest)
}

impl Found {
    /// Makes an observation of a read's output (AWS names) and tags.
    #[must_use]
    pub fn new(kind: &Kind, output: Value, tags: BTreeMap<String, String>) -> Self {
        let status = &kind.row().status;
        let text = |path: &Option<String>| {
            let path = Path::parse(path.as_deref()?);
            let mut texts = values(&output, &path).into_iter().filter_map(|(_, value)| value.as_str());
            texts.find(|t| !t.is_empty()).map(str::to_owned)
        };
        let word = text(&status.member);
        let arn = arn_of(kind, &output);
        let spec = kind.spec_of(&output);
        let name = kind.name_of(&spec).or_else(|| arn.clone()).unwrap_or_default();
        let phase = match (&status.member, &word) {
            (None, _) => Phase::Settled,
            (Some(_), Some(word)) => kind.phase(word),
            (Some(_), None) if status.optional => Phase::Settled,
            (Some(_), None) => Phase::Unknown,
        };
        let owner = match place_of(kind, &spec) {
            // Without an ARN tags can be neither read nor written.
            Place::Tags(_) if arn.is_some() => marked(tags.get(mark::OWNER).map(String::as_str)),
            Place::Member(member) => marked(member_mark(&spec, member).as_deref()),
            _ => Ownership::ByIdentity,
        };
        Self {
            name,
            spec: kind.spec_to_crd(&crate::decide::diff::observed_spec(kind, &output)),
            status: crate::quirks::status(kind, kind.status_of(&output), &tags),
            owner,
            phase,
            word: word.unwrap_or_default(),
            secondary: text(&status.secondary),
            reason: text(&status.reason),
            arn,
            output,
            tags,
        }
    }
}

fn marked(mark: Option<&str>) -> Ownership {
    let Some(text) = mark else { return Ownership::Unmarked };
    text.parse().map_or_else(|_| Ownership::Unreadable(text.to_owned()), Ownership::Marked)
}

/// The mark in a member: a key of a map, or the end of a text.
pub(crate) fn member_mark(spec: &Value, member: &str) -> Option<String> {
    match get(spec, &Path::parse(member))? {
        Value::Object(map) => map.get(mark::OWNER)?.as_str().map(str::to_owned),
        Value::String(text) => mark::split_suffix(text).1.map(|owner| owner.to_string()),
        _ => None,
    }
}
