//! `CreateDataQualityJobDefinition` and the like.

use sagewright_cloud_core::api::{ApiError, Call};
use sagewright_cloud_core::runner::MODEL_MONITOR;
use sagewright_cloud_sagemaker_base::inputs::below_opt_ml;
use sagewright_cloud_sagemaker_base::{SageMaker, recorded, refuse};
use serde_json::Value;

use crate::plan::{Plan, Type};
use crate::schedule::expression::offset;

pub(crate) async fn data_quality(sm: &SageMaker, call: &Call) -> Result<Value, ApiError> {
    create(sm, call, Type::DataQuality).await
}

pub(crate) async fn model_quality(sm: &SageMaker, call: &Call) -> Result<Value, ApiError> {
    create(sm, call, Type::ModelQuality).await
}

pub(crate) async fn model_bias(sm: &SageMaker, call: &Call) -> Result<Value, ApiError> {
    create(sm, call, Type::ModelBias).await
}

pub(crate) async fn model_explainability(sm: &SageMaker, call: &Call) -> Result<Value, ApiError> {
    create(sm, call, Type::ModelExplainability).await
}

async fn create(sm: &SageMaker, call: &Call, monitoring: Type) -> Result<Value, ApiError> {
    let kind = monitoring.kind()?;
    let of = |part: &str| format!("{}{part}", monitoring.name());
    let application = of("AppSpecification");
    check_input(&of("JobInput"), &call.input[of("JobInput")])?;
    check(sm, &application, &call.input[&application], &Plan::stored("", monitoring, &call.input))?;
    recorded::create::create(sm, call, kind).await
}

/// What is monitored has to be an endpoint's data, and can be had here.
///
/// # Errors
/// It is something else, or cannot be had.
pub(crate) fn check_input(member: &str, input: &Value) -> Result<(), ApiError> {
    if !input["BatchTransformInput"].is_null() {
        return Err(refuse::instead(
            &format!("{member}.BatchTransformInput"),
            "Monitor an endpoint, or run the analyser in a processing job over the data of the transform job",
        ));
    }
    if input["EndpointInput"].is_null() {
        return Err(ApiError::validation(format!("{member}.EndpointInput must be set.")));
    }
    let endpoint = &input["EndpointInput"];
    if endpoint["S3InputMode"] == "Pipe" {
        return Err(refuse::instead(&format!("{member}.EndpointInput.S3InputMode Pipe"), "Use File"));
    }
    let mut offsets = Vec::new();
    for name in ["StartTimeOffset", "EndTimeOffset"] {
        if let Some(text) = endpoint[name].as_str() {
            offsets.push(offset(name, text).map_err(ApiError::validation)?);
        }
    }
    match offsets[..] {
        [start, end] if start >= end => Err(ApiError::validation(format!(
            "{member}.EndpointInput.StartTimeOffset must be before its EndTimeOffset."
        ))),
        _ => Ok(()),
    }
}

/// Places in the container and instances are those of a processing job.
fn check_job(sm: &SageMaker, plan: &Plan) -> Result<(), ApiError> {
    let places = [("EndpointInput", &plan.endpoint), ("MonitoringOutputs[0].S3Output", &plan.output)];
    for (member, place) in places {
        let Some(path) = place["LocalPath"].as_str() else { continue };
        if below_opt_ml(path, "processing/").is_none() {
            return Err(ApiError::validation(format!(
                "{member}.LocalPath \"{path}\" must be a folder below /opt/ml/processing/, such as /opt/ml/processing/data."
            )));
        }
    }
    let kind = plan.cluster["InstanceType"].as_str().unwrap_or_default();
    sm.check_instances(kind, "processing job usage", plan.cluster["InstanceCount"].as_u64().unwrap_or(1))
}

/// The built-in analyser works on one instance: what it is given has to be there as a whole.
fn check_replicated(plan: &Plan) -> Result<(), ApiError> {
    let several = plan.cluster["InstanceCount"].as_u64().is_some_and(|count| count > 1);
    if several && plan.endpoint["S3DataDistributionType"] == "ShardedByS3Key" {
        return Err(refuse::instead(
            "The S3DataDistributionType ShardedByS3Key with more than one instance of the built-in analyser",
            "Use FullyReplicated, or an InstanceCount of 1",
        ));
    }
    Ok(())
}

/// What would run can run here: what cannot is refused before it is scheduled.
///
/// # Errors
/// The image is not known, or the built-in analyser does not do what it is asked for.
pub(crate) fn check(sm: &SageMaker, member: &str, application: &Value, plan: &Plan) -> Result<(), ApiError> {
    check_job(sm, plan)?;
    let own = plan.entrypoint.is_some();
    if own {
        sm.check_script_image(&plan.image)?;
    } else {
        sm.check_processing_image(&plan.image)?;
    }
    match sm.env().runner.built_in(&plan.image) {
        Some(MODEL_MONITOR) if !own => {
            check_replicated(plan)?;
            refuse::members(
                &format!("{member}."),
                application,
                &["/RecordPreprocessorSourceUri", "/PostAnalyticsProcessorSourceUri"],
            )
        }
        Some(_) if !own => Err(refuse::instead(
            &format!("Monitoring with the built-in image {}, which trains and serves,", plan.image),
            "Name Model Monitor's analyser",
        )),
        _ => Ok(()),
    }
}
