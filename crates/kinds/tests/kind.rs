//! What a kind says of itself, by rows that only these tests read.

#![allow(clippy::unwrap_used, clippy::panic)]

use sagewright_kinds::row::ErrorRule;
use sagewright_kinds::{
    Explanation, FieldInfo, Kind, Path, Phase, all, by_gvk, explain, find, get, get_mut, parse, set, values,
};
use serde_json::{Value, json};

fn row(file: &str) -> Kind {
    let path = format!("{}/tests/sample_rows/{file}.toml", env!("CARGO_MANIFEST_DIR"));
    parse(file, &std::fs::read_to_string(path).unwrap()).unwrap()
}

#[test]
fn a_kind_has_its_names() {
    let policy = row("scaling-policy");
    assert_eq!((policy.name(), policy.plural(), policy.version()), ("ScalingPolicy", "scalingpolicies", "v1alpha1"));
    assert_eq!(policy.group(), "applicationautoscaling.services.k8s.aws");
    assert_eq!(policy.api_version(), "applicationautoscaling.services.k8s.aws/v1alpha1");
    assert_eq!((policy.words().as_str(), policy.words_of_many().as_str()), ("scaling policy", "scaling policies"));
    let job = row("training-job");
    assert_eq!(
        (job.plural(), job.words().as_str(), job.words_of_many().as_str()),
        ("trainingjobs", "training job", "training jobs")
    );
    for (kind, words) in
        [("AutoMLJobV2", "auto ML job v2"), ("AIBenchmarkJob", "AI benchmark job"), ("HumanTaskUi", "human task ui")]
    {
        assert_eq!(sagewright_kinds::find(kind).unwrap().words(), words);
    }
    let text =
        std::fs::read_to_string(concat!(env!("CARGO_MANIFEST_DIR"), "/tests/sample_rows/endpoint.toml")).unwrap();
    let other =
        parse("x", &text.replacen("service =", "group = \"g.example\"\nversion = \"v2\"\nservice =", 1)).unwrap();
    assert_eq!(other.api_version(), "g.example/v2");
}

#[test]
fn a_kind_is_found_as_a_manifest_names_it() {
    for kind in all() {
        assert_eq!(by_gvk(&kind.api_version(), kind.name()).map(Kind::name), Some(kind.name()));
        assert!(by_gvk("v1", kind.name()).is_none());
        assert!(by_gvk(&kind.api_version(), kind.plural()).is_none());
    }
    let group = find("Model").unwrap().group();
    assert!(find(&format!("endpoints.{group}")).is_some_and(|k| k.name() == "Endpoint"));
    assert!(find(&format!("MODELS.{group}")).is_some() && find("models.example").is_none() && find("").is_none());
}

#[test]
fn a_kind_knows_what_it_is_known_by() {
    let (job, package, policy) = (row("training-job"), row("model-package"), row("scaling-policy"));
    assert!(job.is_job() && !package.is_job());
    assert!(package.is_arn_identified() && !job.is_arn_identified());
    assert_eq!(job.name_field().as_deref(), Some("spec.trainingJobName"));
    assert_eq!(package.name_field(), None);
    assert_eq!(job.name_of(&json!({"TrainingJobName": "t"})).as_deref(), Some("t"));
    assert_eq!(job.name_of(&json!({"TrainingJobName": 1})), None);
    assert_eq!(package.name_of(&json!({"ModelPackageName": "p"})), None);
    let spec = json!({"PolicyName": "p", "ServiceNamespace": "sagemaker", "ResourceId": "r", "ScalableDimension": "d"});
    assert_eq!(policy.name_of(&spec).as_deref(), Some("p sagemaker r d"));
    assert_eq!(policy.name_of(&json!({"PolicyName": "p"})), None);
}

