//! Finds resources by the owner's mark: those that AWS names, and those whose name changed in a manifest.

use std::collections::{BTreeMap, HashMap};
use std::sync::Arc;

use futures_util::lock::Mutex;
use futures_util::{StreamExt, TryStreamExt, stream};
use sagewright_kinds::Kind;
use sagewright_model::Region;
use serde_json::{Map, Value};

use super::Ownership;
use super::calls::{Calls, is_absence};
use super::read::{arn_of, complete_found, member_mark, read_output};
use crate::decide::Desired;
use crate::decide::inputs::{Known, Place, address, place_of};
use crate::error::Failure;
use crate::mark;

/// Reads at the same time while searching.
const AT_ONCE: usize = 8;
/// Resources of a kind, newest first, whose marks are looked at when a name is not there.
pub(crate) const LOOKED_AT: usize = 50;

/// A listing's input for what is known of a resource.
pub(crate) fn list_input(kind: &Kind, spec: Option<&Value>) -> Value {
    let Some(operation) = kind.row().operations.list.as_deref() else { return Value::Object(Map::new()) };
    let known = Known { spec, arn: None, output: None };
    // Members of the identity address one resource; a listing takes only what the row gives it.
    let mut input = address(kind, "list", operation, known).unwrap_or_else(|| Value::Object(Map::new()));
    if let Some(map) = input.as_object_mut() {
        let given = kind.row().operations.input.get("list");
        map.retain(|member, _| given.is_some_and(|g| g.contains_key(member)));
    }
    input
}

/// The resource that bears an object's mark, among those that AWS names.
pub(crate) async fn by_mark(calls: &Calls, kind: &Kind, desired: &Desired) -> Result<Option<Value>, Failure> {
    match calls.list(kind, list_input(kind, Some(&desired.spec)), usize::MAX).await {
        Ok(items) if place_of(kind, &desired.spec) == Place::None => same_name(calls, kind, &items, desired).await,
        Ok(items) => marked(calls, kind, &items, &desired.owner()).await,
        Err(failure) if is_absence(&failure) => Ok(None),
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

/// What a read gives of the one among listed items that bears an owner's mark.
pub(crate) async fn marked(calls: &Calls, kind: &Kind, items: &[Value], owner: &str) -> Result<Option<Value>, Failure> {
    let member = kind.row().tags.mark.as_deref();
    let shown = |item: &Value| member.is_some_and(|m| item.get(m).is_some());
    // Listings that show the member tell at once; others need a read for each item.
    if items.iter().any(shown) {
        let hit = items.iter().find(|i| member.and_then(|m| member_mark(i, m)).as_deref() == Some(owner));
        return match hit.and_then(|i| Some((i, arn_of(kind, i)?))) {
            Some((item, arn)) => {
                read_output(calls, kind, Known { arn: Some(&arn), spec: Some(item), ..Known::default() }).await
            }
            None => Ok(None),
        };
    }
    let mut reads = stream::iter(items.iter().filter_map(|i| Some((i.clone(), arn_of(kind, i)?))).collect::<Vec<_>>())
        .map(|(item, arn)| async move {
            let known = Known { arn: Some(&arn), spec: Some(&item), ..Known::default() };
            match read_output(calls, kind, known).await? {
                Some(output) => complete_found(calls, kind, output).await.map(Some),
                None => Ok(None),
            }
        })
        .buffered(AT_ONCE);
    while let Some(found) = reads.try_next().await? {
        if let Some(found) = found.filter(|f| matches!(&f.owner, Ownership::Marked(by) if by == owner)) {
            return Ok(Some(found.output));
        }
    }
    Ok(None)
}

type Names = BTreeMap<String, String>;

/// The marks of the newest resources of each kind in each region, read when first asked for.
#[derive(Debug, Default)]
pub(crate) struct Owners {
    kinds: Mutex<HashMap<(String, Region), Arc<Names>>>,
}

impl Owners {
    /// The name of the resource that bears an object's mark under a name that is not the declared one.
    pub(crate) async fn elsewhere(
        &self,
        calls: &Calls,
        kind: &Kind,
        desired: &Desired,
    ) -> Result<Option<String>, Failure> {
        if kind.tags_member().is_none() {
            return Ok(None);
        }
        let owner = desired.owner();
        // An object that remembers its resource needs no search, where the ARN shows the name.
        if let (Some(arn), [_]) = (desired.object.arn(), kind.row().identity.name.as_slice()) {
            let name = arn.rsplit('/').next().unwrap_or(arn).to_owned();
            if desired.name(kind).is_some_and(|n| n.eq_ignore_ascii_case(&name)) {
                return Ok(None);
            }
            let tags = readable_tags(calls, kind, arn).await?;
            return Ok((tags.get(mark::OWNER) == Some(&owner)).then_some(name));
        }
        let mut kinds = self.kinds.lock().await;
        let key = (kind.name().to_owned(), calls.target.region.clone());
        let names = match kinds.get(&key) {
            Some(names) => Arc::clone(names),
            None => {
                let names = Arc::new(marks(calls, kind).await?);
                kinds.insert(key, Arc::clone(&names));
                names
            }
        };
        Ok(names.get(&owner).cloned())
    }
}

/// Names by owner, of the newest resources of a kind that has names.
pub(crate) async fn marks(calls: &Calls, kind: &Kind) -> Result<Names, Failure> {
    if kind.tags_member().is_none() {
        return Ok(Names::new());
    }
    let items = calls.list(kind, list_input(kind, None), LOOKED_AT).await?;
    let resources: Vec<(String, String)> =
        items.iter().filter_map(|i| Some((arn_of(kind, i)?, kind.name_of(i)?))).collect();
    let found: Vec<Option<(String, String)>> = stream::iter(resources)
        .map(|(arn, name)| async move {
            let tags = readable_tags(calls, kind, &arn).await?;
            Ok::<_, Failure>(tags.get(mark::OWNER).map(|owner| (owner.clone(), name)))
        })
        .buffered(AT_ONCE)
        .try_collect()
        .await?;
    // Listings are newest first: the newest of an owner wins.
    Ok(found.into_iter().flatten().rev().collect())
}

/// The tags of a resource; none where it went away meanwhile or its tags may not be read, for then it is none of this
/// object's. What cannot be read just now may be.
async fn readable_tags(calls: &Calls, kind: &Kind, arn: &str) -> Result<Names, Failure> {
    match calls.tags(kind, arn).await {
        Err(Failure::Permanent(_)) => Ok(Names::new()),
        tags => tags,
    }
}
