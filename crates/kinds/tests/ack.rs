//! ACK's kinds, as facts: columns, operations, what an update sends, when to look again, and which words mean that a
//! resource is at work. What differs here on purpose says why.
#![allow(clippy::unwrap_used)]

use sagewright_kinds::{Explanation, Path, Phase, all, explain, find};

/// A kind of ACK's: columns in their order, what an update sends (empty for none), seconds between looks, words at work.
struct Ack {
    kind: &'static str,
    columns: &'static str,
    sends: &'static str,
    resync: u32,
    at_work: &'static str,
}

const fn ack(
    kind: &'static str,
    columns: &'static str,
    sends: &'static str,
    resync: u32,
    at_work: &'static str,
) -> Ack {
    Ack { kind, columns, sends, resync, at_work }
}

const FAILS: &str = "FAILURE-REASON STATUS";
const JOB: &str = "InProgress Stopping";

const KINDS: &[Ack] = &[
    ack("App", "STATUS", "", 36_000, "Pending Deleting"),
    ack("DataQualityJobDefinition", "", "", 36_000, ""),
    ack("ModelBiasJobDefinition", "", "", 36_000, ""),
    ack("ModelExplainabilityJobDefinition", "", "", 36_000, ""),
    ack("ModelQualityJobDefinition", "", "", 36_000, ""),
    ack(
        "Domain",
        "DOMAIN-ID STATUS",
        "AppNetworkAccessType AppSecurityGroupManagement DefaultSpaceSettings DefaultUserSettings SubnetIds",
        36_000,
        "Pending Updating Deleting",
    ),
    ack(
        "Endpoint",
        FAILS,
        "DeploymentConfig EndpointConfigName",
        30,
        "Creating Updating SystemUpdating RollingBack Deleting",
    ),
    ack("EndpointConfig", "", "", 36_000, ""),
    ack("FeatureGroup", FAILS, "", 36_000, "Creating Deleting"),
    ack("HyperParameterTuningJob", FAILS, "", 36_000, JOB),
    ack("InferenceComponent", FAILS, "RuntimeConfig Specification", 30, "Creating Updating Deleting"),
    ack("LabelingJob", FAILS, "", 36_000, JOB),
    ack("Model", "", "", 36_000, ""),
    ack(
        "ModelPackage",
        "STATUS",
        "ApprovalDescription CustomerMetadataProperties ModelApprovalStatus",
        36_000,
        "InProgress Pending Deleting",
    ),
    ack("ModelPackageGroup", "STATUS", "", 36_000, "InProgress Pending Deleting"),
    ack("MonitoringSchedule", FAILS, "MonitoringScheduleConfig", 30, "Pending"),
    ack(
        "NotebookInstance",
        FAILS,
        "InstanceType RoleArn LifecycleConfigName VolumeSizeInGB DefaultCodeRepository AdditionalCodeRepositories \
         AcceleratorTypes RootAccess IpAddressType",
        60,
        "Pending Updating Deleting Stopping",
    ),
    ack("NotebookInstanceLifecycleConfig", "CREATION-TIME LAST-MODIFIED-TIME", "OnCreate OnStart", 36_000, ""),
    ack(
        "Pipeline",
        "STATUS",
        "PipelineDefinition PipelineDescription PipelineDisplayName RoleArn ParallelismConfiguration",
        36_000,
        "",
    ),
    ack(
        "PipelineExecution",
        FAILS,
        "PipelineExecutionDescription PipelineExecutionDisplayName ParallelismConfiguration",
        60,
        "Executing Stopping",
    ),
    ack("ProcessingJob", FAILS, "", 36_000, JOB),
    ack(
        "Project",
        "STATUS",
        "ProjectDescription ServiceCatalogProvisioningDetails.ProvisioningParameters TemplateProviders",
        36_000,
        "Pending CreateInProgress UpdateInProgress DeleteInProgress",
    ),
    ack("Space", FAILS, "SpaceDisplayName SpaceSettings", 36_000, "Pending Updating Deleting"),
    ack(
        "TrainingJob",
        "FAILURE-REASON SECONDARY-STATUS STATUS",
        "ResourceConfig.KeepAlivePeriodInSeconds ProfilerConfig ProfilerRuleConfigurations",
        300,
        JOB,
    ),
    ack("TransformJob", FAILS, "", 36_000, JOB),
    ack("UserProfile", "STATUS", "UserSettings", 36_000, "Pending Updating Deleting"),
    ack("ScalableTarget", "", "MinCapacity MaxCapacity RoleARN SuspendedState", 36_000, ""),
    ack(
        "ScalingPolicy",
        "",
        "PolicyType StepScalingPolicyConfiguration TargetTrackingScalingPolicyConfiguration",
        36_000,
        "",
    ),
];

#[test]
fn rows_behave_as_the_kinds_of_ack_do() {
    for Ack { kind, columns, sends, resync, at_work } in KINDS {
        let kind = find(kind).unwrap();
        let name = kind.name();
        let all = kind.columns();
        let shown: Vec<&str> = all.iter().map(|(heading, ..)| heading.as_str()).collect();
        assert_eq!(shown, columns.split_whitespace().collect::<Vec<_>>(), "{name}: columns");
        for (heading, _, priority) in &all {
            assert_eq!(*priority, u8::from(heading == "FAILURE-REASON"), "{name}: {heading}");
        }
        for path in sends.split_whitespace() {
            assert!(kind.is_mutable(&Path::parse(path)), "{name}: an update sends {path}");
        }
        assert_eq!(sends.is_empty(), kind.row().operations.update.is_none(), "{name}: update");
        assert_eq!(kind.row().resync.settled.unwrap_or(36_000), *resync, "{name}: resync");
        for word in at_work.split_whitespace() {
            let phase = kind.phase(word);
            assert!(
                matches!(phase, Phase::Progressing | Phase::Stopping | Phase::Deleting),
                "{name}: {word} is {phase}"
            );
        }
    }
}

