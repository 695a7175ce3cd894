//! `QueryLineage`: what an entity came from and what came of it.

mod filters;
mod walk;

use sagewright_cloud_core::api::{ApiError, Call};
use sagewright_cloud_core::records::StoreError;
use sagewright_cloud_sagemaker_base::lineage::{ASSOCIATION, ASSOCIATION_IN};
use sagewright_cloud_sagemaker_base::{SageMaker, token};
use serde_json::{Map, Value, json};

use crate::association;
use crate::entity::{find, locate, noun, type_of};
use filters::Filters;
use walk::{Step, Walk};

/// Associations that a query follows by default, and at most.
const DEPTH: u64 = 10;
/// Vertices of a page by default, and at most: the SDK asks for one page.
const PAGE: usize = 50;
/// Associations that a query follows. Each is a record that is read.
const MOST: usize = 20_000;

pub(crate) async fn query(sm: &SageMaker, call: &Call) -> Result<Value, ApiError> {
    let input = |member: &str| call.input.get(member).filter(|value| !value.is_null());
    let start = call.input["StartArns"].as_array().and_then(|arns| arns.first()).and_then(Value::as_str);
    let start =
        start.ok_or_else(|| ApiError::validation("StartArns must name the entity that the query starts from."))?;
    let (kind, first) = find(sm, call, start).await?;
    let number = |member: &str, least: u64, most: u64| match input(member).map(Value::as_i64) {
        None => Ok(most),
        Some(given) => given
            .and_then(|n| u64::try_from(n).ok())
            .filter(|n| (least..=most).contains(n))
            .ok_or_else(|| ApiError::validation(format!("{member} must be from {least} to {most}."))),
    };
    let depth = number("MaxDepth", 0, DEPTH)?;
    let limit = usize::try_from(number("MaxResults", 1, PAGE as u64)?).unwrap_or(PAGE);
    let with_edges = input("IncludeEdges") != Some(&Value::Bool(false));
    let filters = Filters::read(call)?;
    let after = match call.text("NextToken").filter(|token| !token.is_empty()) {
        Some(text) => Some(token::open(call, text)?.1),
        None => None,
    };

    let directions: &[&str] = match call.text("Direction") {
        Some("Ascendants") => &[ASSOCIATION_IN],
        Some("Descendants") => &[ASSOCIATION],
        _ => &[ASSOCIATION_IN, ASSOCIATION],
    };
    let walk = walk(sm, call, Walk::new(&first.arn, &type_of(kind, &first)), directions, depth).await?;
    let mut matched = Vec::new();
    for vertex in walk.vertices() {
        if vertex.arn != first.arn && filters.hold(sm, call, &vertex.arn, &vertex.kind).await? {
            matched.push(vertex.arn.clone());
        }
    }
    let shown = if with_edges { walk.paths(&matched) } else { matched };
    let page = walk::page(&shown, after.as_deref(), limit).ok_or_else(token::stale)?;
    let vertices: Vec<Value> = page.arns.iter().map(|arn| vertex(arn, walk.kind(arn))).collect();
    let edges: Vec<Value> = match with_edges {
        true => walk.edges(&shown, page.arns).map(edge).collect(),
        false => Vec::new(),
    };
    let mut out =
        Map::from_iter([("Vertices".to_owned(), Value::Array(vertices)), ("Edges".to_owned(), Value::Array(edges))]);
    out.extend(page.next.map(|arn| ("NextToken".to_owned(), json!(token::seal(call, &Value::Null, arn)))));
    Ok(Value::Object(out))
}

/// Follows associations, nearest entities first.
async fn walk(sm: &SageMaker, call: &Call, mut walk: Walk, directions: &[&str], depth: u64) -> Result<Walk, ApiError> {
    for _ in 0..depth {
        let border = walk.border();
        if border.is_empty() {
            break;
        }
        for arn in border {
            for direction in directions {
                let left = MOST.saturating_sub(walk.followed()) + 1;
                for step in steps(sm, call, &arn, direction, left).await? {
                    walk.follow(&arn, step);
                }
                if walk.followed() > MOST {
                    return Err(ApiError::validation(format!(
                        "More than {MOST} associations are within this query's reach. Ask for a smaller MaxDepth, or for one Direction."
                    )));
                }
            }
        }
        walk.next_level();
    }
    Ok(walk)
}

/// The associations of an entity in a direction.
async fn steps(sm: &SageMaker, call: &Call, arn: &str, direction: &str, most: usize) -> Result<Vec<Step>, StoreError> {
    let Ok((_, scope)) = locate(call, arn) else { return Ok(Vec::new()) };
    let records = association::with(sm, &scope, direction, arn, most).await?;
    let step = |body: &Value| {
        let text = |member: &str| body[member].as_str().unwrap_or_default().to_owned();
        let to = if direction == ASSOCIATION { "Destination" } else { "Source" };
        Step {
            to: text(&format!("{to}Arn")),
            kind: text(&format!("{to}Type")),
            source: text("SourceArn"),
            destination: text("DestinationArn"),
            association: body["AssociationType"].as_str().map(str::to_owned),
        }
    };
    Ok(records.iter().map(|record| step(&record.body)).collect())
}

/// How queries tell the type of an entity: `TrainingJob`, where listings say `SageMakerTrainingJob`.
fn plain(kind: &str) -> &str {
    kind.strip_prefix("SageMaker").unwrap_or(kind)
}

/// What queries call an entity. Experiments are contexts, as AWS's documentation has it.
fn lineage_type(arn: &str) -> &'static str {
    match noun(arn) {
        "Experiment" => "Context",
        noun => noun,
    }
}

fn vertex(arn: &str, kind: &str) -> Value {
    json!({ "Arn": arn, "Type": plain(kind), "LineageType": lineage_type(arn) })
}

fn edge(step: &Step) -> Value {
    let mut out = json!({ "SourceArn": step.source, "DestinationArn": step.destination });
    if let (Some(kind), Value::Object(map)) = (&step.association, &mut out) {
        map.insert("AssociationType".to_owned(), json!(kind));
    }
    out
}
