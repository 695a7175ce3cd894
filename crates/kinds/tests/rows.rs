//! The embedded rows are right, and say no more than they must.

use std::collections::BTreeMap;

use sagewright_kinds::{Explanation, Path, Phase, QUIRKS, all, embedded, explain, find, lint, of_event, parse, values};
use serde_json::json;

#[test]
fn every_row_loads_and_the_model_bears_it_out() {
    let errors: Vec<String> = embedded().into_iter().filter_map(Result::err).map(|e| e.to_string()).collect();
    assert!(errors.is_empty(), "{}", errors.join("\n"));
    let wrong: Vec<String> = all().iter().flat_map(lint).collect();
    assert!(wrong.is_empty(), "{}", wrong.join("\n"));
    assert_eq!(all().len(), embedded().len());
}

#[test]
fn rows_are_short_and_quirks_are_few() {
    let dir = concat!(env!("CARGO_MANIFEST_DIR"), "/../../kinds");
    for entry in std::fs::read_dir(dir).unwrap() {
        let path = entry.unwrap().path();
        if path.extension().is_some_and(|e| e == "toml") {
            let lines = std::fs::read_to_string(&path).unwrap().lines().filter(|l| !l.trim().is_empty()).count();
            assert!((10..=85).contains(&lines), "{} has {lines} lines", path.display());
        }
    }
    let named: Vec<&str> = all().iter().flat_map(|k| k.row().quirks.iter().map(String::as_str)).collect();
    assert!(QUIRKS.iter().all(|q| named.contains(q)), "a quirk that no row names: {QUIRKS:?}");
    assert!(named.len() <= 4 && QUIRKS.len() <= 4, "a new quirk is a decision: raise this number knowingly");
}

#[test]
fn every_kind_is_found_by_name_plural_and_group() {
    for kind in all() {
        assert_eq!(find(kind.name()).map(|k| k.name()), Some(kind.name()));
        assert_eq!(find(kind.plural()).map(|k| k.name()), Some(kind.name()));
        assert_eq!(find(&format!("{}.{}", kind.plural(), kind.group())).map(|k| k.name()), Some(kind.name()));
    }
    assert_eq!(find("scalingpolicies").map(|k| k.name()), Some("ScalingPolicy"));
    assert!(find("pods").is_none());
}

#[test]
fn an_event_is_of_one_kind() {
    let mut told: Vec<&str> = all().iter().flat_map(|kind| kind.row().events.iter().map(String::as_str)).collect();
    assert!(told.iter().all(|event| event.starts_with("SageMaker ")), "{told:?}");
    let count = told.len();
    told.sort_unstable();
    told.dedup();
    assert_eq!(told.len(), count, "an event that two rows name");
    let of = |event: &str| of_event(event).map(|kind| kind.name());
    assert_eq!(of("SageMaker Endpoint Deployment State Change"), Some("Endpoint"));
    assert_eq!(of("SageMaker HyperParameter Tuning Job State Change"), Some("HyperParameterTuningJob"));
    assert_eq!(of("SageMaker Endpoint"), None);
}

#[test]
fn a_wrong_row_is_told_with_its_place() {
    let error = parse("x", "kind = \"X\"\nservice = \"sagemaker\"\n[operations]\ncreate = \"CreateModel\"\nraed = 1\n")
        .unwrap_err();
    assert!(error.to_string().contains("raed") && error.to_string().contains("kinds/x.toml"), "{error}");
    let error = parse("x", "kind = \"X\"\nservice = \"sagemaker\"\n[operations]\ncreate = \"MakeModel\"\nread = \"DescribeModel\"\n[identity]\n").unwrap_err();
    assert!(error.to_string().contains("no operation `MakeModel`"), "{error}");
    let error =
        parse("x", "kind = \"X\"\nservice = \"sagenaker\"\n[operations]\ncreate = \"a\"\nread = \"b\"\n[identity]\n")
            .unwrap_err();
    assert!(error.to_string().contains("no service model `sagenaker`"), "{error}");
}

