//! What every row's tests declare: specs that the model allows, and one change of each.

use sagewright_kinds::{Kind, Path, set};
use sagewright_model::validate;

use super::*;

/// Members that a create needs though the model does not say so, as the API reference has them.
const NEEDED: &[(&str, &[&str])] = &[
    ("App", &["UserProfileName"]),
    ("AppImageConfig", &["KernelGatewayImageConfig"]),
    ("ModelPackage", &["ModelPackageName"]),
    ("ScalableTarget", &["MinCapacity", "MaxCapacity"]),
    ("ScalingPolicy", &["PolicyType"]),
    ("ScheduledAction", &["Schedule"]),
];

/// Scaling is SageMaker's here.
const FIXED: &[(&str, &str)] =
    &[("ServiceNamespace", "sagemaker"), ("ScalableDimension", "sagemaker:variant:DesiredInstanceCount")];

/// A spec that the model allows, under AWS names.
pub fn spec(kind: &Kind, nth: usize, more: &[&str]) -> Map<String, Value> {
    let needed = NEEDED.iter().find(|(name, _)| *name == kind.name()).map_or(&[][..], |(_, m)| *m);
    let more: Vec<&str> = needed.iter().chain(more).copied().collect();
    let sampler = Sampler { service: kind.service(), nth };
    let Value::Object(mut spec) = sampler.structure(kind.create_shape(), &more, kind.name()) else { unreachable!() };
    for (member, value) in &mut spec {
        let fixed = FIXED.iter().find(|(m, _)| m == member).map(|(_, text)| *text);
        let named = kind.identity_members().any(|m| m == member).then_some("thing");
        let shape = kind.spec_shape(&Path::parse(member)).unwrap();
        if let Some(text) = fixed.or(named)
            && value.is_string()
            && validate(kind.service(), shape, &json!(text)).is_ok()
        {
            *value = json!(text);
        }
    }
    spec
}

pub fn declared(kind: &Kind, spec: &Map<String, Value>) -> Object {
    object(kind.name(), "mine", kind.spec_to_crd(&Value::Object(spec.clone())))
}

/// Specs of which one thing that an update can change is another, with its path.
pub fn changes(kind: &Kind, before: &Map<String, Value>) -> Vec<(Map<String, Value>, String)> {
    let row = kind.row();
    let sends: Vec<String> = match row.update.sends.iter().any(|s| s == "*") {
        true => kind.spec_fields().values().map(|f| f.member.to_owned()).collect(),
        false => row.update.sends.clone(),
    };
    let marked = |m: &str| row.tags.mark.as_deref() == Some(m) || kind.tags_member() == Some(m);
    let possible = sends.into_iter().filter(|m| kind.is_mutable(&Path::parse(m)) && !marked(m) && !m.contains("[]"));
    possible
        .filter_map(|member| {
            let path = Path::parse(&member);
            let sampler = Sampler { service: kind.service(), nth: 1 };
            let mut spec = Value::Object(before.clone());
            set(&mut spec, &path, sampler.value(kind.spec_shape(&path)?, &member));
            let Value::Object(spec) = spec else { return None };
            (spec != *before).then_some((spec, member))
        })
        .collect()
}
