//! Kinds of resources as rows: what the service model does not say of a kind.

use sagewright_cloud_core::api::ApiError;

/// One kind of resource.
#[derive(Debug, Clone, Copy)]
pub struct Kind(pub &'static Row);

/// What is particular to a kind.
#[derive(Debug)]
pub struct Row {
    /// As in the operations' names: `CreateNOUN`, `DescribeNOUN`.
    pub noun: &'static str,
    /// The resource type in ARNs, which is also the kind of the records.
    pub arn_type: &'static str,
    /// How requests name a resource.
    pub naming: Naming,
    /// Member of answers that holds the ARN; `NOUNArn` where empty.
    pub arn: &'static str,
    /// Members of the name that stand in another one's place, as a space in that of a user profile: keys tell them apart,
    /// ARNs do not.
    pub marked: &'static [&'static str],
    /// The list operation; empty where there is none.
    pub list: &'static str,
    /// Whether the ARN ends with a generated id instead of the name.
    pub arn_id: bool,
    /// Statuses, for kinds that have them.
    pub status: Option<&'static Life>,
    /// Member that counts the versions of a resource, from 1; empty for most kinds.
    pub version: &'static str,
    /// Members that get a generated id when a resource is created, and its prefix.
    pub generated: &'static [(&'static str, &'static str)],
    /// Maps of an update that are added to a map of the resource, key by key.
    pub merged: &'static [&'static str],
    /// Lists of keys in an update, and the map of the resource that they are taken from.
    pub removed: &'static [(&'static str, &'static str)],
    /// Switches of the update, and the member that each takes away.
    pub cleared: &'static [(&'static str, &'static str)],
    /// Members that would change what is kept, and are refused.
    pub refused: &'static [&'static str],
    /// Members of answers that stand elsewhere in the request: member and JSON pointer, or `=` and a constant.
    pub aliases: &'static [(&'static str, &'static str)],
    /// The one member of the describe output that holds the others (`Workteam`); empty for most kinds.
    pub wrapper: &'static str,
    /// What EventBridge calls the event of its changes of status (EventBridge's reference, "Amazon SageMaker AI
    /// events"); empty where it has none.
    pub event: &'static str,
    /// Member of the body that counts as a status as well; empty for most kinds.
    pub second_status: &'static str,
    /// What EventBridge calls the event of its changes; that of the status where empty.
    pub second_event: &'static str,
    /// Statuses, second ones included, at which its lineage is recorded; see `lineage.rs`.
    pub traced: &'static [&'static str],
    /// Whether lists begin with the oldest where the request says nothing.
    pub listed_ascending: bool,
    /// Answer for a resource that is not there.
    pub missing: Text,
    /// Answer for a name that is in use.
    pub taken: Text,
}

/// How requests name a resource.
#[derive(Debug, Clone, Copy)]
pub enum Naming {
    /// By these members together; the last one may also be given as an ARN.
    Members(&'static [&'static str]),
    /// By a generated id (or ARN) in a member, which starts with a prefix.
    Id {
        /// Member that holds the id, or the ARN.
        member: &'static str,
        /// Start of the id.
        prefix: &'static str,
    },
}

/// The statuses of a kind.
#[derive(Debug)]
pub struct Life {
    /// Member of answers that holds the status.
    pub member: &'static str,
    /// Status of a new resource.
    pub created: &'static str,
    /// Status after an update; empty where an update changes none.
    pub updated: &'static str,
    /// Status while it is being deleted; empty where it is gone at once.
    pub deleted: &'static str,
    /// Status after `Start…`; empty where there is no such operation.
    pub started: &'static str,
    /// Status after `Stop…`; empty where there is no such operation.
    pub stopped: &'static str,
    /// Where statuses lead to by themselves. An empty status means that the resource is gone.
    pub settles: &'static [(&'static str, &'static str)],
    /// Statuses in which it can be deleted; any that is settled where empty.
    pub deletable: &'static [&'static str],
    /// Statuses in which it can be updated; any that is settled where empty.
    pub updatable: &'static [&'static str],
}

/// Statuses of a kind that is there as soon as it is created.
pub const LIFE: Life = Life {
    member: "Status",
    created: "InService",
    updated: "",
    deleted: "",
    started: "",
    stopped: "",
    settles: &[],
    deletable: &[],
    updatable: &[],
};

