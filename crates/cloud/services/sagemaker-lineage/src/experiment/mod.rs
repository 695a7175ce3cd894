//! Experiments, their trials, and the trial components in these.

pub mod create;
pub mod delete;
pub mod list;
pub mod membership;

use sagewright_cloud_core::records::{Key, Record};
use sagewright_cloud_sagemaker_base::lineage::{TRIAL_PART, TRIAL_PART_IN};
use serde_json::{Value, json};

/// The records of a component in a trial: by trial, and by component.
pub fn membership(trial: &Record, component: &Record, now: i64) -> [Record; 2] {
    membership_keys(&trial.key, &component.key).map(|key| Record {
        key,
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
    })
}

/// Their keys.
pub fn membership_keys(trial: &Key, component: &Key) -> [Key; 2] {
    [(TRIAL_PART, trial, component), (TRIAL_PART_IN, component, trial)]
        .map(|(kind, of, other)| Key::new(&trial.account, &trial.region, kind, &format!("{}/{}", of.name, other.name)))
}

fn lower(name: &Value) -> String {
    name.as_str().unwrap_or_default().to_ascii_lowercase()
}
