//! `ListTrials`, `ListTrialComponents`

use std::collections::BTreeSet;

use sagewright_cloud_core::api::{ApiError, Call};
use sagewright_cloud_core::records::{Filter, Key, Query, Record};
use sagewright_cloud_sagemaker_base::kind::Kind;
use sagewright_cloud_sagemaker_base::lineage::{TRIAL_PART, TRIAL_PART_IN};
use sagewright_cloud_sagemaker_base::listing::{self, Listing, optional_millis};
use sagewright_cloud_sagemaker_base::resource::{describe, pick};
use sagewright_cloud_sagemaker_base::{SageMaker, token};
use serde_json::{Map, Value, json};

use super::lower;

const PAGE: usize = 10;

const TRIAL: &[&str] = &["TrialArn", "TrialName", "DisplayName", "TrialSource", "CreationTime", "LastModifiedTime"];
const COMPONENT: &[&str] = &[
    "TrialComponentName",
    "TrialComponentArn",
    "DisplayName",
    "TrialComponentSource",
    "Status",
    "StartTime",
    "EndTime",
    "CreationTime",
    "CreatedBy",
    "LastModifiedTime",
    "LastModifiedBy",
];

pub async fn trials(sm: &SageMaker, call: &Call) -> Result<Value, ApiError> {
    let of = call.text("ExperimentName").map(str::to_ascii_lowercase);
    let Some(component) = call.text("TrialComponentName") else {
        let filters = match of {
            Some(_) => vec![of_experiment(sm, call).await?],
            None => Vec::new(),
        };
        return plain(sm, call, Kind::TRIAL, TRIAL, filters).await;
    };
    let component = Filter::NameStarts(format!("{}/", component.to_ascii_lowercase()));
    let mut found = memberships(sm, call, TRIAL_PART_IN, component).await?;
    found.retain(|membership| of.as_ref().is_none_or(|of| membership["Experiment"] == **of));
    let names = found.iter().map(|membership| lower(&membership["TrialName"])).collect();
    page(sm, call, Kind::TRIAL, TRIAL, names).await
}

/// The condition on trials that they are of the experiment that a request names.
async fn of_experiment(sm: &SageMaker, call: &Call) -> Result<Filter, ApiError> {
    let experiment = sm.find(call, Kind::EXPERIMENT, call.text("ExperimentName").unwrap_or_default()).await?;
    let name = experiment.body["ExperimentName"].as_str().unwrap_or_default();
    Ok(Filter::Member("ExperimentName".to_owned(), name.to_owned()))
}

pub async fn components(sm: &SageMaker, call: &Call) -> Result<Value, ApiError> {
    let given = [call.text("ExperimentName"), call.text("TrialName"), call.text("SourceArn")];
    if given.iter().flatten().count() > 1 {
        return Err(ApiError::validation("Only one of ExperimentName, TrialName and SourceArn can be given."));
    }
    let filter = match given {
        [Some(experiment), ..] => {
            sm.find(call, Kind::EXPERIMENT, experiment).await?;
            Filter::Member("Experiment".to_owned(), experiment.to_ascii_lowercase())
        }
        [_, Some(trial), _] => {
            let trial = sm.find(call, Kind::TRIAL, trial).await?;
            Filter::NameStarts(format!("{}/", trial.key.name))
        }
        [_, _, Some(source)] => {
            // The component of a job is named after it.
            let name = crate::recorder::component_of(&source.to_ascii_lowercase());
            return page(sm, call, Kind::TRIAL_COMPONENT, COMPONENT, name.into_iter().collect()).await;
        }
        _ => return plain(sm, call, Kind::TRIAL_COMPONENT, COMPONENT, Vec::new()).await,
    };
    let found = memberships(sm, call, TRIAL_PART, filter).await?;
    let names = found.iter().map(|membership| lower(&membership["Component"])).collect();
    page(sm, call, Kind::TRIAL_COMPONENT, COMPONENT, names).await
}

async fn memberships(sm: &SageMaker, call: &Call, kind: &str, filter: Filter) -> Result<Vec<Value>, ApiError> {
    let query = Query { filters: vec![filter], ..Query::all(&call.caller.account, &call.region, kind) };
    Ok(sm.env().store.find(query).await?.into_iter().map(|found| found.record.body).collect())
}

/// A listing of all, by the store's own order.
async fn plain(
    sm: &SageMaker,
    call: &Call,
    kind: Kind,
    members: &[&str],
    filters: Vec<Filter>,
) -> Result<Value, ApiError> {
    let listing = Listing { kind, result: "", summary: &[], descending: true, filters };
    let (records, next) = listing::page(sm, call, &listing).await?;
    Ok(answer(kind, members, records, next))
}

/// A page of those with these names: what is in one trial or experiment.
async fn page(
    sm: &SageMaker,
    call: &Call,
    kind: Kind,
    members: &[&str],
    names: BTreeSet<String>,
) -> Result<Value, ApiError> {
    let time = |member: &str| optional_millis(member, &call.input[member]);
    let (after, before) = (time("CreatedAfter")?, time("CreatedBefore")?);
    let mut records = Vec::with_capacity(names.len());
    for name in names {
        let key = Key::new(&call.caller.account, &call.region, kind.as_str(), &name);
        records.extend(sm.env().store.record(&key).await?);
    }
    #[allow(clippy::cast_precision_loss)] // milliseconds since 1970 are below 2^53
    records.retain(|record| {
        let created = record.created as f64;
        after.is_none_or(|t| created > t) && before.is_none_or(|t| created < t)
    });
    let by_name = call.text("SortBy") == Some("Name");
    let place = |record: &Record| (if by_name { 0 } else { record.created }, record.key.name.clone());
    let ascending = call.text("SortOrder") == Some("Ascending");
    if let Some(text) = call.text("NextToken").filter(|token| !token.is_empty()) {
        let (time, name) = token::open(call, text)?;
        let end = (time.as_i64().unwrap_or(0), name);
        records.retain(|record| if ascending { place(record) > end } else { place(record) < end });
    }
    records.sort_by_cached_key(place);
    if !ascending {
        records.reverse();
    }
    let limit = call.input["MaxResults"].as_u64().map_or(PAGE, |n| usize::try_from(n).unwrap_or(PAGE));
    let more = records.len() > limit;
    records.truncate(limit);
    let end = records.last().filter(|_| more).map(place);
    let next = end.map(|(time, name)| token::seal(call, &json!(time), &name));
    Ok(answer(kind, members, records, next))
}

fn answer(kind: Kind, members: &[&str], records: Vec<Record>, next: Option<String>) -> Value {
    let items = records.into_iter().map(|record| {
        let mut shown = describe(kind, record);
        if let Some(source) = shown.get("Source").cloned() {
            shown.insert(format!("{}Source", kind.0.noun), source);
        }
        pick(shown, members)
    });
    let mut out = Map::from_iter([(format!("{}Summaries", kind.0.noun), items.collect())]);
    out.extend(next.map(|token| ("NextToken".to_owned(), json!(token))));
    Value::Object(out)
}
