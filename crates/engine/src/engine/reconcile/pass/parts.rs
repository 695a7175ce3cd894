//! Looks at what a resource was made of, where a quirk of its kind asks for that.

use sagewright_decide::conditions::{self, ADVISORY};
use sagewright_decide::observed::Found;
use sagewright_decide::quirks::{self, Part};
use sagewright_decide::{Condition, Decision};
use sagewright_kinds::Kind;
use serde_json::{Value, json};

use super::super::role::name_of_role;
use super::Pass;
use crate::observe::calls::Calls;

/// Models of one config that are looked at.
const MODELS: usize = 20;

impl Pass<'_> {
    /// Adds what is gone to the conditions. What cannot be read is not said to be gone.
    pub(super) async fn look_at_parts(&self, kind: &Kind, found: &Found, decision: &mut Decision) {
        let written = self.memory.has_changed() || self.memory.has_written();
        if decision.writes() || !quirks::relies(kind, &self.desired, found, written) {
            return;
        }
        let mut gone = Vec::new();
        if let Some(config) = found.output.get("EndpointConfigName").and_then(Value::as_str) {
            look_at_config(self.calls, config, &mut gone).await;
        }
        gone.sort();
        gone.dedup();
        let Some(mut advisory) = quirks::advisory(kind, &gone) else { return };
        let noted = decision.conditions.iter().position(|condition| condition.kind == ADVISORY);
        if let Some(noted) = noted.map(|at| decision.conditions.remove(at)) {
            let both: Vec<String> = advisory.message.into_iter().chain(noted.message).collect();
            advisory.message = Some(both.join("; "));
        }
        let before: Vec<Condition> = conditions::read(&self.desired.object.status);
        decision.conditions.extend(conditions::merge(&before, vec![advisory], self.calls.clock.now()));
    }
}

async fn look_at_config(calls: &Calls, name: &str, gone: &mut Vec<Part>) {
    let config = match described(calls, "EndpointConfig", json!({"EndpointConfigName": name})).await {
        Described::There(config) => config,
        Described::Gone => return gone.push(Part::Config(name.to_owned())),
        Described::Unknown => return,
    };
    let mut models: Vec<&str> = ["ProductionVariants", "ShadowProductionVariants"]
        .iter()
        .flat_map(|variants| config[*variants].as_array().into_iter().flatten())
        .filter_map(|variant| variant["ModelName"].as_str())
        .collect();
    models.sort_unstable();
    models.dedup();
    for model in models.into_iter().take(MODELS) {
        look_at_model(calls, model, gone).await;
    }
}

async fn look_at_model(calls: &Calls, name: &str, gone: &mut Vec<Part>) {
    let model = match described(calls, "Model", json!({"ModelName": name})).await {
        Described::There(model) => model,
        Described::Gone => return gone.push(Part::Model(name.to_owned())),
        Described::Unknown => return,
    };
    if let Some(arn) = model["ExecutionRoleArn"].as_str()
        && let Some(role) = name_of_role(arn)
        && let Err(error) = calls.other("iam", "GetRole", json!({"RoleName": role})).await
        && matches!(error.code.as_str(), "NoSuchEntity" | "NoSuchEntityException")
    {
        gone.push(Part::Role(arn.to_owned(), name.to_owned()));
    }
    let containers = model["Containers"].as_array().into_iter().flatten().chain([&model["PrimaryContainer"]]);
    let artifact = |container: &Value| {
        let source = container.pointer("/ModelDataSource/S3DataSource/S3Uri");
        container.get("ModelDataUrl").or(source).and_then(Value::as_str).map(str::to_owned)
    };
    let mut artifacts: Vec<String> = containers.filter_map(artifact).collect();
    artifacts.sort_unstable();
    artifacts.dedup();
    for at in artifacts {
        if is_missing(calls, &at).await {
            gone.push(Part::Artifact(at, name.to_owned()));
        }
    }
}

/// Whether there is neither an object of that key nor, for a prefix, any below it.
async fn is_missing(calls: &Calls, uri: &str) -> bool {
    let Some((bucket, key)) = uri.strip_prefix("s3://").and_then(|rest| rest.split_once('/')) else { return false };
    // The first key that begins so is the object itself, where it is there.
    match calls.other("s3", "ListObjectsV2", json!({"Bucket": bucket, "Prefix": key, "MaxKeys": 1})).await {
        Ok(page) => {
            let first = page.pointer("/Contents/0/Key").and_then(Value::as_str);
            !first.is_some_and(|first| {
                first == key || key.is_empty() || key.ends_with('/') || first.starts_with(&format!("{key}/"))
            })
        }
        Err(error) => error.code == "NoSuchBucket",
    }
}

enum Described {
    There(Value),
    Gone,
    Unknown,
}

async fn described(calls: &Calls, kind: &str, input: Value) -> Described {
    let Some(kind) = sagewright_kinds::find(kind) else { return Described::Unknown };
    match calls.read(kind, &kind.row().operations.read, &input).await {
        Ok(Some(output)) => Described::There(output),
        Ok(None) => Described::Gone,
        Err(_) => Described::Unknown,
    }
}
