//! What still uses the resources that a delete would take away.

use std::collections::{BTreeMap, BTreeSet, HashMap, HashSet};

use futures_util::{StreamExt as _, TryStreamExt as _, stream};
use sagewright_decide::KNOWN_AFTER_APPLY;
use sagewright_decide::arn::arn_of;
use sagewright_decide::error::Failure;
use sagewright_decide::inputs::Known;
use sagewright_decide::observed::Found;
use sagewright_kinds::row::DeleteHow;
use sagewright_kinds::{Kind, Path, Phase, RefField, RefTarget, get, values};
use sagewright_objects::object::ObjectId;
use serde_json::{Value, json};

use super::Engine;
use super::lookup::{inside, tail};
use super::reconcile::{target_id, words};
use super::set::graph::{Graph, Node, parts_beside, value_in};
use crate::observe::calls::Calls;
use crate::observe::{list_input, read_output};
use crate::report::{Plan, Planned};

/// Resources of one kind that are looked at: the newest.
const LOOKED_AT: usize = 100;
/// Jobs that are listed, to find those that have not ended: AWS keeps the records of all.
const JOBS_LISTED: usize = 1_000;
/// Resources read at the same time.
const AT_ONCE: usize = 8;

/// What uses one resource.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub struct Users {
    /// `KIND/NAME` of what refers to it and does not go with it.
    pub by: BTreeSet<String>,
    /// What could not be looked at, and why.
    pub unknown: BTreeSet<String>,
}

/// A resource that would go.
struct Going<'p> {
    at: usize,
    kind: &'static Kind,
    planned: &'p Planned,
    /// It is a job that is stopped, or is being deleted already: what uses it is of no interest.
    ends: bool,
}

