//! Names of properties: whether a resource has them, and which there are.

use sagewright_cloud_core::api::ApiError;
use sagewright_model::{Member, Service, Shape, ShapeType};
use serde_json::Value;

/// How deep suggestions go.
const DEPTH: usize = 4;

/// Refuses a property that a resource of this shape does not have.
pub fn known(service: &Service, name: &str, shape: &Shape) -> Result<(), ApiError> {
    if has(service, name, shape) {
        return Ok(());
    }
    Err(ApiError::validation(format!("Unknown property name: {name}")))
}

fn has(service: &Service, path: &str, shape: &Shape) -> bool {
    let (first, rest) = path.split_once('.').map_or((path, None), |(first, rest)| (first, Some(rest)));
    // Metrics have their names for properties, with dots of their own; so do tags and the keys of maps.
    if first.eq_ignore_ascii_case("Metrics") || first == "Tags" {
        return true;
    }
    let Some(member) = shape.members.get(first) else { return false };
    rest.is_none_or(|rest| below(service, rest, Some(member)))
}

fn below(service: &Service, path: &str, member: Option<&Member>) -> bool {
    let Some(shape) = member.and_then(|member| service.target(member)) else { return false };
    match shape.kind {
        ShapeType::Structure => has(service, path, shape),
        ShapeType::List => below(service, path, shape.member.as_ref()),
        ShapeType::Map => true,
        _ => false,
    }
}

/// The properties that a resource of a shape can have, without those that its maps, metrics and tags make.
pub fn all(service: &Service, shape: &Shape) -> Vec<String> {
    let mut out = Vec::new();
    collect(service, shape, "", DEPTH, &mut out);
    out
}

fn collect(service: &Service, shape: &Shape, prefix: &str, depth: usize, out: &mut Vec<String>) {
    for (name, member) in &shape.members {
        let path = format!("{prefix}{name}");
        let mut target = service.target(member);
        while let Some(list) = target.filter(|shape| shape.kind == ShapeType::List) {
            target = list.member.as_ref().and_then(|member| service.target(member));
        }
        match target {
            Some(inner) if inner.kind == ShapeType::Structure && *name != "Tags" => {
                if depth > 1 {
                    collect(service, inner, &format!("{path}."), depth - 1, out);
                }
            }
            Some(inner) if inner.kind == ShapeType::Map || *name == "Tags" => {}
            _ => out.push(path),
        }
    }
}

/// The properties that one resource's hyperparameters, parameters, tags and metrics make.
pub fn own(resource: &Value) -> Vec<String> {
    let text = |value: &Value| value.as_str().map(str::to_owned);
    let list = |member: &str, name: &str| -> Vec<String> {
        let items = resource[member].as_array().into_iter().flatten();
        items.filter_map(|item| text(&item[name])).collect()
    };
    let maps = ["HyperParameters", "Parameters", "Environment", "CustomerMetadataProperties"];
    let mut out: Vec<String> = maps
        .iter()
        .flat_map(|map| resource[*map].as_object().into_iter().flatten().map(move |(key, _)| format!("{map}.{key}")))
        .collect();
    out.extend(list("Tags", "Key").into_iter().map(|key| format!("Tags.{key}")));
    out.extend(list("FinalMetricDataList", "MetricName").into_iter().map(|name| format!("Metrics.{name}")));
    for name in list("Metrics", "MetricName") {
        out.extend(["Max", "Min", "Avg", "StdDev", "Last", "Count"].map(|of| format!("Metrics.{name}.{of}")));
    }
    out
}
