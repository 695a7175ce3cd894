//! `Search`: expressions over the properties of training jobs, model packages, their groups, and endpoints.

mod expression;

use std::cmp::Ordering;

use sagewright_model::Shape;
use serde_json::{Map, Value, json};

use sagewright_cloud_core::api::{ApiError, Call};
use sagewright_cloud_core::records::{Record, Tags};
use sagewright_cloud_sagemaker_base::resource::{self, Kind};
use sagewright_cloud_sagemaker_base::{SageMaker, refuse, token};

/// SageMaker's page size where the request names none.
const PAGE: usize = 10;

pub(super) async fn search(sm: &SageMaker, call: &Call) -> Result<Value, ApiError> {
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
    let expression = call.input.get("SearchExpression").filter(|e| !e.is_null()).cloned();
    if let Some(expression) = &expression {
        expression::check(expression, shape)?;
    }
    let sort = call.text("SortBy").unwrap_or("LastModifiedTime");
    let descending = call.text("SortOrder") != Some("Ascending");
    // A kind without the default's property is sorted by its creation.
    let sort = if sort == "LastModifiedTime" && !shape.members.contains_key(sort) { "CreationTime" } else { sort };
    expression::known(sort, shape)?;

    let limit =
        call.input.get("MaxResults").and_then(Value::as_u64).map_or(PAGE, |n| usize::try_from(n).unwrap_or(PAGE));
    let after = match call.text("NextToken").filter(|t| !t.is_empty()) {
        Some(token) => Some(token::open(call, token)?),
        None => None,
    };
    let wanted = Wanted { kind, shape, expression, sort: sort.to_owned(), descending, after, limit };
    // Nothing is shared between the embedded cloud's accounts yet.
    let records = match call.text("CrossAccountFilterOption") {
        Some("CrossAccount") => Vec::new(),
        _ => sm.env().store.list(&call.caller.account, &call.region, kind.as_str()).await?,
    };
    let tags = sm.env().store.tags(records.iter().map(|r| r.arn.clone()).collect()).await?;
    // Every record is looked at, however many there are.
    let page = tokio::task::spawn_blocking(move || wanted.page(records, tags)).await;
    let Page { results, total, next } = page.map_err(|e| ApiError::internal(e.to_string()))?;

    let mut out = Map::new();
    if let Some((position, tie)) = next {
        out.insert("NextToken".to_owned(), json!(token::seal(call, &position, &tie)));
    }
    let results: Vec<Value> = results.into_iter().map(|found| json!({ resource: found })).collect();
    out.insert("Results".to_owned(), Value::Array(results));
    out.insert("TotalHits".to_owned(), json!({ "Value": total, "Relation": "EqualTo" }));
    Ok(Value::Object(out))
}

/// What a search is for.
struct Wanted {
    kind: Kind,
    shape: &'static Shape,
    expression: Option<Value>,
    sort: String,
    descending: bool,
    after: Option<(Value, String)>,
    limit: usize,
}

/// A page of hits, and the place where the next one starts.
struct Page {
    results: Vec<Value>,
    total: usize,
    next: Option<(Value, String)>,
}

impl Wanted {
    fn page(self, records: Vec<Record>, mut tags: Tags) -> Page {
        let mut hits: Vec<(Sorted, Value)> = Vec::new();
        for record in records {
            let tags = tags.remove(&record.arn).unwrap_or_default();
            let name = record.key.name.clone();
            let found = show(self.kind, record, tags, self.shape);
            if self.expression.as_ref().is_none_or(|e| expression::holds(e, &found)) {
                let key = (expression::first(&found, &self.sort), name);
                hits.push((Sorted(key, self.descending), found));
            }
        }
        hits.sort_by(|a, b| a.0.cmp(&b.0));
        let total = hits.len();
        if let Some(after) = self.after {
            let after = Sorted(after, self.descending);
            hits.retain(|(key, _)| *key > after);
        }
        let more = hits.len() > self.limit;
        hits.truncate(self.limit);
        let next = hits.last().filter(|_| more).map(|(key, _)| key.0.clone());
        Page { results: hits.into_iter().map(|(_, found)| found).collect(), total, next }
    }
}

fn show(kind: Kind, record: Record, tags: Vec<(String, String)>, shape: &Shape) -> Value {
    let mut found = resource::describe(kind, record);
    found.retain(|member, _| shape.members.contains_key(member.as_str()));
    let tags: Vec<_> = tags.into_iter().map(|(key, value)| json!({ "Key": key, "Value": value })).collect();
    found.insert("Tags".to_owned(), Value::Array(tags));
    Value::Object(found)
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
