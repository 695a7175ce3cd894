//! Finds resources that AWS names by the mark.

use futures_util::{StreamExt, TryStreamExt, stream};
use sagewright_decide::arn::arn_of;
use sagewright_decide::error::Failure;
use sagewright_decide::inputs::{Known, MarkLocation, mark_location};
use sagewright_decide::observed::{Found, Ownership};
use sagewright_decide::reading::{member_mark, phase_of};
use sagewright_decide::{Desired, Intent};
use sagewright_kinds::{Kind, Phase};
use sagewright_objects::mark::Owner;
use serde_json::Value;

use super::Owners;
use super::calls::{Calls, is_absence};
use super::list_input::list_input;
use super::read::{complete_found, read_output};

/// Reads at the same time while searching.
const AT_ONCE: usize = 8;

/// The resources that bear an object's mark, among those that AWS names, newest first. There is one, but where two
/// commands made one each at the same time.
pub(crate) async fn by_mark(
    calls: &Calls,
    kind: &Kind,
    desired: &Desired,
    owners: &Owners,
) -> Result<Vec<Value>, Failure> {
    // Each of those that are to go has its turn.
    let most = if desired.intent == Intent::Present { usize::MAX } else { 1 };
    match calls.list(kind, list_input(kind, Some(&desired.spec)), usize::MAX).await {
        Ok(items) if mark_location(kind, &desired.spec) == MarkLocation::None => {
            Ok(same_name(calls, kind, &items, desired).await?.into_iter().collect())
        }
        Ok(items) => marked(calls, kind, &items, &desired.owner(), most, owners).await,
        Err(failure) if is_absence(&failure) => Ok(Vec::new()),
        Err(failure) => Err(failure),
    }
}

/// What a read gives of the one among listed items that has the declared name, for a kind that has no place for a mark:
/// AWS takes a name once, so a second resource is not made.
async fn same_name(calls: &Calls, kind: &Kind, items: &[Value], desired: &Desired) -> Result<Option<Value>, Failure> {
    let within = &kind.row().identity.within;
    let same = |item: &&Value| {
        within.iter().all(|m| {
            let (is, wanted) = (item.get(m).and_then(Value::as_str), desired.spec.get(m).and_then(Value::as_str));
            is == wanted.map(|w| w.rsplit('/').next().unwrap_or(w)) || is == wanted
        })
    };
    match items.iter().find(same).filter(|_| !within.is_empty()).and_then(|i| Some((i, arn_of(kind, i)?))) {
        Some((item, arn)) => {
            read_output(calls, kind, Known { arn: Some(&arn), spec: Some(item), ..Known::default() }).await
        }
        None => Ok(None),
    }
}

/// What reads give of those among listed items that bear an owner's mark, `most` of them at most.
pub(crate) async fn marked(
    calls: &Calls,
    kind: &Kind,
    items: &[Value],
    owner: &Owner,
    most: usize,
    owners: &Owners,
) -> Result<Vec<Value>, Failure> {
    let mut all = Vec::new();
    let member = kind.row().tags.mark.as_deref();
    let shown = |item: &Value| member.is_some_and(|m| item.get(m).is_some());
    // Listings that show the member tell at once; others need a read for each item.
    if items.iter().any(shown) {
        let is_owners =
            |item: &&Value| member.and_then(|m| member_mark(item, m)).is_some_and(|mark| owner.is_text(&mark));
        for item in items.iter().filter(is_owners) {
            let Some(arn) = arn_of(kind, item) else { continue };
            let known = Known { arn: Some(&arn), spec: Some(item), ..Known::default() };
            if let Some(output) = read_output(calls, kind, known).await?
                && phase_of(kind, &output) != Phase::Gone
            {
                all.push(output);
                if all.len() >= most {
                    break;
                }
            }
        }
        return Ok(all);
    }
    let mut reads = stream::iter(items.iter().filter_map(|i| Some((i.clone(), arn_of(kind, i)?))).collect::<Vec<_>>())
        .map(|(item, arn)| async move {
            if owners.is_others(&arn, owner).await {
                return Ok(None);
            }
            let known = Known { arn: Some(&arn), spec: Some(&item), ..Known::default() };
            match read_output(calls, kind, known).await? {
                Some(output) => {
                    let found = complete_found(calls, kind, output).await?;
                    owners.saw_owner(&found).await;
                    Ok(Some(found))
                }
                None => Ok::<_, Failure>(None),
            }
        })
        .buffered(AT_ONCE);
    while let Some(found) = reads.try_next().await? {
        // What can still be read although it is gone does not hide what was made since.
        let is_owners = |f: &Found| f.phase != Phase::Gone && matches!(&f.owner, Ownership::Marked(by) if owner.is(by));
        if let Some(found) = found.filter(is_owners) {
            all.push(found.output);
            if all.len() >= most {
                break;
            }
        }
    }
    Ok(all)
}
