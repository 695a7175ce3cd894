//! The kinds of steps, a row each: what runs for a step, and by which operations.

/// One kind of step.
#[derive(Debug)]
pub struct StepKind {
    /// `Type` in a definition.
    pub name: &'static str,
    /// What a step of the kind does.
    pub runs: Runs,
    /// Operations whose outputs have the properties that later steps may refer to.
    pub properties: &'static [&'static str],
    /// Arguments, as paths, by which an earlier step counts as the same one ("Default cache key attributes by pipeline step type");
    /// empty for a kind that is not cached.
    pub cached_by: &'static [&'static str],
    /// Whether steps take retry policies.
    pub retries: bool,
}

/// What a step does.
#[derive(Debug, Clone, Copy)]
pub enum Runs {
    /// Creates a resource of SageMaker, and ends with it.
    Resource(&'static Resource),
    /// Decides which steps come next.
    Condition,
    /// Fails the execution.
    Fail,
    /// Calls a function and waits for its result.
    Lambda,
    /// Sends a message and waits until somebody answers.
    Callback,
}

/// A resource that a step creates.
#[derive(Debug)]
pub struct Resource {
    /// As in the operations' names: `CreateNOUN`, `DescribeNOUN`.
    pub noun: &'static str,
    /// Member of requests that names it; empty where the service gives the name.
    pub named_by: &'static str,
    /// Longest name.
    pub longest: usize,
    /// Member of `Describe…` that names it.
    pub described_by: &'static str,
    /// Member of the create operation's output that has its ARN.
    pub arn: &'static str,
    /// Member of `Metadata` that tells it.
    pub metadata: &'static str,
    /// Member that has its status; empty for what is there at once.
    pub status: &'static str,
    /// The operation that stops it; empty where nothing does.
    pub stop: &'static str,
    /// The execution variable that is its name.
    pub variable: &'static str,
}

/// Statuses with which all that runs ends.
pub const COMPLETED: &str = "Completed";
/// It failed.
pub const FAILED: &str = "Failed";
/// It was stopped.
pub const STOPPED: &str = "Stopped";

const JOB: Resource = Resource {
    noun: "",
    named_by: "",
    longest: 63,
    described_by: "",
    arn: "",
    metadata: "",
    status: "",
    stop: "",
    variable: "",
};

const STEP: StepKind = StepKind { name: "", runs: Runs::Fail, properties: &[], cached_by: &[], retries: false };

/// All kinds that run here.
pub static KINDS: &[StepKind] = &[
    StepKind {
        name: "Training",
        runs: Runs::Resource(&Resource {
            noun: "TrainingJob",
            named_by: "TrainingJobName",
            described_by: "TrainingJobName",
            arn: "TrainingJobArn",
            metadata: "TrainingJob",
            status: "TrainingJobStatus",
            stop: "StopTrainingJob",
            variable: "TrainingJobName",
            ..JOB
        }),
        properties: &["DescribeTrainingJob"],
        cached_by: &[
            "AlgorithmSpecification",
            "CheckpointConfig",
            "DebugHookConfig",
            "DebugRuleConfigurations",
            "Environment",
            "HyperParameters",
            "InputDataConfig",
        ],
        retries: true,
    },
    StepKind {
        name: "Processing",
        runs: Runs::Resource(&Resource {
            noun: "ProcessingJob",
            named_by: "ProcessingJobName",
            described_by: "ProcessingJobName",
            arn: "ProcessingJobArn",
            metadata: "ProcessingJob",
            status: "ProcessingJobStatus",
            stop: "StopProcessingJob",
            variable: "ProcessingJobName",
            ..JOB
        }),
        properties: &["DescribeProcessingJob"],
        cached_by: &["AppSpecification", "Environment", "ProcessingInputs"],
        retries: true,
    },
    StepKind {
        name: "Transform",
        runs: Runs::Resource(&Resource {
            noun: "TransformJob",
            named_by: "TransformJobName",
            described_by: "TransformJobName",
            arn: "TransformJobArn",
            metadata: "TransformJob",
            status: "TransformJobStatus",
            stop: "StopTransformJob",
            ..JOB
        }),
        properties: &["DescribeTransformJob"],
        cached_by: &["DataProcessing", "Environment", "ModelName", "TransformInput"],
        retries: true,
    },
    StepKind {
        name: "Tuning",
        runs: Runs::Resource(&Resource {
            noun: "HyperParameterTuningJob",
            named_by: "HyperParameterTuningJobName",
            longest: 32,
            described_by: "HyperParameterTuningJobName",
            arn: "HyperParameterTuningJobArn",
            metadata: "TuningJob",
            status: "HyperParameterTuningJobStatus",
            stop: "StopHyperParameterTuningJob",
            ..JOB
        }),
        properties: &["DescribeHyperParameterTuningJob", "ListTrainingJobsForHyperParameterTuningJob"],
        cached_by: &[
            "HyperParameterTuningJobConfig",
            "TrainingJobDefinition/AlgorithmSpecification",
            "TrainingJobDefinition/HyperParameterRanges",
            "TrainingJobDefinition/InputDataConfig",
            "TrainingJobDefinition/StaticHyperParameters",
            "TrainingJobDefinition/TuningObjective",
            "TrainingJobDefinitions",
        ],
        retries: true,
    },
    StepKind {
        name: "Model",
        runs: Runs::Resource(&Resource {
            noun: "Model",
            named_by: "ModelName",
            described_by: "ModelName",
            arn: "ModelArn",
            metadata: "Model",
            ..JOB
        }),
        properties: &["DescribeModel"],
        retries: true,
        ..STEP
    },
    StepKind {
        name: "RegisterModel",
        runs: Runs::Resource(&Resource {
            noun: "ModelPackage",
            described_by: "ModelPackageName",
            arn: "ModelPackageArn",
            metadata: "RegisterModel",
            ..JOB
        }),
        properties: &["DescribeModelPackage"],
        retries: true,
        ..STEP
    },
    StepKind { name: "Condition", runs: Runs::Condition, ..STEP },
    StepKind { name: "Fail", ..STEP },
    StepKind { name: "Lambda", runs: Runs::Lambda, cached_by: &[ALL], ..STEP },
    StepKind { name: "Callback", runs: Runs::Callback, cached_by: &[ALL], ..STEP },
];

/// Stands for all arguments of a step, and what it calls.
pub const ALL: &str = "*";

/// Kinds that SageMaker has and nothing here runs, with what to do instead.
pub static REFUSED: &[(&str, &str)] = &[
    ("AutoML", "Use Training and Tuning steps"),
    ("BedrockCustomModel", "Leave the step out"),
    ("BedrockCustomModelDeployment", "Leave the step out"),
    ("BedrockModelImport", "Leave the step out"),
    ("BedrockProvisionedModelThroughput", "Leave the step out"),
    ("ClarifyCheck", "Use a Processing step that checks and a Condition step over its property file"),
    ("EMR", "Use a Processing step"),
    ("EMRServerless", "Use a Processing step"),
    ("Endpoint", "Register the model, and deploy it from the registry"),
    ("EndpointConfig", "Register the model, and deploy it from the registry"),
    ("InferenceComponent", "Register the model, and deploy it from the registry"),
    ("Lineage", "Leave the step out"),
    ("NotebookJob", "Use a Processing step"),
    ("QualityCheck", "Use a Processing step that checks and a Condition step over its property file"),
];

/// The kind of a name.
#[must_use]
pub fn find(name: &str) -> Option<&'static StepKind> {
    KINDS.iter().find(|kind| kind.name == name)
}
