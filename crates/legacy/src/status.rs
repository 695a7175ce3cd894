//! The status of a legacy object, from the objects that it stands for.

use sagewright_kinds::Kind;
use sagewright_model::crd;
use sagewright_objects::Object;
use serde_json::{Map, Value, json};

use crate::SYNCHRONIZING;
use crate::document::from_aws;
use crate::fields::keep;
use crate::kinds::{Becomes, LegacyKind, find};

/// One of the objects that a legacy object stands for, after a look.
#[derive(Debug, Clone, Copy)]
pub struct Seen<'s> {
    /// With its status, as it was found.
    pub object: &'s Object,
    /// Its name as [`declare`](crate::declare) gave it: a cluster may have it under another one.
    pub name: &'s str,
    /// Why it is not as it should be; empty where it is or is becoming so.
    pub trouble: &'s str,
    /// Nothing is left to do.
    pub is_settled: bool,
}

/// What becomes of a legacy object.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum State<'s> {
    /// The objects that it stands for are as it declares, or are becoming so.
    Kept,
    /// What it declares stands for no objects, and why.
    Refused(&'s str),
    /// It is on its way out.
    Going,
}

/// The status that a legacy object shows: fields that its definition keeps, and no others. `lastCheckTime` changes with
/// something else alone: nothing is written for a look that found nothing new. `now` is an RFC 3339 time.
#[must_use]
pub fn status(row: &LegacyKind, region: &str, seen: &[Seen<'_>], before: &Value, now: &str, state: State<'_>) -> Value {
    let mut out = match row.becomes {
        // The names that it says are all that is known of its resources.
        _ if matches!(state, State::Refused(_)) && seen.is_empty() => before.as_object().cloned().unwrap_or_default(),
        Becomes::One { kind, name, .. } => one(row, region, kind, name, seen),
        Becomes::Hosting => hosting(row, region, seen),
        Becomes::Scaling => scaling(row, seen),
    };
    let mut trouble: Vec<&str> = seen.iter().map(|seen| seen.trouble).filter(|trouble| !trouble.is_empty()).collect();
    match state {
        State::Kept => {}
        State::Refused(why) => trouble = vec![why],
        State::Going if row.becomes == Becomes::Hosting => {
            out.insert(row.word.to_owned(), json!("Deleting"));
        }
        State::Going => {}
    }
    if !trouble.is_empty() {
        out.insert("additional".to_owned(), json!(trouble.join("; ")));
    }
    let mut out = Value::Object(out);
    keep(row.kind, &mut out);
    let checked = if matches!(row.word, "status") { "lastUpdateTime" } else { "lastCheckTime" };
    let mut previous = before.clone();
    keep(row.kind, &mut previous);
    let at = previous.as_object_mut().and_then(|fields| fields.remove(checked));
    out[checked] = at.filter(|_| previous == out).unwrap_or_else(|| json!(now));
    out
}

/// Whether the status of a legacy document names resources: they were made for it, and are taken over. One that tells of a failure
/// alone does not: what has the name in AWS may be somebody else's.
#[must_use]
pub fn names_resources(document: &Value) -> bool {
    let Some(row) = document.get("kind").and_then(Value::as_str).and_then(find) else { return false };
    [row.resource, "endpointConfigName", "modelNames", "resourceIDList"].iter().any(|field| {
        match document.get("status").and_then(|status| status.get(*field)) {
            Some(Value::String(name)) => !name.is_empty(),
            Some(Value::Array(names)) => !names.is_empty(),
            _ => false,
        }
    })
}

fn one(row: &LegacyKind, region: &str, kind: &str, name: &str, seen: &[Seen<'_>]) -> Map<String, Value> {
    let mut out = Map::new();
    let (Some(kind), Some(seen)) = (sagewright_kinds::find(kind), seen.first()) else { return out };
    let word = match kind.row().status.member.as_deref() {
        Some(member) => field(seen.object, &format!("status.{}", sagewright_model::name::to_crd(member))).cloned(),
        // What has no status in AWS is created or it is not.
        None if seen.is_settled => Some(json!("Created")),
        None if !seen.trouble.is_empty() => Some(json!("Error")),
        None => None,
    };
    out.insert(row.word.to_owned(), word.unwrap_or_else(|| json!(SYNCHRONIZING)));
    let resource = field(seen.object, &format!("spec.{}", sagewright_model::name::to_crd(name))).cloned();
    if let (Some(url), Some(name)) = (log_url(row, region, kind), resource.as_ref().and_then(Value::as_str)) {
        out.insert("cloudWatchLogUrl".to_owned(), json!(url.replace("{name}", name)));
    }
    out.extend(resource.map(|name| (row.resource.to_owned(), name)));
    out.extend(shown(row, kind, seen.object));
    if let Some(reason) = field(seen.object, "status.failureReason") {
        out.insert("additional".to_owned(), reason.clone());
    }
    out
}

fn hosting(row: &LegacyKind, region: &str, seen: &[Seen<'_>]) -> Map<String, Value> {
    let mut out = Map::new();
    let text = |object: &Object, path: &str| field(object, path).and_then(Value::as_str).map(str::to_owned);
    let models = of(seen, "Model").filter_map(|seen| Some((text(seen.object, "spec.modelName")?, seen.name)));
    let endpoint = of(seen, "Endpoint").next();
    let prefix = endpoint.map(|endpoint| format!("{}-", endpoint.name)).unwrap_or_default();
    let endpoint = endpoint.map(|seen| seen.object);
    let models: Vec<Value> = models
        .map(|(resource, name)| json!({"name": name.strip_prefix(&prefix).unwrap_or(name), "value": resource}))
        .collect();
    out.insert("modelNames".to_owned(), Value::Array(models));
    let config = of(seen, "EndpointConfig").next().and_then(|seen| text(seen.object, "spec.endpointConfigName"));
    out.extend(config.map(|name| ("endpointConfigName".to_owned(), json!(name))));
    let Some(endpoint) = endpoint else { return out };
    let word = text(endpoint, "status.endpointStatus");
    out.insert(row.word.to_owned(), json!(word.as_deref().unwrap_or(SYNCHRONIZING)));
    if let (Some(name), Some(kind)) = (text(endpoint, "spec.endpointName"), endpoint.row()) {
        let url = format!("https://runtime.sagemaker.{region}.{}/endpoints/{name}/invocations", domain(region));
        out.insert("endpointUrl".to_owned(), json!(url));
        out.insert(row.resource.to_owned(), json!(name));
        out.extend(shown(row, kind, endpoint));
    }
    out
}

fn scaling(row: &LegacyKind, seen: &[Seen<'_>]) -> Map<String, Value> {
    let word = match seen {
        [] => "Reconciling",
        seen if seen.iter().any(|seen| !seen.trouble.is_empty()) => "Error",
        seen if seen.iter().all(|seen| seen.is_settled) => "Created",
        _ => "Reconciling",
    };
    let text = |seen: &Seen<'_>, path: &str| field(seen.object, path).cloned();
    let mut out = Map::from_iter([(row.word.to_owned(), json!(word))]);
    let name = of(seen, "ScalingPolicy").find_map(|seen| text(seen, "spec.policyName"));
    out.extend(name.map(|name| (row.resource.to_owned(), name)));
    let targets: Vec<Value> = of(seen, "ScalableTarget").filter_map(|seen| text(seen, "spec.resourceID")).collect();
    out.insert("resourceIDList".to_owned(), Value::Array(targets));
    out
}

/// The fields that stand in today's object under another name, in legacy form.
fn shown(row: &LegacyKind, kind: &Kind, object: &Object) -> Map<String, Value> {
    let mut out = Map::new();
    for (to, from) in row.shows {
        let Some(value) = field(object, from).filter(|value| !value.is_null()) else { continue };
        out.insert((*to).to_owned(), legacy_form(kind, from, value));
    }
    let count = |field: &str| out.get("trainingJobStatusCounters")?.get(field)?.as_i64();
    let errors = count("nonRetryableError").unwrap_or_default() + count("retryableError").unwrap_or_default();
    if let Some(Value::Object(counters)) = out.get_mut("trainingJobStatusCounters") {
        counters.insert("totalError".to_owned(), json!(errors));
    }
    // A number in AWS; the legacy schema has text, which every client reads alike.
    let metric =
        out.get_mut("bestTrainingJob").and_then(|job| job.get_mut("finalHyperParameterTuningJobObjectiveMetric"));
    if let Some(value) = metric.and_then(|metric| metric.get_mut("value")) {
        *value = json!(value.to_string());
    }
    out
}

/// A part of a status as AWS has it, and that as a legacy document has it.
fn legacy_form(kind: &Kind, path: &str, value: &Value) -> Value {
    let field = path.trim_start_matches("status.");
    let member = crd::names(kind.read_shape()).get(field).copied();
    let shape = member.and_then(|member| kind.service().target(kind.read_shape().members.get(member)?));
    let Some(shape) = shape else { return value.clone() };
    match crd::to_aws(kind.service(), shape, value) {
        Ok(aws) => whole(from_aws(kind.service(), shape, &aws)),
        Err(_) => value.clone(),
    }
}

/// Weights and counts: the legacy schema has whole numbers alone.
fn whole(value: Value) -> Value {
    match value {
        Value::Object(fields) => fields
            .into_iter()
            .map(|(field, value)| match (field.as_str(), value.as_f64()) {
                // Within a weight's range, far from where a float loses whole numbers.
                #[allow(clippy::cast_possible_truncation)]
                ("currentWeight" | "desiredWeight", Some(weight)) => (field, json!(weight.round() as i64)),
                _ => (field, whole(value)),
            })
            .collect(),
        Value::Array(items) => items.into_iter().map(whole).collect(),
        value => value,
    }
}

/// Where the logs of a job are shown, with `{name}` for its name.
fn log_url(row: &LegacyKind, region: &str, kind: &Kind) -> Option<String> {
    if !matches!(row.kind, "TrainingJob" | "ProcessingJob") {
        return None;
    }
    let (group, _) = kind.logs("{name}")?;
    let console = match domain(region) {
        "amazonaws.com.cn" => format!("https://{region}.console.amazonaws.cn"),
        _ => format!("https://{region}.console.aws.amazon.com"),
    };
    Some(format!(
        "{console}/cloudwatch/home?region={region}#logStream:group={group};prefix={{name}};streamFilter=typeLogStreamPrefix"
    ))
}

fn domain(region: &str) -> &'static str {
    if region.starts_with("cn-") { "amazonaws.com.cn" } else { "amazonaws.com" }
}

/// The objects of a kind.
fn of<'s>(seen: &'s [Seen<'_>], kind: &'s str) -> impl Iterator<Item = &'s Seen<'s>> {
    seen.iter().filter(move |seen| seen.object.kind == kind)
}

/// A field of an object, by its path.
fn field<'o>(object: &'o Object, path: &str) -> Option<&'o Value> {
    let (part, path) = path.split_once('.')?;
    let part = if part == "spec" { &object.spec } else { &object.status };
    path.split('.').try_fold(part, |value, step| value.get(step))
}
