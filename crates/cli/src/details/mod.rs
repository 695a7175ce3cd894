//! What a resource tells besides its status word: how far it is, what came of it, and where to look.

pub(crate) mod executions;
mod failed;
mod tuning;

use futures_util::{StreamExt as _, stream};
use jiff::Timestamp;
use sagewright_engine::{EngineError, Object};
use sagewright_kinds::{Kind, Phase};
use serde_json::Value;

use crate::context::Context;
use crate::resource;
use crate::{show, steps};

pub(crate) use failed::{explained, hint};

/// Descriptions read at the same time.
const AT_ONCE: usize = 8;
/// Resources of a table that are looked up one by one, where nobody asks for all columns.
const LOOKED_UP: usize = 20;

/// A resource of a table.
pub(crate) struct Row {
    pub(crate) object: Object,
    /// Whose it is, where that is asked.
    pub(crate) owner: Option<String>,
    /// Under the further headings of its kind.
    pub(crate) cells: Vec<String>,
}

/// Kinds whose details stand in their descriptions alone.
const DESCRIBED: [&str; 3] = ["HyperParameterTuningJob", "MonitoringSchedule", "PipelineExecution"];

/// Resources with their details. Listings say less than reads: all are read for a `wide` table, else the first ones where
/// that tells more.
pub(crate) async fn rows(
    context: &Context,
    kind: &'static Kind,
    objects: &[Object],
    wide: bool,
    now: Timestamp,
) -> Vec<Row> {
    let mut left = if wide { usize::MAX } else { LOOKED_UP };
    let looks: Vec<(Object, bool)> = objects
        .iter()
        .map(|object| {
            let more =
                wide || DESCRIBED.contains(&kind.name()) || (is_failed(kind, object) && reason(kind, object).is_none());
            let look = more && left > 0;
            left = left.saturating_sub(usize::from(look));
            (object.clone(), look)
        })
        .collect();
    stream::iter(looks)
        .map(|(object, look)| async move {
            let (object, owner) = if look { described(context, kind, object).await } else { (object, None) };
            let cells = cells(context, kind, &object, look, now).await;
            Row { object, owner: owner.filter(|_| wide), cells }
        })
        .buffered(AT_ONCE)
        .collect()
        .await
}

/// A resource as a read gives it, and its owner. One that went away meanwhile stays as listed.
async fn described(context: &Context, kind: &'static Kind, object: Object) -> (Object, Option<String>) {
    let name = object.arn().filter(|_| kind.is_arn_identified()).map(str::to_owned);
    let name = name.unwrap_or_else(|| show::aws_name(kind, &object));
    match context.engine.describe(kind, &name).await {
        Ok(found) => (found.object, found.owner.map(|owner| owner.short(&context.installation))),
        Err(_) => (object, None),
    }
}

/// Headings of a kind's further columns.
pub(crate) fn heads(kind: &Kind) -> &'static [&'static str] {
    match kind.name() {
        "HyperParameterTuningJob" => &["JOBS", "BEST"],
        "ModelPackage" => &["APPROVAL"],
        "MonitoringSchedule" => &["LAST-RUN"],
        "PipelineExecution" => &["STEPS"],
        _ => &[],
    }
}

/// The further cells of a row. What cannot be read leaves its cell empty: the row says what is known.
async fn cells(context: &Context, kind: &Kind, object: &Object, looked: bool, now: Timestamp) -> Vec<String> {
    let cells = match kind.name() {
        "HyperParameterTuningJob" => vec![tuning::jobs(object), tuning::best(object)],
        "ModelPackage" => vec![text(&object.spec, "/modelApprovalStatus")],
        "MonitoringSchedule" => vec![executions::last_run(object, now)],
        "PipelineExecution" if looked => {
            vec![steps::of(context, object).await.ok().map(|steps| steps::count(&steps))]
        }
        "PipelineExecution" => vec![None],
        _ => Vec::new(),
    };
    cells.into_iter().map(|cell| cell.unwrap_or_else(|| "-".to_owned())).collect()
}

/// Whether a column tells why something failed.
pub(crate) fn is_reason(head: &str) -> bool {
    head.to_uppercase().ends_with("REASON")
}

/// What a resource came to, beside its status word, in a line.
pub(crate) async fn outcome(context: &Context, kind: &Kind, object: &Object) -> Option<String> {
    match kind.name() {
        "HyperParameterTuningJob" => tuning::line(object),
        "MonitoringSchedule" => executions::last_outcome(context, object).await,
        "PipelineExecution" => {
            let steps = steps::of(context, object).await.ok()?;
            Some(format!("{} steps", steps::count(&steps)))
        }
        _ => None,
    }
}

/// Whether a kind has news while it is at work.
pub(crate) fn has_news(kind: &Kind) -> bool {
    matches!(kind.name(), "HyperParameterTuningJob" | "PipelineExecution")
}

/// How far a resource is: each line that may change, after what it is about.
pub(crate) async fn news(context: &Context, kind: &'static Kind, name: &str) -> anyhow::Result<Vec<(String, String)>> {
    let found = match context.engine.describe(kind, name).await {
        Ok(found) => found,
        Err(EngineError::NotFound { .. }) => return Ok(Vec::new()),
        Err(error) => return Err(error.into()),
    };
    Ok(match kind.name() {
        "HyperParameterTuningJob" => {
            tuning::line(&found.object).map(|line| (String::new(), line)).into_iter().collect()
        }
        "PipelineExecution" => {
            let mut steps = steps::of(context, &found.object).await?;
            if steps.iter().any(steps::Step::failed) {
                steps = steps::named(context, &found.object).await?;
            }
            steps.iter().filter_map(|step| Some((step.name().to_owned(), step.news()?))).collect()
        }
        _ => Vec::new(),
    })
}

/// The kind and the name of what an ARN names, as its description gives the name. The ARN's own name where there is none.
pub(crate) async fn name_of(context: &Context, arn: &str) -> Option<(&'static Kind, String)> {
    let kind = resource::kind_in_arn(arn)?;
    if !kind.is_arn_identified()
        && let Ok(found) = context.engine.describe(kind, arn).await
    {
        return Some((kind, found.resource));
    }
    Some((kind, show::name_in(arn)))
}

/// Whether a resource ended badly.
pub(crate) fn is_failed(kind: &Kind, object: &Object) -> bool {
    show::status_word(kind, object).is_some_and(|word| kind.phase(&word) == Phase::Failed)
}

/// The reason that AWS gives.
pub(crate) fn reason(kind: &Kind, object: &Object) -> Option<String> {
    let member = sagewright_kinds::Path::parse(kind.row().status.reason.as_deref()?);
    let path = member.to_crd(kind.service(), kind.read_shape());
    let reason = sagewright_kinds::get(&object.status, &path)?.as_str()?;
    Some(reason.to_owned()).filter(|text| !text.is_empty())
}

fn text(value: &Value, pointer: &str) -> Option<String> {
    value.pointer(pointer)?.as_str().map(str::to_owned)
}
