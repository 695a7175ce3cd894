//! What is wrong with manifests, field by field.
#![allow(missing_docs, clippy::unwrap_used, clippy::expect_used, clippy::panic)]

use sagewright_kinds::find;
use sagewright_objects::manifest::convert::convert;
use sagewright_objects::{Object, check, check_in_cluster, keys};
use serde_json::{Value, json};

const ROLE: &str = "arn:aws:iam::123456789012:role/r";

fn object(kind: &str, spec: Value) -> Object {
    Object { spec, ..Object::new(find(kind).unwrap(), "x") }
}

/// What is told of one object: the field, what is wrong, and what was expected.
fn told(object: &Object) -> Vec<(String, String, String)> {
    let errors = check(std::slice::from_ref(object)).err().unwrap_or_default();
    errors.into_iter().map(|e| (e.path.to_string(), e.message, e.expected.unwrap_or_default())).collect()
}

fn model(change: impl FnOnce(&mut Value)) -> Object {
    let mut spec = json!({"modelName": "m", "executionRoleARN": ROLE, "primaryContainer": {"image": "i"}});
    change(&mut spec);
    object("Model", spec)
}

#[test]
fn an_object_of_a_cluster_may_refer_to_what_else_is_there_and_is_checked_as_well() {
    let notebook = |extra: Value| {
        let mut spec = json!({"notebookInstanceName": "n", "instanceType": "ml.t3.medium", "roleARN": ROLE});
        spec.as_object_mut().unwrap().extend(extra.as_object().unwrap().clone());
        object("NotebookInstance", spec)
    };
    // A list of references stands for a list of values that AWS would refuse as they are now.
    let groups = json!([{"from": {"name": "a"}}, {"from": {"name": "b"}}]);
    let referring = notebook(json!({"securityGroupRefs": groups}));
    assert_eq!(check_in_cluster(&referring), Ok(()));
    let alone = told(&referring);
    assert_eq!(alone.len(), 2, "{alone:?}");
    assert!(alone.iter().all(|(_, why, _)| why.contains("which only a Kubernetes cluster")), "{alone:?}");
    // What is wrong elsewhere is told beside it.
    let wrong = check_in_cluster(&notebook(json!({"securityGroupRefs": groups, "subnetID": "!"}))).unwrap_err();
    assert!(matches!(&wrong[..], [one] if one.path.to_string() == "spec.subnetID"), "{wrong:?}");
    let wrong = check_in_cluster(&notebook(json!({"securityGroupIDs": ["!"]}))).unwrap_err();
    assert!(matches!(&wrong[..], [one] if one.path.to_string().contains("securityGroupIDs")), "{wrong:?}");
}

#[test]
fn all_values_of_a_wrong_type_are_told_and_what_else_is_wrong() {
    let all = told(&model(|s| {
        s["executionRoleARN"] = json!(["a"]);
        s["enableNetworkIsolation"] = json!("yes");
        s["primaryContainer"] = json!({"image": 5, "mode": "Singel", "environment": {"PASSWORD": 12345, "A": true}});
    }));
    for (path, why) in [
        ("spec.executionRoleARN", "`executionRoleARN` is a list"),
        ("spec.enableNetworkIsolation", "`enableNetworkIsolation` is the text \"yes\""),
        ("spec.primaryContainer.image", "`image` is the number 5; write what stands there in quotes"),
        ("spec.primaryContainer.environment.PASSWORD", "`PASSWORD` is not text; write what stands there in quotes"),
        ("spec.primaryContainer.environment.A", "`A` is the truth value true; write what stands there in quotes"),
        ("spec.primaryContainer.mode", "`Singel` is not a value of `mode`"),
    ] {
        assert!(all.iter().any(|(at, told, _)| at == path && told == why), "{path}: {all:?}");
    }
    assert_eq!(all.len(), 6, "{all:?}");
    // A member that only the update takes is checked by itself.
    let endpoint = json!({"endpointName": "e", "endpointConfigName": "c", "retainAllVariantProperties": "no"});
    let all = told(&object("Endpoint", endpoint));
    assert!(matches!(&all[..], [(at, _, _)] if at == "spec.retainAllVariantProperties"), "{all:?}");
}

