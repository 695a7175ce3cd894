//! Warm start: what earlier tuning jobs have tried ("Run a Warm Start Hyperparameter Tuning Job").

use std::collections::BTreeSet;

use sagewright_cloud_core::api::{ApiError, Call};
use sagewright_cloud_core::records::Record;
use sagewright_cloud_sagemaker_base::machine;
use sagewright_cloud_sagemaker_base::{Kind, SageMaker};
use serde_json::{Map, Value};

use super::machine::TuningJobs;
use super::show;
use super::state::{Phase, Prior, State};
use crate::request::{Definition, Plan};
use crate::search::{self, space::Domain};

/// What parents give.
#[derive(Debug, Default)]
pub(super) struct Parents {
    pub prior: Vec<Prior>,
    /// The best training job, and its score, where data and algorithm are the same.
    pub best: Option<(f64, Value)>,
    /// Whether their data is other data.
    pub transfer: bool,
}

/// Reads the parents that a request names.
///
/// # Errors
/// There is no such job, it has not ended, or it tunes something else.
pub(super) async fn parents(
    sm: &SageMaker,
    call: &Call,
    request: &Map<String, Value>,
    plan: &Plan,
) -> Result<Parents, ApiError> {
    let mut found = Parents::default();
    let Some(config) = request.get("WarmStartConfig") else { return Ok(found) };
    let identical = config["WarmStartType"] == "IdenticalDataAndAlgorithm";
    found.transfer = !identical;
    for parent in config["ParentHyperParameterTuningJobs"].as_array().into_iter().flatten() {
        let name = parent["HyperParameterTuningJobName"].as_str().ok_or_else(|| {
            ApiError::validation("Each of the ParentHyperParameterTuningJobs needs a HyperParameterTuningJobName.")
        })?;
        let record = sm.find(call, Kind::TUNING_JOB, name).await?;
        let state = machine::state::<TuningJobs>(&record);
        if !matches!(state.phase, Phase::Ended(_)) {
            return Err(ApiError::validation(format!(
                "The parent hyperparameter tuning job {name} is in status {}. All parents must be Completed, Stopped or Failed before a warm start.",
                state.status()
            )));
        }
        let earlier = Plan::read(&record.body)?;
        for (n, definition) in plan.definitions.iter().enumerate() {
            let Some(counterpart) = counterpart(definition, &earlier, plan.definitions.len()) else {
                return Err(ApiError::validation(format!(
                    "The parent hyperparameter tuning job {name} has no training job definition {}. A warm start needs the same definitions in all parents.",
                    definition.name.as_deref().unwrap_or_default()
                )));
            };
            alike(name, definition, &earlier.definitions[counterpart], identical)?;
            found.prior.extend(tried(&state, &earlier.definitions[counterpart], counterpart, definition, n, identical));
        }
        if identical
            && let Some((score, summary)) = best(&state, &record, name)
            && found.best.as_ref().is_none_or(|(least, _)| score < *least)
        {
            found.best = Some((score, summary));
        }
    }
    // Without an own one, the best of the parents is the best overall.
    Ok(found)
}

fn best(state: &State, record: &Record, name: &str) -> Option<(f64, Value)> {
    let (score, child) = state.best()?;
    let mut summary = show::summary(state, child, &record.arn);
    summary["TuningJobName"] = name.into();
    Some((score, summary))
}

/// The number of the parent's definition that one stands for.
fn counterpart(definition: &Definition, earlier: &Plan, count: usize) -> Option<usize> {
    let by_name = earlier.definitions.iter().position(|other| other.name == definition.name);
    by_name.or_else(|| (count == 1 && earlier.definitions.len() == 1).then_some(0))
}

/// What must be the same in parents.
fn alike(parent: &str, now: &Definition, before: &Definition, identical: bool) -> Result<(), ApiError> {
    let names = |definition: &Definition| -> BTreeSet<String> {
        let tuned = definition.space.0.iter().map(|parameter| parameter.name.clone());
        tuned.chain(definition.statics.keys().cloned()).collect()
    };
    if names(now) != names(before) {
        return Err(ApiError::validation(
            "The set of tunable plus static HyperParameter names is not the same across current and parent tuning jobs. Please ensure this set is constant when warm starting. Note that previously static HyperParameters can be tuned in warm start jobs and vice versa.",
        ));
    }
    if (&now.metric, now.maximize) != (&before.metric, before.maximize) {
        return Err(ApiError::validation(format!(
            "The objective metric of the parent hyperparameter tuning job {parent} is {}. It must be the same in all parents and in the warm start.",
            before.metric
        )));
    }
    let kind = |domain: &Domain| std::mem::discriminant(domain);
    for parameter in &now.space.0 {
        let other = before.space.0.iter().find(|other| other.name == parameter.name);
        if other.is_some_and(|other| kind(&other.domain) != kind(&parameter.domain)) {
            return Err(ApiError::validation(format!(
                "The type of the hyperparameter {} is another one in the parent hyperparameter tuning job {parent}. Types must not change in a warm start.",
                parameter.name
            )));
        }
    }
    if identical && now.image != before.image {
        return Err(ApiError::validation(format!(
            "The training image of the parent hyperparameter tuning job {parent} is another one. Use the same image, or the WarmStartType TransferLearning."
        )));
    }
    Ok(())
}

