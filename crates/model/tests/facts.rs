//! What the service models say, and the names of AWS's world.

#![allow(clippy::unwrap_used)]

use std::borrow::Borrow;

use sagewright_model::name::{to_crd, to_message};
use sagewright_model::region::partitions;
use sagewright_model::{
    AccountId, Arn, ArnError, Metadata, Paginator, Protocol, Region, SERVICES, Service, Shape, Str, service,
};

#[test]
fn json_is_spoken_where_a_service_speaks_it_beside_cbor() {
    let of = |protocols: &str| {
        let text = format!(
            r#"{{"metadata": {{"apiVersion": "1", "endpointPrefix": "x", "serviceId": "X", "protocol": "smithy-rpc-v2-cbor",
                "protocols": {protocols}}}, "operations": {{}}, "shapes": {{}}}}"#
        );
        serde_json::from_str::<Service>(text.leak()).unwrap().protocol()
    };
    assert_eq!(of(r#"["smithy-rpc-v2-cbor", "json", "query"]"#), Protocol::Json);
    assert_eq!(of(r#"["smithy-rpc-v2-cbor", "query"]"#), Protocol::RpcV2Cbor);
    assert_eq!(of("[]"), Protocol::RpcV2Cbor);
}

#[test]
fn account_ids_are_twelve_digits() {
    let id: AccountId = "123456789012".parse().unwrap();
    assert_eq!((id.as_str(), id.to_string().as_str()), ("123456789012", "123456789012"));
    assert_eq!(String::from(id.clone()), "123456789012");
    assert_eq!(serde_json::to_string(&id).unwrap(), "\"123456789012\"");
    assert_eq!(serde_json::from_str::<AccountId>("\"123456789012\"").unwrap(), id);
    for wrong in ["12345678901", "1234567890123", "12345678901x", ""] {
        assert_eq!(wrong.parse::<AccountId>(), Err(ArnError::Account(wrong.to_owned())));
        assert!(serde_json::from_str::<AccountId>(&format!("\"{wrong}\"")).is_err());
    }
}

#[test]
fn arns_are_taken_apart() {
    let text = "arn:aws-cn:sagemaker:cn-north-1:123456789012:model-package/mnist/3";
    let arn: Arn = text.parse().unwrap();
    assert_eq!(
        (arn.partition.as_str(), arn.service.as_str(), arn.region.as_str()),
        ("aws-cn", "sagemaker", "cn-north-1")
    );
    assert_eq!((arn.account.as_str(), arn.resource.as_str()), ("123456789012", "model-package/mnist/3"));
    assert_eq!(arn.resource_parts(), ("model-package", "mnist/3"));
    assert_eq!(String::from(arn.clone()), text);
    assert_eq!(serde_json::to_value(&arn).unwrap(), text);
    assert_eq!(serde_json::from_value::<Arn>(text.into()).unwrap(), arn);
    let parts = |text: &str| {
        let arn: Arn = text.parse().unwrap();
        let (kind, id) = arn.resource_parts();
        (kind.to_owned(), id.to_owned())
    };
    assert_eq!(
        parts("arn:aws:logs:us-east-1:123456789012:log-group:/a/b"),
        ("log-group".to_owned(), "/a/b".to_owned())
    );
    assert_eq!(parts("arn:aws:s3:::bucket"), (String::new(), "bucket".to_owned()));
    assert_eq!(parts("arn:aws:iam::aws:policy/x"), ("policy".to_owned(), "x".to_owned()));
    for wrong in [
        "arn:aws::us-east-1:123456789012:x",
        "arn::s3:::x",
        "arn:aws:s3:::",
        "arn:aws:iam::12:role/x",
        "urn:aws:s3:::x",
        "arn:aws:s3",
    ] {
        assert_eq!(wrong.parse::<Arn>(), Err(ArnError::Arn(wrong.to_owned())));
    }
}

#[test]
fn regions_know_their_partition() {
    let region: Region = "eu-central-1".parse().unwrap();
    assert_eq!((region.as_str(), region.to_string().as_str()), ("eu-central-1", "eu-central-1"));
    assert_eq!(String::from(region.clone()), "eu-central-1");
    assert_eq!(serde_json::from_value::<Region>(serde_json::to_value(&region).unwrap()).unwrap(), region);
    assert!(serde_json::from_str::<Region>("\"mars\"").is_err());
    assert!("mars".parse::<Region>().unwrap_err().to_string().contains("'mars' is not an AWS region"));
    // Each known region is of the partition that lists it, whatever pattern it fits.
    for partition in partitions() {
        assert!(!partition.regions.is_empty() || partition.id.starts_with("aws-"), "{}", partition.id);
        for region in &partition.regions {
            let found = region.parse::<Region>().unwrap().partition();
            assert_eq!(found.id, partition.id, "{region}");
        }
    }
}

#[test]
fn names_in_messages_begin_small() {
    assert_eq!(to_message("TrainingJobName"), "trainingJobName");
    assert_eq!(to_message("S3Uri"), "s3Uri");
    assert_eq!(to_message(""), "");
    assert_eq!((to_crd("KmsKeyId").as_str(), to_crd("Type").as_str()), ("kmsKeyID", "type_"));
    assert_eq!(to_crd("some_name-of.parts x1y"), "someNameOfPartsX1Y");
}

#[test]
fn services_are_known_by_their_ids_alone() {
    for id in SERVICES {
        assert_eq!(service(id).unwrap().id, *id);
    }
    assert!(service("ec2").is_none());
    assert!(service("SageMaker").is_none());
}

#[test]
fn services_say_how_they_are_called() {
    let of = |id: &str| {
        let service = service(id).unwrap();
        (service.protocol(), service.metadata.signing_name().to_owned())
    };
    assert_eq!(of("sagemaker"), (Protocol::Json, "sagemaker".to_owned()));
    assert_eq!(of("sagemaker-runtime"), (Protocol::RestJson, "sagemaker".to_owned()));
    assert_eq!(of("s3").0, Protocol::RestXml);
    assert_eq!(of("sts"), (Protocol::Query, "sts".to_owned()));
    assert_eq!(of("application-autoscaling").1, "application-autoscaling");
    let cbor: Service = serde_json::from_str(
        r#"{"metadata": {"apiVersion": "1", "endpointPrefix": "x", "protocol": "smithy-rpc-v2-cbor", "serviceId": "X"}, "operations": {}, "shapes": {}}"#,
    )
    .unwrap();
    assert_eq!((cbor.protocol(), cbor.metadata.signing_name()), (Protocol::RpcV2Cbor, "x"));
}

#[test]
fn operations_lead_to_their_shapes() {
    let sagemaker = service("sagemaker").unwrap();
    assert_eq!(sagemaker.operation("CreateModel").unwrap().name, "CreateModel");
    assert!(sagemaker.operation("MakeModel").is_none() && sagemaker.input("MakeModel").is_none());
    assert!(sagemaker.shape("Nothing").is_none());
    let input = sagemaker.input("CreateModel").unwrap();
    assert!(input.members.contains_key("PrimaryContainer"));
    assert!(input.is_required("ModelName") && !input.is_required("Tags"));
    let output = sagemaker.output("CreateModel").unwrap();
    assert_eq!(output.members.keys().collect::<Vec<_>>(), [&"ModelArn"]);
    assert!(sagemaker.output("DeleteModel").is_none());
    let tags = sagemaker.target(&input.members["Tags"]).unwrap();
    assert!(std::ptr::eq(tags, sagemaker.shape("TagList").unwrap()));
    assert_eq!(tags.references().collect::<Vec<_>>(), ["Tag"]);
    let map = sagemaker.shape("HyperParameters").unwrap();
    assert_eq!(map.references().collect::<Vec<_>>(), ["HyperParameterKey", "HyperParameterValue"]);
    assert!(input.references().any(|r| r == "ContainerDefinition"));
}

#[test]
fn a_listing_has_one_token_or_several() {
    let one: Paginator =
        serde_json::from_str(r#"{"input_token": "NextToken", "output_token": "NextToken", "result_key": "Models"}"#)
            .unwrap();
    assert_eq!(one.input_token, [Str::clone(&one.output_token[0])]);
    assert_eq!((one.input_token[0].as_str(), one.result_key.len()), ("NextToken", 1));
    let many: Paginator =
        serde_json::from_str(r#"{"input_token": ["A", "B"], "output_token": ["C", 1, "D"]}"#).unwrap();
    assert_eq!(many.input_token.iter().map(Str::as_str).collect::<Vec<_>>(), ["A", "B"]);
    assert_eq!(many.output_token.iter().map(Str::as_str).collect::<Vec<_>>(), ["C", "D"]);
    assert!(many.result_key.is_empty());
}

#[test]
fn a_models_text_compares_and_prints_as_text() {
    let metadata: Metadata = serde_json::from_str(
        r#"{"apiVersion": "1", "endpointPrefix": "a\tb", "protocol": "json", "serviceId": "plain"}"#,
    )
    .unwrap();
    let (escaped, plain) = (&metadata.endpoint_prefix, &metadata.service_id);
    assert!(*escaped == *"a\tb" && *plain == "plain" && *plain != "other" && *plain != *"other");
    assert_eq!(
        (plain.as_str(), plain.as_ref(), plain.to_string().as_str(), plain.len()),
        ("plain", "plain", "plain", 5)
    );
    let borrowed: &str = plain.borrow();
    assert_eq!(borrowed, "plain");
    let numbers: Shape = serde_json::from_str(r#"{"type": "integer", "enum": [0, 365, "x"]}"#).unwrap();
    assert_eq!(numbers.enumeration.iter().map(Str::as_str).collect::<Vec<_>>(), ["0", "365", "x"]);
    assert!(
        serde_json::from_str::<Shape>(r#"{"type": "integer", "enum": [true]}"#)
            .unwrap_err()
            .to_string()
            .contains("text")
    );
}
