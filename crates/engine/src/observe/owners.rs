//! Who owns what, by the marks: the resources of a kind that bear an object's mark, whatever their names.

use std::collections::{BTreeMap, HashMap, HashSet};
use std::sync::Arc;

use futures_util::lock::Mutex;
use futures_util::{StreamExt, TryStreamExt, stream};
use jiff::{SignedDuration, Timestamp};
use sagewright_kinds::{Kind, Phase};
use serde_json::{Map, Value, json};

use super::Found;
use super::arn::{arn_of, name_in_arn};
use super::calls::{Calls, is_invalid, is_refused};
use super::find::list_input;
use super::index::{indexed, tags_of};
use super::read::{complete_found, read_output};
use crate::cloud::Target;
use crate::decide::inputs::Known;
use crate::decide::{Claim, Desired, claim};
use crate::error::Failure;
use crate::mark::{self, Owner};

/// Calls at the same time while searching.
const AT_ONCE: usize = 8;
/// Objects of a kind whose marks are asked for one by one; then all marks of the kind are read.
const ONE_BY_ONE: usize = 4;
/// How far the tag index may lag behind: resources that are younger are looked at themselves.
const INDEX_LAG: SignedDuration = SignedDuration::from_mins(15);

/// A resource that bears a mark, or did.
#[derive(Debug, Clone)]
struct Hit {
    arn: String,
    /// The members that name it, where a listing showed them.
    identity: Option<Value>,
}

/// Resources by the text of their marks, newest first.
type Hits = BTreeMap<String, Vec<Hit>>;

/// The marks of one kind in one place.
#[derive(Debug, Default)]
struct Marks {
    /// All of them, once they were read.
    all: Option<Hits>,
    /// Those that were asked for, before all were read.
    asked: HashMap<Vec<String>, Vec<Hit>>,
    /// Those of the resources that the index may not show yet.
    young: Option<Hits>,
    /// Marks by ARN, as far as they were read: after a call that failed only what is missing is read.
    read: HashMap<String, Option<String>>,
}

/// A kind in an account and region.
type Place = (String, Target);

/// What is known of marks during one run. Where the tag index cannot be read, that is remembered too.
#[derive(Debug, Default)]
pub(crate) struct Owners {
    kinds: Mutex<HashMap<Place, Arc<Mutex<Marks>>>>,
    without_index: Mutex<HashSet<Target>>,
    /// Objects whose resource was seen under the name that they declare.
    seen: Mutex<HashSet<(String, Target, String)>>,
}

impl Owners {
    /// Remembers that an object's resource has the name that it declares: when it is gone, nothing else is looked for.
    pub(crate) async fn saw(&self, calls: &Calls, kind: &Kind, desired: &Desired) {
        self.seen.lock().await.insert((kind.name().to_owned(), calls.target.clone(), desired.owner().to_string()));
    }

    /// The resource that bears an object's mark under a name that is not the declared one.
    pub(crate) async fn elsewhere(
        &self,
        calls: &Calls,
        kind: &Kind,
        desired: &Desired,
    ) -> Result<Option<Found>, Failure> {
        let seen = (kind.name().to_owned(), calls.target.clone(), desired.owner().to_string());
        if kind.tags_member().is_none() || self.seen.lock().await.contains(&seen) {
            return Ok(None);
        }
        let declared = desired.name(kind);
        let other = |found: &Found| {
            matches!(claim(kind, desired, found), Claim::Ours { .. })
                && found.phase != Phase::Gone
                && declared.as_ref() != Some(&found.name)
        };
        // What the object remembers is the first guess. A guess that is wrong does not end the search.
        if let Some(arn) = desired.object.arn()
            && let Some(found) =
                resource(calls, kind, &Hit { arn: arn.to_owned(), identity: None }).await?.filter(other)
        {
            return Ok(Some(found));
        }
        self.bearing(calls, kind, &desired.owner(), declared.as_deref(), &other).await
    }

    /// The resource that bears an owner's mark in either of its forms, has another name than the one that was not found, and is what `fits`
    /// asks for.
    pub(crate) async fn bearing(
        &self,
        calls: &Calls,
        kind: &Kind,
        owner: &Owner,
        missing: Option<&str>,
        fits: &(dyn Fn(&Found) -> bool + Sync),
    ) -> Result<Option<Found>, Failure> {
        let known = |hit: &Hit| missing.is_some_and(|name| name.eq_ignore_ascii_case(name_in_arn(&hit.arn)));
        for hit in self.hits(calls, kind, &owner.texts()).await?.iter().filter(|hit| !known(hit)) {
            if let Some(found) = resource(calls, kind, hit).await?.filter(fits) {
                return Ok(Some(found));
            }
        }
        Ok(None)
    }

