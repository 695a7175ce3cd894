//! The recorded kinds, a row each, and the kinds that are refused because nothing here would run them.

use crate::kind::{LIFE, Life, Naming, ROW, Row, Text};

const NO_NAME: Text = Text("ResourceNotFound", "{noun} [{name}] does not exist.");

/// Created in steps, as Studio's resources are.
const STUDIO: Life = Life {
    created: "Pending",
    updated: "Updating",
    deleted: "Deleting",
    settles: &[("Pending", "InService"), ("Updating", "InService"), ("Deleting", "")],
    ..LIFE
};

const MLFLOW: Life = Life {
    member: "TrackingServerStatus",
    created: "Creating",
    updated: "Updating",
    deleted: "Deleting",
    started: "Starting",
    stopped: "Stopping",
    settles: &[
        ("Creating", "Created"),
        ("Updating", "Updated"),
        ("Starting", "Started"),
        ("Stopping", "Stopped"),
        ("Deleting", ""),
    ],
    ..LIFE
};

/// Schedulers and quotas of clusters.
const GOVERNED: Life = Life {
    created: "Creating",
    updated: "Updating",
    deleted: "Deleting",
    settles: &[("Creating", "Created"), ("Updating", "Updated"), ("Deleting", "")],
    ..LIFE
};

const JOB_DEFINITION: Row = Row {
    naming: Naming::Members(&["JobDefinitionName"]),
    arn: "JobDefinitionArn",
    missing: Text("ResourceNotFound", "Could not find requested job definition with name: {name}"),
    ..ROW
};

