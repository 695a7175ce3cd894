//! Definitions as an apiserver takes them.
#![allow(clippy::unwrap_used)]

use std::collections::{BTreeMap, BTreeSet};
use std::sync::LazyLock;

use sagewright_crds::{Crd, LIMIT, applied_size, short_names};
use serde_json::Value;

/// Every definition, made once.
fn all() -> &'static [Crd] {
    static ALL: LazyLock<Vec<Crd>> = LazyLock::new(sagewright_crds::all);
    &ALL
}

fn root(crd: &Crd) -> &Value {
    &crd.document["spec"]["versions"][0]["schema"]["openAPIV3Schema"]
}

/// Every schema in a schema, with its path.
fn schemas<'v>(schema: &'v Value, path: String, out: &mut Vec<(String, &'v Value)>) {
    out.push((path.clone(), schema));
    for (name, child) in schema["properties"].as_object().into_iter().flatten() {
        schemas(child, format!("{path}.{name}"), out);
    }
    for (key, mark) in [("items", "[]"), ("additionalProperties", "{}")] {
        if schema[key].is_object() {
            schemas(&schema[key], format!("{path}{mark}"), out);
        }
    }
}

fn each(check: impl Fn(&str, &Value)) {
    for crd in all() {
        let mut out = Vec::new();
        schemas(root(crd), crd.name.clone(), &mut out);
        out.iter().for_each(|(path, schema)| check(path, schema));
    }
}

#[test]
fn there_is_one_definition_of_each_kind_under_its_names() {
    let all = all();
    assert_eq!(all.len(), sagewright_kinds::all().len() + 3 + 8);
    let mut names = BTreeSet::new();
    for crd in all {
        let spec = &crd.document["spec"];
        let name = format!("{}.{}", spec["names"]["plural"].as_str().unwrap(), spec["group"].as_str().unwrap());
        assert_eq!(crd.name, name);
        assert_eq!(crd.document["metadata"]["name"], name.as_str());
        assert!(names.insert(name));
        assert_eq!(crd.document["apiVersion"], "apiextensions.k8s.io/v1");
        let kind = spec["names"]["kind"].as_str().unwrap();
        assert_eq!(spec["names"]["singular"], kind.to_lowercase());
        assert_eq!(spec["names"]["listKind"], format!("{kind}List"));
        let cluster = kind == "IAMRoleSelector";
        assert_eq!(spec["scope"], if cluster { "Cluster" } else { "Namespaced" });
        let version = &spec["versions"][0];
        let legacy = spec["group"] == "sagemaker.aws.amazon.com";
        assert_eq!(version["name"], if legacy { "v1" } else { "v1alpha1" });
        assert_eq!((version["served"].as_bool(), version["storage"].as_bool()), (Some(true), Some(true)));
        assert_eq!(version["subresources"], serde_json::json!({"status": {}}));
        let categories: Vec<&str> =
            spec["names"]["categories"].as_array().unwrap().iter().filter_map(Value::as_str).collect();
        assert!(categories.contains(&"sagewright"));
        let is_of_aws = ["sagemaker.services.k8s.aws", "applicationautoscaling.services.k8s.aws"];
        let group = spec["group"].as_str().unwrap();
        assert_eq!(categories.contains(&"sagemaker"), is_of_aws.contains(&group), "{kind}");
    }
    let file = |name: &str| all.iter().find(|crd| crd.name == name).unwrap().file();
    assert_eq!(file("models.sagemaker.services.k8s.aws"), "sagemaker.services.k8s.aws_models.yaml");
}

/// What stock clusters call their own kinds by, and words that other operators for AWS are known to use.
const TAKEN: &[&str] = &[
    "cm", "cs", "ep", "ev", "limits", "no", "ns", "pvc", "pv", "po", "rc", "quota", "sa", "svc", "crd", "crds", "ds",
    "deploy", "rs", "sts", "hpa", "cj", "csr", "ing", "netpol", "pdb", "pc", "sc", "vac", "all",
];

