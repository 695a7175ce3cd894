//! What monitoring schedules run.

use crate::kind::{Naming, ROW, Row, Text};

const JOB_DEFINITION: Row = Row {
    naming: Naming::Members(&["JobDefinitionName"]),
    arn: "JobDefinitionArn",
    missing: Text("ResourceNotFound", "Could not find requested job definition with name: {name}"),
    ..ROW
};

pub static ROWS: &[Row] = &[
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
];