/// Kinds of which everything but their effect is here.
pub static RECORDED: &[Row] = &[
    Row {
        noun: "AIWorkloadConfig",
        arn_type: "ai-workload-config",
        naming: Naming::Members(&["AIWorkloadConfigName"]),
        list: "ListAIWorkloadConfigs",
        ..ROW
    },
    Row {
        noun: "Action",
        arn_type: "action",
        naming: Naming::Members(&["ActionName"]),
        list: "ListActions",
        aliases: &[("Status", "=Unknown"), ("SourceUri", "/Source/SourceUri")],
        ..ROW
    },
    Row {
        noun: "Algorithm",
        arn_type: "algorithm",
        event: "SageMaker Algorithm State Change",
        naming: Naming::Members(&["AlgorithmName"]),
        list: "ListAlgorithms",
        status: Some(&Life { member: "AlgorithmStatus", created: "Completed", ..LIFE }),
        aliases: &[("AlgorithmStatusDetails", "={\"ValidationStatuses\":[],\"ImageScanStatuses\":[]}")],
        missing: Text("ValidationException", "Algorithm {arn} does not exist."),
        taken: Text("ValidationException", "Algorithm already exists: {arn}"),
        ..ROW
    },
    Row {
        noun: "App",
        arn_type: "app",
        naming: Naming::Members(&["DomainId", "UserProfileName", "SpaceName", "AppType", "AppName"]),
        marked: &["SpaceName"],
        list: "ListApps",
        status: Some(&Life {
            created: "Pending",
            deleted: "Deleting",
            settles: &[("Pending", "InService"), ("Deleting", "")],
            ..LIFE
        }),
        missing: NO_NAME,
        ..ROW
    },
    Row {
        noun: "AppImageConfig",
        arn_type: "app-image-config",
        naming: Naming::Members(&["AppImageConfigName"]),
        list: "ListAppImageConfigs",
        missing: NO_NAME,
        ..ROW
    },
    Row {
        noun: "Artifact",
        arn_type: "artifact",
        naming: Naming::Id { member: "ArtifactArn", prefix: "" },
        list: "ListArtifacts",
        aliases: &[("SourceUri", "/Source/SourceUri")],
        ..ROW
    },
    Row {
        noun: "Cluster",
        arn_type: "cluster",
        event: "SageMaker HyperPod Cluster State Change",
        naming: Naming::Members(&["ClusterName"]),
        arn_id: true,
        list: "ListClusters",
        status: Some(&Life {
            member: "ClusterStatus",
            created: "Creating",
            updated: "Updating",
            deleted: "Deleting",
            settles: &[("Creating", "InService"), ("Updating", "InService"), ("Deleting", "")],
            ..LIFE
        }),
        aliases: &[("InstanceGroups", "=[]")],
        ..ROW
    },
    Row {
        noun: "ClusterSchedulerConfig",
        arn_type: "cluster-scheduler-config",
        naming: Naming::Id { member: "ClusterSchedulerConfigId", prefix: "" },
        list: "ListClusterSchedulerConfigs",
        version: "ClusterSchedulerConfigVersion",
        status: Some(&GOVERNED),
        ..ROW
    },
    Row {
        noun: "CodeRepository",
        arn_type: "code-repository",
        naming: Naming::Members(&["CodeRepositoryName"]),
        list: "ListCodeRepositories",
        missing: Text("ValidationException", "Cannot find CodeRepository: \"{arn}\""),
        taken: Text("ValidationException", "Cannot create already existing CodeRepository: \"{arn}\""),
        ..ROW
    },
    Row {
        noun: "ComputeQuota",
        arn_type: "compute-quota",
        naming: Naming::Id { member: "ComputeQuotaId", prefix: "" },
        list: "ListComputeQuotas",
        version: "ComputeQuotaVersion",
        status: Some(&GOVERNED),
        ..ROW
    },
    Row {
        noun: "Context",
        arn_type: "context",
        naming: Naming::Members(&["ContextName"]),
        list: "ListContexts",
        aliases: &[("SourceUri", "/Source/SourceUri")],
        ..ROW
    },
    Row {
        noun: "DataQualityJobDefinition",
        arn_type: "data-quality-job-definition",
        list: "ListDataQualityJobDefinitions",
        aliases: &[
            ("MonitoringJobDefinitionName", "/JobDefinitionName"),
            ("MonitoringJobDefinitionArn", "/JobDefinitionArn"),
            ("EndpointName", "/DataQualityJobInput/EndpointInput/EndpointName"),
        ],
        ..JOB_DEFINITION
    },
    Row {
        noun: "Domain",
        arn_type: "domain",
        naming: Naming::Id { member: "DomainId", prefix: "d-" },
        list: "ListDomains",
        status: Some(&STUDIO),
        aliases: &[("Url", "=https://{id}.studio.sagemaker.aws")],
        missing: Text("ResourceNotFound", "Domain [{name}] does not exist."),
        ..ROW
    },
    Row {
        noun: "Experiment",
        arn_type: "experiment",
        naming: Naming::Members(&["ExperimentName"]),
        list: "ListExperiments",
        missing: Text("ResourceNotFound", "Experiment '{name}' does not exist."),
        taken: Text("ValidationException", "Experiment '{name}' already exists."),
        ..ROW
    },
    Row {
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
        aliases: &[("NextToken", "=")],
        appended: &[("FeatureAdditions", "FeatureDefinitions")],
        missing: Text(
            "ResourceNotFound",
            "Resource Not Found: Amazon SageMaker can't find a FeatureGroup with name {name}",
        ),
        taken: Text(
            "ResourceInUse",
            "Resource Already Exists: FeatureGroup with name {name} already exists. Choose a different name.",
        ),
        ..ROW
    },
    Row {
        noun: "FlowDefinition",
        arn_type: "flow-definition",
        naming: Naming::Members(&["FlowDefinitionName"]),
        list: "ListFlowDefinitions",
        status: Some(&Life {
            member: "FlowDefinitionStatus",
            created: "Initializing",
            deleted: "Deleting",
            settles: &[("Initializing", "Active"), ("Deleting", "")],
            ..LIFE
        }),
        ..ROW
    },
    Row {
        noun: "Hub",
        arn_type: "hub",
        naming: Naming::Members(&["HubName"]),
        list: "ListHubs",
        status: Some(&Life {
            member: "HubStatus",
            created: "Creating",
            updated: "Updating",
            deleted: "Deleting",
            settles: &[("Creating", "InService"), ("Updating", "InService"), ("Deleting", "")],
            ..LIFE
        }),
        missing: Text("ResourceNotFound", "Hub {name} does not exist."),
        ..ROW
    },
    Row {
        noun: "HumanTaskUi",
        arn_type: "human-task-ui",
        naming: Naming::Members(&["HumanTaskUiName"]),
        list: "ListHumanTaskUis",
        status: Some(&Life { member: "HumanTaskUiStatus", created: "Active", ..LIFE }),
        ..ROW
    },
    Row {
        noun: "Image",
        arn_type: "image",
        event: "SageMaker Image State Change",
        naming: Naming::Members(&["ImageName"]),
        list: "ListImages",
        status: Some(&Life {
            member: "ImageStatus",
            created: "CREATING",
            updated: "UPDATING",
            deleted: "DELETING",
            settles: &[("CREATING", "CREATED"), ("UPDATING", "CREATED"), ("DELETING", "")],
            ..LIFE
        }),
        missing: Text("ResourceNotFound", "No Image with the name {name} exists."),
        ..ROW
    },
    Row {
        noun: "ImageVersion",
        arn_type: "image-version",
        event: "SageMaker Image Version State Change",
        naming: Naming::Members(&["ImageName", "Version"]),
        list: "ListImageVersions",
        status: Some(&Life {
            member: "ImageVersionStatus",
            created: "CREATING",
            deleted: "DELETING",
            settles: &[("CREATING", "CREATED"), ("DELETING", "")],
            ..LIFE
        }),
        // Images are known by their names here, and not by digests.
        aliases: &[("ContainerImage", "/BaseImage")],
        missing: Text("ResourceNotFound", "No ImageVersion {arn} exists."),
        ..ROW
    },
    Row {
        noun: "InferenceRouter",
        arn_type: "inference-router",
        naming: Naming::Members(&["InferenceRouterName"]),
        list: "ListInferenceRouters",
        status: Some(&Life {
            created: "Creating",
            updated: "Updating",
            deleted: "Deleting",
            settles: &[("Creating", "InService"), ("Updating", "InService"), ("Deleting", "")],
            ..LIFE
        }),
        taken: Text("ResourceAlreadyExists", "{noun} {arn} already exists."),
        ..ROW
    },
    Row {
        noun: "MlflowApp",
        arn_type: "mlflow-app",
        naming: Naming::Id { member: "Arn", prefix: "app-" },
        arn: "Arn",
        list: "ListMlflowApps",
        status: Some(&Life {
            created: "Creating",
            updated: "Updating",
            deleted: "Deleting",
            settles: &[("Creating", "Created"), ("Updating", "Updated"), ("Deleting", "")],
            ..LIFE
        }),
        ..ROW
    },
    Row {
        noun: "MlflowTrackingServer",
        arn_type: "mlflow-tracking-server",
        naming: Naming::Members(&["TrackingServerName"]),
        arn: "TrackingServerArn",
        list: "ListMlflowTrackingServers",
        status: Some(&MLFLOW),
        aliases: &[("IsActive", "=Inactive")],
        ..ROW
    },
    Row {
        noun: "ModelBiasJobDefinition",
        arn_type: "model-bias-job-definition",
        list: "ListModelBiasJobDefinitions",
        aliases: &[
            ("MonitoringJobDefinitionName", "/JobDefinitionName"),
            ("MonitoringJobDefinitionArn", "/JobDefinitionArn"),
            ("EndpointName", "/ModelBiasJobInput/EndpointInput/EndpointName"),
        ],
        ..JOB_DEFINITION
    },
    Row {
        noun: "ModelCard",
        arn_type: "model-card",
        event: "SageMaker Model Card State Change",
        naming: Naming::Members(&["ModelCardName"]),
        list: "ListModelCards",
        version: "ModelCardVersion",
        taken: Text("ConflictException", "Model card {arn} already exists."),
        ..ROW
    },
    Row {
        noun: "ModelExplainabilityJobDefinition",
        arn_type: "model-explainability-job-definition",
        list: "ListModelExplainabilityJobDefinitions",
        aliases: &[
            ("MonitoringJobDefinitionName", "/JobDefinitionName"),
            ("MonitoringJobDefinitionArn", "/JobDefinitionArn"),
            ("EndpointName", "/ModelExplainabilityJobInput/EndpointInput/EndpointName"),
        ],
        ..JOB_DEFINITION
    },
    Row {
        noun: "ModelQualityJobDefinition",
        arn_type: "model-quality-job-definition",
        list: "ListModelQualityJobDefinitions",
        aliases: &[
            ("MonitoringJobDefinitionName", "/JobDefinitionName"),
            ("MonitoringJobDefinitionArn", "/JobDefinitionArn"),
            ("EndpointName", "/ModelQualityJobInput/EndpointInput/EndpointName"),
        ],
        ..JOB_DEFINITION
    },
    Row {
        noun: "MonitoringSchedule",
        arn_type: "monitoring-schedule",
        event: "SageMaker Monitoring Schedule State Change",
        naming: Naming::Members(&["MonitoringScheduleName"]),
        list: "ListMonitoringSchedules",
        status: Some(&Life {
            member: "MonitoringScheduleStatus",
            created: "Pending",
            updated: "Pending",
            started: "Scheduled",
            stopped: "Stopped",
            settles: &[("Pending", "Scheduled")],
            ..LIFE
        }),
        aliases: &[
            ("MonitoringType", "/MonitoringScheduleConfig/MonitoringType"),
            ("MonitoringJobDefinitionName", "/MonitoringScheduleConfig/MonitoringJobDefinitionName"),
            (
                "EndpointName",
                "/MonitoringScheduleConfig/MonitoringJobDefinition/MonitoringInputs/0/EndpointInput/EndpointName",
            ),
        ],
        missing: Text("ResourceNotFound", "Could not find requested monitoring schedule with name: {name}"),
        ..ROW
    },
    Row {
        noun: "NotebookInstance",
        arn_type: "notebook-instance",
        event: "SageMaker Notebook Instance State Change",
        naming: Naming::Members(&["NotebookInstanceName"]),
        list: "ListNotebookInstances",
        status: Some(&Life {
            member: "NotebookInstanceStatus",
            created: "Pending",
            updated: "Updating",
            deleted: "Deleting",
            started: "Pending",
            stopped: "Stopping",
            settles: &[("Pending", "InService"), ("Updating", "Stopped"), ("Stopping", "Stopped"), ("Deleting", "")],
            deletable: &["Stopped", "Failed"],
            updatable: &["Stopped"],
        }),
        aliases: &[
            ("Url", "={id}.notebook.sagemaker.aws"),
            ("NotebookInstanceLifecycleConfigName", "/LifecycleConfigName"),
            ("SecurityGroups", "/SecurityGroupIds"),
        ],
        cleared: &[
            ("DisassociateLifecycleConfig", "LifecycleConfigName"),
            ("DisassociateDefaultCodeRepository", "DefaultCodeRepository"),
            ("DisassociateAdditionalCodeRepositories", "AdditionalCodeRepositories"),
            ("DisassociateAcceleratorTypes", "AcceleratorTypes"),
        ],
        missing: Text("ValidationException", "RecordNotFound"),
        taken: Text("ValidationException", "Cannot create a duplicate Notebook Instance ({arn})"),
        ..ROW
    },
    Row {
        noun: "NotebookInstanceLifecycleConfig",
        arn_type: "notebook-instance-lifecycle-config",
        event: "SageMaker Notebook Lifecycle Config State Change",
        naming: Naming::Members(&["NotebookInstanceLifecycleConfigName"]),
        list: "ListNotebookInstanceLifecycleConfigs",
        missing: Text(
            "ValidationException",
            "Unable to describe Notebook Instance Lifecycle Config '{arn}'. (Details: RecordNotFound)",
        ),
        taken: Text(
            "ValidationException",
            "Unable to create Notebook Instance Lifecycle Config {arn}. (Details: Notebook Instance Lifecycle Config already exists.)",
        ),
        ..ROW
    },
    Row {
        noun: "PartnerApp",
        arn_type: "partner-app",
        naming: Naming::Id { member: "Arn", prefix: "app-" },
        arn: "Arn",
        list: "ListPartnerApps",
        status: Some(&Life {
            created: "Creating",
            updated: "Updating",
            deleted: "Deleting",
            settles: &[("Creating", "Available"), ("Updating", "Available"), ("Deleting", "")],
            ..LIFE
        }),
        ..ROW
    },
    Row {
        noun: "Pipeline",
        arn_type: "pipeline",
        naming: Naming::Members(&["PipelineName"]),
        list: "ListPipelines",
        status: Some(&Life { member: "PipelineStatus", created: "Active", ..LIFE }),
        refused: &["/PipelineDefinitionS3Location"],
        missing: Text("ResourceNotFound", "Pipeline '{arn}' does not exist."),
        taken: Text(
            "ValidationException",
            "Pipeline names must be unique within an AWS account and region. Pipeline with name ({name}) already exists.",
        ),
        ..ROW
    },
    Row {
        noun: "Project",
        arn_type: "project",
        naming: Naming::Members(&["ProjectName"]),
        list: "ListProjects",
        status: Some(&Life {
            member: "ProjectStatus",
            created: "CreateInProgress",
            updated: "UpdateInProgress",
            deleted: "DeleteInProgress",
            settles: &[
                ("CreateInProgress", "CreateCompleted"),
                ("UpdateInProgress", "UpdateCompleted"),
                ("DeleteInProgress", ""),
            ],
            ..LIFE
        }),
        generated: &[("ProjectId", "p-")],
        missing: Text("ValidationException", "Project {name} does not exist."),
        ..ROW
    },
    Row {
        noun: "Space",
        arn_type: "space",
        naming: Naming::Members(&["DomainId", "SpaceName"]),
        list: "ListSpaces",
        status: Some(&STUDIO),
        missing: NO_NAME,
        ..ROW
    },
    Row {
        noun: "StudioLifecycleConfig",
        arn_type: "studio-lifecycle-config",
        naming: Naming::Members(&["StudioLifecycleConfigName"]),
        list: "ListStudioLifecycleConfigs",
        missing: NO_NAME,
        ..ROW
    },
    Row {
        noun: "Trial",
        arn_type: "experiment-trial",
        naming: Naming::Members(&["TrialName"]),
        list: "ListTrials",
        missing: Text("ResourceNotFound", "Trial '{name}' does not exist."),
        taken: Text("ValidationException", "Trial '{name}' already exists."),
        ..ROW
    },
    Row {
        noun: "TrialComponent",
        arn_type: "experiment-trial-component",
        naming: Naming::Members(&["TrialComponentName"]),
        list: "ListTrialComponents",
        missing: Text("ResourceNotFound", "TrialComponent '{name}' does not exist."),
        taken: Text("ValidationException", "TrialComponent '{name}' already exists."),
        ..ROW
    },
    Row {
        noun: "UserProfile",
        arn_type: "user-profile",
        naming: Naming::Members(&["DomainId", "UserProfileName"]),
        list: "ListUserProfiles",
        status: Some(&STUDIO),
        missing: Text("ResourceNotFound", "UserProfile [{name}] does not exist."),
        ..ROW
    },
    Row {
        noun: "Workforce",
        arn_type: "workforce",
        naming: Naming::Members(&["WorkforceName"]),
        list: "ListWorkforces",
        wrapper: "Workforce",
        missing: Text("ValidationException", "No workforce found with name {name}."),
        taken: Text("ValidationException", "Workforce {arn} already exists."),
        ..ROW
    },
    Row {
        noun: "Workteam",
        arn_type: "workteam",
        naming: Naming::Members(&["WorkteamName"]),
        list: "ListWorkteams",
        wrapper: "Workteam",
        aliases: &[("Success", "=true")],
        missing: Text("ValidationException", "The work team {name} does not exist."),
        ..ROW
    },
];

