//! What reads of a modelled resource show of the inputs that made and changed it.

use sagewright_kinds::{Path, set, values};
use sagewright_model::{Service, Shape, ShapeType};
use serde_json::{Value, json};

/// Members that reads show under another name, as the API reference has them: (noun, create's path, read's path, text around
/// it).
const SHOWN: &[(&str, &str, &str, &str)] = &[
    ("Cluster", "InstanceGroups[].InstanceCount", "InstanceGroups[].TargetCount", "{}"),
    ("NotebookInstance", "LifecycleConfigName", "NotebookInstanceLifecycleConfigName", "{}"),
    ("NotebookInstance", "SecurityGroupIds", "SecurityGroups", "{}"),
    ("ImageVersion", "ImageName", "ImageArn", "arn:aws:sagemaker:us-east-1:123456789012:image/{}"),
    ("PipelineExecution", "PipelineName", "PipelineArn", "arn:aws:sagemaker:us-east-1:123456789012:pipeline/{}"),
    ("InferenceExperiment", "EndpointName", "EndpointMetadata.EndpointName", "{}"),
    ("Endpoint", "DeploymentConfig", "LastDeploymentConfig", "{}"),
    ("InferenceComponent", "RuntimeConfig.CopyCount", "RuntimeConfig.DesiredCopyCount", "{}"),
    (
        "InferenceComponent",
        "Specification.Container.Image",
        "Specification.Container.DeployedImage.SpecifiedImage",
        "{}",
    ),
    (
        "InferenceComponent",
        "Specifications[].Container.Image",
        "Specifications[].Container.DeployedImage.SpecifiedImage",
        "{}",
    ),
    ("Project", "TemplateProviders", "TemplateProviderDetails", "{}"),
    ("Project", "TemplateProviders[].CfnTemplateProvider", "TemplateProviderDetails[].CfnTemplateProviderDetail", "{}"),
];

/// Whether a value is what another one says, which may say more.
pub fn is_part(part: &Value, whole: &Value) -> bool {
    match (part, whole) {
        (Value::Object(part), Value::Object(whole)) => {
            part.iter().all(|(key, value)| whole.get(key).is_some_and(|there| is_part(value, there)))
        }
        (Value::Array(part), Value::Array(whole)) => {
            part.len() == whole.len() && part.iter().zip(whole).all(|(part, whole)| is_part(part, whole))
        }
        // A text may bear a mark at its end.
        (Value::String(part), Value::String(whole)) => {
            whole.strip_prefix(part.as_str()).is_some_and(|rest| rest.is_empty() || rest.trim_start().starts_with('['))
        }
        _ => part == whole,
    }
}

/// What a read shows of an input.
pub fn shown(noun: &str, service: &Service, input: &Value, shape: &Shape) -> Value {
    let members = input.as_object().unwrap().iter().filter(|(member, _)| *member != "Tags");
    // Some updates call a member otherwise.
    let plain =
        |member: &str| member.replace("UpdateDetails", "Details").replace("ForUpdate", "").replace("ToUpdate", "");
    let input = Value::Object(members.map(|(member, value)| (plain(member), value.clone())).collect());
    let mut doc = input.clone();
    for (_, from, to, text) in SHOWN.iter().filter(|(of, ..)| *of == noun) {
        let (from, to) = (Path::parse(from), Path::parse(to));
        for (at, value) in values(&input, &from) {
            let value = value.as_str().map_or(value.clone(), |v| json!(text.replace("{}", v)));
            set(&mut doc, &to.placed(&at), value);
        }
    }
    keep_known(service, shape, &mut doc);
    doc
}

/// Members of a read that an update's switches empty.
pub fn emptied(noun: &str, input: &Value) -> Vec<String> {
    let switches = input.as_object().unwrap().iter().filter(|(_, on)| **on == json!(true));
    let members = switches.filter_map(|(switch, _)| switch.strip_prefix("Disassociate"));
    let is = |from: &str, member: &str| from.trim_end_matches("Name") == member;
    let shown = |member| SHOWN.iter().find(|(of, from, ..)| *of == noun && is(from, member)).map(|(_, _, to, _)| *to);
    members.map(|member| shown(member).unwrap_or(member).to_owned()).collect()
}

/// Changes what an update of a part says; what it cannot say of a structure stays as it is.
pub fn merge_part(there: &mut Value, new: &Value) {
    let has = |items: &[Value], member: &str| items.iter().any(|item| item.get(member).is_some());
    match (there, new) {
        (Value::Object(there), Value::Object(new)) => there.extend(new.clone()),
        // A training job's profiler rules are only added to.
        (Value::Array(there), Value::Array(new)) if has(new, "RuleConfigurationName") => {
            there.extend(new.clone());
        }
        (Value::Array(there), Value::Array(new)) if there.len() == new.len() && new.iter().all(Value::is_object) => {
            for (there, new) in there.iter_mut().zip(new) {
                for (member, value) in new.as_object().unwrap() {
                    merge_part(&mut there[member.as_str()], value);
                }
            }
        }
        (there, new) => *there = new.clone(),
    }
}

/// Takes away what a shape does not have.
fn keep_known(service: &Service, shape: &Shape, value: &mut Value) {
    match value {
        Value::Object(map) if shape.kind == ShapeType::Structure => {
            map.retain(|member, value| {
                let target = shape.members.get(member.as_str()).and_then(|m| service.target(m));
                target.map(|target| keep_known(service, target, value)).is_some()
            });
        }
        Value::Array(items) => {
            let element = shape.member.as_ref().and_then(|m| service.target(m)).unwrap();
            items.iter_mut().for_each(|item| keep_known(service, element, item));
        }
        _ => {}
    }
}
