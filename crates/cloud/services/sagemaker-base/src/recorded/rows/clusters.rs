//! Clusters, and what runs on them.

use crate::kind::{LIFE, Life, Naming, ROW, Row, Text};

/// Schedulers and quotas of clusters.
const GOVERNED: Life = Life {
    created: "Creating",
    updated: "Updating",
    deleted: "Deleting",
    settles: &[("Creating", "Created"), ("Updating", "Updated"), ("Deleting", "")],
    ..LIFE
};

pub static ROWS: &[Row] = &[
    Row {
        noun: "AIWorkloadConfig",
        arn_type: "ai-workload-config",
        naming: Naming::Members(&["AIWorkloadConfigName"]),
        list: "ListAIWorkloadConfigs",
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
        noun: "ComputeQuota",
        arn_type: "compute-quota",
        naming: Naming::Id { member: "ComputeQuotaId", prefix: "" },
        list: "ListComputeQuotas",
        version: "ComputeQuotaVersion",
        status: Some(&GOVERNED),
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
];