/// Code and text of an error; `{arn}`, `{name}` and `{noun}` are filled in.
#[derive(Debug, Clone, Copy)]
pub struct Text(pub &'static str, pub &'static str);

impl Text {
    fn error(self, noun: &str, arn: &str) -> ApiError {
        let name = arn.rsplit_once('/').map_or(arn, |(_, name)| name);
        ApiError::new(self.0, 400, self.1.replace("{arn}", arn).replace("{name}", name).replace("{noun}", noun))
    }
}

/// What most kinds share.
pub const ROW: Row = Row {
    noun: "",
    arn_type: "",
    naming: Naming::Members(&[]),
    arn: "",
    marked: &[],
    list: "",
    arn_id: false,
    status: None,
    version: "",
    generated: &[],
    merged: &[],
    removed: &[],
    cleared: &[],
    refused: &[],
    aliases: &[],
    wrapper: "",
    event: "",
    second_status: "",
    second_event: "",
    traced: &[],
    listed_ascending: false,
    missing: Text("ResourceNotFound", "{noun} {arn} does not exist."),
    taken: Text("ResourceInUse", "{noun} {arn} already exists."),
};

/// Statuses of a job that has ended.
const ENDED: &[&str] = &["Completed", "Failed", "Stopped"];

/// What updates of lineage entities take away.
const PROPERTIES: &[(&str, &str)] = &[("PropertiesToRemove", "Properties")];

impl PartialEq for Kind {
    fn eq(&self, other: &Self) -> bool {
        self.0.noun == other.0.noun
    }
}

impl Eq for Kind {}

impl std::hash::Hash for Kind {
    fn hash<H: std::hash::Hasher>(&self, state: &mut H) {
        self.0.noun.hash(state);
    }
}