#[test]
fn what_is_nothing_but_its_spec_can_be_made_anew_under_another_name() {
    let kinds: Vec<&str> = all().iter().filter(|kind| kind.takes_generated_names()).map(Kind::name).collect();
    let expected = [
        "AIWorkloadConfig",
        "DataQualityJobDefinition",
        "EdgeDeploymentPlan",
        "EndpointConfig",
        "ModelBiasJobDefinition",
        "ModelExplainabilityJobDefinition",
        "ModelQualityJobDefinition",
        "Model",
        "StudioLifecycleConfig",
    ];
    assert_eq!(kinds, expected);
}

#[test]
fn the_own_name_of_a_resource_is_told_from_the_names_around_it() {
    let own = |kind: &str| find(kind).unwrap().own_name();
    let table = [
        ("TrainingJob", Some("TrainingJobName")),
        ("DataQualityJobDefinition", Some("JobDefinitionName")),
        ("AutoMLJobV2", Some("AutoMLJobName")),
        ("ScalingPolicy", Some("PolicyName")),
        ("Space", Some("SpaceName")),
        ("Domain", Some("DomainName")),
        ("ComputeQuota", Some("Name")),
        ("ModelCardExportJob", Some("ModelCardExportJobName")),
        // Named after what it is a target of, after what it is in, by either of two members, by AWS.
        ("ScalableTarget", None),
        ("PipelineExecution", None),
        ("ImageVersion", None),
        ("ModelPackage", None),
        ("Artifact", None),
    ];
    for (kind, name) in table {
        assert_eq!(own(kind), name, "{kind}");
    }
}

#[test]
fn a_kind_knows_its_operations_and_shapes() {
    let policy = row("scaling-policy");
    assert!(policy.create_shape().members.contains_key("PolicyName"));
    // Of a read that lists, one item.
    assert!(
        policy.read_shape().members.contains_key("PolicyARN") && !policy.read_shape().members.contains_key("NextToken")
    );
    assert_eq!(policy.operation("PutScalingPolicy").unwrap().name, "PutScalingPolicy");
    assert!(policy.operation("CreateModel").is_none());
    assert_eq!((policy.tags_member(), policy.tag_operations().is_none()), (None, true));
    let endpoint = row("endpoint");
    assert_eq!((endpoint.tags_member(), endpoint.tag_operations().unwrap().add.as_str()), (Some("Tags"), "AddTags"));
    assert_eq!(endpoint.service().id, "sagemaker");
    assert_eq!(endpoint.defaults().group, "sagemaker.services.k8s.aws");
    let codes = |errors: &[ErrorRule]| errors.iter().map(|e| e.code.clone()).collect::<Vec<_>>();
    assert_eq!(
        codes(&endpoint.errors().not_found),
        ["ValidationException", "ResourceNotFound", "ResourceNotFoundException"]
    );
    assert!(!endpoint.errors().exists.is_empty() && !endpoint.errors().busy.is_empty());
    assert!(!endpoint.errors().terminal.is_empty() && !endpoint.errors().settling.is_empty());
    assert_eq!(endpoint.logs("e"), Some(("/aws/sagemaker/Endpoints/e".to_owned(), String::new())));
    assert_eq!(row("training-job").logs("t"), Some(("/aws/sagemaker/TrainingJobs".to_owned(), "t/".to_owned())));
    assert_eq!(policy.logs("p"), None);
}

#[test]
fn a_status_word_has_its_phase() {
    let job = row("training-job");
    let table = [
        ("InProgress", Phase::Progressing, false, "progressing"),
        ("Completed", Phase::Settled, true, "settled"),
        ("Failed", Phase::Failed, true, "failed"),
        ("Stopping", Phase::Stopping, false, "stopping"),
        ("Stopped", Phase::Stopped, true, "stopped"),
        ("Deleting", Phase::Deleting, false, "deleting"),
        ("completed", Phase::Unknown, false, "unknown"),
    ];
    for (word, phase, is_final, shown) in table {
        assert_eq!((job.phase(word), phase.is_final(), phase.to_string().as_str()), (phase, is_final, shown), "{word}");
    }
    assert!(Phase::Gone.is_final() && Phase::Gone.to_string() == "gone");
}

