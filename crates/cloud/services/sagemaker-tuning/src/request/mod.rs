//! `CreateHyperParameterTuningJob` as the tuning needs it. A request is read into this when the job is created, with AWS's
//! errors; its record keeps the request with all defaults, and the next process reads that in the same way.

mod ranges;
pub mod resource;

use indexmap::IndexMap;
use sagewright_cloud_core::api::ApiError;
use sagewright_cloud_sagemaker_base::refuse;
use serde::Deserialize;
use serde_json::{Map, Value, json};

use crate::search::Strategy;
use crate::search::hyperband::Ladder;
use crate::search::space::{Domain, Space};
use ranges::Ranges;

/// The hyperparameter by which a training job learns what it is judged by.
pub const OBJECTIVE: &str = "_tuning_objective_metric";

/// Training jobs of one tuning job, and those at the same time: the most that AWS gives an account.
const MOST_JOBS: u64 = 750;
const MOST_PARALLEL: u64 = 100;
/// Hyperparameters of one training job.
const MOST_HYPERPARAMETERS: usize = 100;

/// Members of a definition that a training job has under the same name.
const SAME: &[&str] = &[
    "AlgorithmSpecification",
    "RoleArn",
    "InputDataConfig",
    "OutputDataConfig",
    "VpcConfig",
    "StoppingCondition",
    "EnableNetworkIsolation",
    "EnableInterContainerTrafficEncryption",
    "EnableManagedSpotTraining",
    "CheckpointConfig",
    "RetryStrategy",
    "Environment",
];

/// What is to be tuned, and how.
#[derive(Debug)]
pub struct Plan {
    /// How values are chosen.
    pub strategy: Strategy,
    /// `RandomSeed`.
    pub seed: Option<u64>,
    /// Training jobs in all.
    pub most: u64,
    /// Training jobs at the same time.
    pub parallel: u64,
    /// Seconds that the tuning job may take.
    pub runtime: Option<u64>,
    /// Whether jobs are stopped by the median rule.
    pub early: bool,
    /// The objective that ends the tuning.
    pub target: Option<f64>,
    /// Jobs in a row without an improvement that end it.
    pub patience: Option<u64>,
    /// Whether it ends when it has converged.
    pub converges: bool,
    /// What training jobs are like.
    pub definitions: Vec<Definition>,
}

/// One `TrainingJobDefinition`.
#[derive(Debug)]
pub struct Definition {
    /// `DefinitionName`.
    pub name: Option<String>,
    /// The objective metric.
    pub metric: String,
    /// Whether more of it is better.
    pub maximize: bool,
    /// What is tuned.
    pub space: Space,
    /// `StaticHyperParameters`.
    pub statics: IndexMap<String, String>,
    /// Where jobs are judged, for Hyperband.
    pub ladder: Option<Ladder>,
    /// The image, where one is named.
    pub image: Option<String>,
    /// The members of `CreateTrainingJob` that are the same for all jobs.
    template: Map<String, Value>,
}

#[derive(Deserialize)]
#[serde(rename_all = "PascalCase")]
struct Request {
    hyper_parameter_tuning_job_config: Config,
    training_job_definition: Option<Value>,
    training_job_definitions: Option<Vec<Value>>,
}

#[derive(Deserialize)]
#[serde(rename_all = "PascalCase")]
struct Config {
    strategy: String,
    strategy_config: Option<StrategyConfig>,
    hyper_parameter_tuning_job_objective: Option<Objective>,
    resource_limits: Limits,
    parameter_ranges: Option<Ranges>,
    training_job_early_stopping_type: Option<String>,
    tuning_job_completion_criteria: Option<Criteria>,
    random_seed: Option<u64>,
}

#[derive(Deserialize)]
#[serde(rename_all = "PascalCase")]
struct StrategyConfig {
    hyperband_strategy_config: Option<Hyperband>,
}

#[derive(Default, Deserialize)]
#[serde(rename_all = "PascalCase")]
struct Hyperband {
    min_resource: Option<u64>,
    max_resource: Option<u64>,
}

#[derive(Clone, Deserialize)]
#[serde(rename_all = "PascalCase")]
struct Objective {
    r#type: String,
    metric_name: String,
}

