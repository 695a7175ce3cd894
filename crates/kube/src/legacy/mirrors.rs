//! Objects that mirror the training jobs of a tuning job: made for those that AWS lists, and deleted with the tuning job's object. Each
//! is a legacy object whose child only reads; see `sagewright_legacy::mirror`.

use std::time::Duration;

use sagewright_kinds::Kind;
use sagewright_legacy::mirror::{self, MIRRORED};
use sagewright_legacy::{GROUP, VERSION, find};
use sagewright_objects::Object;
use sagewright_port::cloud::{Call, CloudError, Target};
use sagewright_port::paging::Pager;
use serde_json::{Value, json};

use super::children::{self, Child};
use super::{Context, Owner};
use crate::api::{ApiError, Place};
use crate::declared::Declared;
use crate::scope;

/// Label of what mirrors: the uid of the tuning job's legacy object.
const TUNED: &str = "legacy.sagewright.dev/tuning-job";
/// Training jobs of one tuning job that are mirrored: as many as a tuning job has where no quota was raised.
const MOST: usize = 500;
/// Objects that are made in one look: others have their turn.
const AT_ONCE: usize = 25;
/// The pause before AWS is asked again that did not answer, or before scopes are known.
const AGAIN: Duration = Duration::from_secs(30);

/// Whether a legacy document mirrors a training job of a tuning job: nothing is made, changed or stopped in AWS for it.
pub(super) fn is_mirror(document: &Value) -> bool {
    let labelled = document.pointer("/metadata/labels").and_then(|labels| labels.get(TUNED)).is_some();
    labelled || mirror::is_mirror(document)
}

fn place(owner: &Owner) -> Place {
    let plural = find(MIRRORED).map_or("trainingjobs", |row| row.plural);
    Place::new(GROUP, VERSION, Some(&owner.namespace), plural)
}

async fn all(context: &Context, owner: &Owner, uid: &str) -> Result<Vec<Value>, ApiError> {
    match context.api.list(&place(owner), &format!("{TUNED}={uid}")).await {
        // The cluster has no such kind.
        Err(error) if error.is_missing() => Ok(Vec::new()),
        listed => listed,
    }
}

/// Deletes what mirrors the training jobs of a tuning job; whether nothing is left.
pub(super) async fn delete(context: &Context, owner: &Owner, uid: &str) -> Result<bool, ApiError> {
    let there = all(context, owner, uid).await?;
    for one in there.iter().filter(|one| one.pointer("/metadata/deletionTimestamp").is_none()) {
        context.api.delete(&place(owner), children::name(one)).await?;
    }
    Ok(there.is_empty())
}

/// Makes objects for training jobs that have none yet. When to look again, unless something changes before.
pub(super) async fn keep(
    context: &Context,
    owner: &Owner,
    (value, object): (&Value, &Object),
    child: &Child,
) -> Result<Option<Duration>, ApiError> {
    let made = made_by(child).min(MOST);
    if made == 0 || !context.options.gates.read_only {
        return Ok(None);
    }
    let uid = object.metadata.other.get("uid").and_then(Value::as_str).unwrap_or_default();
    let there = all(context, owner, uid).await?;
    if there.len() >= made {
        return Ok(None);
    }
    let Some(target) = target(context, child) else { return Ok(Some(AGAIN)) };
    let known: Vec<&str> = there.iter().filter_map(job_of).collect();
    let mirrors = Mirrors { context, owner, tuning: value, object, uid, target };
    match mirrors.add(child, &known).await {
        Ok(more) => Ok(more.then_some(Duration::ZERO)),
        Err(Failed::Cluster(error)) => Err(error),
        Err(Failed::Cloud(error)) => {
            let (namespace, name) = (owner.namespace.as_str(), owner.name.as_str());
            tracing::warn!(namespace, name, %error, "cannot read the training jobs of a tuning job; they are mirrored later");
            Ok(Some(AGAIN))
        }
    }
}

/// Why training jobs are not mirrored.
enum Failed {
    Cloud(CloudError),
    Cluster(ApiError),
}

impl From<CloudError> for Failed {
    fn from(error: CloudError) -> Self {
        Self::Cloud(error)
    }
}

impl From<ApiError> for Failed {
    fn from(error: ApiError) -> Self {
        Self::Cluster(error)
    }
}

/// Training jobs that a tuning job has made, by its status.
fn made_by(child: &Child) -> usize {
    let counters = child.object.status.get("trainingJobStatusCounters").and_then(Value::as_object);
    let count: u64 = counters.into_iter().flat_map(serde_json::Map::values).filter_map(Value::as_u64).sum();
    usize::try_from(count).unwrap_or(usize::MAX)
}

/// The training job that an object mirrors.
fn job_of(mirror: &Value) -> Option<&str> {
    mirror.pointer("/spec/trainingJobName")?.as_str()
}