#[test]
fn an_update_changes_what_the_row_says() {
    let mutable = |kind: &Kind, path: &str| kind.is_mutable(&Path::parse(path));
    let job = row("training-job");
    assert!(mutable(&job, "ResourceConfig.KeepAlivePeriodInSeconds") && mutable(&job, "ProfilerConfig.S3OutputPath"));
    assert!(mutable(&job, "ProfilerRuleConfigurations[2].RuleConfigurationName"));
    assert!(!mutable(&job, "ResourceConfig") && !mutable(&job, "RoleArn"));
    let policy = row("scaling-policy");
    assert!(mutable(&policy, "PolicyType") && mutable(&policy, "TargetTrackingScalingPolicyConfiguration.TargetValue"));
    assert!(!mutable(&policy, "PolicyName") && !mutable(&policy, "ResourceId") && !mutable(&policy, "Alarms"));
    let text = std::fs::read_to_string(concat!(env!("CARGO_MANIFEST_DIR"), "/../../kinds/model.toml")).unwrap();
    assert!(!mutable(&parse("model", &text).unwrap(), "ModelName"), "no update");
}

#[test]
fn members_come_from_the_create_and_what_the_row_adds() {
    let package = row("model-package");
    let fields = package.spec_fields();
    assert!(fields["approvalDescription"].update_only && !fields["approvalDescription"].required);
    assert_eq!(
        (fields["approvalDescription"].member, fields["approvalDescription"].shape),
        ("ApprovalDescription", "ApprovalDescription")
    );
    assert!(!fields["modelPackageGroupName"].update_only && !fields.contains_key("modelPackageArn"));
    // An idempotency token is filled in by the client.
    assert!(fields.contains_key("clientToken") && !fields["clientToken"].required);
    let job = row("training-job");
    assert!(job.spec_fields()["trainingJobName"].required && !job.spec_fields()["tags"].required);
    assert!(package.spec_member("ApprovalDescription").is_some() && package.spec_member("ModelLifeCycle").is_some());
    // The update takes it too, and the row does not say so.
    assert!(
        package.spec_member("InferenceSpecificationToRemove").is_none()
            && package.spec_member("ModelPackageArn").is_none()
    );
    let shape = |path: &str| package.spec_shape(&Path::parse(path)).map(|s| s.kind);
    assert_eq!(shape("InferenceSpecification.Containers[].Image"), Some(sagewright_model::ShapeType::String));
    assert_eq!(shape("ApprovalDescription"), Some(sagewright_model::ShapeType::String));
    assert_eq!((shape("InferenceSpecification.Nothing"), shape("Nothing"), shape("")), (None, None, None));
    let crd = |path: &str| package.spec_path_to_crd(&Path::parse(path)).to_string();
    assert_eq!(
        crd("InferenceSpecification.Containers[1].ModelDataUrl"),
        "inferenceSpecification.containers[1].modelDataURL"
    );
    assert_eq!(crd("ApprovalDescription"), "approvalDescription");
    assert_eq!(crd("CustomerMetadataProperties.Some_Key"), "customerMetadataProperties.Some_Key");
    let spec = json!({"ModelPackageGroupName": "g", "ApprovalDescription": "d", "Odd": 1, "InferenceSpecification": {"Containers": [{"ModelDataUrl": "u"}]}});
    assert_eq!(
        package.spec_to_crd(&spec),
        json!({"modelPackageGroupName": "g", "approvalDescription": "d", "inferenceSpecification": {"containers": [{"modelDataURL": "u"}]}})
    );
}