/// What a parent has tried, as values of the new definition. Scores on other data are worth what they are among
/// themselves: they have mean 0 and variance 1 then.
fn tried(
    state: &State,
    before: &Definition,
    counterpart: usize,
    now: &Definition,
    number: usize,
    identical: bool,
) -> Vec<Prior> {
    let mut found: Vec<Prior> = state
        .children
        .iter()
        .filter(|child| child.definition == counterpart)
        .filter_map(|child| {
            let value = |name: &str| {
                let tuned = before.space.0.iter().position(|parameter| parameter.name == name);
                tuned.and_then(|at| child.values.get(at)).or_else(|| before.statics.get(name)).cloned()
            };
            let values = now.space.0.iter().map(|parameter| value(&parameter.name)).collect::<Option<_>>()?;
            Some(Prior { definition: number, values, score: state.score(child)? })
        })
        .collect();
    if !identical {
        search::standardize(&mut found.iter_mut().map(|prior| &mut prior.score).collect::<Vec<_>>());
    }
    found
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::super::machine::tests::{state, trained};
    use super::*;

    /// A definition that tunes `x`, and another one with `x` fixed and `y` tuned.
    fn plan() -> Plan {
        let definition = |name: &str, tuned: &str, fixed: Value| {
            json!({
                "DefinitionName": name,
                "TuningObjective": {"Type": "Minimize", "MetricName": "loss"},
                "HyperParameterRanges": {"IntegerParameterRanges": [{"Name": tuned, "MinValue": "1", "MaxValue": "99"}]},
                "StaticHyperParameters": fixed,
                "AlgorithmSpecification": {"TrainingImage": "i", "TrainingInputMode": "File"},
                "ResourceConfig": {"InstanceType": "ml.m5.large", "InstanceCount": 1, "VolumeSizeInGB": 1},
            })
        };
        let definitions = json!([definition("a", "x", json!({"y": "7"})), definition("b", "y", json!({"x": "8"}))]);
        let limits = json!({"MaxNumberOfTrainingJobs": 9, "MaxParallelTrainingJobs": 1});
        let config = json!({"Strategy": "Random", "ResourceLimits": limits});
        Plan::read(&json!({"HyperParameterTuningJobConfig": config, "TrainingJobDefinitions": definitions})).unwrap()
    }

    fn parent() -> State {
        let mut state = state(9, 1);
        let brief = state.rules.definitions[0].clone();
        state.rules.definitions.push(brief);
        state.children = [(0, "1", Some(2.0)), (1, "50", Some(9.0)), (0, "3", Some(4.0)), (0, "4", None)]
            .map(|(definition, value, score)| trained(definition, value, score))
            .into();
        state
    }

    fn priors(before: usize, now: usize, identical: bool) -> Vec<(String, f64)> {
        let plan = plan();
        let found = tried(&parent(), &plan.definitions[before], before, &plan.definitions[now], 5, identical);
        assert!(found.iter().all(|prior| prior.definition == 5));
        found.into_iter().map(|prior| (prior.values.concat(), prior.score)).collect()
    }

    #[test]
    fn what_a_definition_tried_counts_for_the_one_that_it_stands_for() {
        assert_eq!(priors(0, 0, true), [("1".into(), 2.0), ("3".into(), 4.0)]);
        assert_eq!(priors(1, 1, true), [("50".into(), 9.0)]);
        assert_eq!(priors(0, 1, true), [("7".into(), 2.0), ("7".into(), 4.0)], "what was fixed then is tuned now");
    }

    #[test]
    fn scores_on_other_data_count_among_themselves() {
        assert_eq!(priors(0, 0, false), [("1".into(), -1.0), ("3".into(), 1.0)]);
    }
}