#[test]
fn short_names_say_one_thing_each() {
    let mut seen: BTreeMap<String, String> =
        TAKEN.iter().map(|name| ((*name).to_owned(), "Kubernetes".to_owned())).collect();
    let mut plurals = BTreeSet::new();
    for crd in all() {
        let names = &crd.document["spec"]["names"];
        plurals.extend([names["plural"].clone(), names["singular"].clone()].map(|v| v.as_str().unwrap().to_owned()));
        let short = names["shortNames"].as_array().cloned().unwrap_or_default();
        let legacy = crd.name.ends_with(".sagemaker.aws.amazon.com");
        assert!(legacy || !short.is_empty(), "{} has a short name", crd.name);
        for name in short {
            let name = name.as_str().unwrap().to_owned();
            let before = seen.insert(name.clone(), crd.name.clone());
            assert_eq!(before, None, "{name} is {} too", crd.name);
        }
    }
    for name in seen.keys().filter(|name| !TAKEN.contains(&name.as_str())) {
        assert!(!plurals.contains(name) && !["sagemaker", "sagewright"].contains(&name.as_str()), "{name}");
    }
    assert_eq!(short_names("TrainingJob"), ["smtj"]);
    assert!(short_names("None").is_empty());
}

#[test]
fn schemas_are_structural() {
    each(|path, schema| {
        let map = schema.as_object().unwrap();
        assert!(schema["type"].is_string(), "{path} has a type");
        for key in map.keys() {
            let known = [
                "type",
                "format",
                "description",
                "properties",
                "required",
                "items",
                "additionalProperties",
                "enum",
                "pattern",
                "minLength",
                "maxLength",
                "minimum",
                "maximum",
                "minItems",
                "maxItems",
                "minProperties",
                "maxProperties",
                "x-kubernetes-validations",
                "x-kubernetes-preserve-unknown-fields",
            ];
            assert!(known.contains(&key.as_str()), "{path}: {key}");
        }
        assert!(map.get("properties").is_none() || map.get("additionalProperties").is_none(), "{path}");
        for name in schema["required"].as_array().into_iter().flatten() {
            assert!(schema["properties"][name.as_str().unwrap()].is_object(), "{path}: {name}");
        }
        assert_eq!(schema["type"] == "array", schema["items"].is_object(), "{path}");
        let bounds = [("minLength", "maxLength"), ("minItems", "maxItems"), ("minimum", "maximum")];
        for (least, most) in bounds {
            if let (Some(least), Some(most)) = (schema[least].as_f64(), schema[most].as_f64()) {
                assert!(least <= most, "{path}");
            }
        }
    });
}

#[test]
fn fields_are_described_in_short_sentences() {
    each(|path, schema| {
        let Some(text) = schema["description"].as_str() else { return };
        assert!(
            text.ends_with('.') && text.starts_with(|c: char| c.is_uppercase() || c.is_ascii_digit()),
            "{path}: {text}"
        );
        assert!(text.len() <= 400 && !text.contains("  ") && !text.contains(".."), "{path}: {text}");
    });
    let at = |name: &str, path: &str| -> String {
        let crd = all().iter().find(|crd| crd.name == name).unwrap();
        let mut out = Vec::new();
        schemas(root(crd), String::new(), &mut out);
        out.iter().find(|(at, _)| at == path).unwrap().1["description"].as_str().unwrap().to_owned()
    };
    let group = "sagemaker.services.k8s.aws";
    assert_eq!(
        at(&format!("trainingjobs.{group}"), ""),
        "Training job in Amazon SageMaker, as declared. Deleting the object stops it; its record stays in AWS."
    );
    assert_eq!(
        at(&format!("endpoints.{group}"), ".spec.endpointName"),
        "Endpoint name. At most 63 characters. Its name in AWS; metadata.name without it. Cannot be changed once the resource \
         exists."
    );
    assert_eq!(
        at(&format!("domains.{group}"), ".spec.homeEFSFileSystemKMSKeyID"),
        "Home EFS file system KMS key ID. At most 2048 characters. Cannot be changed once the resource exists."
    );
}

