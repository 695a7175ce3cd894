//! What still uses the resources that a delete would take away.

use std::collections::{BTreeMap, BTreeSet, HashSet};

use futures_util::{StreamExt as _, TryStreamExt as _, stream};
use sagewright_decide::arn::arn_of;
use sagewright_decide::error::Failure;
use sagewright_decide::inputs::Known;
use sagewright_decide::observed::Found;
use sagewright_kinds::row::DeleteHow;
use sagewright_kinds::{Kind, Path, Phase, RefField, get, values};
use sagewright_objects::object::ObjectId;
use serde_json::Value;

use super::Engine;
use super::lookup::{inside, tail};
use super::reconcile::{target_id, words};
use super::set::graph::{Graph, Node, value_in};
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
struct Referrer {
    name: String,
    /// What it refers to: fields that may refer to something, each with its value.
    refers: Vec<(&'static RefField, String)>,
    /// Objects that it will refer to, once what is declared was applied, and whose resources are not known yet.
    pending: Vec<ObjectId>,
}

impl Engine {
    /// What still uses the resources that a plan of [`Engine::plan_delete`] would delete, by their place in the plan.
    /// Reads up to 100 resources of each kind that may refer to one of them. Jobs that have ended use nothing,
    /// and neither does what is being deleted.
    pub async fn users(&self, plan: &Plan) -> BTreeMap<usize, Users> {
        self.users_beside(plan, &Graph { nodes: Vec::new(), order: Vec::new() }).await
    }

    /// As [`Engine::users`], once what is declared was applied: that uses what it declares.
    pub(super) async fn users_beside(&self, plan: &Plan, declared: &Graph) -> BTreeMap<usize, Users> {
        let mut regions: BTreeMap<String, (Calls, Vec<Going<'_>>)> = BTreeMap::new();
        for (at, planned) in plan.objects.iter().enumerate() {
            let Some(going) = going(at, planned) else { continue };
            let calls = self.calls_for(&planned.object);
            let entry = regions.entry(calls.target.region.to_string()).or_insert_with(|| (calls, Vec::new()));
            entry.1.push(going);
        }
        let mut users: BTreeMap<usize, Users> = BTreeMap::new();
        for (calls, going) in regions.values() {
            let here = |node: &&Node| self.calls_for(&node.desired.object).target.region == calls.target.region;
            let declared: Vec<&Node> = declared.nodes.iter().filter(here).collect();
            users.extend(going.iter().filter(|g| !g.ends).map(|g| (g.at, Users::default())));
            for kind in sagewright_kinds::all() {
                let used: Vec<&Going<'_>> = going.iter().filter(|g| !g.ends && refers(kind, g.kind)).collect();
                if used.is_empty() {
                    continue;
                }
                let (referrers, unknown, ended) = match referrers(calls, kind, &used).await {
                    Ok(found) => found,
                    Err(failure) => (Vec::new(), unreadable(kind, &failure), HashSet::new()),
                };
                let referrers = with_declared(kind, referrers, &ended, &declared);
                let own: HashSet<&str> =
                    going.iter().filter(|g| g.kind.name() == kind.name()).map(Going::resource).collect();
                let referrers: Vec<&Referrer> = referrers.iter().filter(|r| !own.contains(r.name.as_str())).collect();
                for g in used {
                    let entry = users.entry(g.at).or_default();
                    entry.unknown.extend(unknown.clone());
                    let by = referrers.iter().filter(|r| uses(r, g));
                    entry.by.extend(by.map(|r| format!("{}/{}", kind.name(), tail(&r.name))));
                }
            }
        }
        users
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
fn with_declared(
    kind: &'static Kind,
    mut there: Vec<Referrer>,
    ended: &HashSet<String>,
    declared: &[&Node],
) -> Vec<Referrer> {
    for node in declared.iter().filter(|node| node.kind.name() == kind.name() && !node.desired.read_only) {
        let name = node.desired.name(kind).unwrap_or_else(|| node.id.name.clone());
        if ended.contains(&name) {
            continue;
        }
        let refers = references(kind, &node.desired.spec);
        let pending = node.desired.pending.iter().map(|p| target_id(&p.reference, &node.id.namespace)).collect();
        match there.iter_mut().find(|referrer| referrer.name == name) {
            Some(referrer) => {
                referrer.refers.retain(|(field, _)| !refers.iter().any(|(new, _)| new.path == field.path));
                referrer.refers.extend(refers);
                referrer.pending = pending;
            }
            None => there.push(Referrer { name, refers, pending }),
        }
    }
    there
}

impl Going<'_> {
    fn resource(&self) -> &str {
        self.planned.resource.as_deref().unwrap_or_default()
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
        going.planned.object.arn() == Some(text)
            || targets().any(|t| value_in(t, text).is_some_and(|v| going.value(&t.value) == Some(v)))
    })
}

fn referrer(kind: &'static Kind, output: &Value) -> Referrer {
    let spec = kind.spec_of(output);
    let name = kind.name_of(&spec).or_else(|| arn_of(kind, output)).unwrap_or_default();
    Referrer { name, refers: references(kind, &spec), pending: Vec::new() }
}

/// The fields of a spec that may refer to something, each with its value.
fn references(kind: &'static Kind, spec: &Value) -> Vec<(&'static RefField, String)> {
    let texts = |field: &'static RefField| {
        let values = values(spec, &field.path).into_iter();
        values.filter_map(|(_, value)| value.as_str().map(str::to_owned)).collect::<Vec<_>>()
    };
    kind.refs().iter().flat_map(|field| texts(field).into_iter().map(move |text| (field, text))).collect()
}

/// Resources of a kind that may refer to those that go, what was not looked at, and the names of jobs that have ended.
async fn referrers(
    calls: &Calls,
    kind: &'static Kind,
    used: &[&Going<'_>],
) -> Result<(Vec<Referrer>, Option<String>, HashSet<String>), Failure> {
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
    let rest = (is_cut || at_work.len() > LOOKED_AT).then(|| {
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
    Ok((found.into_iter().flatten().collect(), rest, ended))
}

/// What to say of a kind that cannot be looked at; nothing where the cloud does not have it.
fn unreadable(kind: &Kind, failure: &Failure) -> Option<String> {
    let missing = failure.cause().is_some_and(|cause| cause.code == "NotImplemented");
    (!missing).then(|| format!("whether {} use it is not known: {failure}", kind.words_of_many()))
}
