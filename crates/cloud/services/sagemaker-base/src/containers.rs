//! Container definitions resolved to what a host has to start.

use std::collections::BTreeMap;

use serde_json::{Map, Value};

use crate::ports::MULTI_MODEL_VARIABLE;
use crate::resource::{HIDDEN, Kind, locate};
use crate::{ContainerPlan, ModelData, SageMaker, refuse};
use sagewright_cloud_core::api::{ApiError, Call};
use sagewright_cloud_core::objects::parse_s3_uri;
use sagewright_cloud_core::records::Record;
use sagewright_cloud_core::runner::workload::names_script;

/// `Mode` of a container that serves many models.
pub const MULTI_MODEL: &str = "MultiModel";

/// Members of a container definition that would change what runs.
const UNSUPPORTED: &[&str] = &[
    "/AdditionalModelDataSources",
    "/ModelDataSource/S3DataSource/ManifestS3Uri",
    "/ModelDataSource/S3DataSource/HubAccessConfig",
];

/// The containers of a definition: one, or those of the model package that it names.
pub async fn resolve(sm: &SageMaker, call: &Call, definition: &Value) -> Result<Vec<ContainerPlan>, ApiError> {
    refuse::members("ContainerDefinition.", definition, UNSUPPORTED)?;
    let many = text(definition, "Mode") == Some(MULTI_MODEL);
    if many {
        let others = ["/ModelPackageName", "/ModelDataSource"];
        refuse::members("ContainerDefinition.Mode MultiModel with ", definition, &others)?;
    } else if !definition["MultiModelConfig"].is_null() {
        return Err(ApiError::validation("MultiModelConfig can only be set for a container with the Mode MultiModel."));
    }
    let containers = match text(definition, "ModelPackageName") {
        None => vec![plan(definition)?],
        Some(package) => from_package(sm, call, definition, package).await?,
    };
    for container in &containers {
        check_data(sm, call, container).await?;
        check_environment(sm, container)?;
    }
    Ok(containers)
}

fn plan(definition: &Value) -> Result<ContainerPlan, ApiError> {
    let image = text(definition, "Image").ok_or_else(|| {
        ApiError::validation("A container needs an Image, or the ModelPackageName of a model package that has one.")
    })?;
    Ok(ContainerPlan {
        hostname: text(definition, "ContainerHostname").map(str::to_owned),
        image: image.to_owned(),
        model_data: model_data(definition)?,
        environment: environment(definition),
    })
}

async fn from_package(
    sm: &SageMaker,
    call: &Call,
    definition: &Value,
    package: &str,
) -> Result<Vec<ContainerPlan>, ApiError> {
    if let Some(member) = ["Image", "ModelDataUrl", "ModelDataSource"].into_iter().find(|m| !definition[*m].is_null()) {
        return Err(ApiError::validation(format!(
            "{member} can not be set together with ModelPackageName: the model package says it."
        )));
    }
    let (key, arn) = locate(call, Kind::MODEL_PACKAGE, package)?;
    let record = sm.env().store.record(&key).await?.ok_or_else(|| Kind::MODEL_PACKAGE.missing(&arn))?;
    deployable(&record)?;
    let specification = specification(&record, text(definition, "InferenceSpecificationName"))?;
    let list = specification.get("Containers").and_then(Value::as_array).map_or(&[][..], Vec::as_slice);
    if list.is_empty() {
        return Err(ApiError::validation(format!(
            "Model package {} has no InferenceSpecification, so no model can be created from it.",
            record.arn
        )));
    }
    let overrides = environment(definition);
    list.iter()
        .map(|container| {
            refuse::members("InferenceSpecification.Containers.", container, UNSUPPORTED)?;
            let mut plan = plan(container)?;
            plan.environment.extend(overrides.clone());
            if let (Some(hostname), [_]) = (text(definition, "ContainerHostname"), list) {
                plan.hostname = Some(hostname.to_owned());
            }
            Ok(plan)
        })
        .collect()
}

/// A package must be complete and, as a version in a group, approved: "the value of this parameter must be set to
/// Approved to deploy the model" (API reference, `CreateModelPackage`).
fn deployable(record: &Record) -> Result<(), ApiError> {
    if record.status != "Completed" {
        return Err(ApiError::validation(format!(
            "Model package {} is in status {}. It must be Completed to create a model from it.",
            record.arn, record.status
        )));
    }
    match text(&record.body, "ModelApprovalStatus") {
        None | Some("Approved") => Ok(()),
        Some(status) => Err(ApiError::validation(format!(
            "Model package {} has the approval status {status}. Its ModelApprovalStatus must be Approved to deploy it.",
            record.arn
        ))),
    }
}

fn specification<'a>(record: &'a Record, name: Option<&str>) -> Result<&'a Value, ApiError> {
    let Some(name) = name else { return Ok(&record.body["InferenceSpecification"]) };
    let list = record.body["AdditionalInferenceSpecifications"].as_array();
    list.and_then(|l| l.iter().find(|s| text(s, "Name") == Some(name))).ok_or_else(|| {
        ApiError::validation(format!("Model package {} has no inference specification named \"{name}\".", record.arn))
    })
}

