//! `DeploymentConfig`: traffic moves all at once; other policies are refused until they are honoured.

use serde_json::Value;

use sagewright_cloud_core::api::{ApiError, Call};
use sagewright_cloud_sagemaker_base::refuse;

/// The deployment policy of a request, checked.
pub(super) fn of(call: &Call) -> Result<Option<Value>, ApiError> {
    let Some(config) = call.input.get("DeploymentConfig").filter(|c| !c.is_null()) else { return Ok(None) };
    if config.get("BlueGreenUpdatePolicy").is_some_and(Value::is_object)
        && config.get("RollingUpdatePolicy").is_some_and(Value::is_object)
    {
        return Err(ApiError::validation(
            "BlueGreenUpdatePolicy and RollingUpdatePolicy can not both be set in DeploymentConfig.",
        ));
    }
    refuse::members("DeploymentConfig.", config, &["/RollingUpdatePolicy", "/AutoRollbackConfiguration/Alarms"])?;
    let routing = "/BlueGreenUpdatePolicy/TrafficRoutingConfiguration";
    if let Some(kind) = config.pointer(&format!("{routing}/Type")).and_then(Value::as_str)
        && kind != "ALL_AT_ONCE"
    {
        return Err(refuse::unsupported(&format!(
            "DeploymentConfig.BlueGreenUpdatePolicy.TrafficRoutingConfiguration.Type {kind}"
        )));
    }
    for size in ["CanarySize", "LinearStepSize"] {
        if config.pointer(&format!("{routing}/{size}")).is_some_and(Value::is_object) {
            return Err(ApiError::validation(format!(
                "{size} can not be set when the traffic routing type is ALL_AT_ONCE."
            )));
        }
    }
    Ok(Some(config.clone()))
}
