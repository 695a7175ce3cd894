//! What UpdateTrainingJob takes depends on where the job is: a warm pool's keep-alive may change once the job is
//! completed and its pool is there; profiler settings only before the job ends, and its rules are only added to.

use sagewright_kinds::{Kind, Path, get};
use serde_json::{Value, json};

use crate::diff::{Diff, diff};
use crate::observed::Found;
use crate::{Decision, Desired, RefusalKind};

const KEEP_ALIVE: &str = "ResourceConfig.KeepAlivePeriodInSeconds";
const RULES: &str = "ProfilerRuleConfigurations";
const RULE: &str = "RuleConfigurationName";

pub(super) fn update(
    kind: &Kind,
    desired: &Desired,
    found: &Found,
    diffs: &[&Diff],
    input: &mut Value,
) -> Result<(), Box<Decision>> {
    let keep_alive = Path::parse(KEEP_ALIVE);
    let (pool, other): (Vec<&Diff>, Vec<&Diff>) = diffs.iter().copied().partition(|d| d.path == keep_alive);
    let fields: Vec<String> = diffs.iter().map(|d| format!("spec.{}", kind.spec_path_to_crd(&d.path))).collect();
    let refuse = |reason: &str, advice: &str| {
        let why = format!("{} cannot be changed: {reason}", fields.join(", "));
        Err(Box::new(Decision::refuse(RefusalKind::Immutable, why, advice)))
    };
    let wait = |reason: &str| Err(Box::new(Decision::wait(reason.to_owned())));
    if !pool.is_empty() && !other.is_empty() {
        return refuse(
            "a warm pool and other settings of a training job are changed in two updates",
            "apply the one, then the other",
        );
    }
    if !pool.is_empty() {
        if get(&found.output, &keep_alive).is_none_or(Value::is_null) {
            return refuse(
                "the training job was created without a warm pool, and cannot get one",
                "set spec.resourceConfig.keepAlivePeriodInSeconds on a new job",
            );
        }
        if found.word == "InProgress" {
            return wait("a warm pool can be changed when the training job is completed");
        }
        return match get(&found.output, &Path::parse("WarmPoolStatus.Status")).and_then(Value::as_str) {
            Some("Available" | "InUse") => Ok(()),
            None => wait("the warm pool of the training job is not there yet"),
            Some(status) => refuse(
                &format!("the warm pool of the training job is {status}"),
                "a pool that has ended cannot be changed: take the change back",
            ),
        };
    }
    if found.word != "InProgress" {
        return refuse(
            &format!("the training job is {}; profiler and debugger settings change only while it runs", found.word),
            "take the change back, or start a new job under a new name",
        );
    }
    if found.secondary.as_deref() == Some("Starting") {
        return wait("the training job is starting; its profiler can be changed when it runs");
    }
    if diffs.iter().any(|d| d.path.first() == Some(RULES)) {
        let declared = rules(&desired.spec);
        let there = rules(&found.output);
        for rule in &there {
            let name = rule.get(RULE).and_then(Value::as_str).unwrap_or_default();
            let same = declared.iter().find(|d| d.get(RULE) == rule.get(RULE));
            let alone = |rule: &Value| json!({RULES: [rule]});
            if same.is_none_or(|same| !diff(kind, &alone(same), &alone(rule)).is_empty()) {
                return refuse(
                    &format!("the profiler rule `{name}` of a training job can be neither changed nor taken away"),
                    "declare it as it is; new rules may be added to it",
                );
            }
        }
        let new: Vec<Value> =
            declared.into_iter().filter(|d| !there.iter().any(|t| t.get(RULE) == d.get(RULE))).collect();
        if let (Some(map), false) = (input.as_object_mut(), new.is_empty()) {
            map.insert(RULES.to_owned(), Value::Array(new));
        }
    }
    Ok(())
}

fn rules(spec: &Value) -> Vec<Value> {
    spec.get(RULES).and_then(Value::as_array).cloned().unwrap_or_default()
}
