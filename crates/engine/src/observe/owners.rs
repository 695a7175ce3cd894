//! Who owns what, by the marks: the resources of a kind that bear an object's mark, whatever their names.

use std::collections::{BTreeMap, HashMap, HashSet};
use std::sync::Arc;

use futures_util::lock::Mutex;
use futures_util::{StreamExt, TryStreamExt, stream};
use jiff::{SignedDuration, Timestamp};
use sagewright_decide::arn::{arn_of, name_in_arn};
use sagewright_decide::error::Failure;
use sagewright_decide::inputs::Known;
use sagewright_decide::observed::{Found, Ownership};
use sagewright_decide::{Claim, Desired, claim};
use sagewright_kinds::{Kind, Phase};
use sagewright_objects::keys;
use sagewright_objects::mark::Owner;
use sagewright_port::cloud::{Class, Target};
use serde_json::{Map, Value, json};

use super::calls::{Calls, is_invalid, is_refused};
use super::index::{indexed, tags_of};
use super::list_input::list_input;
use super::read::{complete_found, read_output};

/// Calls at the same time while searching.
const AT_ONCE: usize = 8;
/// Objects of a kind whose marks are asked for one by one; then all marks of the kind are read.
const ONE_BY_ONE: usize = 4;
/// How far the tag index may lag behind: resources that are younger are looked at themselves.
const INDEX_LAG: SignedDuration = SignedDuration::from_mins(15);

/// Failures of the tag index in a row after which a run goes without it.
const INDEX_FAILURES: u32 = 3;

/// A resource that bears a mark, or did.
#[derive(Debug, Clone)]
struct Hit {
    arn: String,
    /// The members that name it, where a listing shows them.
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
    /// The whole listing, for ARNs that do not say how their resource is read.
    items: Option<Arc<Vec<Value>>>,
}

/// A kind in an account and region.
type KindTarget = (String, Target);