const JOB: &str = "No job of this kind runs here yet";
const EDGE: &str = "AWS ended Edge Manager in 2024";

/// Kinds that would have to run or serve something: the noun, the list operation, and what to do instead.
pub static REFUSED: &[(&str, &str, &str)] = &[
    ("AIBenchmarkJob", "ListAIBenchmarkJobs", JOB),
    ("AIRecommendationJob", "ListAIRecommendationJobs", JOB),
    ("AutoMLJob", "ListAutoMLJobs", "Train with a training job"),
    ("AutoMLJobV2", "", "Train with a training job"),
    ("ClusterExtension", "ListClusterExtensions", "No cluster runs here"),
    ("CompilationJob", "ListCompilationJobs", JOB),
    ("DeviceFleet", "ListDeviceFleets", EDGE),
    ("EdgeDeploymentPlan", "ListEdgeDeploymentPlans", EDGE),
    ("EdgePackagingJob", "ListEdgePackagingJobs", EDGE),
    ("HyperParameterTuningJob", "ListHyperParameterTuningJobs", "Start training jobs with the values to try"),
    ("InferenceComponent", "ListInferenceComponents", "Create an endpoint whose variant names a model"),
    ("InferenceExperiment", "ListInferenceExperiments", "Create an endpoint with weighted variants"),
    ("InferenceRecommendationsJob", "ListInferenceRecommendationsJobs", JOB),
    ("Job", "ListJobs", "Create a training job"),
    ("LabelingJob", "ListLabelingJobs", JOB),
    ("ModelCardExportJob", "ListModelCardExportJobs", JOB),
    ("OptimizationJob", "ListOptimizationJobs", JOB),
    ("ProcessingJob", "ListProcessingJobs", "Run the step as a training job with an image of your own"),
    ("TrainingPlan", "ListTrainingPlans", "Training jobs need no plan here"),
    ("TrainingSession", "ListTrainingSessions", "Create a training job"),
    ("TransformJob", "ListTransformJobs", "Send the rows to an endpoint"),
];
