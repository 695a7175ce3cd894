//! `Search`: expressions over the properties of resources.

mod expression;
mod finder;
mod property;
mod resources;
pub(super) mod suggestions;

use std::cmp::Ordering;
use std::sync::Arc;

use serde_json::{Map, Value, json};

use sagewright_cloud_core::api::{ApiError, Call};
use sagewright_cloud_sagemaker_base::{SageMaker, recorded, refuse, resource, token};
use sagewright_model::Shape;

use finder::{Finder, Needs};
use resources::{Row, find};

/// SageMaker's page size where the request names none.
const PAGE: usize = 10;

pub(super) async fn search(sm: &SageMaker, call: &Call) -> Result<Value, ApiError> {
    let (row, shape) = find(call, resource::required(call, "Resource")?)?;
    let known = |name: &str| known(call, row, shape, name);
    let expression = call.input.get("SearchExpression").filter(|e| !e.is_null()).cloned();
    if let Some(expression) = &expression {
        expression::check(row.resource, expression, &known)?;
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
    // Nothing is shared between the embedded cloud's accounts yet.
    if call.text("CrossAccountFilterOption") == Some("CrossAccount") {
        return Ok(json!({ "Results": [], "TotalHits": { "Value": 0, "Relation": "EqualTo" } }));
    }
    let needs = needs(expression.as_ref(), sort);
    let finder = Arc::new(Finder::new(sm, call, row, shape, needs).await?);
    let named = finder.name_property().zip(expression.as_ref());
    let only = named.and_then(|(property, expression)| expression::only(expression, &property));
    let only = only.map(str::to_ascii_lowercase);
    let wanted = Arc::new(Wanted { expression, visible, sort: sort.to_owned(), descending });
    let look = move |hits: &mut Vec<Sorted>, name: String, found: Value| hits.extend(wanted.hit(name, &found));
    let mut hits = finder.look(sm, needs, only.as_deref(), Vec::new(), look).await?;
    let total = hits.len();
    hits.sort();
    if let Some(after) = after {
        let after = Sorted(after, descending);
        hits.retain(|place| *place > after);
    }
    let next = hits.get(limit).and_then(|_| hits.get(limit.checked_sub(1)?)).map(|last| last.0.clone());
    hits.truncate(limit);
    let names: Vec<String> = hits.into_iter().map(|place| place.0.1).collect();
    let results = finder.resources(sm, &names).await?;

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

/// Refuses a property that the resource does not have, or that is never told of it.
fn known(call: &Call, row: &Row, shape: &Shape, name: &str) -> Result<(), ApiError> {
    property::known(call.service, name, shape)?;
    let member = name.split('.').next().unwrap_or_default();
    if row.unfilled.contains(&member) {
        return Err(refuse::instead(
            &format!("Search for {} by {name}", row.resource),
            "List or describe the resources that it is about",
        ));
    }
    Ok(())
}

/// What an expression and the order look at.
fn needs(expression: Option<&Value>, sort: &str) -> Needs {
    let mut names = expression.map(expression::names).unwrap_or_default();
    names.push(sort);
    let any = |of: &[&str]| names.iter().any(|name| of.contains(&name.split('.').next().unwrap_or_default()));
    Needs { memberships: any(&["Parents", "TrialComponentSummaries"]), source: any(&["SourceDetail"]) }
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
}

impl Wanted {
    /// A resource without a key is visible; one with it must have the value.
    fn sees(&self, found: &Value) -> bool {
        let tags = found.pointer("/Tags").or_else(|| found.pointer("/Model/Tags"));
        let tags = tags.and_then(Value::as_array).map_or(&[][..], Vec::as_slice);
        self.visible.iter().all(|(key, value)| tags.iter().all(|tag| tag["Key"] != **key || tag["Value"] == *value))
    }

    /// The place of a resource among the hits, if it is one.
    fn hit(&self, name: String, found: &Value) -> Option<Sorted> {
        let holds = self.sees(found) && self.expression.as_ref().is_none_or(|e| expression::holds(e, found));
        holds.then(|| Sorted((expression::first(found, &self.sort), name), self.descending))
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