fn model_data(definition: &Value) -> Result<Option<ModelData>, ApiError> {
    let url = text(definition, "ModelDataUrl");
    let source = definition.pointer("/ModelDataSource/S3DataSource");
    match (url, source) {
        _ if text(definition, "Mode") == Some(MULTI_MODEL) => many(definition, url).map(Some),
        (Some(url), None) => Ok(Some(ModelData::TarGz(s3(url)?))),
        (None, None) => Ok(None),
        (url, Some(source)) => {
            let uri = text(source, "S3Uri").unwrap_or_default();
            if url.is_some_and(|url| url != uri) {
                return Err(ApiError::validation(
                    "ModelDataUrl and ModelDataSource can not both be set. Use one of them.",
                ));
            }
            match (text(source, "S3DataType"), text(source, "CompressionType")) {
                (Some("S3Object"), Some("Gzip")) => Ok(Some(ModelData::TarGz(s3(uri)?))),
                (Some("S3Prefix"), Some("None")) => Ok(Some(ModelData::Prefix(s3(uri)?))),
                (kind, compression) => {
                    let (kind, compression) = (kind.unwrap_or("null"), compression.unwrap_or("null"));
                    Err(refuse::instead(
                        &format!(
                            "S3DataType {kind} with CompressionType {compression} in ModelDataSource.S3DataSource"
                        ),
                        "Use S3Object with Gzip, or S3Prefix with None",
                    ))
                }
            }
        }
    }
}

/// The models below a prefix; more may come later, so that none has to be there.
fn many(definition: &Value, url: Option<&str>) -> Result<ModelData, ApiError> {
    let url = url.ok_or_else(|| {
        ApiError::validation("A container with the Mode MultiModel needs a ModelDataUrl: the S3 prefix of its models.")
    })?;
    let cached = definition.pointer("/MultiModelConfig/ModelCacheSetting").and_then(Value::as_str) != Some("Disabled");
    Ok(ModelData::Many { uri: s3(url)?, cached })
}

fn s3(uri: &str) -> Result<String, ApiError> {
    parse_s3_uri(uri)
        .map(|_| uri.to_owned())
        .ok_or_else(|| refuse::instead(&format!("The model data location \"{uri}\""), "Use an s3:// URI"))
}

/// Variables that tell the original of a built-in image to run something else, and that nothing here heeds. With a script
/// it serves one model, here as there.
fn check_environment(sm: &SageMaker, container: &ContainerPlan) -> Result<(), ApiError> {
    if container.many_models() && sm.env().runner.only_scripts(&container.image) {
        return Err(refuse::instead(
            &format!(
                "Mode {MULTI_MODEL} of a container with the image {}, which serves with a script,",
                container.image
            ),
            "Give each model a container of its own, or the image a server of yours in the image map",
        ));
    }
    if sm.env().runner.built_in(&container.image).is_none() {
        return Ok(());
    }
    let wrong: &[&str] = match (container.many_models(), names_script(&container.environment)) {
        // One that serves many models is told so anyway.
        (true, _) => &["SAGEMAKER_PROGRAM", "SAGEMAKER_SUBMIT_DIRECTORY"],
        (false, true) => &[MULTI_MODEL_VARIABLE],
        (false, false) => &["SAGEMAKER_SUBMIT_DIRECTORY", MULTI_MODEL_VARIABLE],
    };
    let says = |name: &&&str| container.environment.get(**name).is_some_and(|v| !v.is_empty() && v != "false");
    match wrong.iter().find(says) {
        None => Ok(()),
        Some(name) => Err(refuse::instead(
            &format!("The variable {name} in the Environment of a container with a built-in image"),
            "Leave it out, give the image an entry in the image map",
        )),
    }
}

/// SageMaker looks for the artifacts when a model is created.
async fn check_data(sm: &SageMaker, call: &Call, container: &ContainerPlan) -> Result<(), ApiError> {
    let there = match &container.model_data {
        None | Some(ModelData::Many { .. }) => true,
        Some(ModelData::TarGz(uri)) => sm.object(call, uri).await?,
        Some(ModelData::Prefix(uri)) => sm.any_object(call, uri).await?,
    };
    match &container.model_data {
        Some(data) if !there => Err(ApiError::validation(format!("Could not find model data at {}.", data.uri()))),
        _ => Ok(()),
    }
}

/// The resolved containers of a stored model.
pub fn of_model(model: &Record) -> Result<Vec<ContainerPlan>, ApiError> {
    serde_json::from_value(model.body[HIDDEN]["containers"].clone()).map_err(|e| {
        ApiError::internal(format!("the stored {} is damaged: {e}; `sagewright local reset` starts over", model.arn))
    })
}

fn environment(definition: &Value) -> BTreeMap<String, String> {
    let entries = definition["Environment"].as_object().into_iter().flatten();
    entries.filter_map(|(k, v)| Some((k.clone(), v.as_str()?.to_owned()))).collect()
}

fn text<'a>(value: &'a Value, member: &str) -> Option<&'a str> {
    value.get(member).and_then(Value::as_str)
}

/// Whether requests ask for one container by its host name.
pub fn direct(model: &Map<String, Value>) -> bool {
    model.get("InferenceExecutionConfig").and_then(|c| c["Mode"].as_str()) == Some("Direct")
}