#[test]
fn the_lint_sees_each_kind_of_slip() {
    let model = std::fs::read_to_string(concat!(env!("CARGO_MANIFEST_DIR"), "/../../kinds/endpoint.toml")).unwrap();
    let slips = [
        ("settled = [\"InService\"]", "settled = []", "`InService` is named 0 times"),
        ("failed = [\"Failed\",", "failed = [\"Failed\", \"Lost\",", "knows no `Lost`"),
        ("sends = [\"EndpointConfigName\"", "sends = [\"EndpointConfig\"", "the spec has no `EndpointConfig`"),
        ("RetainAllVariantProperties", "RetainAll", "takes no `RetainAll`"),
        ("delete = \"DeleteEndpoint\"", "delete = \"DropEndpoint\"", "no operation `DropEndpoint`"),
        ("reason = \"FailureReason\"", "reason = \"Why\"", "a read gives no `Why`"),
        ("arn = \"EndpointArn\"", "arn = \"Arn\"", "a read gives no `Arn`"),
        ("kind = \"EndpointConfig\"", "kind = \"EndpointConf\"", "no kind `EndpointConf`"),
        ("kind = \"Endpoint\"", "kind = \"Endpoint\"\nplural = \"endpoints\"", "regular one"),
        ("quirks = [\"endpoint-parts\"]", "quirks = [\"magic\"]", "no quirk `magic`"),
        ("DeploymentConfig = \"LastDeploymentConfig\"", "DeploymentConfig = \"Last\"", "gives no `Last`"),
    ];
    let pipeline = std::fs::read_to_string(concat!(env!("CARGO_MANIFEST_DIR"), "/../../kinds/pipeline.toml")).unwrap();
    let kind = parse("pipeline", &pipeline.replace("PipelineNamePrefix", "NameContains")).unwrap();
    assert!(lint(&kind).join("\n").contains("list.name_contains: `ListPipelines` takes no `NameContains`"));
    let execution =
        std::fs::read_to_string(concat!(env!("CARGO_MANIFEST_DIR"), "/../../kinds/pipeline-execution.toml")).unwrap();
    let kind = parse("execution", &execution.replace("PipelineExecutionFailureReason =", "Reason =")).unwrap();
    assert!(lint(&kind).join("\n").contains("list.rename: items of `ListPipelineExecutions` have no `Reason`"));
    let slips_of = [
        ("workforce", "read_item = \"Workforce\"", "read_item = \"Force\"", "has no `Force`"),
        (
            "workteam",
            "WorkforceName = \"WorkforceArn\"",
            "WorkforceName = \"Workforce\"",
            "a read gives no `Workforce`",
        ),
        ("notebook-instance", "\"DisassociateLifecycleConfig\"", "\"InstanceType\"", "has no switch `InstanceType`"),
        ("notebook-instance", "stop = \"StopNotebookInstance\"\n", "", "names no operation that stops"),
        ("job", "each = \"JobCategory\"", "each = \"NameContains\"", "takes no `NameContains` of a few values"),
        ("domain", "member = \"DomainId\"", "member = \"DomainNo\"", "columns: a read gives no `DomainNo`"),
        ("domain", "arn = \"DomainArn\"", "arn = \"Url\"", "identity.arn: `Url` is no ARN"),
        ("image-version", "[spec.observe]\nImageName = \"ImageArn\"\n", "", "identity: a read gives no `ImageName`"),
        ("code-repository", "GitConfig.SecretArn", "GitConfig.Branch", "takes no `GitConfig.Branch`"),
        ("cluster", "remove = { InstanceGroups", "remove = { ClusterRoles", "`ClusterRoles` is not sent"),
        ("inference-component", "also = [\"EndpointName\"", "also = [\"CreationTime\"", "is no member of the spec"),
        ("scaling-policy", "\"date-time\"", "\"time\"", "`time` is no type of a field"),
        ("inference-experiment", "$read.ModelVariants[].VariantName", "$read.Variants[].Name", "nothing is called"),
    ];
    for (file, from, to, expected) in slips_of {
        let path = format!("{}/../../kinds/{file}.toml", env!("CARGO_MANIFEST_DIR"));
        let row = std::fs::read_to_string(path).unwrap();
        assert!(row.contains(from), "{file}: {from}");
        let wrong = match parse(file, &row.replacen(from, to, 1)) {
            Ok(kind) => lint(&kind).join("\n"),
            Err(error) => error.to_string(),
        };
        assert!(wrong.contains(expected), "{file}, {to}: {wrong}");
    }
    // A kind without an update.
    let config = std::fs::read_to_string(concat!(env!("CARGO_MANIFEST_DIR"), "/../../kinds/model.toml")).unwrap();
    let kind = parse("model", &config.replacen("delete = \"DeleteModel\"\n", "", 1)).unwrap();
    assert!(lint(&kind).join("\n").contains("delete: the row names no operation"), "{:?}", lint(&kind));
    for (from, to, expected) in slips {
        assert!(model.contains(from), "{from}");
        let kind = parse("endpoint", &model.replacen(from, to, 1)).unwrap();
        let wrong = lint(&kind).join("\n");
        assert!(wrong.contains(expected), "{to}: {wrong}");
    }
}