/// A resource that refers to others.
#[derive(Clone)]
struct Referrer {
    name: String,
    /// What it refers to: fields that may refer to something, each with its value.
    refers: Vec<(&'static RefField, String)>,
    /// The members of its spec that say which resource it is: a name in them may be of a part that others have, too.
    identity: HashMap<String, String>,
    /// Objects that it will refer to, once what is declared was applied, and whose resources are not known yet.
    pending: Vec<ObjectId>,
}

/// The resources of one kind that refer to others.
#[derive(Default)]
struct Reading {
    referrers: Vec<Referrer>,
    /// What was not looked at, and why.
    unknown: Option<String>,
    /// The names of jobs that have ended.
    ended: HashSet<String>,
    /// What serves a resource of this kind that is not there any more: what that referred to is not known.
    lost: Vec<Lost>,
}

/// A resource that serves what is not there any more.
struct Lost {
    kind: &'static Kind,
    name: String,
    /// The name of what it serves.
    serves: String,
}

/// What refers to the resources that would go, by region and kind. Read once: what goes only becomes less.
pub(super) struct Referring(BTreeMap<String, BTreeMap<&'static str, Reading>>);

impl Engine {
    /// What still uses the resources that a plan of [`Engine::plan_delete`] would delete, by their place in the plan.
    /// Reads up to 100 resources of each kind that may refer to one of them. Jobs that have ended use nothing,
    /// and neither does what is being deleted.
    pub async fn users(&self, plan: &Plan) -> BTreeMap<usize, Users> {
        let nothing = Graph { nodes: Vec::new(), order: Vec::new() };
        self.users_among(&self.referring(plan).await, plan, &nothing)
    }

    /// Reads what refers to the resources that would go.
    pub(super) async fn referring(&self, plan: &Plan) -> Referring {
        let mut regions = BTreeMap::new();
        for (region, (calls, going)) in self.regions(plan) {
            let mut readings = BTreeMap::new();
            for kind in sagewright_kinds::all() {
                let used: Vec<&Going<'_>> = going.iter().filter(|g| !g.ends && refers(kind, g.kind)).collect();
                if !used.is_empty() {
                    readings.insert(kind.name(), read(&calls, kind, &used).await);
                }
            }
            for kind in sagewright_kinds::all().iter().filter(|kind| kind.row().delete.serves.is_some()) {
                find_lost(&calls, kind, &mut readings).await;
            }
            regions.insert(region, readings);
        }
        Referring(regions)
    }

    /// As [`Engine::users`], once what is declared was applied: that uses what it declares.
    pub(super) fn users_among(&self, there: &Referring, plan: &Plan, declared: &Graph) -> BTreeMap<usize, Users> {
        let mut users: BTreeMap<usize, Users> = BTreeMap::new();
        for (region, (calls, going)) in self.regions(plan) {
            let here = |node: &&Node| self.calls_for(&node.desired.object).target.region == calls.target.region;
            let declared: Vec<&Node> = declared.nodes.iter().filter(here).collect();
            users.extend(going.iter().filter(|g| !g.ends).map(|g| (g.at, Users::default())));
            let resources = |kind: &Kind| -> HashSet<&str> {
                going.iter().filter(|g| g.kind.name() == kind.name()).map(Going::resource).collect()
            };
            for (name, reading) in there.0.get(&region).into_iter().flatten() {
                let Some(kind) = sagewright_kinds::find(name) else { continue };
                let used: Vec<&Going<'_>> = going.iter().filter(|g| !g.ends && refers(kind, g.kind)).collect();
                if used.is_empty() {
                    continue;
                }
                let referrers = with_declared(kind, reading, &declared);
                let own = resources(kind);
                let is_declared = |name: &str| referrers.iter().any(|referrer| referrer.name == name);
                let lost = reading.lost.iter().filter(|lost| !resources(lost.kind).contains(lost.name.as_str()));
                let lost = lost.filter(|lost| !is_declared(&lost.serves)).map(|lost| lost.words(kind));
                let unknown: BTreeSet<String> = reading.unknown.iter().cloned().chain(lost).collect();
                let referrers: Vec<&Referrer> = referrers.iter().filter(|r| !own.contains(r.name.as_str())).collect();
                for g in used {
                    let entry = users.entry(g.at).or_default();
                    entry.unknown.extend(unknown.iter().cloned());
                    let by = referrers.iter().filter(|r| uses(r, g));
                    entry.by.extend(by.map(|r| format!("{}/{}", kind.name(), tail(&r.name))));
                }
            }
        }
        users
    }

    /// What would go, by region.
    fn regions<'p>(&self, plan: &'p Plan) -> BTreeMap<String, (Calls, Vec<Going<'p>>)> {
        let mut regions: BTreeMap<String, (Calls, Vec<Going<'_>>)> = BTreeMap::new();
        for (at, planned) in plan.objects.iter().enumerate() {
            let Some(going) = going(at, planned) else { continue };
            let calls = self.calls_for(&planned.object);
            let entry = regions.entry(calls.target.region.to_string()).or_insert_with(|| (calls, Vec::new()));
            entry.1.push(going);
        }
        regions
    }
}

impl Lost {
    fn words(&self, of: &Kind) -> String {
        let (kind, of) = (self.kind.words(), of.words());
        format!("the {kind} `{}` may use it: its {of} `{}` is not there any more", self.name, self.serves)
    }
}

/// What goes by a plan: it is deleted, stopped before it is deleted, or deleted as soon as it is settled.
fn going(at: usize, planned: &Planned) -> Option<Going<'_>> {
    let kind = planned.object.row()?;
    if !planned.goes() {
        return None;
    }
    let is_deleting = kind.phase(&words(kind, &planned.object.status).0) == Phase::Deleting;
    Some(Going { at, kind, planned, ends: kind.row().delete.how == DeleteHow::Stop || is_deleting })
}

/// The resources that refer to others, as they will be once what is declared was applied. A field that is not declared
/// stays as it is, and so does a job that has ended.
fn with_declared(kind: &'static Kind, reading: &Reading, declared: &[&Node]) -> Vec<Referrer> {
    let mut there = reading.referrers.clone();
    let mut places: HashMap<String, usize> = there.iter().enumerate().map(|(at, r)| (r.name.clone(), at)).collect();
    for node in declared.iter().filter(|node| node.kind.name() == kind.name() && !node.desired.read_only) {
        let name = node.desired.name(kind).unwrap_or_else(|| node.id.name.clone());
        if reading.ended.contains(&name) {
            continue;
        }
        let refers = references(kind, &node.desired.spec);
        let identity = identity(kind, &node.desired.spec);
        let pending = node.desired.pending.iter().map(|p| target_id(&p.reference, &node.id.namespace)).collect();
        match places.get(&name).and_then(|at| there.get_mut(*at)) {
            Some(referrer) => {
                referrer.refers.retain(|(field, _)| !refers.iter().any(|(new, _)| new.path == field.path));
                referrer.refers.extend(refers);
                referrer.pending = pending;
            }
            None => {
                places.insert(name.clone(), there.len());
                there.push(Referrer { name, refers, identity, pending });
            }
        }
    }
    there
}

impl Going<'_> {
    fn resource(&self) -> &str {
        self.planned.resource.as_deref().unwrap_or_default()
    }

    /// Whether a name that is only a part of what it is known by leads to it: the other parts are the same, where what refers
    /// to it has them.
    fn is_whole(&self, field: &str, referrer: &HashMap<String, String>) -> bool {
        let parts = self.kind.row().identity.name.iter().map(String::as_str).zip(self.resource().split(' '));
        let parts: HashMap<&str, &str> = parts.collect();
        parts_beside(self.kind, field).all(|member| match (parts.get(member), referrer.get(member)) {
            (Some(own), Some(other)) => own == other,
            _ => true,
        })
    }

    /// What a reference to it holds.
    fn value(&self, field: &str) -> Option<&str> {
        let object = &self.planned.object;
        if self.kind.name_field().as_deref() == Some(field) {
            return Some(self.resource());
        }
        let (part, path) = match field.split_once('.')? {
            ("status", path) => (&object.status, path),
            (_, path) => (&object.spec, path),
        };
        get(part, &Path::parse(path)).and_then(Value::as_str)
    }
}

/// Whether resources of a kind may refer to those of another.
fn refers(kind: &Kind, to: &Kind) -> bool {
    kind.refs().iter().flat_map(|field| &field.targets).any(|t| t.group.is_none() && t.kind == to.name())
}