/// What is known of marks during one run.
#[derive(Debug, Default)]
pub(crate) struct Owners {
    kinds: Mutex<HashMap<KindTarget, Arc<Mutex<Marks>>>>,
    /// How often the tag index failed in a row.
    index_failures: Mutex<HashMap<Target, u32>>,
    /// Marks in members of resources that AWS names, by ARN, where they are another object's.
    others: Mutex<HashMap<String, String>>,
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
        if let Some(arn) = desired.object.arn().filter(|arn| !has_name(arn, declared.as_deref()))
            && let Some(found) =
                self.resource(calls, kind, &Hit { arn: arn.to_owned(), identity: None }).await?.filter(other)
        {
            return Ok(Some(found));
        }
        self.bearing(calls, kind, &desired.owner(), declared.as_deref(), &other).await
    }

    /// The resource that bears a mark in either of its forms, has another name than the one that was not found, and is what `fits`
    /// asks for.
    pub(crate) async fn bearing(
        &self,
        calls: &Calls,
        kind: &Kind,
        owner: &Owner,
        missing: Option<&str>,
        fits: &(dyn Fn(&Found) -> bool + Sync),
    ) -> Result<Option<Found>, Failure> {
        for hit in self.hits(calls, kind, &owner.texts()).await?.iter().filter(|hit| !has_name(&hit.arn, missing)) {
            if let Some(found) = self.resource(calls, kind, hit).await?.filter(fits) {
                return Ok(Some(found));
            }
        }
        Ok(None)
    }

    /// The marks of a kind in the place that calls go to.
    async fn marks(&self, calls: &Calls, kind: &Kind) -> Arc<Mutex<Marks>> {
        let key = (kind.name().to_owned(), calls.target.clone());
        Arc::clone(self.kinds.lock().await.entry(key).or_default())
    }

    async fn hits(&self, calls: &Calls, kind: &Kind, owners: &[String]) -> Result<Vec<Hit>, Failure> {
        let marks = self.marks(calls, kind).await;
        let mut marks = marks.lock().await;
        let of = |hits: &Hits| owners.iter().filter_map(|o| hits.get(o)).flatten().cloned().collect::<Vec<_>>();
        if marks.all.is_none() && !marks.asked.contains_key(owners) {
            let one_by_one = marks.asked.len() < ONE_BY_ONE;
            match self.read_index(calls, kind, if one_by_one { owners } else { &[] }).await? {
                Some(hits) if one_by_one => {
                    marks.asked.insert(owners.to_vec(), of(&hits));
                }
                Some(hits) => marks.all = Some(hits),
                None => {
                    marks.all = Some(self.listed(calls, kind, keys::OWNER, None, &mut marks.read).await?);
                    marks.young = Some(Hits::new());
                }
            }
        }
        if marks.young.is_none() {
            let since = Some(calls.clock.now() - INDEX_LAG);
            marks.young = Some(self.listed(calls, kind, keys::OWNER, since, &mut marks.read).await?);
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
        let index = self.index(calls, kind, key, &[value.to_owned()]).await?;
        let since = index.is_some().then(|| calls.clock.now() - INDEX_LAG);
        let mut hits =
            self.listed(calls, kind, key, since, &mut HashMap::new()).await?.remove(value).unwrap_or_default();
        hits.extend(index.into_iter().flatten().map(|(_, arn)| Hit { arn, identity: None }));
        let mut seen = HashSet::new();
        hits.retain(|hit| seen.insert(hit.arn.to_lowercase()));
        let found: Vec<Option<Found>> = stream::iter(hits)
            .map(|hit| async move { self.resource(calls, kind, &hit).await })
            .buffered(AT_ONCE)
            .try_collect()
            .await?;
        let bears = |found: &Found| found.tags.get(key).is_some_and(|is| is == value);
        Ok(found.into_iter().flatten().filter(bears).collect())
    }

    /// Whether the tag index has the kind, and could be read lately.
    async fn has_index(&self, calls: &Calls, kind: &Kind) -> bool {
        let failures = self.index_failures.lock().await.get(&calls.target).copied().unwrap_or_default();
        kind.indexed_type().is_some() && failures < INDEX_FAILURES
    }

    /// What the tag index answers; nothing where it is not to be had, which is remembered: it is another service, with
    /// permissions of its own, and not in every network.
    async fn heed<T>(&self, calls: &Calls, answer: Result<Option<T>, Failure>) -> Result<Option<T>, Failure> {
        let mut failures = self.index_failures.lock().await;
        let failures = failures.entry(calls.target.clone()).or_default();
        *failures = match &answer {
            Ok(Some(_)) => 0,
            Err(failure) if failure.cause().is_some_and(|c| c.class() == Class::Throttle) && !calls.patient => {
                *failures
            }
            // Who waits has asked more than once.
            Err(_) if !calls.patient => *failures + 1,
            _ => INDEX_FAILURES,
        };
        answer.or_else(|failure| if *failures < INDEX_FAILURES { Err(failure) } else { Ok(None) })
    }

    async fn index(
        &self,
        calls: &Calls,
        kind: &Kind,
        key: &str,
        values: &[String],
    ) -> Result<Option<Vec<(String, String)>>, Failure> {
        match kind.indexed_type() {
            Some(indexed_type) if self.has_index(calls, kind).await => {
                self.heed(calls, indexed(calls, &indexed_type, key, values).await).await
            }
            _ => Ok(None),
        }
    }

    /// Marks in the tag index: of some owners, or of all without any.
    async fn read_index(&self, calls: &Calls, kind: &Kind, owners: &[String]) -> Result<Option<Hits>, Failure> {
        let Some(found) = self.index(calls, kind, keys::OWNER, owners).await? else { return Ok(None) };
        let mut hits = Hits::new();
        for (owner, arn) in found {
            hits.entry(owner).or_default().push(Hit { arn, identity: None });
        }
        Ok(Some(hits))
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
            let shown = self.heed(calls, tags_of(calls, &unread).await).await?;
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

    /// A hit as it is now, with its tags; nothing where it is gone, or of another kind, account or region.
    async fn resource(&self, calls: &Calls, kind: &Kind, hit: &Hit) -> Result<Option<Found>, Failure> {
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
            output = None;
            for item in self.items(calls, kind).await?.iter().filter(|item| may_have(kind, item, &hit.arn)) {
                let known = Known { spec: Some(item), arn: None, output: None };
                output = read_output(calls, kind, known).await?.filter(same);
                if output.is_some() {
                    break;
                }
            }
        }
        match output.filter(same) {
            Some(output) => Ok(Some(complete_found(calls, kind, output).await?)),
            None => Ok(None),
        }
    }

    /// The whole listing of a kind, once a run.
    async fn items(&self, calls: &Calls, kind: &Kind) -> Result<Arc<Vec<Value>>, Failure> {
        let marks = self.marks(calls, kind).await;
        let mut marks = marks.lock().await;
        if let Some(items) = &marks.items {
            return Ok(Arc::clone(items));
        }
        let items = Arc::new(calls.list(kind, list_input(kind, None), usize::MAX).await?);
        marks.items = Some(Arc::clone(&items));
        Ok(items)
    }

    /// Whether a resource that AWS names was seen to be another object's.
    pub(crate) async fn is_others(&self, arn: &str, owner: &Owner) -> bool {
        self.others.lock().await.get(arn).is_some_and(|text| !owner.is_text(text))
    }

    /// Remembers whose a resource is that AWS names.
    pub(crate) async fn saw_owner(&self, found: &Found) {
        if let (Some(arn), Ownership::Marked(owner)) = (&found.arn, &found.owner) {
            self.others.lock().await.insert(arn.clone(), owner.to_string());
        }
    }
}