impl Kind {
    /// `training-job`
    pub const TRAINING_JOB: Self = Self(&Row {
        noun: "TrainingJob",
        arn_type: "training-job",
        traced: ENDED,
        event: "SageMaker Training Job State Change",
        naming: Naming::Members(&["TrainingJobName"]),
        list: "ListTrainingJobs",
        status: Some(&Life {
            member: "TrainingJobStatus",
            settles: &[("InProgress", "Completed"), ("Stopping", "Stopped"), ("Deleting", "")],
            ..LIFE
        }),
        missing: Text("ValidationException", "Requested resource not found."),
        taken: Text(
            "ResourceInUse",
            "Training job names must be unique within an AWS account and region, and a training job with this name already exists ({arn})",
        ),
        ..ROW
    });
    /// `processing-job`
    pub const PROCESSING_JOB: Self = Self(&Row {
        noun: "ProcessingJob",
        arn_type: "processing-job",
        traced: ENDED,
        event: "SageMaker Processing Job State Change",
        naming: Naming::Members(&["ProcessingJobName"]),
        list: "ListProcessingJobs",
        status: Some(&Life {
            member: "ProcessingJobStatus",
            settles: &[("InProgress", "Completed"), ("Stopping", "Stopped")],
            ..LIFE
        }),
        listed_ascending: true,
        missing: Text("ValidationException", "Could not find requested job with name: {name}"),
        taken: Text(
            "ResourceInUse",
            "Job name must be unique within an AWS account and region, and a job with this name already exists ({arn})",
        ),
        ..ROW
    });
    /// `transform-job`
    pub const TRANSFORM_JOB: Self = Self(&Row {
        noun: "TransformJob",
        arn_type: "transform-job",
        traced: ENDED,
        event: "SageMaker Transform Job State Change",
        naming: Naming::Members(&["TransformJobName"]),
        list: "ListTransformJobs",
        status: Some(&Life {
            member: "TransformJobStatus",
            settles: &[("InProgress", "Completed"), ("Stopping", "Stopped")],
            ..LIFE
        }),
        missing: Text("ValidationException", "Could not find requested job with name: {name}"),
        taken: Text(
            "ResourceInUse",
            "Job name must be unique within an AWS account and region, and a job with this name already exists ({arn})",
        ),
        ..ROW
    });
    /// `hyper-parameter-tuning-job`
    pub const TUNING_JOB: Self = Self(&Row {
        noun: "HyperParameterTuningJob",
        arn_type: "hyper-parameter-tuning-job",
        event: "SageMaker HyperParameter Tuning Job State Change",
        naming: Naming::Members(&["HyperParameterTuningJobName"]),
        list: "ListHyperParameterTuningJobs",
        status: Some(&Life {
            member: "HyperParameterTuningJobStatus",
            settles: &[("InProgress", "Completed"), ("Stopping", "Stopped")],
            ..LIFE
        }),
        aliases: &[
            ("Strategy", "/HyperParameterTuningJobConfig/Strategy"),
            ("ResourceLimits", "/HyperParameterTuningJobConfig/ResourceLimits"),
        ],
        missing: Text("ResourceNotFound", "Amazon SageMaker can't find a tuning job called {name}. Type another name."),
        taken: Text(
            "ResourceInUse",
            "A hyperparameter tuning job with the name, {name}, already exists. Choose a different name.",
        ),
        ..ROW
    });
    /// `model`
    pub const MODEL: Self = Self(&Row {
        noun: "Model",
        arn_type: "model",
        event: "SageMaker Model State Change",
        naming: Naming::Members(&["ModelName"]),
        list: "ListModels",
        missing: Text("ValidationException", "Could not find model \"{arn}\"."),
        taken: Text("ValidationException", "Cannot create already existing model \"{arn}\"."),
        ..ROW
    });
    /// `endpoint-config`
    pub const ENDPOINT_CONFIG: Self = Self(&Row {
        noun: "EndpointConfig",
        arn_type: "endpoint-config",
        event: "SageMaker Endpoint Config State Change",
        naming: Naming::Members(&["EndpointConfigName"]),
        list: "ListEndpointConfigs",
        missing: Text("ValidationException", "Could not find endpoint configuration \"{arn}\"."),
        taken: Text("ValidationException", "Cannot create already existing endpoint configuration \"{arn}\"."),
        ..ROW
    });
    /// `endpoint`
    pub const ENDPOINT: Self = Self(&Row {
        noun: "Endpoint",
        arn_type: "endpoint",
        traced: &["InService"],
        event: "SageMaker Endpoint State Change",
        // Each step of a deployment shows there.
        second_status: "PendingDeploymentSummary",
        second_event: "SageMaker Endpoint Deployment State Change",
        naming: Naming::Members(&["EndpointName"]),
        list: "ListEndpoints",
        status: Some(&Life {
            member: "EndpointStatus",
            settles: &[
                ("Creating", "InService"),
                ("Updating", "InService"),
                ("SystemUpdating", "InService"),
                ("RollingBack", "InService"),
                ("Deleting", ""),
            ],
            ..LIFE
        }),
        missing: Text("ValidationException", "Could not find endpoint \"{arn}\"."),
        taken: Text("ValidationException", "Cannot create already existing endpoint \"{arn}\"."),
        ..ROW
    });
    /// `model-package-group`
    pub const MODEL_PACKAGE_GROUP: Self = Self(&Row {
        noun: "ModelPackageGroup",
        arn_type: "model-package-group",
        traced: &["Completed"],
        naming: Naming::Members(&["ModelPackageGroupName"]),
        list: "ListModelPackageGroups",
        status: Some(&Life { member: "ModelPackageGroupStatus", ..LIFE }),
        listed_ascending: true,
        missing: Text("ValidationException", "ModelPackageGroup {arn} does not exist."),
        taken: Text("ValidationException", "Model Package Group already exists: {arn}"),
        ..ROW
    });
    /// `model-package`
    pub const MODEL_PACKAGE: Self = Self(&Row {
        noun: "ModelPackage",
        arn_type: "model-package",
        event: "SageMaker Model Package State Change",
        // What promotion waits for, though the package's own status stays Completed.
        second_status: "ModelApprovalStatus",
        traced: &["Completed", "Approved", "Rejected", "PendingManualApproval"],
        naming: Naming::Members(&["ModelPackageName"]),
        list: "ListModelPackages",
        status: Some(&Life { member: "ModelPackageStatus", ..LIFE }),
        listed_ascending: true,
        missing: Text("ValidationException", "ModelPackage {arn} does not exist."),
        taken: Text("ValidationException", "Model Package already exists: {arn}"),
        ..ROW
    });