#[test]
fn reference_fields_follow_the_naming_rule_of_ack() {
    let names: BTreeMap<String, Vec<String>> = all()
        .iter()
        .map(|k| (k.name().to_owned(), k.refs().iter().map(|r| r.at(&r.parent).to_string()).collect()))
        .collect();
    insta::assert_yaml_snapshot!(names);
}

#[test]
fn printer_columns_are_those_of_ack() {
    let columns = |kind: &str| find(kind).unwrap().columns();
    assert_eq!(
        columns("TrainingJob"),
        [
            ("FAILURE-REASON".to_owned(), "status.failureReason".to_owned(), 1),
            ("SECONDARY-STATUS".to_owned(), "status.secondaryStatus".to_owned(), 0),
            ("STATUS".to_owned(), "status.trainingJobStatus".to_owned(), 0),
        ]
    );
    assert_eq!(columns("Model"), []);
    assert_eq!(columns("ModelPackage").len(), 1);
}

#[test]
fn specs_and_statuses_part_as_in_the_crds() {
    let endpoint = find("Endpoint").unwrap();
    let spec: Vec<&String> = endpoint.spec_fields().keys().collect();
    assert_eq!(
        spec,
        [
            "endpointName",
            "endpointConfigName",
            "deploymentConfig",
            "tags",
            "retainAllVariantProperties",
            "excludeRetainedVariantProperties"
        ]
    );
    assert!(endpoint.status_fields().contains_key("productionVariants"));
    assert!(!endpoint.status_fields().contains_key("endpointARN"), "the ARN is in ackResourceMetadata");
    let package = find("ModelPackage").unwrap();
    assert!(package.spec_fields()["approvalDescription"].update_only);
    let output = json!({
        "EndpointName": "e", "EndpointArn": "arn:aws:sagemaker:us-east-1:123456789012:endpoint/e",
        "EndpointConfigName": "c", "EndpointStatus": "InService",
        "LastDeploymentConfig": {"RollingUpdatePolicy": {"WaitIntervalInSeconds": 3}}
    });
    let status = endpoint.status_of(&output);
    assert_eq!(status["ackResourceMetadata"]["ownerAccountID"], "123456789012");
    assert_eq!(status["endpointStatus"], "InService");
    let spec = endpoint.spec_of(&output);
    assert_eq!(spec["DeploymentConfig"]["RollingUpdatePolicy"]["WaitIntervalInSeconds"], 3);
    assert_eq!(endpoint.phase("RollingBack"), Phase::Progressing);
    assert_eq!(endpoint.phase("Never heard of"), Phase::Unknown);
}

