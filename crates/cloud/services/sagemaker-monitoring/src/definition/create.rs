//! `CreateDataQualityJobDefinition` and the like.

use sagewright_cloud_core::api::{ApiError, Call};
use sagewright_cloud_core::runner::MODEL_MONITOR;
use sagewright_cloud_sagemaker_base::{SageMaker, recorded, refuse};
use serde_json::Value;

use crate::plan::{Plan, Type};

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
    let kind = monitoring.kind().ok_or_else(|| ApiError::internal("there are no such job definitions"))?;
    let of = |part: &str| format!("{}{part}", monitoring.name());
    let application = of("AppSpecification");
    check_input(&of("JobInput"), &call.input[of("JobInput")])?;
    check(sm, &application, &call.input[&application], &Plan::stored("", monitoring, &call.input))?;
    recorded::create::create(sm, call, kind).await
}

/// What is monitored has to be an endpoint's data.
///
/// # Errors
/// It is something else.
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
    Ok(())
}

/// What would run can run here: what cannot is refused before it is scheduled.
///
/// # Errors
/// The image is not known, or the built-in analyser does not do what it is asked for.
pub(crate) fn check(sm: &SageMaker, member: &str, application: &Value, plan: &Plan) -> Result<(), ApiError> {
    let own = plan.entrypoint.is_some();
    if own {
        sm.check_script_image(&plan.image)?;
    } else {
        sm.check_processing_image(&plan.image)?;
    }
    match sm.env().runner.built_in(&plan.image) {
        Some(MODEL_MONITOR) if !own => refuse::members(
            &format!("{member}."),
            application,
            &["/RecordPreprocessorSourceUri", "/PostAnalyticsProcessorSourceUri"],
        ),
        Some(_) if !own => Err(refuse::instead(
            &format!("Monitoring with the built-in image {}, which trains and serves,", plan.image),
            "Name Model Monitor's analyser",
        )),
        _ => Ok(()),
    }
}
