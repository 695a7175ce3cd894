//! AWS documents and Kubernetes documents hold the same values under different names.

#![allow(clippy::unwrap_used)]

use sagewright_model::{crd, mask, service};
use serde_json::{Value, json};

fn aws() -> Value {
    json!({
        "TrainingJobName": "t",
        "HyperParameters": {"max_depth": "5"},
        "InputDataConfig": [{"ChannelName": "train", "DataSource": {"S3DataSource": {"S3Uri": "s3://b/k"}}}],
        "ResourceConfig": {"InstanceCount": 2, "VolumeKmsKeyId": "k"},
        "EnableNetworkIsolation": false,
    })
}

fn kubernetes() -> Value {
    json!({
        "trainingJobName": "t",
        "hyperParameters": {"max_depth": "5"},
        "inputDataConfig": [{"channelName": "train", "dataSource": {"s3DataSource": {"s3URI": "s3://b/k"}}}],
        "resourceConfig": {"instanceCount": 2, "volumeKMSKeyID": "k"},
        "enableNetworkIsolation": false,
    })
}

#[test]
fn names_change_at_every_depth_and_values_do_not() {
    let service = service("sagemaker").unwrap();
    let shape = service.input("CreateTrainingJob").unwrap();
    let mut with_more = aws();
    with_more["Unheard"] = json!("of");
    assert_eq!(crd::from_aws(service, shape, &with_more), kubernetes());
    assert_eq!(crd::to_aws(service, shape, &kubernetes()).unwrap(), aws());
    // Structures in a map.
    let shape = service.input("UpdateUserProfile").and_then(|_| service.shape("ContainerDefinition")).unwrap();
    let document = json!({"Environment": {"Some_Key": "v"}, "MultiModelConfig": {"ModelCacheSetting": "Enabled"}});
    let crd = crd::from_aws(service, shape, &document);
    assert_eq!(crd, json!({"environment": {"Some_Key": "v"}, "multiModelConfig": {"modelCacheSetting": "Enabled"}}));
    assert_eq!(crd::to_aws(service, shape, &crd).unwrap(), document);
}

#[test]
fn structures_in_a_map_change_their_names_and_not_its_keys() {
    let service = service("sagemaker").unwrap();
    let (_, holder) = service
        .shapes
        .iter()
        .find(|(_, s)| {
            s.value.as_ref().and_then(|v| service.target(v)).is_some_and(|t| t.members.contains_key("StringValue"))
        })
        .unwrap();
    let aws = json!({"Some.Key": {"StringValue": "x"}});
    let crd = crd::from_aws(service, holder, &aws);
    assert_eq!(crd, json!({"Some.Key": {"stringValue": "x"}}));
    assert_eq!(crd::to_aws(service, holder, &crd).unwrap(), aws);
}

#[test]
fn unknown_fields_are_told_with_their_place_and_what_could_stand_there() {
    let service = service("sagemaker").unwrap();
    let shape = service.input("CreateTrainingJob").unwrap();
    let document = json!({
        "trainingJobNam": "t",
        "inputDataConfig": [{"channelName": "a"}, {"chanelName": "b"}],
        "resourceConfig": {"instanceCount": 1, "InstanceType": "x"},
    });
    let unknown = crd::to_aws(service, shape, &document).unwrap_err();
    let paths: Vec<String> = unknown.iter().map(|u| u.path.join(".")).collect();
    assert_eq!(paths, ["trainingJobNam", "inputDataConfig.1.chanelName", "resourceConfig.InstanceType"]);
    assert!(unknown[1].expected.contains(&"channelName".to_owned()), "{:?}", unknown[1]);
    assert!(unknown[2].expected.contains(&"instanceType".to_owned()), "{:?}", unknown[2]);
}

#[test]
fn values_of_another_form_than_their_shape_stay_as_they_are() {
    let service = service("sagemaker").unwrap();
    let shape = service.input("CreateTrainingJob").unwrap();
    for odd in [json!({"inputDataConfig": "x"}), json!({"hyperParameters": [1]}), json!({"resourceConfig": null})] {
        let aws = crd::to_aws(service, shape, &odd).unwrap();
        assert_eq!(crd::from_aws(service, shape, &aws), odd);
    }
}

#[test]
fn every_place_of_a_secret_is_masked_and_told() {
    let cases = [
        // By the model's own mark, at any depth and in a list.
        ("iam", "CreateLoginProfile", json!({"UserName": "u", "Password": "p"}), vec!["/Password"]),
        ("sts", "AssumeRoleWithSAML", json!({"SAMLAssertion": "PHNhbWw="}), vec!["/SAMLAssertion"]),
        (
            "sagemaker",
            "CreateModel",
            json!({"Containers": [{"Image": "i"}, {"Environment": {"A": "b", "SECRET": "x", "Keys": null}}], "Tags": [
                {"Key": "team", "Value": "a"}, {"Key": "pass", "Value": "p"}]}),
            vec!["/Containers/1/Environment/SECRET", "/Tags/1/Value"],
        ),
        // By the form of the text.
        ("sagemaker", "CreateModel", json!({"ModelName": "AWS4-HMAC-SHA256 Credential=x"}), vec!["/ModelName"]),
        ("s3", "PutObject", json!({"Bucket": "b", "Tagging": "a=b&token=t"}), vec!["/Tagging"]),
        ("s3", "PutObject", json!({"Bucket": "b", "Tagging": "a=token&b=c", "Key": "password=x"}), vec![]),
        ("iam", "TagRole", json!({"RoleName": "secret", "Tags": [{"Key": "a", "Value": "secret"}]}), vec![]),
    ];
    for (id, operation, mut value, expected) in cases {
        let service = service(id).unwrap();
        let before = value.clone();
        let masked = mask(service, service.input(operation).unwrap(), &mut value);
        assert_eq!(masked, expected, "{id} {operation}");
        for path in &masked {
            assert_eq!(value.pointer(path).unwrap(), sagewright_model::MASK, "{path}");
        }
        if masked.is_empty() {
            assert_eq!(value, before);
        }
    }
}

#[test]
fn what_the_model_does_not_know_is_taken_out_of_what_is_shown() {
    let service = service("sagemaker").unwrap();
    let mut value = json!({"ModelName": "m", "Unheard": "of", "Containers": [{"Image": "i", "Odd": 1}], "Tags": null});
    assert!(mask(service, service.input("CreateModel").unwrap(), &mut value).is_empty());
    assert_eq!(value, json!({"ModelName": "m", "Containers": [{"Image": "i"}]}));
}