#[derive(Deserialize)]
#[serde(rename_all = "PascalCase")]
struct Limits {
    max_number_of_training_jobs: Option<u64>,
    max_parallel_training_jobs: u64,
    max_runtime_in_seconds: Option<u64>,
}

#[derive(Default, Deserialize)]
#[serde(rename_all = "PascalCase")]
struct Criteria {
    target_objective_metric_value: Option<f64>,
    best_objective_not_improving: Option<NotImproving>,
    convergence_detected: Option<Convergence>,
}

#[derive(Deserialize)]
#[serde(rename_all = "PascalCase")]
struct NotImproving {
    max_number_of_training_jobs_not_improving: Option<u64>,
}

#[derive(Deserialize)]
#[serde(rename_all = "PascalCase")]
struct Convergence {
    complete_on_convergence: Option<String>,
}

#[derive(Deserialize)]
#[serde(rename_all = "PascalCase")]
struct Parts {
    definition_name: Option<String>,
    tuning_objective: Option<Objective>,
    hyper_parameter_ranges: Option<Ranges>,
    #[serde(default)]
    static_hyper_parameters: IndexMap<String, String>,
    algorithm_specification: Algorithm,
}

#[derive(Deserialize)]
#[serde(rename_all = "PascalCase")]
struct Algorithm {
    training_image: Option<String>,
}

fn invalid(error: &serde_json::Error) -> ApiError {
    ApiError::validation(format!("The request is not valid: {error}"))
}

impl Plan {
    /// Reads a request.
    ///
    /// # Errors
    /// AWS's, and refusals of what is not done here, by name.
    pub fn read(request: &Value) -> Result<Self, ApiError> {
        refuse::members("", request, &["/Autotune", "/HyperParameterTuningJobConfig/ParameterRanges/AutoParameters"])?;
        let Request { hyper_parameter_tuning_job_config: config, training_job_definition, training_job_definitions } =
            Request::deserialize(request).map_err(|error| invalid(&error))?;
        let hyperband = config.strategy == "Hyperband";
        let given = config.strategy_config.and_then(|config| config.hyperband_strategy_config);
        if given.is_some() && !hyperband {
            return Err(ApiError::validation(
                "HyperbandStrategyConfig can only be set when the Strategy is Hyperband.",
            ));
        }
        let early = config.training_job_early_stopping_type.as_deref() == Some("Auto");
        if early && hyperband {
            return Err(ApiError::validation(
                "TrainingJobEarlyStoppingType must be Off for the Hyperband strategy, which stops training jobs itself.",
            ));
        }
        let shared = Shared {
            objective: config.hyper_parameter_tuning_job_objective,
            hyperband: hyperband.then(|| given.unwrap_or_default()),
        };
        let definitions = match (training_job_definition, training_job_definitions) {
            (Some(one), None) => vec![shared.definition(&one, config.parameter_ranges, false)?],
            (None, Some(several)) if config.parameter_ranges.is_none() && shared.objective.is_none() => {
                several.iter().map(|each| shared.definition(each, None, true)).collect::<Result<Vec<_>, _>>()?
            }
            (None, Some(_)) => {
                return Err(ApiError::validation(
                    "With TrainingJobDefinitions, each definition has its own TuningObjective and HyperParameterRanges. Leave HyperParameterTuningJobObjective and ParameterRanges out of HyperParameterTuningJobConfig.",
                ));
            }
            _ => {
                return Err(ApiError::validation(
                    "Specify either TrainingJobDefinition or TrainingJobDefinitions, and not both.",
                ));
            }
        };
        comparable(&definitions)?;
        let criteria = config.tuning_job_completion_criteria.unwrap_or_default();
        let patience = criteria.best_objective_not_improving.and_then(|c| c.max_number_of_training_jobs_not_improving);
        let converges =
            criteria.convergence_detected.and_then(|c| c.complete_on_convergence).as_deref() == Some("Enabled");
        let target = criteria.target_objective_metric_value;
        let strategy = match &*config.strategy {
            "Grid" => Strategy::Grid,
            "Bayesian" => Strategy::Bayesian,
            _ => Strategy::Random,
        };
        let ends = config.resource_limits.max_runtime_in_seconds.is_some()
            || patience.is_some()
            || converges
            || target.is_some();
        let most = most(strategy, &definitions, config.resource_limits.max_number_of_training_jobs, ends)?;
        let parallel = within(
            "Maximum number of parallel training jobs per hyperparameter tuning job",
            config.resource_limits.max_parallel_training_jobs,
            MOST_PARALLEL,
        )?;
        Ok(Self {
            strategy,
            seed: config.random_seed,
            most,
            parallel,
            runtime: config.resource_limits.max_runtime_in_seconds,
            early,
            target,
            patience,
            converges,
            definitions,
        })
    }
}