    /// `pipeline`
    pub const PIPELINE: Self = Self(&Row {
        noun: "Pipeline",
        arn_type: "pipeline",
        naming: Naming::Members(&["PipelineName"]),
        list: "ListPipelines",
        status: Some(&Life { member: "PipelineStatus", created: "Active", ..LIFE }),
        missing: Text("ResourceNotFound", "Pipeline '{arn}' does not exist."),
        taken: Text(
            "ValidationException",
            "Pipeline names must be unique within an AWS account and region. Pipeline with name ({name}) already exists.",
        ),
        ..ROW
    });
    /// `pipeline-execution`; its ARNs are below that of the pipeline.
    pub const PIPELINE_EXECUTION: Self = Self(&Row {
        noun: "PipelineExecution",
        arn_type: "pipeline-execution",
        event: "SageMaker Model Building Pipeline Execution Status Change",
        naming: Naming::Members(&["PipelineExecutionArn"]),
        status: Some(&Life {
            member: "PipelineExecutionStatus",
            settles: &[("Executing", "Succeeded"), ("Stopping", "Stopped")],
            ..LIFE
        }),
        missing: Text("ResourceNotFound", "Pipeline execution with ARN {arn} does not exist."),
        ..ROW
    });

    /// `monitoring-schedule`
    pub const MONITORING_SCHEDULE: Self = Self(&Row {
        noun: "MonitoringSchedule",
        arn_type: "monitoring-schedule",
        event: "SageMaker Monitoring Schedule State Change",
        naming: Naming::Members(&["MonitoringScheduleName"]),
        list: "ListMonitoringSchedules",
        status: Some(&Life {
            member: "MonitoringScheduleStatus",
            created: "Pending",
            settles: &[("Pending", "Scheduled")],
            ..LIFE
        }),
        aliases: &[
            ("MonitoringType", "/MonitoringScheduleConfig/MonitoringType"),
            ("MonitoringJobDefinitionName", "/MonitoringScheduleConfig/MonitoringJobDefinitionName"),
        ],
        missing: Text("ResourceNotFound", "Could not find requested monitoring schedule with name: {name}"),
        ..ROW
    });
    /// `artifact`
    pub const ARTIFACT: Self = Self(&Row {
        noun: "Artifact",
        arn_type: "artifact",
        naming: Naming::Id { member: "ArtifactArn", prefix: "" },
        list: "ListArtifacts",
        removed: PROPERTIES,
        ..ROW
    });
    /// `action`
    pub const ACTION: Self = Self(&Row {
        noun: "Action",
        arn_type: "action",
        naming: Naming::Members(&["ActionName"]),
        list: "ListActions",
        aliases: &[("Status", "=Unknown")],
        removed: PROPERTIES,
        ..ROW
    });
    /// `context`
    pub const CONTEXT: Self = Self(&Row {
        noun: "Context",
        arn_type: "context",
        naming: Naming::Members(&["ContextName"]),
        list: "ListContexts",
        removed: PROPERTIES,
        ..ROW
    });
    /// `experiment`
    pub const EXPERIMENT: Self = Self(&Row {
        noun: "Experiment",
        arn_type: "experiment",
        naming: Naming::Members(&["ExperimentName"]),
        list: "ListExperiments",
        aliases: &[("ExperimentSource", "/Source")],
        missing: Text("ResourceNotFound", "Experiment '{name}' does not exist."),
        taken: Text("ValidationException", "Experiment '{name}' already exists."),
        ..ROW
    });
    /// `experiment-trial`
    pub const TRIAL: Self = Self(&Row {
        noun: "Trial",
        arn_type: "experiment-trial",
        naming: Naming::Members(&["TrialName"]),
        list: "ListTrials",
        aliases: &[("TrialSource", "/Source")],
        missing: Text("ResourceNotFound", "Trial '{name}' does not exist."),
        taken: Text("ValidationException", "Trial '{name}' already exists."),
        ..ROW
    });
    /// `experiment-trial-component`
    pub const TRIAL_COMPONENT: Self = Self(&Row {
        noun: "TrialComponent",
        arn_type: "experiment-trial-component",
        naming: Naming::Members(&["TrialComponentName"]),
        list: "ListTrialComponents",
        aliases: &[("TrialComponentSource", "/Source")],
        merged: &["Parameters", "InputArtifacts", "OutputArtifacts"],
        removed: &[
            ("ParametersToRemove", "Parameters"),
            ("InputArtifactsToRemove", "InputArtifacts"),
            ("OutputArtifactsToRemove", "OutputArtifacts"),
        ],
        missing: Text("ResourceNotFound", "TrialComponent '{name}' does not exist."),
        taken: Text("ValidationException", "TrialComponent '{name}' already exists."),
        ..ROW
    });
    /// `feature-group`
    pub const FEATURE_GROUP: Self = Self(&Row {
        noun: "FeatureGroup",
        arn_type: "feature-group",
        event: "SageMaker Feature Group State Change",
        naming: Naming::Members(&["FeatureGroupName"]),
        list: "ListFeatureGroups",
        status: Some(&Life {
            member: "FeatureGroupStatus",
            created: "Creating",
            deleted: "Deleting",
            settles: &[("Creating", "Created"), ("Deleting", "")],
            ..LIFE
        }),
        missing: Text(
            "ResourceNotFound",
            "Resource Not Found: Amazon SageMaker can't find a FeatureGroup with name {name}",
        ),
        taken: Text(
            "ResourceInUse",
            "Resource Already Exists: FeatureGroup with name {name} already exists. Choose a different name.",
        ),
        ..ROW
    });
    /// `model-card`
    pub const MODEL_CARD: Self = Self(&Row {
        noun: "ModelCard",
        arn_type: "model-card",
        event: "SageMaker Model Card State Change",
        naming: Naming::Members(&["ModelCardName"]),
        list: "ListModelCards",
        taken: Text("ConflictException", "Model card {arn} already exists."),
        ..ROW
    });
    /// `model-card-export-job`; its ARNs are below that of the card.
    pub const MODEL_CARD_EXPORT_JOB: Self = Self(&Row {
        noun: "ModelCardExportJob",
        arn_type: "model-card-export-job",
        naming: Naming::Members(&["ModelCardName", "ModelCardExportJobName"]),
        status: Some(&Life { created: "InProgress", settles: &[("InProgress", "Completed")], ..LIFE }),
        taken: Text("ConflictException", "Model card export job {arn} already exists."),
        ..ROW
    });