    async fn hits(&self, calls: &Calls, kind: &Kind, owners: &[String]) -> Result<Vec<Hit>, Failure> {
        let key = (kind.name().to_owned(), calls.target.clone());
        let marks = Arc::clone(self.kinds.lock().await.entry(key).or_default());
        let mut marks = marks.lock().await;
        let of = |hits: &Hits| owners.iter().filter_map(|o| hits.get(o)).flatten().cloned().collect::<Vec<_>>();
        if marks.all.is_none() && !marks.asked.contains_key(owners) {
            let one_by_one = marks.asked.len() < ONE_BY_ONE;
            match self.read_index(calls, kind, if one_by_one { owners } else { &[] }).await {
                Some(hits) if one_by_one => {
                    marks.asked.insert(owners.to_vec(), of(&hits));
                }
                Some(hits) => marks.all = Some(hits),
                None => {
                    marks.all = Some(self.listed(calls, kind, mark::OWNER, None, &mut marks.read).await?);
                    marks.young = Some(Hits::new());
                }
            }
        }
        if marks.young.is_none() {
            let since = Some(calls.clock.now() - INDEX_LAG);
            marks.young = Some(self.listed(calls, kind, mark::OWNER, since, &mut marks.read).await?);
        }
        let mut hits = marks.young.as_ref().map(of).unwrap_or_default();
        hits.extend(match &marks.all {
            Some(all) => of(all),
            None => marks.asked.get(owners).cloned().unwrap_or_default(),
        });
        Ok(hits)
    }

    /// The resources of a kind that bear a mark with this value, as they are now.
    pub(crate) async fn bearers(
        &self,
        calls: &Calls,
        kind: &Kind,
        key: &str,
        value: &str,
    ) -> Result<Vec<Found>, Failure> {
        let index = self.index(calls, kind, key, &[value.to_owned()]).await;
        let since = index.is_some().then(|| calls.clock.now() - INDEX_LAG);
        let mut hits =
            self.listed(calls, kind, key, since, &mut HashMap::new()).await?.remove(value).unwrap_or_default();
        hits.extend(index.into_iter().flatten().map(|(_, arn)| Hit { arn, identity: None }));
        let mut seen = HashSet::new();
        hits.retain(|hit| seen.insert(hit.arn.to_lowercase()));
        let found: Vec<Option<Found>> = stream::iter(hits)
            .map(|hit| async move { resource(calls, kind, &hit).await })
            .buffered(AT_ONCE)
            .try_collect()
            .await?;
        let bears = |found: &Found| found.tags.get(key).is_some_and(|is| is == value);
        Ok(found.into_iter().flatten().filter(bears).collect())
    }

    async fn has_index(&self, calls: &Calls, kind: &Kind) -> bool {
        kind.indexed_type().is_some() && !self.without_index.lock().await.contains(&calls.target)
    }

    /// What the tag index says; that it cannot be read is remembered.
    async fn index(&self, calls: &Calls, kind: &Kind, key: &str, values: &[String]) -> Option<Vec<(String, String)>> {
        if !self.has_index(calls, kind).await {
            return None;
        }
        let kind = kind.indexed_type()?;
        let found = indexed(calls, &kind, key, values).await;
        if found.is_none() {
            self.without_index.lock().await.insert(calls.target.clone());
        }
        found
    }

    /// Marks in the tag index: of some owners, or of all without any. `None` where it does not have the kind, or cannot be
    /// read: it is another service, with permissions of its own, and not in every network.
    async fn read_index(&self, calls: &Calls, kind: &Kind, owners: &[String]) -> Option<Hits> {
        let found = self.index(calls, kind, mark::OWNER, owners).await?;
        let mut hits = Hits::new();
        for (owner, arn) in found {
            hits.entry(owner).or_default().push(Hit { arn, identity: None });
        }
        Some(hits)
    }

    /// Marks by the kind's own listing and the tags of what it lists: of all, or of those created since a time. `read` holds
    /// what was read before, and takes what is read now.
    async fn listed(
        &self,
        calls: &Calls,
        kind: &Kind,
        key: &str,
        since: Option<Timestamp>,
        read: &mut HashMap<String, Option<String>>,
    ) -> Result<Hits, Failure> {
        let resources = young(calls, kind, since).await?;
        let mut unread: Vec<String> = resources.iter().map(|hit| hit.arn.clone()).collect();
        unread.retain(|arn| !read.contains_key(arn));
        // Most of what is young is in the index already, which shows a hundred at once. A mark that was put on a
        // resource since, by an adoption, is missed within its lag.
        if since.is_some() && unread.len() > ONE_BY_ONE && self.has_index(calls, kind).await {
            let shown = tags_of(calls, &unread).await;
            read.extend(shown.into_iter().flatten().map(|(arn, mut tags)| (arn, tags.remove(key))));
            unread.retain(|arn| !read.contains_key(arn));
        }
        let mut tags = stream::iter(unread)
            .map(|arn| async move {
                let tags = readable_tags(calls, kind, &arn).await;
                (arn, tags)
            })
            .buffer_unordered(AT_ONCE);
        let mut failed = None;
        while let Some((arn, tags)) = tags.next().await {
            match tags {
                Ok(mut tags) => drop(read.insert(arn, tags.remove(key))),
                Err(failure) => failed = failed.or(Some(failure)),
            }
        }
        if let Some(failure) = failed {
            return Err(failure);
        }
        let mut hits = Hits::new();
        for hit in resources {
            if let Some(Some(owner)) = read.get(&hit.arn) {
                hits.entry(owner.clone()).or_default().push(hit);
            }
        }
        Ok(hits)
    }
}

