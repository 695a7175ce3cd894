//! Finds resources by what a user calls them.

use std::collections::HashSet;

use indexmap::IndexMap;
use sagewright_decide::arn::{arn_of, name_in_arn};
use sagewright_decide::error::{Failure, Permanent};
use sagewright_decide::inputs::{Known, address};
use sagewright_decide::observed::{Found, Ownership};
use sagewright_kinds::Kind;
use sagewright_model::crd;
use sagewright_objects::mark::Owner;
use sagewright_objects::object::{Metadata, Object};
use serde_json::{Value, json};

use crate::observe::calls::Calls;
use crate::observe::{Owners, complete_found, is_absence, list_input, marked, read_output};

/// Names that a refusal lists.
const SHOWN: usize = 5;

/// The resource that a user means by a name: its name in AWS, its ARN, the end of its ARN (`group/3`), or one part of a
/// name that has several, where no other has that part.
pub(crate) async fn find(calls: &Calls, kind: &Kind, name: &str) -> Result<Option<Found>, Failure> {
    let output = match kind.row().identity.name.as_slice() {
        [] => by_arn(calls, kind, name).await?,
        [member] => {
            let is_arn = name.starts_with("arn:");
            let plain = if is_arn { name.rsplit('/').next().unwrap_or(name) } else { name };
            let spec = json!({member.as_str(): plain});
            let output = read_output(calls, kind, Known { spec: Some(&spec), ..Known::default() }).await?;
            // An ARN says more than a name: another account's, region's or kind's resource may have the same.
            output.filter(|o| !is_arn || arn_of(kind, o).is_some_and(|arn| arn.eq_ignore_ascii_case(name)))
        }
        parts => {
            let items = calls.list(kind, list_input(kind, None), usize::MAX).await?;
            let whole = |item: &Value| {
                kind.name_of(item).is_some_and(|n| n == name) || arn_of(kind, item).as_deref() == Some(name)
            };
            let item = match items.iter().find(|item| whole(item)) {
                Some(item) => Some(item.clone()),
                None => by_part(kind, parts, &items, name)?,
            };
            // An item of a listing is less than a read gives, where the two are not the same operation.
            match item {
                Some(item) if kind.row().operations.read_items.is_none() => read_item(calls, kind, &item).await?,
                item => item,
            }
        }
    };
    match output {
        Some(output) => Ok(Some(complete_found(calls, kind, output).await?)),
        None => Ok(None),
    }
}

fn by_part(kind: &Kind, parts: &[String], items: &[Value], name: &str) -> Result<Option<Value>, Failure> {
    let has = |item: &&Value| parts.iter().any(|p| item.get(p).and_then(Value::as_str) == Some(name));
    let hits: Vec<&Value> = items.iter().filter(has).collect();
    Ok(only(kind, name, &hits, |item| kind.name_of(item))?.cloned())
}

/// The one that has a part of a name.
fn only<'i>(
    kind: &Kind,
    part: &str,
    hits: &[&'i Value],
    whole: impl Fn(&Value) -> Option<String>,
) -> Result<Option<&'i Value>, Failure> {
    if let [] | [_] = hits {
        return Ok(hits.first().copied());
    }
    let mut names: Vec<String> = hits.iter().filter_map(|item| whole(item)).map(|n| format!("`{n}`")).collect();
    names.sort();
    if let Some(others) = names.len().checked_sub(SHOWN).filter(|others| *others > 0) {
        names.truncate(SHOWN);
        names.push(format!("{others} more"));
    }
    Err(Failure::Permanent(Permanent::new(
        format!("find the {} `{part}`", kind.words()),
        format!("it is a part of the names {}", names.join(" and ")),
        "give the whole name, or the ARN",
    )))
}

