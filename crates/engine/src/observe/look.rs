//! Looks at what an object declares: where it says, and, where that is not it, by its mark.

use sagewright_decide::arn::arn_of;
use sagewright_decide::error::Failure;
use sagewright_decide::inputs::{Known, address};
use sagewright_decide::observed::{Elsewhere, Found, Observed};
use sagewright_decide::reading::phase_of;
use sagewright_decide::{Claim, Desired, Intent, KNOWN_AFTER_APPLY, claim};
use sagewright_kinds::{Kind, Path, Phase, get};
use serde_json::Value;

use super::calls::{Calls, is_invalid, is_refused};
use super::read::{complete_found, read_output};
use super::{Owners, find};

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
        None => {
            let mut outputs = find::by_mark(calls, kind, desired, owners).await?.into_iter();
            match outputs.next() {
                Some(output) => {
                    let mut found = complete_found(calls, kind, output).await?;
                    let stays = |output: &Value| !matches!(phase_of(kind, output), Phase::Deleting | Phase::Gone);
                    found.twins = outputs.filter(stays).filter_map(|output| arn_of(kind, &output)).collect();
                    Observed::Found(Box::new(found))
                }
                None => Observed::MISSING,
            }
        }
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
        // It can still be read; another may have been made since.
        _ if found.phase == Phase::Gone => Remembered::Nothing,
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
                return Ok(Observed::Missing { elsewhere: Some(other.name.into()) });
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
    if desired.read_only || desired.generated.is_some() {
        return Ok(Observed::MISSING);
    }
    let Some(found) = owners.elsewhere(calls, kind, desired).await? else {
        return Ok(Observed::Missing { elsewhere: at_home(calls, kind, desired, owners).await? });
    };
    // To delete it under another name than the declared one takes more than the mark: the object's own memory of it.
    let remembered = found.arn.is_some() && found.arn.as_deref() == desired.object.arn();
    let stays = desired.retain || desired.retained_for.is_some() || (kind.is_job() && found.phase.is_final());
    if desired.intent == Intent::Absent && (remembered || stays) {
        return Ok(Observed::Found(Box::new(found)));
    }
    Ok(Observed::Missing { elsewhere: Some(found.name.into()) })
}

/// The object's resource in the region of the run, where the object declares another region: it may have been moved.
async fn at_home(calls: &Calls, kind: &Kind, desired: &Desired, owners: &Owners) -> Result<Option<Elsewhere>, Failure> {
    let Some(home) = calls.home.clone().filter(|_| kind.tags_member().is_some()) else { return Ok(None) };
    let region = home.region.clone();
    let calls = Calls { target: home, home: None, ..calls.clone() };
    let ours = |found: &Found| matches!(claim(kind, desired, found), Claim::Ours { .. }) && found.phase != Phase::Gone;
    match owners.bearing(&calls, kind, &desired.owner(), None, &ours).await {
        Ok(found) => Ok(found.map(|found| Elsewhere { name: found.name, region: Some(region) })),
        // Whoever may not look there applies nothing there.
        Err(failure) if is_refused(&failure) => Ok(None),
        Err(failure) => Err(failure),
    }
}

/// What a read gives of what an object declares, without tags and without a search.
pub(crate) async fn glance(calls: &Calls, kind: &Kind, desired: &Desired) -> Result<Option<Value>, Failure> {
    let arn = if kind.is_arn_identified() { desired.arn.as_deref() } else { None };
    let spec = desired.address();
    read_output(calls, kind, Known { spec: Some(&spec), arn, output: None }).await
}