/// (kinds, code, message): what ACK takes for "it is not there".
const NOT_FOUND: &[(&str, &str, &str)] = &[
    ("Endpoint", "ValidationException", "Could not find endpoint \"x\"."),
    ("EndpointConfig", "ValidationException", "Could not find endpoint configuration \"x\"."),
    ("Model", "ValidationException", "Could not find model \"x\"."),
    ("InferenceComponent", "ValidationException", "Could not find inference component \"x\"."),
    ("ProcessingJob", "ValidationException", "Could not find requested job"),
    ("TransformJob", "ValidationException", "Could not find requested job with name: x"),
    ("TrainingJob", "ValidationException", "Requested resource not found."),
    ("NotebookInstance", "ValidationException", "RecordNotFound"),
    (
        "NotebookInstanceLifecycleConfig",
        "ValidationException",
        "Unable to describe Notebook Instance Lifecycle Config 'x'.",
    ),
    ("ModelPackage ModelPackageGroup", "ValidationException", "x does not exist."),
    ("LabelingJob Project", "ValidationException", "anything"),
    ("Pipeline PipelineExecution", "ResourceNotFound", "x does not exist."),
    (
        "App Domain UserProfile Space FeatureGroup MonitoringSchedule DataQualityJobDefinition ModelBiasJobDefinition \
         ModelExplainabilityJobDefinition ModelQualityJobDefinition HyperParameterTuningJob",
        "ResourceNotFound",
        "x",
    ),
    ("ScalableTarget ScalingPolicy ScheduledAction", "ObjectNotFoundException", "x"),
];

/// Codes that trying again cannot help with, besides the three of every SageMaker kind. ConflictException, which ACK has
/// for model packages and their groups, is what a group answers to a delete while its packages go: that is waited for.
const TERMINAL: &[(&str, &str)] = &[
    (
        "App UserProfile Domain Pipeline PipelineExecution FeatureGroup DataQualityJobDefinition ModelBiasJobDefinition \
         ModelExplainabilityJobDefinition ModelQualityJobDefinition TrainingJob ProcessingJob TransformJob LabelingJob \
         HyperParameterTuningJob MonitoringSchedule",
        "ResourceNotFound",
    ),
    (
        "DataQualityJobDefinition ModelBiasJobDefinition ModelExplainabilityJobDefinition ModelQualityJobDefinition \
         TrainingJob ProcessingJob TransformJob LabelingJob HyperParameterTuningJob FeatureGroup MonitoringSchedule",
        "ResourceInUse",
    ),
    ("Domain", "ValidationException"),
];

#[test]
fn errors_mean_what_they_mean_to_ack() {
    for (kinds, code, message) in NOT_FOUND {
        for kind in kinds.split_whitespace() {
            let rules = &find(kind).unwrap().errors().not_found;
            assert!(rules.iter().any(|r| r.matches(code, message)), "{kind}: {code} {message}");
            let other = rules.iter().any(|r| r.matches("ValidationException", "Member must not be null"));
            assert_eq!(other, ["LabelingJob", "Project"].contains(&kind), "{kind}: any ValidationException");
        }
    }
    let common = ["InvalidParameterCombination", "InvalidParameterValue", "MissingParameter"];
    for Ack { kind, .. } in KINDS.iter().filter(|k| !k.kind.starts_with("Scal")) {
        let rules = &find(kind).unwrap().errors().terminal;
        let is = |code: &str| rules.iter().any(|r| r.matches(code, "x"));
        assert!(common.iter().all(|code| is(code)), "{kind}");
        for (kinds, code) in TERMINAL {
            assert_eq!(is(code), kinds.split_whitespace().any(|k| k == *kind), "{kind}: {code}");
        }
    }
}

/// Fields of ACK's statuses that are easily missed: members of the spec that the status shows too, and those that the
/// controller writes by itself.
#[test]
fn statuses_have_every_field_of_the_crds() {
    let fields = [
        ("ScalableTarget", "lastModifiedTime", "date-time"),
        ("ScalableTarget", "creationTime", "date-time"),
        ("ScalingPolicy", "lastModifiedTime", "date-time"),
        ("ScalingPolicy", "alarms", "[]object"),
        ("InferenceComponent", "endpointName", "string"),
        ("InferenceComponent", "variantName", "string"),
        ("NotebookInstance", "stoppedByControllerMetadata", "string"),
        ("NotebookInstance", "url", "string"),
        ("Domain", "domainID", "string"),
        ("Project", "templateProviderDetails", "[]object"),
        ("TrainingJob", "warmPoolStatus.status", "string"),
        ("Endpoint", "ackResourceMetadata.ownerAccountID", "string"),
        ("Endpoint", "conditions.lastTransitionTime", "date-time"),
    ];
    for (kind, field, of) in fields {
        match explain(find(kind).unwrap(), &format!("status.{field}")) {
            Explanation::Field { field: info, .. } => assert_eq!(info.kind, of, "{kind}: {field}"),
            other => assert!(matches!(other, Explanation::Field { .. }), "{kind}: {field}: {other:?}"),
        }
    }
    for kind in all() {
        assert!(!kind.status_fields().contains_key("nextToken"), "{}: a page's token is no status", kind.name());
    }
}
