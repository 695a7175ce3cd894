//! Reads what may refer to the resources that a delete would take away.

use std::collections::{BTreeMap, HashMap, HashSet};

use futures_util::{StreamExt as _, TryStreamExt as _, stream};
use sagewright_decide::KNOWN_AFTER_APPLY;
use sagewright_decide::arn::arn_of;
use sagewright_decide::error::Failure;
use sagewright_decide::inputs::Known;
use sagewright_decide::observed::Found;
use sagewright_kinds::{Kind, Phase, RefField, values};
use sagewright_objects::object::ObjectId;
use serde_json::{Value, json};

use super::lookup::inside;
use crate::observe::calls::{Calls, is_unsupported};
use crate::observe::{list_input, read_output};

/// Resources of one kind that are looked at where somebody waits: the newest.
pub(super) const LOOKED_AT: usize = 100;
/// Jobs that are listed, to find those that have not ended: AWS keeps the records of all.
const JOBS_LISTED: usize = 1_000;
/// Resources read at the same time.
const AT_ONCE: usize = 8;

/// A resource that goes: its kind, and its name in AWS.
pub(super) type Used<'g> = (&'static Kind, &'g str);

/// A resource that refers to others.
#[derive(Clone)]
pub(super) struct Referrer {
    pub name: String,
    /// What it refers to: fields that may refer to something, each with its value.
    pub refers: Vec<(&'static RefField, String)>,
    /// The members of its spec that say which resource it is: a name in them may be of a part that others have, too.
    pub identity: HashMap<String, String>,
    /// Objects that it will refer to, once what is declared was applied, and whose resources are not known yet.
    pub pending: Vec<ObjectId>,
}

/// The resources of one kind that refer to others.
#[derive(Default)]
pub(super) struct Reading {
    pub referrers: Vec<Referrer>,
    /// What was not looked at, and why.
    pub unknown: Option<String>,
    /// The names of jobs that have ended.
    pub ended: HashSet<String>,
    /// What serves a resource of this kind that is not there any more: what that referred to is not known.
    pub lost: Vec<Lost>,
}

/// A resource that serves what is not there any more.
pub(super) struct Lost {
    pub kind: &'static Kind,
    pub name: String,
    /// The name of what it serves.
    pub serves: String,
}

impl Lost {
    pub fn words(&self, of: &Kind) -> String {
        let (kind, of) = (self.kind.words(), of.words());
        format!("the {kind} `{}` may use it: its {of} `{}` is not there any more", self.name, self.serves)
    }
}

fn referrer(kind: &'static Kind, output: &Value) -> Referrer {
    let spec = kind.spec_of(output);
    let name = kind.name_of(&spec).or_else(|| arn_of(kind, output)).unwrap_or_default();
    Referrer { name, refers: references(kind, &spec), identity: identity(kind, &spec), pending: Vec::new() }
}

/// The fields of a spec that may refer to something, each with its value.
pub(super) fn references(kind: &'static Kind, spec: &Value) -> Vec<(&'static RefField, String)> {
    let texts = |field: &'static RefField| {
        let values = values(spec, &field.path).into_iter();
        values.filter_map(|(_, value)| value.as_str().map(str::to_owned)).collect::<Vec<_>>()
    };
    kind.refs().iter().flat_map(|field| texts(field).into_iter().map(move |text| (field, text))).collect()
}

/// Reads the resources of a kind that may refer to those that go.
pub(super) async fn read(calls: &Calls, kind: &'static Kind, used: &[Used<'_>], most: usize) -> Reading {
    let failed = |failure: Failure| Reading { unknown: unreadable(kind, &failure), ..Reading::default() };
    referrers(calls, kind, used, most).await.unwrap_or_else(failed)
}

