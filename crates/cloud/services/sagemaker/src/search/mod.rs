//! `Search`: expressions over the properties of training jobs, model packages, their groups, and endpoints.

mod expression;

use std::cmp::Ordering;

use sagewright_model::Shape;
use serde_json::{Map, Value, json};

use sagewright_cloud_core::api::{ApiError, Call};
use sagewright_cloud_core::store::Record;
use sagewright_cloud_sagemaker_base::resource::{self, Kind};
use sagewright_cloud_sagemaker_base::{SageMaker, refuse, token};

/// SageMaker's page size where the request names none.
const PAGE: usize = 10;

pub(super) fn search(sm: &SageMaker, call: &Call) -> Result<Value, ApiError> {
    let resource = resource::required(call, "Resource")?;
    let kind = match resource {
        "TrainingJob" => Kind::TRAINING_JOB,
        "ModelPackage" => Kind::MODEL_PACKAGE,
        "ModelPackageGroup" => Kind::MODEL_PACKAGE_GROUP,
        "Endpoint" => Kind::ENDPOINT,
        other => {
            let choice = "Search for TrainingJob, ModelPackage, ModelPackageGroup or Endpoint";
            return Err(refuse::instead(&format!("Search for {other}"), choice));
        }
    };
    refuse::members("", &call.input, &["/VisibilityConditions"])?;
    let shape = call.service.shape(resource).ok_or_else(|| ApiError::internal(format!("no shape {resource}")))?;
    if let Some(expression) = call.input.get("SearchExpression").filter(|e| !e.is_null()) {
        expression::check(expression, shape)?;
    }
    let sort = call.text("SortBy").unwrap_or("LastModifiedTime");
    let descending = call.text("SortOrder") != Some("Ascending");
    // A kind without the default's property is sorted by its creation.
    let sort = if sort == "LastModifiedTime" && !shape.members.contains_key(sort) { "CreationTime" } else { sort };
    expression::known(sort, shape)?;

    let mut hits = find(sm, call, kind, shape)?;
    let key = |(name, found): &(String, Value)| (expression::first(found, sort), name.clone());
    hits.sort_by_cached_key(|hit| Sorted(key(hit), descending));
    let total = hits.len();
    if let Some(token) = call.text("NextToken").filter(|t| !t.is_empty()) {
        let after = Sorted(token::open(call, token)?, descending);
        hits.retain(|hit| Sorted(key(hit), descending) > after);
    }
    let limit =
        call.input.get("MaxResults").and_then(Value::as_u64).map_or(PAGE, |n| usize::try_from(n).unwrap_or(PAGE));
    let more = hits.len() > limit;
    hits.truncate(limit);

    let mut out = Map::new();
    if let Some(last) = hits.last().filter(|_| more) {
        let (position, tie) = key(last);
        out.insert("NextToken".to_owned(), json!(token::seal(call, &position, &tie)));
    }
    let results: Vec<Value> = hits.into_iter().map(|(_, found)| json!({ resource: found })).collect();
    out.insert("Results".to_owned(), Value::Array(results));
    out.insert("TotalHits".to_owned(), json!({ "Value": total, "Relation": "EqualTo" }));
    Ok(Value::Object(out))
}

/// Name and shown form of all resources that satisfy the expression.
fn find(sm: &SageMaker, call: &Call, kind: Kind, shape: &Shape) -> Result<Vec<(String, Value)>, ApiError> {
    let mut hits = Vec::new();
    // Nothing is shared between the embedded cloud's accounts yet.
    if call.text("CrossAccountFilterOption") == Some("CrossAccount") {
        return Ok(hits);
    }
    for record in sm.env().store.list(&call.caller.account, &call.region, kind.as_str())? {
        let name = record.key.name.clone();
        let found = show(sm, kind, record, shape)?;
        let expression = call.input.get("SearchExpression").filter(|e| !e.is_null());
        if expression.is_none_or(|e| expression::holds(e, &found)) {
            hits.push((name, found));
        }
    }
    Ok(hits)
}

fn show(sm: &SageMaker, kind: Kind, record: Record, shape: &Shape) -> Result<Value, ApiError> {
    let tags = sm.env().store.tags(&record.arn)?;
    let mut found = resource::describe(kind, record);
    found.retain(|member, _| shape.members.contains_key(member.as_str()));
    let tags: Vec<_> = tags.into_iter().map(|(key, value)| json!({ "Key": key, "Value": value })).collect();
    found.insert("Tags".to_owned(), Value::Array(tags));
    Ok(Value::Object(found))
}

/// A sort key that carries its direction.
struct Sorted((Value, String), bool);

impl Ord for Sorted {
    fn cmp(&self, other: &Self) -> Ordering {
        let ordering = compare(&self.0.0, &other.0.0).then_with(|| self.0.1.cmp(&other.0.1));
        if self.1 { ordering.reverse() } else { ordering }
    }
}

impl PartialOrd for Sorted {
    fn partial_cmp(&self, other: &Self) -> Option<Ordering> {
        Some(self.cmp(other))
    }
}

impl PartialEq for Sorted {
    fn eq(&self, other: &Self) -> bool {
        self.cmp(other) == Ordering::Equal
    }
}

impl Eq for Sorted {}

/// Nothing before numbers before text.
fn compare(a: &Value, b: &Value) -> Ordering {
    match (a.as_f64(), b.as_f64()) {
        (Some(a), Some(b)) => a.total_cmp(&b),
        _ => {
            let rank = |v: &Value| if v.is_number() { 1 } else { u8::from(v.is_string()) * 2 };
            rank(a).cmp(&rank(b)).then_with(|| a.as_str().cmp(&b.as_str()))
        }
    }
}
