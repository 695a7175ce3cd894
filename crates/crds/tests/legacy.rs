//! The kinds of Amazon SageMaker Operators for Kubernetes keep their fields, columns and names.
#![allow(clippy::unwrap_used)]

use std::sync::LazyLock;

use sagewright_crds::Crd;
use serde_json::{Value, json};

/// Definition and spec of a kind.
fn kind(plural: &str) -> (Value, Value) {
    let name = format!("{plural}.sagemaker.aws.amazon.com");
    static ALL: LazyLock<Vec<Crd>> = LazyLock::new(sagewright_crds::all);
    let crd = ALL.iter().find(|crd| crd.name == name).unwrap();
    let root = crd.document["spec"]["versions"][0]["schema"]["openAPIV3Schema"].clone();
    (crd.document["spec"].clone(), root["properties"]["spec"].clone())
}

#[test]
fn specs_require_what_that_operator_required() {
    let table = [
        ("trainingjobs", "algorithmSpecification outputDataConfig region resourceConfig roleArn stoppingCondition"),
        ("processingjobs", "appSpecification processingResources region roleArn"),
        ("hyperparametertuningjobs", "hyperParameterTuningJobConfig region"),
        ("batchtransformjobs", "modelName region transformInput transformOutput transformResources"),
        ("hostingdeployments", "models productionVariants region"),
        ("models", "executionRoleArn region"),
        ("endpointconfigs", "productionVariants region"),
        ("hostingautoscalingpolicies", "region"),
    ];
    for (plural, required) in table {
        let (definition, spec) = kind(plural);
        assert_eq!(spec["required"], json!(required.split(' ').collect::<Vec<_>>()), "{plural}");
        assert_eq!(definition["versions"][0]["name"], "v1", "{plural}");
        // Every kind is told which region to use, and in a status what came of it.
        let status = &definition["versions"][0]["schema"]["openAPIV3Schema"]["properties"]["status"]["properties"];
        assert_eq!((&status["additional"]["type"], &status["conditions"]["type"]), (&json!("string"), &json!("array")));
    }
}

#[test]
fn fields_have_the_types_and_limits_of_that_operator() {
    let (definition, hosting) = kind("hostingdeployments");
    let variant = &hosting["properties"]["productionVariants"];
    assert_eq!(variant["minItems"], 1);
    // Weights are whole numbers there.
    let weight = &variant["items"]["properties"]["initialVariantWeight"];
    assert_eq!((&weight["type"], &weight["format"]), (&json!("integer"), &json!("int64")));
    assert_eq!(variant["items"]["properties"]["initialInstanceCount"]["minimum"], 1);
    assert_eq!(hosting["properties"]["endpointName"]["maxLength"], 63);
    assert_eq!(hosting["properties"]["sageMakerEndpoint"]["pattern"], "^(https|http)://.*$");
    // Maps are lists of name and value.
    let environment =
        &hosting["properties"]["models"]["items"]["properties"]["containers"]["items"]["properties"]["environment"];
    assert_eq!(environment["items"]["properties"].as_object().unwrap().keys().collect::<Vec<_>>(), ["name", "value"]);
    let columns = definition["versions"][0]["additionalPrinterColumns"].as_array().unwrap();
    let names: Vec<&str> = columns.iter().filter_map(|column| column["name"].as_str()).collect();
    assert_eq!(names, ["Status", "Sagemaker-endpoint-name", "READY", "AGE"]);

    let (_, transform) = kind("batchtransformjobs");
    let filter = transform["properties"]["dataProcessing"]["properties"].as_object().unwrap();
    assert_eq!(
        filter.keys().collect::<Vec<_>>(),
        ["JoinSource", "OutputFilter", "inputFilter", "joinSource", "outputFilter"]
    );
    let (policy, _) = kind("hostingautoscalingpolicies");
    assert_eq!(policy["names"]["shortNames"], json!(["hap"]));
}
