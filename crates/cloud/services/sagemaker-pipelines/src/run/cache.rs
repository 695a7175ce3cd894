//! Steps that an earlier execution of the same pipeline has done: the newest success that is not too old counts, among the
//! newest executions.

use sagewright_cloud_core::records::{Filter, Order, Query};
use sagewright_cloud_sagemaker_base::Kind;
use sagewright_cloud_sagemaker_base::machine;

use super::begin::Begin;
use super::values::Values;
use crate::execution::machine::Executions;
use crate::execution::state::{Done, Phase, Source, State};
use crate::kinds::Runs;

/// How many executions are read at a time, and looked through at most, the newest first.
const TOGETHER: usize = 20;
const LOOKED_THROUGH: usize = 500;

/// What an earlier execution gives for a step that is cached.
pub(super) async fn hit(begin: &Begin<'_>, values: &Values<'_>) -> Option<Done> {
    let (lifetime, fingerprint) = (begin.step.cache?, begin.fingerprint.as_deref()?);
    let (sm, key) = (&begin.executions.0, begin.key);
    let (pipeline, _) = key.name.rsplit_once('/')?;
    let oldest = lifetime.map_or(i64::MIN, |lifetime| sm.now().saturating_sub(lifetime));
    let mut after = None;
    for _ in 0..LOOKED_THROUGH / TOGETHER {
        let query = Query {
            filters: vec![Filter::NameStarts(format!("{pipeline}/"))],
            order: Order::Created,
            descending: true,
            after: after.take(),
            limit: TOGETHER,
            ..Query::all(&key.account, &key.region, Kind::PIPELINE_EXECUTION.as_str())
        };
        let found = sm.env().store.find(query).await.ok()?;
        after = found.last().map(|last| (last.position.clone(), last.tie.clone()));
        after.as_ref()?;
        for execution in found {
            let state = machine::state::<Executions>(&execution.record);
            let done = success(&state, &begin.step.name, fingerprint).filter(|(ended, _)| *ended >= oldest);
            let Some((_, done)) = done else { continue };
            if let (Runs::Resource(kind), Some(id)) = (begin.step.kind.runs, done.resource.as_deref())
                && values.described(begin.step, kind, id).await.is_err()
            {
                // It was deleted meanwhile.
                continue;
            }
            return Some(Done { source: Some(Source::Cache(execution.record.arn)), ..done.clone() });
        }
    }
    None
}

/// When a step was done in an execution itself, and what it gave.
fn success<'s>(state: &'s State, name: &str, fingerprint: &str) -> Option<(i64, &'s Done)> {
    let at = state.nodes.iter().position(|node| node.name == name)?;
    let step = state.steps.get(at).filter(|step| step.phase == Phase::Succeeded)?;
    let own = step.result.source.is_none() && step.result.fingerprint.as_deref() == Some(fingerprint);
    own.then_some((step.ended?, &step.result))
}
