//! `CreateEndpointConfig`

use serde_json::{Value, json};

use super::asynchronous;
use sagewright_cloud_core::api::{ApiError, Call};
use sagewright_cloud_sagemaker_base::containers;
use sagewright_cloud_sagemaker_base::inputs::tags;
use sagewright_cloud_sagemaker_base::refuse;
use sagewright_cloud_sagemaker_base::resource::{Kind, arn, body, key, required};
use sagewright_cloud_sagemaker_base::{ContainerPlan, SageMaker};

/// Members that would change what is served.
const UNSUPPORTED: &[&str] = &["/ExplainerConfig", "/ShadowProductionVariants", "/CrossRegionTrafficConfig"];

/// The same of a variant.
const UNSUPPORTED_OF_VARIANT: &[&str] =
    &["/InstancePools", "/AcceleratorType", "/CoreDumpConfig", "/ManagedInstanceScaling", "/CapacityReservationConfig"];

pub(crate) async fn create(sm: &SageMaker, call: &Call) -> Result<Value, ApiError> {
    let name = required(call, "EndpointConfigName")?;
    let tags = tags(call)?;
    refuse::members("", &call.input, UNSUPPORTED)?;
    asynchronous::check(&call.input)?;
    let mut stored = body(call, &["Tags"]);
    if let Some(Value::Array(variants)) = stored.get_mut("ProductionVariants") {
        unique(variants)?;
        for variant in variants.iter_mut() {
            check(sm, call, variant).await?;
        }
        if variants.iter().all(|v| v["InitialVariantWeight"].as_f64() == Some(0.0)) {
            return Err(ApiError::validation(
                "At least one production variant must have an InitialVariantWeight greater than zero.",
            ));
        }
    }
    sm.check_role(call, call.text("ExecutionRoleArn"), &arn(call, Kind::ENDPOINT_CONFIG, name)).await?;
    stored.entry("EnableNetworkIsolation").or_insert(Value::Bool(false));
    let arn = sm.insert(call, Kind::ENDPOINT_CONFIG, name, "", stored, tags).await?;
    Ok(json!({ "EndpointConfigArn": arn }))
}

fn unique(variants: &[Value]) -> Result<(), ApiError> {
    for (i, variant) in variants.iter().enumerate() {
        let name = &variant["VariantName"];
        if variants[..i].iter().any(|v| v["VariantName"] == *name) {
            return Err(ApiError::validation(format!(
                "The variant name {name} was non-unique within the request. Variant names must be unique within an endpoint configuration."
            )));
        }
    }
    Ok(())
}

async fn check(sm: &SageMaker, call: &Call, variant: &mut Value) -> Result<(), ApiError> {
    let name = variant["VariantName"].as_str().unwrap_or_default().to_owned();
    let of = format!("ProductionVariants[{name}].");
    refuse::members(&of, variant, UNSUPPORTED_OF_VARIANT)?;
    let Some(model) = variant["ModelName"].as_str() else {
        return Err(refuse::instead(
            &format!("Production variant \"{name}\" without a ModelName, as for inference components,"),
            "Set its ModelName",
        ));
    };
    let missing = || Kind::MODEL.missing(&arn(call, Kind::MODEL, model));
    let record = sm.env().store.record(&key(call, Kind::MODEL, model)).await?.ok_or_else(missing)?;
    check_routing(&name, &variant["RoutingConfig"])?;
    let queued = &call.input["AsyncInferenceConfig"];
    let many = containers::of_model(&record)?.iter().any(ContainerPlan::many_models);
    if many {
        asynchronous::refuse_with(queued, &name, "a container with the Mode MultiModel")?;
    }
    let (instances, kind) = (!variant["InitialInstanceCount"].is_null(), !variant["InstanceType"].is_null());
    let serverless = &variant["ServerlessConfig"];
    if serverless.is_null() {
        if !kind || !instances {
            return Err(ApiError::validation(format!(
                "Production variant \"{name}\" must have either an InstanceType and an InitialInstanceCount, or a ServerlessConfig."
            )));
        }
    } else {
        if kind || instances {
            return Err(ApiError::validation(format!(
                "Production variant \"{name}\" has a ServerlessConfig, so InstanceType and InitialInstanceCount can not be set."
            )));
        }
        check_serverless(&name, serverless)?;
        asynchronous::refuse_with(queued, &name, "a ServerlessConfig")?;
        if many {
            return Err(ApiError::validation(format!(
                "The model {model} of production variant \"{name}\" has a container with the Mode MultiModel, which a \
                 serverless variant can not serve. Use an InstanceType and an InitialInstanceCount.",
            )));
        }
    }
    if let Value::Object(map) = variant {
        map.retain(|_, v| !v.is_null());
        map.entry("InitialVariantWeight").or_insert_with(|| json!(1.0));
    }
    Ok(())
}

/// The other strategies look into requests of language models.
fn check_routing(name: &str, config: &Value) -> Result<(), ApiError> {
    match config["RoutingStrategy"].as_str() {
        None | Some("LEAST_OUTSTANDING_REQUESTS" | "RANDOM") => Ok(()),
        Some(strategy) => Err(refuse::instead(
            &format!("ProductionVariants[{name}].RoutingConfig.RoutingStrategy {strategy}"),
            "Use LEAST_OUTSTANDING_REQUESTS or RANDOM",
        )),
    }
}

fn check_serverless(name: &str, config: &Value) -> Result<(), ApiError> {
    // "Valid values are in 1 GB increments" (API reference).
    let memory = config["MemorySizeInMB"].as_i64().unwrap_or_default();
    if !(1024..=6144).contains(&memory) || memory % 1024 != 0 {
        return Err(ApiError::validation(format!(
            "MemorySizeInMB {memory} of production variant \"{name}\" is not valid. Valid values: 1024, 2048, 3072, 4096, 5120, 6144."
        )));
    }
    let most = config["MaxConcurrency"].as_i64().unwrap_or_default();
    match config["ProvisionedConcurrency"].as_i64() {
        Some(provisioned) if provisioned > most => Err(ApiError::validation(format!(
            "ProvisionedConcurrency {provisioned} of production variant \"{name}\" must not be greater than its MaxConcurrency {most}."
        ))),
        _ => Ok(()),
    }
}
