//! Studio, notebooks and those who work in them.

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

pub static ROWS: &[Row] = &[
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
        noun: "CodeRepository",
        arn_type: "code-repository",
        naming: Naming::Members(&["CodeRepositoryName"]),
        list: "ListCodeRepositories",
        missing: Text("ValidationException", "Cannot find CodeRepository: \"{arn}\""),
        taken: Text("ValidationException", "Cannot create already existing CodeRepository: \"{arn}\""),
        ..ROW
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
