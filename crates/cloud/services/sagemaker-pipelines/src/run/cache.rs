//! Steps that an earlier execution of the same pipeline has done: the newest success that is not too old counts.

use sagewright_cloud_core::records::{Filter, Order, Query};
use sagewright_cloud_sagemaker_base::Kind;
use sagewright_cloud_sagemaker_base::machine;

use super::begin::Begin;
use super::values::Values;
use crate::execution::machine::Executions;
use crate::execution::state::{Done, Phase, Source, State};
use crate::kinds::Runs;

/// How many executions are looked through, the newest first.
const LOOKED_THROUGH: usize = 500;

/// What an earlier execution gives for a step that is cached.
pub(super) async fn hit(begin: &Begin<'_>, values: &Values<'_>) -> Option<Done> {
    let (lifetime, fingerprint) = (begin.step.cache?, begin.fingerprint.as_deref()?);
    let (sm, key) = (&begin.executions.0, begin.key);
    let (pipeline, _) = key.name.rsplit_once('/')?;
    let query = Query {
        filters: vec![Filter::NameStarts(format!("{pipeline}/"))],
        order: Order::Created,
        descending: true,
        limit: LOOKED_THROUGH,
        ..Query::all(&key.account, &key.region, Kind::PIPELINE_EXECUTION.as_str())
    };
    let oldest = lifetime.map_or(i64::MIN, |lifetime| sm.now().saturating_sub(lifetime));
    let mut best: Option<(i64, Done)> = None;
    for found in sm.env().store.find(query).await.ok()? {
        let state = machine::state::<Executions>(&found.record);
        let Some((ended, done)) = success(&state, &begin.step.name, fingerprint).filter(|(ended, _)| *ended >= oldest)
        else {
            continue;
        };
        if best.as_ref().is_none_or(|(newest, _)| ended > *newest) {
            let source = Some(Source::Cache(found.record.arn.clone()));
            best = Some((ended, Done { source, ..done.clone() }));
        }
    }
    let (_, done) = best?;
    if let (Runs::Resource(kind), Some(id)) = (begin.step.kind.runs, done.resource.as_deref()) {
        // It may have been deleted meanwhile.
        values.described(begin.step, kind, id).await.ok()?;
    }
    Some(done)
}

/// When a step was done in an execution itself, and what it gave.
fn success<'s>(state: &'s State, name: &str, fingerprint: &str) -> Option<(i64, &'s Done)> {
    let at = state.nodes.iter().position(|node| node.name == name)?;
    let step = state.steps.get(at).filter(|step| step.phase == Phase::Succeeded)?;
    let own = step.result.source.is_none() && step.result.fingerprint.as_deref() == Some(fingerprint);
    own.then_some((step.ended?, &step.result))
}