#[test]
fn a_value_is_told_unless_it_is_long_or_a_secret() {
    let role = |value: String| {
        let told = told(&model(|s| s["executionRoleARN"] = json!(value)));
        assert_eq!(told.len(), 1, "{told:?}");
        told[0].1.clone()
    };
    for (length, shown) in [(20, true), (80, true), (81, false), (200, false)] {
        let value = "x".repeat(length);
        assert_eq!(role(value.clone()).contains(&value), shown, "{length}");
    }
    let spec = json!({"workforceName": "w", "oidcConfig": {"clientID": "c", "clientSecret": "hünter", "issuer": "https://i",
        "authorizationEndpoint": "https://a", "tokenEndpoint": "https://t", "userInfoEndpoint": "https://u",
        "logoutEndpoint": "https://l", "jwksURI": "https://j"}});
    let told = told(&object("Workforce", spec));
    let [(at, why, _)] = &told[..] else { panic!("{told:?}") };
    assert_eq!(at, "spec.oidcConfig.clientSecret");
    assert!(why.starts_with("`clientSecret` must satisfy"), "{why}");
}

#[test]
fn a_value_that_is_none_of_those_allowed_is_told_with_them_and_in_a_list_with_its_list() {
    let notebook = |extra: Value| {
        let mut spec = json!({"notebookInstanceName": "n", "instanceType": "ml.t3.medium", "roleARN": ROLE});
        spec.as_object_mut().unwrap().extend(extra.as_object().unwrap().clone());
        told(&object("NotebookInstance", spec))
    };
    let one = notebook(json!({"rootAccess": "enabled"}));
    let expected = ("spec.rootAccess", "`enabled` is not a value of `rootAccess`; did you mean `Enabled`?");
    assert!(matches!(&one[..], [(at, why, _)] if (at.as_str(), why.as_str()) == expected), "{one:?}");
    assert_eq!(one[0].2, "one of Enabled, Disabled");
    let list = notebook(json!({"acceleratorTypes": ["ml.none"]}));
    let [(at, why, expected)] = &list[..] else { panic!("{list:?}") };
    assert!(
        at == "spec.acceleratorTypes" && why.contains("must satisfy constraint: [Member must satisfy enum"),
        "{why}"
    );
    assert_eq!(expected, "a list");
}

#[test]
fn what_is_known_beside_an_unknown_field_is_checked_all_the_same() {
    let container = json!({"imge": "i", "mode": "Singel", "environment": {"A": "b"}});
    for (spec, at) in [
        (json!({"modelName": "m", "executionRoleARN": ROLE, "primaryContainer": container}), "primaryContainer"),
        (
            json!({"modelName": "m", "executionRoleARN": ROLE, "containers": [{"image": "i"}, container]}),
            "containers[1]",
        ),
    ] {
        let all = told(&object("Model", spec));
        let paths: Vec<&str> = all.iter().map(|(at, _, _)| at.as_str()).collect();
        assert_eq!(paths, [format!("spec.{at}.imge"), format!("spec.{at}.mode")], "{all:?}");
    }
    let image = json!({"repositoryAccesMode": "Vpc", "repositoryAccessMode": "Vcp"});
    let all = told(&model(|s| s["primaryContainer"]["imageConfig"] = image));
    assert_eq!(all.len(), 2, "{all:?}");
    assert!(all[0].1.starts_with("there is no field `repositoryAccesMode` here"), "{all:?}");
    assert!(all[1].1.starts_with("`Vcp` is not a value of `repositoryAccessMode`"), "{all:?}");
}

#[test]
fn what_is_null_is_not_there() {
    let spec = json!({"modelName": "m", "primaryContainer": null,
        "containers": [{"image": "i", "environment": null}, {"environment": {"A": null, "B": "b"}}]});
    let aws = json!({"ModelName": "m", "Containers": [{"Image": "i"}, {"Environment": {"B": "b"}}]});
    assert_eq!(convert(find("Model").unwrap(), &spec).spec, aws);
}

#[test]
fn what_names_and_tags_a_resource_may_be_a_reference() {
    let group = json!({"from": {"name": "g"}});
    let tags = json!([{"key": "a", "value": "b"}]);
    let container = json!({"image": "i", "modelDataRef": {"from": {"name": "t"}}});
    let inference =
        json!({"containers": [container], "supportedContentTypes": ["a/b"], "supportedResponseMIMETypes": ["a/b"]});
    for (kind, spec, expected) in [
        ("ModelPackage", json!({"modelPackageGroupRef": group}), None),
        ("ModelPackage", json!({"modelPackageGroupRef": group, "tags": tags}), Some("AWS takes no tags")),
        ("ModelPackage", json!({"modelPackageName": "p", "inferenceSpecification": inference, "tags": tags}), None),
        ("ModelPackage", json!({"inferenceSpecification": inference}), Some("is missing")),
        ("ImageVersion", json!({"baseImage": "i", "imageRef": {"from": {"name": "i"}}}), None),
        ("ImageVersion", json!({"baseImage": "i"}), Some("`imageName` is missing, or `imageRef` in its place")),
    ] {
        let all = told(&object(kind, spec.clone()));
        match expected {
            None => assert!(all.is_empty(), "{kind} {spec}: {all:?}"),
            Some(why) => assert!(matches!(&all[..], [(_, told, _)] if told.contains(why)), "{kind} {spec}: {all:?}"),
        }
    }
}