async fn referrers(calls: &Calls, kind: &'static Kind, used: &[Used<'_>], most: usize) -> Result<Reading, Failure> {
    let listed = if kind.is_job() { JOBS_LISTED } else { most };
    // What a resource of this kind is inside of; one that AWS names and that is inside of nothing is listed like others.
    let within = kind.row().identity.within.last().filter(|_| kind.is_arn_identified());
    let container = within.and_then(|member| kind.refs().iter().find(|field| field.path.first() == Some(member)));
    let items = match container {
        // What is inside of one that goes uses it; elsewhere are too many to look at.
        Some(container) => {
            let inner = |(going, _): &&Used<'_>| container.targets.iter().any(|target| target.kind == going.name());
            let outer: Vec<String> = used.iter().filter(inner).map(|(_, resource)| (*resource).to_owned()).collect();
            let list = |name: String| async move { inside(calls, kind, Some(&name)).await };
            let lists = stream::iter(outer).map(list).buffered(AT_ONCE);
            lists.try_concat().await?
        }
        None => calls.list(kind, list_input(kind, None), listed + 1).await?,
    };
    let is_cut = container.is_none() && items.len() > listed;
    let (mut at_work, mut ended) = (Vec::new(), HashSet::new());
    for item in items {
        let listed = Found::new(kind, item, BTreeMap::new());
        if kind.is_job() && listed.phase.is_final() {
            ended.insert(listed.name);
        } else if !matches!(listed.phase, Phase::Deleting | Phase::Gone) {
            at_work.push(listed);
        }
    }
    let too_many = at_work.len() > most;
    let unknown = (is_cut || too_many).then(|| {
        let looked_at = if too_many { most } else { listed };
        format!("only the newest {looked_at} of the {} were looked at", kind.words_of_many())
    });
    at_work.truncate(most);
    let found: Vec<Option<Referrer>> = stream::iter(at_work)
        .map(|listed| async move {
            let spec = kind.spec_of(&listed.output);
            let known = Known { spec: Some(&spec), arn: listed.arn.as_deref(), output: None };
            let output = read_output(calls, kind, known).await?;
            Ok::<_, Failure>(output.map(|output| referrer(kind, &output)))
        })
        .buffered(AT_ONCE)
        .try_collect()
        .await?;
    Ok(Reading { referrers: found.into_iter().flatten().collect(), unknown, ended, lost: Vec::new() })
}

/// Finds the resources of a kind that serve what is not there any more, such as endpoints whose config was deleted: they go
/// on, and what they use cannot be read.
pub(super) async fn find_lost(
    calls: &Calls,
    kind: &'static Kind,
    readings: &mut BTreeMap<&'static str, Reading>,
    most: usize,
) {
    let Some(field) = kind.serves() else { return };
    let served = field.targets.iter().filter_map(|target| sagewright_kinds::find(&target.kind));
    for served in served {
        let Some(there) = readings.get(served.name()) else { continue };
        let names: HashSet<String> = there.referrers.iter().map(|referrer| referrer.name.clone()).collect();
        // Where it may not be looked at, that is said of what it serves.
        let serving = match readings.get(kind.name()) {
            Some(reading) => reading.referrers.clone(),
            None => read(calls, kind, &[], most).await.referrers,
        };
        let serves = serving.into_iter().filter_map(|serving| {
            let (_, name) = serving.refers.iter().find(|(of, name)| of.path == field.path && !names.contains(name))?;
            Some((serving.name.clone(), name.clone()))
        });
        let looks = stream::iter(serves).map(|(name, serves)| async move {
            let member = served.row().identity.name.first()?;
            let spec = json!({member.as_str(): serves.as_str()});
            let output = read_output(calls, served, Known { spec: Some(&spec), ..Known::default() }).await;
            matches!(output, Ok(None)).then_some(Lost { kind, name, serves })
        });
        let lost: Vec<Lost> = looks.buffered(AT_ONCE).filter_map(|lost| async { lost }).collect().await;
        if let Some(reading) = readings.get_mut(served.name()) {
            reading.lost.extend(lost);
        }
    }
}

/// The members of a spec that say which resource it is of.
pub(super) fn identity(kind: &Kind, spec: &Value) -> HashMap<String, String> {
    let value = |member: &String| spec.get(member)?.as_str().filter(|value| *value != KNOWN_AFTER_APPLY);
    kind.identity_members().filter_map(|member| Some((member.clone(), value(member)?.to_owned()))).collect()
}

/// What to say of a kind that cannot be looked at; nothing where the cloud does not have it.
fn unreadable(kind: &Kind, failure: &Failure) -> Option<String> {
    let missing = is_unsupported(failure);
    (!missing).then(|| format!("whether {} use it is not known: {failure}", kind.words_of_many()))
}