/// Whether an ARN is that of a resource of this name.
fn has_name(arn: &str, name: Option<&str>) -> bool {
    name.is_some_and(|name| name.eq_ignore_ascii_case(name_in_arn(arn)))
}

/// Whether a listed item may be the resource of an ARN. Some listings do not show ARNs; an ARN holds all that names its resource.
fn may_have(kind: &Kind, item: &Value, arn: &str) -> bool {
    if let Some(shown) = arn_of(kind, item) {
        return shown.eq_ignore_ascii_case(arn);
    }
    let names = kind.row().identity.name.iter().map(|member| item.get(member).and_then(Value::as_str));
    let within = |name: &str| name_in_arn(arn).split('/').any(|part| part.eq_ignore_ascii_case(name));
    names.into_iter().all(|name| name.is_some_and(within))
}

/// The resources that the kind's listing shows: all, or those created since a time.
async fn young(calls: &Calls, kind: &Kind, since: Option<Timestamp>) -> Result<Vec<Hit>, Failure> {
    let Some(listing) = kind.listing() else { return Ok(Vec::new()) };
    let mut input = list_input(kind, None);
    if let (Some(since), Some(filter)) = (since, listing.created_after) {
        input[filter] = json!(since.to_string());
    }
    let young = |item: &Value| {
        let created = listing.created.and_then(|m| item.get(m)?.as_str()?.parse::<Timestamp>().ok());
        since.is_none_or(|since| created.is_none_or(|created| created >= since))
    };
    let mut items = calls.list(kind, input, usize::MAX).await?;
    items.retain(young);
    let hits: Vec<Option<Hit>> = stream::iter(items)
        .map(|item| async move {
            let arn = match arn_of(kind, &item) {
                Some(arn) => Some(arn),
                // Some listings do not show ARNs.
                None => read_output(calls, kind, Known { spec: Some(&item), arn: None, output: None })
                    .await?
                    .and_then(|output| arn_of(kind, &output)),
            };
            let shown = |member: &String| Some((member.clone(), item.get(member)?.clone()));
            let is_named = kind.row().identity.name.iter().all(|member| item.get(member).is_some());
            let identity = is_named.then(|| Value::Object(kind.identity_members().filter_map(shown).collect()));
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
        tags => tags.map(Option::unwrap_or_default),
    }
}

/// A name that the kind cannot have is none of its resources.
fn of_this_kind(read: Result<Option<Value>, Failure>) -> Result<Option<Value>, Failure> {
    match read {
        Err(failure) if is_invalid(&failure) => Ok(None),
        read => read,
    }
}