#[test]
fn adoption_fields_and_the_spec_together_say_which_resource() {
    let arn = "arn:aws:sagemaker:us-east-1:123456789012:user-profile/d-1/u";
    let domain = json!({"domainRef": {"from": {"name": "d"}}});
    for (spec, fields, expected) in [
        (domain.clone(), json!({"userProfileName": "u"}), ""),
        (json!({}), json!({"userProfileName": "u"}), "`domainID` is missing"),
        (domain, json!({"domainID": "d-1"}), "`userProfileName` is missing"),
        // The last part of an ARN is not all of its name.
        (json!({}), json!({"arn": arn}), "`arn` does not say which user profile"),
    ] {
        let mut profile = object("UserProfile", spec);
        profile.metadata.annotations.insert(keys::ADOPTION_POLICY.into(), "adopt".into());
        profile.metadata.annotations.insert(keys::ADOPTION_FIELDS.into(), fields.to_string());
        let all = told(&profile);
        if expected.is_empty() {
            assert!(all.is_empty(), "{fields}: {all:?}");
        } else {
            assert!(matches!(&all[..], [(_, told, _)] if told.contains(expected)), "{fields}: {all:?}");
        }
    }
}

#[test]
fn annotations_and_labels_that_nothing_heeds_are_told_and_those_of_others_are_not() {
    let ack = |name: &str| format!("; did you mean `services.k8s.aws/{name}`?");
    let label = |name: &str| format!("; did you mean the annotation `services.k8s.aws/{name}`?");
    let unknown = Some(String::new());
    // (key, what is told of it as an annotation, and as a label)
    let table = [
        ("team", None, None),
        ("example.com/region", None, None),
        ("services.k8s.aws/deletion-polic", Some(ack("deletion-policy")), Some(label("deletion-policy"))),
        ("services.k8s.aws/colour", unknown.clone(), unknown),
        ("sagewright.dev/adoption-polcy", Some(ack("adoption-policy")), Some("reserved".into())),
        ("sagewright.dev/set", Some(String::new()), Some("reserved".into())),
        ("deletion-policy", Some(ack("deletion-policy")), Some(label("deletion-policy"))),
        ("sagemaker.services.k8s.aws/deletion-policy", Some(ack("deletion-policy")), Some(label("deletion-policy"))),
        ("sagemaker.services.k8s.aws/last-endpoint-config-for-update", None, None),
        ("service.k8s.aws/deletion-policy", Some(ack("deletion-policy")), Some(label("deletion-policy"))),
        (keys::ADOPTED, None, None),
        (keys::RECONCILE_AT, None, Some("belongs in metadata.annotations".into())),
        (keys::READ_ONLY, None, Some("belongs in metadata.annotations".into())),
    ];
    for (key, annotation, label) in table {
        let mut annotated = model(|_| ());
        annotated.metadata.annotations.insert(key.into(), "true".into());
        let mut labelled = model(|_| ());
        labelled.metadata.labels.insert(key.into(), "true".into());
        for (object, expected, word) in [(annotated, annotation, "annotation"), (labelled, label, "label")] {
            let all = told(&object);
            let Some(expected) = expected else {
                assert!(all.is_empty(), "{word} {key}: {all:?}");
                continue;
            };
            let [(at, why, instead)] = &all[..] else { panic!("{word} {key}: {all:?}") };
            assert!(at.contains(&format!("{word}s")) && at.contains(key), "{at}");
            assert!(why.starts_with(&format!("unknown {word}")) && why.contains(&expected), "{word} {key}: {why}");
            assert_eq!(why.contains("did you mean"), expected.contains("did you mean"), "{word} {key}: {why}");
            let supported = instead.contains("services.k8s.aws/adoption-fields, services.k8s.aws/adoption-policy");
            assert!(supported || instead == "a label of your own", "{word} {key}: {instead}");
        }
    }
}
