//! Experiments, their trials, and the trial components in these.

pub mod create;
pub mod delete;
pub mod list;
pub mod part;

use sagewright_cloud_core::records::{Key, Record};
use sagewright_cloud_sagemaker_base::lineage::TRIAL_PART;
use serde_json::{Value, json};

/// The record of a component in a trial.
pub fn part(trial: &Record, component: &Record, now: i64) -> Record {
    Record {
        key: part_key(&trial.key, &component.key),
        arn: String::new(),
        status: String::new(),
        created: now,
        modified: now,
        body: json!({
            "TrialName": trial.body["TrialName"],
            "ExperimentName": trial.body["ExperimentName"],
            "TrialComponentName": component.body["TrialComponentName"],
            // Looked for in any case.
            "Experiment": lower(&trial.body["ExperimentName"]),
            "Component": component.key.name,
        }),
    }
}

/// Its key.
pub fn part_key(trial: &Key, component: &Key) -> Key {
    Key::new(&trial.account, &trial.region, TRIAL_PART, &format!("{}/{}", trial.name, component.name))
}

fn lower(name: &Value) -> String {
    name.as_str().unwrap_or_default().to_ascii_lowercase()
}