#[test]
fn rules_say_what_to_write() {
    let mut count = 0;
    for crd in all() {
        let mut out = Vec::new();
        schemas(root(crd), crd.name.clone(), &mut out);
        for (path, schema) in out {
            for rule in schema["x-kubernetes-validations"].as_array().into_iter().flatten() {
                count += 1;
                let (text, message) = (rule["rule"].as_str().unwrap(), rule["message"].as_str().unwrap());
                assert!(!text.contains('\n') && !message.contains('\n') && message.len() < 300, "{path}: {message}");
                assert!(
                    message.contains("write")
                        || message.contains("put ")
                        || message.contains("keep")
                        || message.contains("make "),
                    "{path}: {message}"
                );
                assert_eq!(text.matches('(').count(), text.matches(')').count(), "{path}: {text}");
                // Elements of a list have no former selves.
                assert!(!text.contains("oldSelf") || !path.contains("[]") && !path.contains("{}"), "{path}: {text}");
            }
        }
    }
    assert!(count > 500, "{count}");
}

#[test]
fn with_generated_names_a_change_is_another_resource_and_is_not_refused() {
    for kind in sagewright_kinds::all() {
        let crd = all().iter().find(|crd| crd.name == format!("{}.{}", kind.plural(), kind.group())).unwrap();
        let root = root(crd);
        let takes = kind.takes_generated_names();
        let names = root.pointer("/properties/status/properties/sagewright/properties/generated/properties/names");
        assert_eq!(names.is_some(), takes, "{}", kind.name());
        let rules = root["x-kubernetes-validations"].as_array().into_iter().flatten();
        for rule in rules.filter_map(|rule| rule["rule"].as_str()).filter(|rule| rule.contains("oldSelf")) {
            assert_eq!(rule.contains("!(has(oldSelf.status.sagewright)"), takes, "{}: {rule}", kind.name());
        }
    }
}

/// What an apiserver takes for the number of times a rule is run goes by the sizes of the lists around it.
#[test]
fn rules_stand_in_lists_of_known_size() {
    fn visit(schema: &Value, path: &str, times: Option<u64>) {
        let rules = schema["x-kubernetes-validations"].as_array().map_or(0, Vec::len);
        assert!(rules == 0 || times.is_some_and(|times| times <= 100_000), "{path}: {times:?} times");
        for (name, child) in schema["properties"].as_object().into_iter().flatten() {
            visit(child, &format!("{path}.{name}"), times);
        }
        for (key, most) in [("items", "maxItems"), ("additionalProperties", "maxProperties")] {
            if schema[key].is_object() {
                let times = times.and_then(|times| Some(times * schema[most].as_u64()?));
                visit(&schema[key], &format!("{path}[]"), times);
            }
        }
    }
    all().iter().for_each(|crd| visit(root(crd), &crd.name, Some(1)));
}

#[test]
fn a_definition_fits_into_the_annotation_of_a_client_side_apply() {
    const { assert!(LIMIT < 262_144 - 16_000) };
    for crd in all() {
        assert!(applied_size(crd) <= LIMIT, "{}: {}", crd.name, applied_size(crd));
    }
}

#[test]
fn yaml_is_read_back_as_it_was() {
    for crd in all() {
        let text = crd.yaml();
        assert!(text.starts_with("---\napiVersion: apiextensions.k8s.io/v1\n") && text.ends_with('\n'), "{}", crd.name);
        let read: Value = serde_saphyr::from_str(&text).unwrap();
        assert!(read == crd.document, "{}", crd.name);
    }
}