#[test]
fn explain_tells_a_kind_a_field_and_a_mistake() {
    let kind = find("EndpointConfig").unwrap();
    let Explanation::Kind { row, spec, .. } = explain(kind, "") else { panic!() };
    assert_eq!(row["operations"]["create"], "CreateEndpointConfig");
    assert_eq!(row["tag_operations"]["add"], "AddTags");
    assert!(spec.iter().any(|f| f.name == "productionVariants" && f.required && f.unordered));
    for path in ["spec.productionVariants.modelName", "productionVariants[].modelName"] {
        let Explanation::Field { field, members } = explain(kind, path) else { panic!("{path}") };
        assert_eq!(field.kind, "string");
        assert_eq!(field.reference.as_deref(), Some("modelRef"));
        assert!(field.immutable && field.pattern.is_some() && members.is_empty());
    }
    let Explanation::Field { field, .. } = explain(kind, "productionVariants.modelRef") else { panic!() };
    assert_eq!(field.refers_to, ["Model"]);
    let Explanation::Field { field, .. } = explain(kind, "productionVariants.instanceType") else { panic!() };
    assert!(field.values.iter().any(|v| v == "ml.m5.large"));
    let Explanation::Unknown { known, name, expected } = explain(kind, "productionVariants.modelNam") else { panic!() };
    assert_eq!((known.as_str(), name.as_str()), ("spec.productionVariants", "modelNam"));
    assert!(expected.iter().any(|e| e == "modelName"));
    let Explanation::Field { field, .. } = explain(find("Endpoint").unwrap(), "endpointStatus") else { panic!() };
    assert_eq!(field.path, "status.endpointStatus");
    let Explanation::Field { field, .. } = explain(find("Pipeline").unwrap(), "clientRequestToken") else { panic!() };
    assert!(field.immutable, "UpdatePipeline takes none");
    let Explanation::Field { field, .. } = explain(find("TrainingJob").unwrap(), "resourceConfig") else { panic!() };
    assert!(!field.immutable, "a part of it can be changed");
    let Explanation::Field { field, .. } = explain(find("Endpoint").unwrap(), "endpointConfigName") else { panic!() };
    assert!(!field.immutable && field.required);
}

#[test]
fn paths_name_values() {
    let doc = json!({"A": [{"B": 1}, {"B": 2}]});
    let hits = values(&doc, &Path::parse("A[].B"));
    assert_eq!(hits.iter().map(|(p, v)| format!("{p}={v}")).collect::<Vec<_>>(), ["A[0].B=1", "A[1].B=2"]);
    assert!(Path::parse("A[]").leads_to(&Path::parse("A[3].B")));
    assert!(!Path::parse("A[].B").leads_to(&Path::parse("A[]")));
}

/// (kind, filter of what changed, time that it goes by, what it shows)
#[test]
fn listings_are_read_from_the_model() {
    use sagewright_kinds::Shows;
    let expected = [
        ("Endpoint", Some("LastModifiedTimeAfter"), Some("LastModifiedTime"), Shows::All),
        ("TrainingJob", Some("LastModifiedTimeAfter"), Some("LastModifiedTime"), Shows::All),
        ("Model", Some("CreationTimeAfter"), Some("CreationTime"), Shows::All),
        ("EndpointConfig", Some("CreationTimeAfter"), Some("CreationTime"), Shows::All),
        // No filter by the time of a change: all of them are listed and compared.
        ("Pipeline", None, Some("LastModifiedTime"), Shows::All),
        ("ModelPackage", None, Some("CreationTime"), Shows::Part),
        ("ModelPackageGroup", None, Some("CreationTime"), Shows::Part),
        ("PipelineExecution", None, Some("StartTime"), Shows::Part),
    ];
    for (name, filter, time, shows) in expected {
        let listing = find(name).unwrap().listing().unwrap();
        assert_eq!((listing.changed_after(), listing.changed(), listing.shows), (filter, time, shows), "{name}");
    }
    let endpoint = find("Endpoint").unwrap().listing().unwrap();
    assert_eq!(endpoint.items, "Endpoints");
    assert_eq!(endpoint.oldest_first, [("SortBy", "CreationTime"), ("SortOrder", "Ascending")]);
    assert_eq!(endpoint.newest_first, [("SortBy", "CreationTime"), ("SortOrder", "Descending")]);
    assert_eq!(find("PipelineExecution").unwrap().listing().unwrap().required, ["PipelineName"]);
}

#[test]
fn kinds_whose_tags_are_indexed_have_a_type_there() {
    let types: Vec<Option<String>> = ["Model", "HyperParameterTuningJob", "ScalableTarget", "PipelineExecution"]
        .map(|k| find(k).unwrap().indexed_type())
        .into();
    let expected = [Some("sagemaker:model"), Some("sagemaker:hyper-parameter-tuning-job"), None, None];
    assert_eq!(types, expected.map(|t| t.map(str::to_owned)));
}