#[test]
fn a_read_is_parted_into_spec_and_status() {
    let endpoint = row("endpoint");
    let output = json!({
        "EndpointName": "e", "EndpointArn": "arn:aws-cn:sagemaker:cn-north-1:123456789012:endpoint/e", "EndpointConfigName": "c",
        "EndpointStatus": "InService", "FailureReason": null, "CreationTime": 1.5, "Unheard": "of",
        "ProductionVariants": [{"VariantName": "v", "DesiredWeight": 1.0}],
        "LastDeploymentConfig": {"RollingUpdatePolicy": {"WaitIntervalInSeconds": 3, "Odd": 1, "MaximumBatchSize": null}},
    });
    assert_eq!(
        endpoint.status_of(&output),
        json!({
            "ackResourceMetadata": {"arn": "arn:aws-cn:sagemaker:cn-north-1:123456789012:endpoint/e",
                "ownerAccountID": "123456789012", "region": "cn-north-1", "partition": "aws-cn"},
            "endpointStatus": "InService", "creationTime": 1.5, "productionVariants": [{"variantName": "v", "desiredWeight": 1.0}],
            "lastDeploymentConfig": {"rollingUpdatePolicy": {"waitIntervalInSeconds": 3, "maximumBatchSize": null}},
        })
    );
    assert_eq!(
        endpoint.spec_of(&output),
        json!({"EndpointName": "e", "EndpointConfigName": "c", "DeploymentConfig": {"RollingUpdatePolicy": {"WaitIntervalInSeconds": 3}}})
    );
    assert_eq!(endpoint.status_of(&json!({"EndpointArn": "odd"})), json!({"ackResourceMetadata": {"arn": "odd"}}));
    assert_eq!(endpoint.status_of(&json!({})), json!({}));
    let mut value = json!([{"VariantName": "v", "Odd": 1, "ModelName": null}]);
    let variants = endpoint.service().shape("ProductionVariantList").unwrap();
    endpoint.keep_known(variants, &mut value);
    assert_eq!(value, json!([{"VariantName": "v"}]));
    let columns = endpoint.columns();
    assert!(columns.contains(&("STATUS".to_owned(), "status.endpointStatus".to_owned(), 0)), "{columns:?}");
    assert!(columns.contains(&("FAILURE-REASON".to_owned(), "status.failureReason".to_owned(), 1)), "{columns:?}");
}

#[test]
fn references_lead_to_what_they_name() {
    let policy = row("scaling-policy");
    let reference = &policy.refs()[0];
    assert_eq!(
        (reference.field.as_str(), reference.list, reference.parent.to_string().as_str()),
        ("resourceIDRef", false, "")
    );
    assert_eq!(reference.with, [("variant".to_owned(), "AllTraffic".to_owned())]);
    let targets: Vec<_> =
        reference.targets.iter().map(|t| (t.kind.as_str(), t.value.as_str(), t.template.as_deref())).collect();
    assert_eq!(
        targets,
        [
            ("Endpoint", "spec.endpointName", Some("endpoint/{}/variant/{variant}")),
            ("InferenceComponent", "spec.inferenceComponentName", Some("inference-component/{}")),
            ("ScalableTarget", "spec.resourceID", None),
        ]
    );
    let package = row("model-package");
    let nested = &package.refs()[1];
    assert_eq!(
        (nested.field.as_str(), nested.crd.to_string().as_str()),
        ("modelDataRef", "inferenceSpecification.containers[].modelDataURL")
    );
    assert_eq!(
        nested.at(&Path::parse("inferenceSpecification.containers[2]")).to_string(),
        "inferenceSpecification.containers[2].modelDataRef"
    );
    let text =
        std::fs::read_to_string(concat!(env!("CARGO_MANIFEST_DIR"), "/tests/sample_rows/training-job.toml")).unwrap();
    let refs = "\n[[refs]]\npath = \"VpcConfig.Subnets\"\nkind = \"Subnet\"\ngroup = \"ec2.services.k8s.aws\"\nvalue = \"status.subnetID\"\n\
        [[refs]]\npath = \"VpcConfig.SecurityGroupIds\"\nkind = \"SecurityGroup\"\ngroup = \"ec2.services.k8s.aws\"\nvalue = \"status.id\"\n\
        [[refs]]\npath = \"Nothing\"\nkind = \"Model\"\n[[refs]]\npath = \"AlgorithmSpecification.MetricDefinitions[].Name\"\nkind = \"Model\"\n";
    let job = parse("x", &(text + refs)).unwrap();
    let fields: Vec<_> =
        job.refs().iter().skip(1).map(|r| (r.field.as_str(), r.list, r.targets[0].group.as_deref())).collect();
    assert_eq!(
        fields,
        [
            ("subnetRefs", true, Some("ec2.services.k8s.aws")),
            ("securityGroupRefs", true, Some("ec2.services.k8s.aws")),
            // Nothing is left of `Name` without its suffix.
            ("nameRef", false, None),
        ]
    );
}

