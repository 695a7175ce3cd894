//! `Search`: expressions over the properties of resources.

mod expression;
mod property;
mod resources;
pub(super) mod suggestions;

use std::cmp::Ordering;

use serde_json::{Map, Value, json};

use sagewright_cloud_core::api::{ApiError, Call};
use sagewright_cloud_sagemaker_base::{SageMaker, recorded, resource, token};

use resources::{Found, find};

/// SageMaker's page size where the request names none.
const PAGE: usize = 10;

pub(super) async fn search(sm: &SageMaker, call: &Call) -> Result<Value, ApiError> {
    let (row, shape) = find(call, resource::required(call, "Resource")?)?;
    let known = |name: &str| property::known(call.service, name, shape);
    let expression = call.input.get("SearchExpression").filter(|e| !e.is_null()).cloned();
    if let Some(expression) = &expression {
        expression::check(expression, &known)?;
    }
    let visible = visibility(call)?;
    let sort = call.text("SortBy").unwrap_or("LastModifiedTime");
    let descending = call.text("SortOrder") != Some("Ascending");
    // A resource without the default's property is sorted by its creation, or as its records are.
    let sort = match call.text("SortBy") {
        None if shape.members.contains_key(sort) => sort,
        None if shape.members.contains_key("CreationTime") => "CreationTime",
        None => "Model.CreationTime",
        Some(given) => given,
    };
    known(sort)?;

    let limit =
        call.input.get("MaxResults").and_then(Value::as_u64).map_or(PAGE, |n| usize::try_from(n).unwrap_or(PAGE));
    let after = match call.text("NextToken").filter(|t| !t.is_empty()) {
        Some(token) => Some(token::open(call, token)?),
        None => None,
    };
    let wanted = Wanted { expression, visible, sort: sort.to_owned(), descending, after, limit };
    let mut found = Found::read(sm, call, row, shape).await?;
    // Nothing is shared between the embedded cloud's accounts yet.
    if call.text("CrossAccountFilterOption") == Some("CrossAccount") {
        found.records.clear();
    }
    // Every record is looked at, however many there are.
    let page = tokio::task::spawn_blocking(move || wanted.page(found)).await;
    let Page { results, total, next } = page.map_err(|e| ApiError::internal(e.to_string()))?;

    let mut out = Map::new();
    if let Some((position, tie)) = next {
        out.insert("NextToken".to_owned(), json!(token::seal(call, &position, &tie)));
    }
    let clean = |found: Value| match found {
        Value::Object(found) => recorded::known(call.service, shape, found),
        other => other,
    };
    let results: Vec<Value> = results.into_iter().map(|found| json!({ row.member: clean(found) })).collect();
    out.insert("Results".to_owned(), Value::Array(results));
    out.insert("TotalHits".to_owned(), json!({ "Value": total, "Relation": "EqualTo" }));
    Ok(Value::Object(out))
}

/// Tags that resources must not have with another value: the keys and values of `VisibilityConditions`.
fn visibility(call: &Call) -> Result<Vec<(String, Value)>, ApiError> {
    let conditions = call.input["VisibilityConditions"].as_array().into_iter().flatten();
    let read = |condition: &Value| {
        let key = condition["Key"].as_str().unwrap_or_default();
        let tag = key.strip_prefix("Tags.").filter(|tag| !tag.is_empty()).ok_or_else(|| {
            ApiError::validation(format!("The key {key} of a visibility condition must have the form Tags.<key>."))
        })?;
        Ok((tag.to_owned(), condition.get("Value").filter(|v| !v.is_null()).cloned().unwrap_or_else(|| json!(""))))
    };
    conditions.map(read).collect()
}

/// What a search is for.
struct Wanted {
    expression: Option<Value>,
    visible: Vec<(String, Value)>,
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
    /// A resource without a key is visible; one with it must have the value.
    fn sees(&self, found: &Value) -> bool {
        let tags = found.pointer("/Tags").or_else(|| found.pointer("/Model/Tags"));
        let tags = tags.and_then(Value::as_array).map_or(&[][..], Vec::as_slice);
        self.visible.iter().all(|(key, value)| tags.iter().all(|tag| tag["Key"] != **key || tag["Value"] == *value))
    }

    fn page(self, found: Found) -> Page {
        let mut hits: Vec<(Sorted, Value)> = Vec::new();
        for (name, found) in found.resources() {
            if self.sees(&found) && self.expression.as_ref().is_none_or(|e| expression::holds(e, &found)) {
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

/// A sort key that carries its direction.
struct Sorted((Value, String), bool);

impl Ord for Sorted {
    fn cmp(&self, other: &Self) -> Ordering {
        let ordered = compare(&self.0.0, &other.0.0).then_with(|| self.0.1.cmp(&other.0.1));
        if self.1 { ordered.reverse() } else { ordered }
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
