//! The kinds: what each becomes, where its status stands, and its columns.

/// What a legacy kind becomes.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Becomes {
    /// One object of a kind; the member that names the resource, and the most letters that the name may have.
    One {
        /// Today's kind.
        kind: &'static str,
        /// The create's member that names the resource.
        name: &'static str,
        /// Letters of a generated name.
        longest: usize,
    },
    /// Models, an endpoint config and an endpoint.
    Hosting,
    /// A scalable target and a scaling policy for each variant.
    Scaling,
}

/// A printer column.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Column {
    /// Its heading.
    pub name: &'static str,
    /// `string`, `date` or `integer`.
    pub of: &'static str,
    /// Where its value stands.
    pub path: &'static str,
}

/// A kind of the legacy group.
#[derive(Debug, PartialEq, Eq)]
pub struct LegacyKind {
    /// `TrainingJob`.
    pub kind: &'static str,
    /// `trainingjobs`.
    pub plural: &'static str,
    /// Short name for `kubectl`, where there is one.
    pub short: Option<&'static str>,
    /// What it becomes.
    pub becomes: Becomes,
    /// Status field that holds the resource's status word.
    pub word: &'static str,
    /// Status field that holds the resource's name.
    pub resource: &'static str,
    /// Other fields of the status, each with the place in today's object that it is taken from.
    pub shows: &'static [(&'static str, &'static str)],
    /// Columns, in their order.
    pub columns: &'static [Column],
}

const fn column(name: &'static str, of: &'static str, path: &'static str) -> Column {
    Column { name, of, path }
}

const CREATED: Column = column("Creation-Time", "date", ".metadata.creationTimestamp");

/// All of them. Source of fields, columns and lengths: the operator's API types of its last version, 1.2.2.
pub const KINDS: [LegacyKind; 8] = [
    LegacyKind {
        kind: "TrainingJob",
        plural: "trainingjobs",
        short: None,
        becomes: Becomes::One { kind: "TrainingJob", name: "TrainingJobName", longest: 63 },
        word: "trainingJobStatus",
        resource: "sageMakerTrainingJobName",
        shows: &[
            ("secondaryStatus", "status.secondaryStatus"),
            ("modelPath", "status.modelArtifacts.s3ModelArtifacts"),
            ("debugRuleEvaluationStatuses", "status.debugRuleEvaluationStatuses"),
        ],
        columns: &[
            column("Status", "string", ".status.trainingJobStatus"),
            column("Secondary-Status", "string", ".status.secondaryStatus"),
            CREATED,
            column("Sagemaker-Job-Name", "string", ".status.sageMakerTrainingJobName"),
        ],
    },
    LegacyKind {
        kind: "ProcessingJob",
        plural: "processingjobs",
        short: None,
        becomes: Becomes::One { kind: "ProcessingJob", name: "ProcessingJobName", longest: 63 },
        word: "processingJobStatus",
        resource: "sageMakerProcessingJobName",
        shows: &[],
        columns: &[
            column("Status", "string", ".status.processingJobStatus"),
            CREATED,
            column("Sagemaker-Job-Name", "string", ".status.sageMakerProcessingJobName"),
        ],
    },
    LegacyKind {
        kind: "HyperparameterTuningJob",
        plural: "hyperparametertuningjobs",
        short: None,
        becomes: Becomes::One { kind: "HyperParameterTuningJob", name: "HyperParameterTuningJobName", longest: 32 },
        word: "hyperParameterTuningJobStatus",
        resource: "sageMakerHyperParameterTuningJobName",
        shows: &[
            ("bestTrainingJob", "status.bestTrainingJob"),
            ("trainingJobStatusCounters", "status.trainingJobStatusCounters"),
        ],
        columns: &[
            column("Status", "string", ".status.hyperParameterTuningJobStatus"),
            CREATED,
            column("Completed", "integer", ".status.trainingJobStatusCounters.completed"),
            column("InProgress", "integer", ".status.trainingJobStatusCounters.inProgress"),
            column("Errors", "integer", ".status.trainingJobStatusCounters.totalError"),
            column("Stopped", "integer", ".status.trainingJobStatusCounters.stopped"),
            column("Best-Training-Job", "string", ".status.bestTrainingJob.trainingJobName"),
            column("Sagemaker-Job-Name", "string", ".status.sageMakerHyperParameterTuningJobName"),
        ],
    },
    LegacyKind {
        kind: "BatchTransformJob",
        plural: "batchtransformjobs",
        short: None,
        becomes: Becomes::One { kind: "TransformJob", name: "TransformJobName", longest: 63 },
        word: "transformJobStatus",
        resource: "sageMakerTransformJobName",
        shows: &[],
        columns: &[
            column("Status", "string", ".status.transformJobStatus"),
            CREATED,
            column("Sagemaker-Job-Name", "string", ".status.sageMakerTransformJobName"),
        ],
    },
    LegacyKind {
        kind: "HostingDeployment",
        plural: "hostingdeployments",
        short: None,
        becomes: Becomes::Hosting,
        word: "endpointStatus",
        resource: "endpointName",
        shows: &[
            ("failureReason", "status.failureReason"),
            ("creationTime", "status.creationTime"),
            ("lastModifiedTime", "status.lastModifiedTime"),
            ("productionVariants", "status.productionVariants"),
            ("endpointArn", "status.ackResourceMetadata.arn"),
        ],
        columns: &[
            column("Status", "string", ".status.endpointStatus"),
            column("Sagemaker-endpoint-name", "string", ".status.endpointName"),
        ],
    },
    LegacyKind {
        kind: "Model",
        plural: "models",
        short: None,
        becomes: Becomes::One { kind: "Model", name: "ModelName", longest: 63 },
        word: "status",
        resource: "sageMakerModelName",
        shows: &[("modelArn", "status.ackResourceMetadata.arn")],
        columns: &[
            column("Status", "string", ".status.status"),
            column("Sage-Maker-Model-Name", "string", ".status.sageMakerModelName"),
        ],
    },
    LegacyKind {
        kind: "EndpointConfig",
        plural: "endpointconfigs",
        short: None,
        becomes: Becomes::One { kind: "EndpointConfig", name: "EndpointConfigName", longest: 63 },
        word: "status",
        resource: "sageMakerEndpointConfigName",
        shows: &[("endpointConfigArn", "status.ackResourceMetadata.arn")],
        columns: &[
            column("Status", "string", ".status.status"),
            column("Sage-Maker-EndpointConfig-Name", "string", ".status.sageMakerEndpointConfigName"),
        ],
    },
    LegacyKind {
        kind: "HostingAutoscalingPolicy",
        plural: "hostingautoscalingpolicies",
        short: Some("hap"),
        becomes: Becomes::Scaling,
        word: "hostingAutoscalingPolicyStatus",
        resource: "policyName",
        shows: &[],
        columns: &[column("Status", "string", ".status.hostingAutoscalingPolicyStatus"), CREATED],
    },
];

/// A kind by its name.
#[must_use]
pub fn find(kind: &str) -> Option<&'static LegacyKind> {
    KINDS.iter().find(|row| row.kind == kind)
}
