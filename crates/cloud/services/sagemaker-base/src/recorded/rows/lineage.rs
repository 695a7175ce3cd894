//! What models are made of, and what is known of how: algorithms, features, hubs, cards, MLflow.

use crate::kind::{LIFE, Life, Naming, ROW, Row, Text};

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

pub static ROWS: &[Row] = &[
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
];