/// What a tuning job says for all its definitions.
struct Shared {
    objective: Option<Objective>,
    hyperband: Option<Hyperband>,
}

impl Shared {
    fn definition(&self, value: &Value, ranges: Option<Ranges>, named: bool) -> Result<Definition, ApiError> {
        refuse::members("", value, &["/HyperParameterRanges/AutoParameters"])?;
        let Parts {
            definition_name,
            tuning_objective,
            hyper_parameter_ranges,
            static_hyper_parameters,
            algorithm_specification,
        } = Parts::deserialize(value).map_err(|error| invalid(&error))?;
        if named && definition_name.is_none() {
            return Err(ApiError::validation("Each of several TrainingJobDefinitions needs a DefinitionName."));
        }
        let objective = tuning_objective.or_else(|| self.objective.clone()).ok_or_else(|| {
            ApiError::validation("An objective metric is required. Provide HyperParameterTuningJobObjective, or the TuningObjective of each of several definitions.")
        })?;
        let space = ranges::space(ranges.or(hyper_parameter_ranges).unwrap_or_default())?;
        let mut statics = static_hyper_parameters;
        statics.insert(OBJECTIVE.to_owned(), objective.metric_name.clone());
        if let Some(twice) = space.0.iter().find(|parameter| statics.contains_key(&parameter.name)) {
            return Err(ApiError::validation(format!(
                "The hyperparameter {} is tuned and has a fixed value in StaticHyperParameters as well. Remove one of the two.",
                twice.name
            )));
        }
        if space.0.len() + statics.len() > MOST_HYPERPARAMETERS {
            return Err(ApiError::validation(format!(
                "A training job can have {MOST_HYPERPARAMETERS} hyperparameters; {} are tuned and {} fixed, {OBJECTIVE} included.",
                space.0.len(),
                statics.len()
            )));
        }
        let ladder = self.hyperband.as_ref().map(|given| ladder(given, &statics)).transpose()?;
        let mut template: Map<String, Value> =
            SAME.iter().filter_map(|member| Some(((*member).to_owned(), value.get(*member)?.clone()))).collect();
        template.insert("ResourceConfig".to_owned(), resource::config(value)?);
        Ok(Definition {
            name: definition_name,
            metric: objective.metric_name,
            maximize: objective.r#type == "Maximize",
            space,
            statics,
            ladder,
            image: algorithm_specification.training_image,
            template,
        })
    }
}

impl Definition {
    /// The request of a training job with these values.
    #[must_use]
    pub fn request(&self, name: &str, values: &[String], tags: &[(String, String)]) -> Value {
        let mut hyperparameters: Map<String, Value> =
            self.statics.iter().map(|(name, value)| (name.clone(), json!(value))).collect();
        for (parameter, value) in self.space.0.iter().zip(values) {
            hyperparameters.insert(parameter.name.clone(), json!(value));
        }
        let mut request = self.template.clone();
        request.insert("TrainingJobName".to_owned(), json!(name));
        request.insert("HyperParameters".to_owned(), Value::Object(hyperparameters));
        if !tags.is_empty() {
            let tag = |(key, value): &(String, String)| json!({"Key": key, "Value": value});
            request.insert("Tags".to_owned(), tags.iter().map(tag).collect());
        }
        Value::Object(request)
    }

    /// Drops the metrics that SageMaker reads from its own algorithm's log anyway.
    pub fn leave_to_algorithm(&mut self, metrics: &Value) {
        if let Some(Value::Object(algorithm)) = self.template.get_mut("AlgorithmSpecification")
            && algorithm.get("MetricDefinitions") == Some(metrics)
        {
            algorithm.shift_remove("MetricDefinitions");
        }
    }

    /// The metric definitions of the request.
    #[must_use]
    pub fn defines(&self, metric: &str) -> bool {
        let definitions = self.template.get("AlgorithmSpecification").and_then(|a| a["MetricDefinitions"].as_array());
        definitions.into_iter().flatten().any(|definition| definition["Name"] == metric)
    }
}