/// Where the tuning job is, and with which role; nothing while that cannot be said.
fn target(context: &Context, child: &Child) -> Option<Target> {
    let tables = context.tables.borrow().clone()?;
    let declared = Declared::document(child.kind, &child.object);
    let namespace = child.object.metadata.namespace.as_deref().unwrap_or_default();
    let placed = scope::place(&context.options, &tables, declared.subject(child.kind, namespace));
    placed.ok().map(|placed| placed.target)
}

/// What is the same for all mirrors of a tuning job.
struct Mirrors<'c> {
    context: &'c Context,
    owner: &'c Owner,
    /// The legacy object, as it is in the cluster.
    tuning: &'c Value,
    object: &'c Object,
    uid: &'c str,
    target: Target,
}

impl Mirrors<'_> {
    /// Makes what is missing; whether more is, and the cluster takes it.
    async fn add(&self, child: &Child, known: &[&str]) -> Result<bool, Failed> {
        let missing = self.missing(child, known).await?;
        let mut made = false;
        for job in missing.iter().take(AT_ONCE) {
            made |= self.make(job).await?;
        }
        Ok(made && missing.len() > AT_ONCE)
    }

    /// Names of training jobs that no object mirrors, the oldest first.
    async fn missing(&self, child: &Child, known: &[&str]) -> Result<Vec<String>, CloudError> {
        let kind = child.kind;
        let name = child.object.spec.get("hyperParameterTuningJobName").and_then(Value::as_str).unwrap_or_default();
        let input = json!({"HyperParameterTuningJobName": name, "SortBy": "CreationTime", "SortOrder": "Ascending"});
        let operation = "ListTrainingJobsForHyperParameterTuningJob";
        let mut pager = Pager::new(&self.target, kind.service().id, operation, input).page_size(100);
        let mut jobs = Vec::new();
        while jobs.len() < MOST
            && let Some(page) = pager.next(self.context.cloud.as_ref()).await?
        {
            let listed = page.get("TrainingJobSummaries").and_then(Value::as_array);
            let names = listed.into_iter().flatten().filter_map(|job| job.get("TrainingJobName")?.as_str());
            jobs.extend(names.map(str::to_owned));
        }
        jobs.truncate(MOST);
        jobs.retain(|job| !known.contains(&job.as_str()));
        Ok(jobs)
    }

    /// Makes the object that mirrors a training job; whether the cluster takes it.
    async fn make(&self, job: &str) -> Result<bool, Failed> {
        let Some(kind) = sagewright_kinds::find(MIRRORED) else { return Ok(false) };
        let input = json!({"TrainingJobName": job});
        let call = Call::new(&self.target, kind.service().id, &kind.row().operations.read, input);
        let described = self.context.cloud.call(call).await?;
        let Some(mut mirror) = mirror::mirror(self.tuning, &described) else { return Ok(false) };
        let mut labels: serde_json::Map<String, Value> =
            children::selected(self.object, &self.context.options.label_selector)
                .into_iter()
                .map(|(key, value)| (key, json!(value)))
                .collect();
        labels.insert(TUNED.to_owned(), json!(self.uid));
        mirror["metadata"]["labels"] = Value::Object(labels);
        let place = place(self.owner);
        let name = children::name(&mirror).to_owned();
        match self.context.api.get(&place, &name).await? {
            // The legacy operator made it.
            Some(there) if mirror::is_mirror(&there) && job_of(&there) == Some(job) => {
                let own = json!({"metadata": {
                    "uid": there.pointer("/metadata/uid"),
                    "labels": mirror["metadata"]["labels"],
                    "ownerReferences": mirror["metadata"]["ownerReferences"],
                }});
                self.context.api.patch(&place, &name, &own).await?;
                return Ok(true);
            }
            Some(_) => mirror["metadata"]["name"] = json!(mirror::other_name(self.uid, &name)),
            None if self.is_taken(kind, &name).await? => {
                mirror["metadata"]["name"] = json!(mirror::other_name(self.uid, &name));
            }
            None => {}
        }
        match self.context.api.create(&place, &mirror).await {
            Ok(_) => Ok(true),
            // Somebody was faster, or the cluster does not take it or has no such kind.
            Err(error) if error.is_conflict() || error.is_refusal() || error.is_missing() => {
                let (namespace, name) = (self.owner.namespace.as_str(), children::name(&mirror));
                tracing::warn!(namespace, name, job, %error, "a training job of a tuning job cannot be mirrored");
                Ok(false)
            }
            Err(error) => Err(error.into()),
        }
    }

    /// Whether an object of today's kind has the name that the mirror's child would have.
    async fn is_taken(&self, kind: &Kind, name: &str) -> Result<bool, ApiError> {
        Ok(self.context.api.get(&Place::of(kind, &self.owner.namespace), name).await?.is_some())
    }
}