fn field(kind: &Kind, path: &str) -> (FieldInfo, Vec<String>) {
    match explain(kind, path) {
        Explanation::Field { field, members } => (field, members.into_iter().map(|m| m.name).collect()),
        other => panic!("{path}: {other:?}"),
    }
}

#[test]
fn a_field_is_explained_by_the_model_and_the_row() {
    let package = row("model-package");
    let (info, members) = field(&package, "spec.inferenceSpecification.containers.modelDataURL");
    assert_eq!(
        (info.path.as_str(), info.member.as_str()),
        ("spec.inferenceSpecification.containers.modelDataURL", "ModelDataUrl")
    );
    assert_eq!(
        (info.kind.as_str(), info.max, info.reference.as_deref()),
        ("string", Some(1024.0), Some("modelDataRef"))
    );
    assert!(info.immutable && !info.required && !info.union && !info.sensitive && members.is_empty());
    let (info, members) = field(&package, "inferenceSpecification.containers");
    assert_eq!((info.kind.as_str(), info.min, info.max), ("[]object", Some(1.0), Some(15.0)));
    assert!(members.contains(&"image".to_owned()) && members.contains(&"modelDataRef".to_owned()), "{members:?}");
    assert_eq!(field(&package, "inferenceSpecification.containers.imageDigest").0.default, Some(json!("")));
    assert_eq!(field(&package, "inferenceSpecification.containers.image").0.default, None);
    assert_eq!(field(&package, "modelApprovalStatus").0.default, Some(json!("PendingManualApproval")));
    assert_eq!(field(&package, "customerMetadataProperties").0.kind, "map[string]string");
    assert!(field(&package, "inferenceSpecification.supportedContentTypes").0.unordered);
    assert!(!field(&package, "inferenceSpecification.containers").0.unordered);
    let (approval, _) = field(&package, "spec.modelApprovalStatus");
    assert!(!approval.immutable && approval.values.iter().any(|v| v == "Approved"));
    // Tags are changed by calls of their own.
    assert!(!field(&package, "tags").0.immutable && field(&package, "clientToken").0.immutable);
    let (info, members) = field(&package, "modelPackageGroupRef");
    assert_eq!(
        (info.kind.as_str(), info.refers_to.as_slice(), members.len()),
        ("reference", ["ModelPackageGroup".to_owned()].as_slice(), 0)
    );
    assert_eq!(
        (
            field(&package, "status.creationTime").0.kind.as_str(),
            field(&package, "certifyForMarketplace").0.kind.as_str()
        ),
        ("date-time", "boolean")
    );
    let (status, _) = field(&package, "modelPackageStatus");
    assert!(status.path == "status.modelPackageStatus" && !status.immutable && status.default.is_none());
    let job = row("training-job");
    assert_eq!(
        (
            field(&job, "resourceConfig.instanceCount").0.kind.as_str(),
            field(&job, "trainingTimeInSeconds").0.kind.as_str()
        ),
        ("integer", "integer")
    );
    assert_eq!(field(&job, "finalMetricDataList.value").0.kind, "number");
    assert!(field(&job, "roleARN").0.required && field(&job, "roleARN").0.pattern.is_some());
    assert_eq!(
        field(&row("scaling-policy"), "resourceIDRef").0.refers_to,
        ["Endpoint", "InferenceComponent", "ScalableTarget"]
    );
}