async fn by_arn(calls: &Calls, kind: &Kind, name: &str) -> Result<Option<Value>, Failure> {
    if name.starts_with("arn:") {
        let known = Known { arn: Some(name), ..Known::default() };
        if address(kind, "read", &kind.row().operations.read, known).is_some() {
            return read_output(calls, kind, known).await;
        }
        // A read that takes more than the ARN.
        let all = items(calls, kind).await?;
        return match all.iter().find(|i| arn_of(kind, i).is_some_and(|arn| arn.eq_ignore_ascii_case(name))) {
            Some(item) => read_item(calls, kind, item).await,
            None => Ok(None),
        };
    }
    // Some have a name after all (a model package without a group).
    for member in kind.row().identity.within.iter().filter(|_| !name.contains('/')) {
        let spec = json!({member.as_str(): name});
        let known = Known { spec: Some(&spec), ..Known::default() };
        if let Some(output) = read_output(calls, kind, known).await? {
            return Ok(Some(output));
        }
    }
    // The end of an ARN begins with what the resource is inside of; its last part alone may be anywhere.
    let all = match name.split_once('/') {
        Some((outer, _)) => inside(calls, kind, Some(outer)).await?,
        None => items(calls, kind).await?,
    };
    let last = format!("/{name}").to_lowercase();
    let whole = |item: &&Value| arn_of(kind, item).is_some_and(|arn| tail(&arn).eq_ignore_ascii_case(name));
    let ends = |item: &&Value| arn_of(kind, item).is_some_and(|arn| arn.to_lowercase().ends_with(&last));
    let hits: Vec<&Value> = match all.iter().find(whole) {
        Some(item) => vec![item],
        None => all.iter().filter(ends).collect(),
    };
    match only(kind, name, &hits, |item| arn_of(kind, item).map(|arn| tail(&arn).to_owned()))? {
        Some(item) => read_item(calls, kind, item).await,
        None => Ok(None),
    }
}

/// Reads what an item of a listing is about.
async fn read_item(calls: &Calls, kind: &Kind, item: &Value) -> Result<Option<Value>, Failure> {
    let arn = arn_of(kind, item);
    read_output(calls, kind, Known { arn: arn.as_deref(), spec: Some(item), output: None }).await
}

/// The resource that bears an object's mark.
pub(crate) async fn owned(
    calls: &Calls,
    kind: &Kind,
    owner: &Owner,
    owners: &Owners,
) -> Result<Option<Found>, Failure> {
    if kind.is_arn_identified() {
        let mut items = items(calls, kind).await?;
        let made = |item: &Value| item.get("CreationTime").or_else(|| item.get("StartTime")).map(Value::to_string);
        items.sort_by_cached_key(|item| std::cmp::Reverse(made(item)));
        return Ok(match marked(calls, kind, &items, owner, 1, owners).await?.pop() {
            Some(output) => Some(complete_found(calls, kind, output).await?),
            None => None,
        });
    }
    if kind.tags_member().is_none() {
        return Ok(None);
    }
    let ours = |found: &Found| matches!(&found.owner, Ownership::Marked(mark) if owner.is(mark));
    owners.bearing(calls, kind, owner, None, &ours).await
}

/// The items of a listing of a kind that AWS names, inside one resource or inside all of them.
pub(crate) async fn inside(calls: &Calls, kind: &Kind, outer: Option<&str>) -> Result<Vec<Value>, Failure> {
    let Some(member) = kind.row().identity.within.last() else { return Ok(Vec::new()) };
    let names: Vec<String> = match outer {
        Some(name) => vec![name.to_owned()],
        None => {
            let target = kind.refs().iter().find(|r| r.path.first() == Some(member.as_str()) && r.path.0.len() == 1);
            let target =
                target.and_then(|r| r.targets.first()).and_then(|t| Some((t, sagewright_kinds::find(&t.kind)?)));
            match target {
                Some((of, target)) => calls
                    .list(target, list_input(target, None), usize::MAX)
                    .await?
                    .iter()
                    .filter_map(|i| if of.value.ends_with(".arn") { arn_of(target, i) } else { target.name_of(i) })
                    .collect(),
                None => Vec::new(),
            }
        }
    };
    let mut items = Vec::new();
    for name in names {
        let spec = json!({member.as_str(): name});
        match calls.list(kind, list_input(kind, Some(&spec)), usize::MAX).await {
            Ok(some) => items.extend(some),
            // What it would be inside of is not there.
            Err(failure) if is_absence(&failure) => {}
            Err(failure) => return Err(failure),
        }
    }
    Ok(items)
}

/// All resources of a kind, as listings give them.
pub(crate) async fn all(calls: &Calls, kind: &Kind) -> Result<Vec<Object>, Failure> {
    Ok(items(calls, kind).await?.iter().map(|item| object_of_item(kind, item)).collect())
}

