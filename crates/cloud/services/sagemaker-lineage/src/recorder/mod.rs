//! What SageMaker tracks by itself: done by the timers that are set when a job, a model package or an endpoint enters a
//! status (`sagemaker-base/src/lineage.rs`).

mod endpoint;
mod job;
mod package;
mod plan;

use sagewright_cloud_core::records::{Batch, CommitError, Record, StoreError, Timer, Versioned, Write};
use sagewright_cloud_sagemaker_base::{Kind, SageMaker, lineage};

use crate::association::{self, Association, End};
use crate::entity::type_of;
use crate::experiment::membership;
pub use job::component_of;
use plan::{Entity, Plan};

/// How often a batch is put together again because a request was faster.
const TRIES: usize = 100;

/// Does a timer: what is there already stays as it is, or is brought up to date, and nothing is written twice.
pub async fn record(sm: &SageMaker, timer: Timer) -> Result<(), StoreError> {
    let cancel = Write::CancelTimer { id: timer.id.clone(), due: timer.due };
    let plan = match lineage::traced(&timer) {
        Some((kind, record, event)) => plan(sm, kind, &record, &event).await?,
        None => {
            tracing::warn!(timer = timer.id, "a timer of lineage cannot be read");
            Plan::default()
        }
    };
    // Entities are deleted, and associations added, under the same lock.
    let _guard = sm.exclusive().await;
    for _ in 0..TRIES {
        let mut batch = vec![cancel.clone()];
        writes(sm, &plan, &mut batch).await?;
        match sm.env().store.commit(batch).await {
            Ok(()) => return Ok(()),
            Err(CommitError::Conflict(_)) => {}
            Err(CommitError::Store(error)) => return Err(error),
        }
    }
    Err(StoreError::Busy { kind: lineage::OWNER.to_owned(), name: timer.id })
}

async fn plan(sm: &SageMaker, kind: Kind, record: &Record, event: &str) -> Result<Plan, StoreError> {
    Ok(match kind.0.noun {
        "ModelPackageGroup" => package::group(record),
        "ModelPackage" => package::version(record),
        "Endpoint" => endpoint::deployment(record, &endpoint::packages(sm, record).await?),
        _ => job::job(kind, record, event),
    })
}

/// What is still to be written of a plan.
async fn writes(sm: &SageMaker, plan: &Plan, batch: &mut Batch) -> Result<(), StoreError> {
    let (store, now) = (&sm.env().store, sm.now());
    let mut records: Vec<(Kind, Record)> = Vec::with_capacity(plan.entities.len());
    for entity in &plan.entities {
        let found = store.get(&entity.key).await?;
        let (record, write) = match found {
            None => {
                let mut record = fresh(entity, now);
                // A trial shows the experiment's own spelling, whichever its job has: trials are looked for by it.
                if let Some((_, experiment)) = entity.within.and_then(|at| records.get(at)) {
                    record.body["ExperimentName"] = experiment.body["ExperimentName"].clone();
                }
                (record.clone(), Some(Write::Insert(record)))
            }
            Some(Versioned { record, version }) => match entity.renewed(&record, now) {
                None => (record, None),
                Some(record) => (record.clone(), Some(Write::Replace(Versioned { record, version }))),
            },
        };
        batch.extend(write);
        records.push((entity.kind, record));
    }
    for (from, to, kind) in &plan.edges {
        let (Some(from), Some(to)) = (records.get(*from), records.get(*to)) else { continue };
        let end = |(kind, record): &(Kind, Record)| End { arn: record.arn.clone(), kind: type_of(*kind, record) };
        let association =
            Association { source: end(from), destination: end(to), kind: Some((*kind).to_owned()), by: None };
        let (account, region) = (&from.1.key.account, &from.1.key.region);
        let key = association::key(account, region, &from.1.arn, &to.1.arn);
        if store.shared(&key).await?.is_none() {
            batch.extend(association.writes(account, region, now));
        }
    }
    if let Some((trial, component)) = plan.membership
        && let (Some((_, trial)), Some((_, component))) = (records.get(trial), records.get(component))
    {
        let membership = membership(trial, component, now);
        if store.shared(&membership[0].key).await?.is_none() {
            batch.extend(membership.map(Write::Insert));
        }
    }
    Ok(())
}

fn fresh(entity: &Entity, now: i64) -> Record {
    Record {
        key: entity.key.clone(),
        arn: entity.arn.clone(),
        status: String::new(),
        created: now,
        modified: now,
        body: entity.body.clone().into(),
    }
}