#[test]
fn a_path_that_leads_nowhere_is_told_with_what_could_follow() {
    let package = row("model-package");
    for (path, known, name, could) in [
        ("spec.nothing", "spec", "nothing", "modelPackageGroupRef"),
        ("status.nothing", "status", "nothing", "modelPackageStatus"),
        ("nothing", "spec", "nothing", "modelPackageGroupName"),
        ("inferenceSpecification.containers[].x", "spec.inferenceSpecification.containers", "x", "image"),
    ] {
        let Explanation::Unknown { known: k, name: n, expected } = explain(&package, path) else { panic!("{path}") };
        assert_eq!((k.as_str(), n.as_str()), (known, name), "{path}");
        assert!(expected.iter().any(|e| e == could), "{path}: {expected:?}");
    }
    let Explanation::Unknown { expected, .. } = explain(&package, "modelPackageGroupRef.name") else { panic!() };
    assert!(expected.is_empty());
    let (info, members) = field(&package, "spec");
    assert_eq!((info.name.as_str(), info.path.as_str(), info.kind.as_str()), ("spec", "spec", "object"));
    assert!(members.contains(&"modelPackageGroupRef".to_owned()));
    let (_, members) = field(&package, "status");
    assert!(!members.iter().any(|m| m.ends_with("Ref")), "{members:?}");
}

#[test]
fn a_kind_is_explained_by_what_its_row_says_and_no_more() {
    let Explanation::Kind { api_version, kind, plural, row, spec, status } = explain(&row("training-job"), "") else {
        panic!()
    };
    assert_eq!(
        (api_version.as_str(), kind.as_str(), plural.as_str()),
        ("sagemaker.services.k8s.aws/v1alpha1", "TrainingJob", "trainingjobs")
    );
    assert!(spec.iter().any(|f| f.name == "trainingJobName") && status.iter().any(|f| f.name == "secondaryStatus"));
    assert_eq!(row["operations"]["stop"], "StopTrainingJob");
    assert!(row["operations"].get("delete").is_none() && row.get("group").is_none() && row.get("columns").is_none());
    assert_eq!(row["update"]["only_changed"], true);
    assert!(row["update"].get("remember").is_none(), "a setting that is off is not said");
    assert_eq!(row["spec"]["defaults"]["EnableNetworkIsolation"], false, "a default of `false` is said");
    assert_eq!(row["spec"]["defaults"]["AlgorithmSpecification.EnableSageMakerMetricsTimeSeries"], false);
    assert!(row["errors"]["not_found"].as_array().is_some_and(|e| e.len() > 1), "{row}");
    assert_eq!(row["tag_operations"]["delete"], "DeleteTags");
    let Explanation::Kind { row, .. } = explain(&self::row("scaling-policy"), "") else { panic!() };
    assert!(row.get("tag_operations").is_none());
}

