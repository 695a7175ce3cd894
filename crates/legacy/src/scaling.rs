//! `HostingAutoscalingPolicy`: a scalable target and a scaling policy for each variant.

use sagewright_objects::Object;
use serde_json::{Map, Value, json};

use crate::legacy::Legacy;

/// The policy's name where the spec has none.
const POLICY: &str = "SageMakerEndpointInvocationScalingPolicy";
/// What is scaled where the spec does not say.
const DIMENSION: &str = "sagemaker:variant:DesiredInstanceCount";

pub(crate) fn declare(legacy: &Legacy<'_>) -> Result<Vec<Object>, String> {
    let variants = legacy.spec.get("resourceId").and_then(Value::as_array).filter(|list| !list.is_empty());
    let variants = variants.ok_or("spec.resourceId is missing: name an endpoint and a variant")?;
    let mut objects = Vec::new();
    for (at, variant) in variants.iter().enumerate() {
        let part = |field: &str| {
            let text = variant.get(field).and_then(Value::as_str).filter(|text| !text.is_empty());
            text.ok_or_else(|| format!("spec.resourceId[{at}].{field} is missing"))
        };
        let common = [
            ("serviceNamespace".to_owned(), or(&legacy.spec, "serviceNamespace", "sagemaker")),
            ("scalableDimension".to_owned(), or(&legacy.spec, "scalableDimension", DIMENSION)),
            (
                "resourceId".to_owned(),
                json!(format!("endpoint/{}/variant/{}", part("endpointName")?, part("variantName")?)),
            ),
        ];
        let name = if variants.len() == 1 { legacy.name.to_owned() } else { format!("{}-{at}", legacy.name) };
        objects.push(legacy.object("ScalableTarget", &name, &with(&common, legacy, TARGET))?);
        let mut policy = with(&common, legacy, &["targetTrackingScalingPolicyConfiguration"]);
        policy.insert("policyName".to_owned(), or(&legacy.spec, "policyName", POLICY));
        policy.insert("policyType".to_owned(), or(&legacy.spec, "policyType", "TargetTrackingScaling"));
        objects.push(legacy.object("ScalingPolicy", &name, &policy)?);
    }
    Ok(objects)
}

const TARGET: &[&str] = &["minCapacity", "maxCapacity", "suspendedState"];

fn with(common: &[(String, Value)], legacy: &Legacy<'_>, fields: &[&str]) -> Map<String, Value> {
    let given = |field: &&str| Some(((*field).to_owned(), legacy.spec.get(*field)?.clone()));
    common.iter().cloned().chain(fields.iter().filter_map(given)).collect()
}

fn or(spec: &Map<String, Value>, field: &str, default: &str) -> Value {
    let given = spec.get(field).and_then(Value::as_str).filter(|text| !text.is_empty());
    json!(given.unwrap_or(default))
}
