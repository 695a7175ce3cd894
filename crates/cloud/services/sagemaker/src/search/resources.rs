//! What can be searched for: a row for each resource.

use sagewright_cloud_core::api::{ApiError, Call};
use sagewright_cloud_sagemaker_base::refuse;
use sagewright_model::Shape;

/// Where a resource's records and results are.
pub struct Row {
    /// As requests name it.
    pub resource: &'static str,
    /// Kind of its records: the noun of a kind, or the records' kind, where no kind of resource has them.
    pub noun: &'static str,
    /// Member of `SearchRecord` that holds it.
    pub member: &'static str,
    /// Its shape.
    pub shape: &'static str,
    /// Members of the shape that no result has.
    pub unfilled: &'static [&'static str],
}

const fn row(resource: &'static str, noun: &'static str, member: &'static str, shape: &'static str) -> Row {
    Row { resource, noun, member, shape, unfilled: &[] }
}

/// Resources whose results are in the service model, and whose kinds are here.
pub const ROWS: &[Row] = &[
    row("TrainingJob", "TrainingJob", "TrainingJob", "TrainingJob"),
    row("Experiment", "Experiment", "Experiment", "Experiment"),
    row("ExperimentTrial", "Trial", "Trial", "Trial"),
    row("ExperimentTrialComponent", "TrialComponent", "TrialComponent", "TrialComponent"),
    row("Endpoint", "Endpoint", "Endpoint", "Endpoint"),
    Row { unfilled: &["MonitoringSchedules", "ModelCard"], ..row("Model", "Model", "Model", "ModelDashboardModel") },
    row("ModelPackage", "ModelPackage", "ModelPackage", "ModelPackage"),
    row("ModelPackageGroup", "ModelPackageGroup", "ModelPackageGroup", "ModelPackageGroup"),
    row("Pipeline", "Pipeline", "Pipeline", "Pipeline"),
    row("PipelineExecution", "PipelineExecution", "PipelineExecution", "PipelineExecution"),
    row("PipelineVersion", "pipeline-version", "PipelineVersion", "PipelineVersion"),
    row("FeatureGroup", "FeatureGroup", "FeatureGroup", "FeatureGroup"),
    row("FeatureMetadata", "FeatureGroup", "FeatureMetadata", "FeatureMetadata"),
    row("Project", "Project", "Project", "Project"),
    row(
        "HyperParameterTuningJob",
        "HyperParameterTuningJob",
        "HyperParameterTuningJob",
        "HyperParameterTuningJobSearchEntity",
    ),
    row("ModelCard", "ModelCard", "ModelCard", "ModelCard"),
];

/// The row and shape of a resource.
pub fn find(call: &Call, resource: &str) -> Result<(&'static Row, &'static Shape), ApiError> {
    let Some(row) = ROWS.iter().find(|row| row.resource == resource) else {
        let all: Vec<_> = ROWS.iter().map(|row| row.resource).collect();
        return Err(refuse::instead(
            &format!("Search for {resource}"),
            &format!("Search for one of {}", all.join(", ")),
        ));
    };
    let shape = call.service.shape(row.shape);
    Ok((row, shape.ok_or_else(|| ApiError::internal(format!("the service model has no shape {}", row.shape)))?))
}