#[test]
fn paths_are_read_and_printed() {
    for (text, shown) in [
        ("A.B[].C", "A.B[].C"),
        ("a.b[2].c", "a.b[2].c"),
        ("A[][3]", "A[][3]"),
        ("A..B", "A.B"),
        ("", ""),
        ("A[x]", "A[]"),
    ] {
        assert_eq!(Path::parse(text).to_string(), shown);
    }
    let path = Path::parse("A[].B[].C");
    assert_eq!((path.first(), path.last()), (Some("A"), Some("C")));
    assert_eq!((Path::parse("[1]").first(), Path::parse("A[1]").last()), (None, Some("A")));
    assert_eq!(Path::parse("A[1].B[2].C").general(), path);
    assert_eq!(path.placed(&Path::parse("X[4].Y")).to_string(), "A[4].B[].C");
    assert_eq!(path.placed(&Path::parse("X[4].Y[5]")).to_string(), "A[4].B[5].C");
    let leads = |a: &str, b: &str| Path::parse(a).leads_to(&Path::parse(b));
    assert!(leads("A", "A") && leads("A", "A.B") && leads("A[]", "A[1].B") && leads("A[1]", "A[1]") && leads("", "A"));
    assert!(!leads("A.B", "A") && !leads("A[1]", "A[2]") && !leads("A[1]", "A[]") && !leads("A", "B.A"));
}

#[test]
fn values_are_found_and_set_by_their_path() {
    let mut doc = json!({"A": [{"B": 1}, {"C": {"D": 2}}], "E": {"F": [10, 20]}});
    assert_eq!(get(&doc, &Path::parse("A[1].C.D")), Some(&json!(2)));
    assert_eq!(get(&doc, &Path::parse("A[2]")), None);
    assert_eq!(get(&doc, &Path::parse("A[].B")), None);
    *get_mut(&mut doc, &Path::parse("A[0].B")).unwrap() = json!(5);
    assert!(get_mut(&mut doc, &Path::parse("A[]")).is_none() && get_mut(&mut doc, &Path::parse("X")).is_none());
    *get_mut(&mut doc, &Path::parse("E.F[1]")).unwrap() = json!(21);
    set(&mut doc, &Path::parse("A[1].C.New.Deep"), json!(true));
    set(&mut doc, &Path::parse("A[7].B"), json!("lost"));
    set(&mut doc, &Path::parse("A[].B"), json!("lost"));
    set(&mut doc, &Path::parse("E.F[0]"), json!(11));
    assert_eq!(doc, json!({"A": [{"B": 5}, {"C": {"D": 2, "New": {"Deep": true}}}], "E": {"F": [11, 21]}}));
    let found =
        |path: &str| values(&doc, &Path::parse(path)).into_iter().map(|(p, v)| format!("{p}={v}")).collect::<Vec<_>>();
    assert_eq!(found("E.F[]"), ["E.F[0]=11", "E.F[1]=21"]);
    assert_eq!(
        (found("E.F[1]"), found("E.F[9]"), found("A.B"), found("E[]")),
        (vec!["E.F[1]=21".to_owned()], vec![], vec![], vec![])
    );
    assert_eq!(found("A[].B"), ["A[0].B=5"]);
    let mut nothing = Value::Null;
    set(&mut nothing, &Path::parse("A.B"), json!(1));
    assert_eq!(nothing, json!({"A": {"B": 1}}));
}

#[test]
fn an_error_is_known_by_its_code_and_every_text_that_the_row_gives() {
    let rule = |prefix: Option<&str>, suffix: Option<&str>, contains: Option<&str>| ErrorRule {
        code: "ValidationException".to_owned(),
        prefix: prefix.map(str::to_owned),
        suffix: suffix.map(str::to_owned),
        contains: contains.map(str::to_owned),
    };
    let message = "Could not find model \"m\" here.\n";
    for (rule, expected) in [
        (rule(None, None, None), true),
        (rule(Some("Could not find"), None, None), true),
        (rule(Some("could not find"), None, None), false),
        (rule(None, Some("here."), None), true),
        (rule(None, Some("there."), None), false),
        (rule(None, None, Some("model")), true),
        (rule(None, None, Some("endpoint")), false),
        (rule(Some("Could"), Some("here."), Some("find")), true),
        (rule(Some("Could"), Some("x"), Some("find")), false),
    ] {
        assert_eq!(rule.matches("ValidationException", message), expected, "{rule:?}");
        assert!(!rule.matches("ResourceInUse", message));
    }
}