fn uses(referrer: &Referrer, going: &Going<'_>) -> bool {
    if referrer.pending.contains(&going.planned.object.id()) {
        return true;
    }
    referrer.refers.iter().any(|(field, text)| {
        let targets = || field.targets.iter().filter(|t| t.group.is_none() && t.kind == going.kind.name());
        let by_name = |t: &RefTarget| {
            value_in(t, text).is_some_and(|v| going.value(&t.value) == Some(v))
                && going.is_whole(&t.value, &referrer.identity)
        };
        going.planned.object.arn() == Some(text) || targets().any(by_name)
    })
}

fn referrer(kind: &'static Kind, output: &Value) -> Referrer {
    let spec = kind.spec_of(output);
    let name = kind.name_of(&spec).or_else(|| arn_of(kind, output)).unwrap_or_default();
    Referrer { name, refers: references(kind, &spec), identity: identity(kind, &spec), pending: Vec::new() }
}

/// The fields of a spec that may refer to something, each with its value.
fn references(kind: &'static Kind, spec: &Value) -> Vec<(&'static RefField, String)> {
    let texts = |field: &'static RefField| {
        let values = values(spec, &field.path).into_iter();
        values.filter_map(|(_, value)| value.as_str().map(str::to_owned)).collect::<Vec<_>>()
    };
    kind.refs().iter().flat_map(|field| texts(field).into_iter().map(move |text| (field, text))).collect()
}

/// Reads the resources of a kind that may refer to those that go.
async fn read(calls: &Calls, kind: &'static Kind, used: &[&Going<'_>]) -> Reading {
    let failed = |failure: Failure| Reading { unknown: unreadable(kind, &failure), ..Reading::default() };
    referrers(calls, kind, used).await.unwrap_or_else(failed)
}

async fn referrers(calls: &Calls, kind: &'static Kind, used: &[&Going<'_>]) -> Result<Reading, Failure> {
    let listed = if kind.is_job() { JOBS_LISTED } else { LOOKED_AT };
    let items = if kind.is_arn_identified() {
        // What is inside of one that goes uses it; elsewhere are too many to look at.
        let within = kind.row().identity.within.last();
        let inner = |going: &&&Going<'_>| {
            kind.refs().iter().any(|field| {
                field.path.first() == within.map(String::as_str)
                    && field.targets.iter().any(|target| target.kind == going.kind.name())
            })
        };
        let outer: Vec<&str> = used.iter().filter(inner).map(|going| going.resource()).collect();
        let lists = stream::iter(outer).map(|name| inside(calls, kind, Some(name))).buffered(AT_ONCE);
        lists.try_concat().await?
    } else {
        calls.list(kind, list_input(kind, None), listed + 1).await?
    };
    let is_cut = !kind.is_arn_identified() && items.len() > listed;
    let (mut at_work, mut ended) = (Vec::new(), HashSet::new());
    for item in items {
        let listed = Found::new(kind, item, BTreeMap::new());
        if kind.is_job() && listed.phase.is_final() {
            ended.insert(listed.name);
        } else if !matches!(listed.phase, Phase::Deleting | Phase::Gone) {
            at_work.push(listed);
        }
    }
    let unknown = (is_cut || at_work.len() > LOOKED_AT).then(|| {
        let looked_at = if at_work.len() > LOOKED_AT { LOOKED_AT } else { listed };
        format!("only the newest {looked_at} of the {} were looked at", kind.words_of_many())
    });
    at_work.truncate(LOOKED_AT);
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
async fn find_lost(calls: &Calls, kind: &'static Kind, readings: &mut BTreeMap<&'static str, Reading>) {
    let path = kind.row().delete.serves.as_deref().map(Path::parse);
    let Some(field) = kind.refs().iter().find(|field| Some(&field.path) == path.as_ref()) else { return };
    let served = field.targets.iter().filter_map(|target| sagewright_kinds::find(&target.kind));
    for served in served {
        let Some(there) = readings.get(served.name()) else { continue };
        let names: HashSet<String> = there.referrers.iter().map(|referrer| referrer.name.clone()).collect();
        // Where it may not be looked at, that is said of what it serves.
        let serving = match readings.get(kind.name()) {
            Some(reading) => reading.referrers.clone(),
            None => read(calls, kind, &[]).await.referrers,
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
fn identity(kind: &Kind, spec: &Value) -> HashMap<String, String> {
    let value = |member: &String| spec.get(member)?.as_str().filter(|value| *value != KNOWN_AFTER_APPLY);
    kind.identity_members().filter_map(|member| Some((member.clone(), value(member)?.to_owned()))).collect()
}

/// What to say of a kind that cannot be looked at; nothing where the cloud does not have it.
fn unreadable(kind: &Kind, failure: &Failure) -> Option<String> {
    let missing = failure.cause().is_some_and(|cause| cause.code == "NotImplemented");
    (!missing).then(|| format!("whether {} use it is not known: {failure}", kind.words_of_many()))
}