async fn items(calls: &Calls, kind: &Kind) -> Result<Vec<Value>, Failure> {
    let mut items = if kind.is_arn_identified() { inside(calls, kind, None).await? } else { Vec::new() };
    // Some are inside of nothing (model packages without a group).
    if !kind.is_arn_identified() || optional_list(kind) {
        let more = calls.list(kind, list_input(kind, None), usize::MAX).await?;
        let known: HashSet<String> = items.iter().filter_map(|i| arn_of(kind, i)).collect();
        items.extend(more.into_iter().filter(|i| arn_of(kind, i).is_none_or(|arn| !known.contains(&arn))));
    }
    Ok(items)
}

/// Whether a kind can be listed without saying inside of what.
fn optional_list(kind: &Kind) -> bool {
    let operation = kind.row().operations.list.as_deref();
    operation.and_then(|op| kind.service().input(op)).is_some_and(|shape| shape.required.is_empty())
}

fn object_of_item(kind: &Kind, item: &Value) -> Object {
    let spec = kind.spec_to_crd(&sagewright_decide::diff::observed_spec(kind, item));
    let mut status = kind.status_of(item);
    // What listings say and reads do not is status too.
    let known = crd::names(kind.read_shape());
    if let (Some(status), Some(item)) = (status.as_object_mut(), item.as_object()) {
        for (member, value) in item.iter().filter(|(m, v)| !v.is_null() && !known.values().any(|k| k == m)) {
            status.entry(sagewright_model::name::to_crd(member)).or_insert_with(|| value.clone());
        }
    }
    let name = kind.name_of(item).or_else(|| arn_of(kind, item).map(|a| tail(&a))).unwrap_or_default();
    Object { spec, status, ..Object::new(kind, &name) }
}

/// What people call a resource that AWS names: `mnist/3`.
pub(super) fn tail(arn: &str) -> String {
    name_in_arn(arn).replace("/execution/", "/")
}

/// An observed resource as an object, under the name of its owner where it has one.
pub(crate) fn object_of(kind: &Kind, found: &Found) -> Object {
    let mut object = Object::new(kind, &found.name);
    object.metadata = match &found.owner {
        Ownership::Marked(owner) => {
            let namespace = (owner.namespace != "default").then(|| owner.namespace.clone());
            Metadata { name: owner.name.clone(), namespace, ..Metadata::default() }
        }
        _ => Metadata {
            name: if kind.is_arn_identified() { tail(&found.name) } else { found.name.clone() },
            ..Metadata::default()
        },
    };
    object.spec = found.spec.clone();
    if let (Some(map), Some(field)) = (object.spec.as_object_mut(), tags_field(kind)) {
        let tags = user_tags(found);
        if !tags.is_empty() {
            map.insert(field, tags_crd(kind, &tags));
        }
    }
    object.status = found.status.clone();
    object
}

/// The tags of a resource that are the user's.
pub(crate) fn user_tags(found: &Found) -> IndexMap<String, String> {
    found
        .tags
        .iter()
        .filter(|(key, _)| !sagewright_decide::is_foreign(key))
        .map(|(k, v)| (k.clone(), v.clone()))
        .collect()
}

fn tags_field(kind: &Kind) -> Option<String> {
    kind.tags_member().map(sagewright_model::name::to_crd)
}

fn tags_crd(kind: &Kind, tags: &IndexMap<String, String>) -> Value {
    let member = kind.tags_member().unwrap_or_default();
    let all = tags.iter().map(|(k, v)| (k.clone(), v.clone())).collect();
    let aws = sagewright_decide::inputs::tags_value(kind, kind.create_shape(), member, &all);
    let shape = kind.create_shape().members.get(member).and_then(|m| kind.service().target(m));
    shape.map_or(Value::Null, |shape| crd::from_aws(kind.service(), shape, &aws))
}

/// Reads a resource that was found before, without its tags.
pub(crate) async fn again(calls: &Calls, kind: &Kind, before: &Found) -> Result<Option<Found>, Failure> {
    let spec = kind.spec_of(&before.output);
    let known = Known { spec: Some(&spec), arn: before.arn.as_deref(), output: Some(&before.output) };
    let output = read_output(calls, kind, known).await?;
    Ok(output.map(|output| Found::new(kind, output, before.tags.clone())))
}