/// The resources that the kind's listing shows: all, or those created since a time.
async fn young(calls: &Calls, kind: &Kind, since: Option<Timestamp>) -> Result<Vec<Hit>, Failure> {
    let Some(listing) = kind.listing() else { return Ok(Vec::new()) };
    let mut input = list_input(kind, None);
    if let (Some(since), Some(filter)) = (since, listing.created_after) {
        input[filter] = json!(since.to_string());
    }
    let young = |item: &&Value| {
        let created = listing.created.and_then(|m| item.get(m)?.as_str()?.parse::<Timestamp>().ok());
        since.is_none_or(|since| created.is_none_or(|created| created >= since))
    };
    let items = calls.list(kind, input, usize::MAX).await?;
    let named = |item: &Value| -> Map<String, Value> {
        let members = kind.row().identity.name.iter();
        members.filter_map(|m| Some((m.clone(), item.get(m)?.clone()))).collect()
    };
    let listed: Vec<_> = items.iter().filter(young).map(|item| (arn_of(kind, item), named(item))).collect();
    let hits: Vec<Option<Hit>> = stream::iter(listed)
        .map(|(arn, named)| async move {
            let identity = Some(Value::Object(named));
            let arn = match arn {
                Some(arn) => Some(arn),
                // Some listings show no ARNs (user profiles, spaces), and tags are asked by them.
                None => {
                    let known = Known { spec: identity.as_ref(), arn: None, output: None };
                    read_output(calls, kind, known).await?.and_then(|output| arn_of(kind, &output))
                }
            };
            Ok::<_, Failure>(arn.map(|arn| Hit { arn, identity }))
        })
        .buffered(AT_ONCE)
        .try_collect()
        .await?;
    Ok(hits.into_iter().flatten().collect())
}

/// The tags of a resource; none where it went away meanwhile or its tags may not be read, for then it is none of this
/// object's. What cannot be read just now may be.
async fn readable_tags(calls: &Calls, kind: &Kind, arn: &str) -> Result<BTreeMap<String, String>, Failure> {
    match calls.tags(kind, arn).await {
        Err(failure) if is_refused(&failure) => Ok(BTreeMap::new()),
        tags => tags,
    }
}

/// A hit as it is now, with its tags; nothing where it is gone, or of another kind, account or region.
async fn resource(calls: &Calls, kind: &Kind, hit: &Hit) -> Result<Option<Found>, Failure> {
    let same = |output: &Value| arn_of(kind, output).is_some_and(|arn| arn.eq_ignore_ascii_case(&hit.arn));
    let named = match (kind.row().identity.name.as_slice(), &hit.identity) {
        (_, Some(identity)) => Some(identity.clone()),
        ([], None) => Some(Value::Object(Map::new())),
        ([member], None) => Some(json!({member.as_str(): name_in_arn(&hit.arn)})),
        _ => None,
    };
    let arn = kind.is_arn_identified().then_some(hit.arn.as_str());
    let mut output = match &named {
        Some(spec) => of_this_kind(read_output(calls, kind, Known { spec: Some(spec), arn, output: None }).await)?,
        None => None,
    };
    // ARNs show some names in lower case, and of several members none: the listing shows them as they are.
    if output.as_ref().is_none_or(|o| !same(o)) && hit.identity.is_none() && !kind.is_arn_identified() {
        let items = calls.list(kind, list_input(kind, None), usize::MAX).await?;
        output = match items.iter().find(|item| same(item)) {
            Some(item) => read_output(calls, kind, Known { spec: Some(item), arn: None, output: None }).await?,
            None => None,
        };
    }
    match output.filter(same) {
        Some(output) => Ok(Some(complete_found(calls, kind, output).await?)),
        None => Ok(None),
    }
}

/// A name that the kind cannot have is none of its resources.
fn of_this_kind(read: Result<Option<Value>, Failure>) -> Result<Option<Value>, Failure> {
    match read {
        Err(failure) if is_invalid(&failure) => Ok(None),
        read => read,
    }
}