/// Definitions that are tuned together have names of their own, and objectives that can be compared.
fn comparable(definitions: &[Definition]) -> Result<(), ApiError> {
    for (n, definition) in definitions.iter().enumerate() {
        if definitions[..n].iter().any(|other| other.name == definition.name) {
            let name = definition.name.as_deref().unwrap_or_default();
            return Err(ApiError::validation(format!(
                "The DefinitionName {name} is used twice. Each of the TrainingJobDefinitions needs a name of its own."
            )));
        }
        if definition.maximize != definitions[0].maximize {
            return Err(ApiError::validation(
                "All TrainingJobDefinitions must have the same Type of TuningObjective: their training jobs are compared to find the best one.",
            ));
        }
    }
    Ok(())
}

fn ladder(given: &Hyperband, statics: &IndexMap<String, String>) -> Result<Ladder, ApiError> {
    // AWS's names, and the one of XGBoost.
    const EPOCHS: &[&str] = &["epochs", "numepochs", "n-epochs", "n_epochs", "num_epochs", "num_round"];
    const LARGEST: u64 = 20_000;
    let told = || EPOCHS.iter().find_map(|name| statics.get(*name)?.trim_matches('"').parse().ok());
    let most = given.max_resource.or_else(told).ok_or_else(|| {
        ApiError::validation(format!(
            "MaxResource of HyperbandStrategyConfig is not set and cannot be taken from StaticHyperParameters, which have none of {}.",
            EPOCHS.join(", ")
        ))
    })?;
    let least = given.min_resource.unwrap_or(1);
    if most > LARGEST || least > most {
        return Err(ApiError::validation(format!(
            "MinResource is {least} and MaxResource {most}. MinResource must not be larger than MaxResource, and that not larger than {LARGEST}."
        )));
    }
    Ok(Ladder::new(least, most))
}

/// How many training jobs there will be at most.
fn most(strategy: Strategy, definitions: &[Definition], given: Option<u64>, ends: bool) -> Result<u64, ApiError> {
    let combinations = definitions.iter().try_fold(0_u64, |all, d| all.checked_add(d.space.count()?));
    if strategy == Strategy::Grid {
        let categorical = |d: &Definition| d.space.0.iter().all(|p| matches!(p.domain, Domain::Categorical(_)));
        if !definitions.iter().all(categorical) {
            return Err(ApiError::validation(
                "Only categorical parameters are supported when using the Grid strategy. Provide CategoricalParameterRanges, or use another strategy.",
            ));
        }
        let all = combinations.unwrap_or(u64::MAX);
        if given.is_some_and(|given| given != all) {
            return Err(ApiError::validation(format!(
                "MaxNumberOfTrainingJobs should equal the total number of distinct categorical combinations possible, {all}, when using the Grid strategy. Leave it out, or set it to that."
            )));
        }
        return within(JOBS, all, MOST_JOBS);
    }
    match (given, combinations) {
        (Some(given), Some(all)) if all < given => {
            #[allow(clippy::cast_precision_loss)] // for the text
            let told = all as f64;
            Err(ApiError::validation(format!(
                "You don't have enough combinations of hyperparameter ranges. The total number of hyperparameter combinations for the provided ranges [{told:?}] must be equal or greater than the value of MaxNumberOfJobs, [{given}]. Provide additional ranges."
            )))
        }
        (Some(given), _) => within(JOBS, given, MOST_JOBS),
        (None, _) if ends => Ok(MOST_JOBS),
        (None, _) => Err(ApiError::validation(
            "Nothing would end the tuning job. Set MaxNumberOfTrainingJobs or MaxRuntimeInSeconds of ResourceLimits, or TuningJobCompletionCriteria.",
        )),
    }
}

const JOBS: &str = "Maximum number of training jobs per hyperparameter tuning job";

fn within(what: &str, asked: u64, limit: u64) -> Result<u64, ApiError> {
    if asked <= limit {
        return Ok(asked);
    }
    Err(ApiError::new(
        "ResourceLimitExceeded",
        400,
        format!(
            "The account-level service limit '{what}' is {limit} Training Jobs, with current utilization of 0 Training Jobs and a request delta of {asked} Training Jobs."
        ),
    ))
}