    /// The kinds that have more behind them than records.
    pub const REAL: [Self; 21] = [
        Self::TRAINING_JOB,
        Self::PROCESSING_JOB,
        Self::TRANSFORM_JOB,
        Self::TUNING_JOB,
        Self::MODEL,
        Self::ENDPOINT_CONFIG,
        Self::ENDPOINT,
        Self::MODEL_PACKAGE_GROUP,
        Self::MODEL_PACKAGE,
        Self::PIPELINE,
        Self::PIPELINE_EXECUTION,
        Self::MONITORING_SCHEDULE,
        Self::ARTIFACT,
        Self::ACTION,
        Self::CONTEXT,
        Self::EXPERIMENT,
        Self::TRIAL,
        Self::TRIAL_COMPONENT,
        Self::FEATURE_GROUP,
        Self::MODEL_CARD,
        Self::MODEL_CARD_EXPORT_JOB,
    ];

    /// All kinds of which there can be resources.
    pub fn all() -> impl Iterator<Item = Self> {
        Self::REAL.into_iter().chain(crate::recorded::rows::recorded().map(Self))
    }

    /// Whether nothing runs behind its records.
    #[must_use]
    pub fn recorded(self) -> bool {
        !Self::REAL.contains(&self)
    }

    /// The resource type in ARNs, which is also the kind of the records.
    #[must_use]
    pub fn as_str(self) -> &'static str {
        self.0.arn_type
    }

    /// Member of requests that names a resource: the last one where it takes several.
    #[must_use]
    pub fn name_member(self) -> &'static str {
        match self.0.naming {
            Naming::Members(members) => members.last().copied().unwrap_or_default(),
            Naming::Id { member, .. } => member,
        }
    }

    /// Member of answers that holds the ARN.
    #[must_use]
    pub fn arn_member(self) -> String {
        if self.0.arn.is_empty() { format!("{}Arn", self.0.noun) } else { self.0.arn.to_owned() }
    }

    /// SageMaker declares `ResourceNotFound`, and answers many missing resources with `ValidationException`.
    #[must_use]
    pub fn missing(self, arn: &str) -> ApiError {
        self.0.missing.error(self.0.noun, arn)
    }

    /// The error for a name that is in use.
    #[must_use]
    pub fn taken(self, arn: &str) -> ApiError {
        self.0.taken.error(self.0.noun, arn)
    }
}
