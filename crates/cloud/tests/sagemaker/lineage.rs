//! Lineage: what callers associate, what SageMaker tracks by itself, and queries over both.

use std::sync::Arc;

use sagewright_cloud::sagemaker::{JobEnd, Kind, Outcome, TrainingEnd, TrainingEvent};
use sagewright_cloud_store_sqlite::SqliteRecords;
use serde_json::{Value, json};

use crate::restart::run;
use crate::support::{Cloud, IMAGE, Life, config, package, processing_job, training_job, transform_job, with};

const MODEL: &str = "s3://data/out/j/model.tar.gz";

impl Cloud {
    /// Runs a training job to its end.
    async fn trained(&self, request: Value, end: TrainingEnd) {
        let name = request["TrainingJobName"].as_str().unwrap().to_owned();
        self.ok("CreateTrainingJob", request).await;
        let job = self.job().await;
        let at = self.clock.time();
        (job.events)(TrainingEvent::Metric { name: "validation:merror".to_owned(), value: 0.25, at });
        let status = if matches!(end, TrainingEnd::Completed { .. }) { "Completed" } else { "Failed" };
        job.end.send(end).unwrap();
        self.until(Kind::TRAINING_JOB, &name.to_ascii_lowercase(), status).await;
        self.recorded().await;
    }

    pub async fn artifact(&self, uri: &str, kind: &str) -> String {
        let input = json!({"Source": {"SourceUri": uri}, "ArtifactType": kind});
        self.ok("CreateArtifact", input).await["ArtifactArn"].as_str().unwrap().to_owned()
    }

    pub async fn associate(&self, from: &str, to: &str) {
        self.ok("AddAssociation", json!({"SourceArn": from, "DestinationArn": to})).await;
    }

    /// The one artifact of a URI.
    async fn of_uri(&self, uri: &str) -> String {
        let listed = self.ok("ListArtifacts", json!({"SourceUri": uri})).await;
        let all = listed["ArtifactSummaries"].as_array().unwrap();
        assert_eq!(all.len(), 1, "{uri}: {listed:#}");
        all[0]["ArtifactArn"].as_str().unwrap().to_owned()
    }

    /// All pages of a query.
    pub async fn query(&self, input: Value) -> (Vec<Value>, Vec<Value>) {
        let (mut vertices, mut edges) = (Vec::new(), Vec::new());
        let mut input = input;
        loop {
            let page = self.ok("QueryLineage", input.clone()).await;
            vertices.extend(page["Vertices"].as_array().unwrap().clone());
            edges.extend(page["Edges"].as_array().unwrap().clone());
            let Some(token) = page.get("NextToken") else { return (vertices, edges) };
            input["NextToken"] = token.clone();
        }
    }

    /// Associations from or to an entity: type of the other end, association, what is there.
    async fn around(&self, arn: &str) -> Vec<String> {
        let mut out = Vec::new();
        for (own, other, sign) in [("DestinationArn", "Source", "<"), ("SourceArn", "Destination", ">")] {
            let listed = self.ok("ListAssociations", json!({own: arn, "MaxResults": 100})).await;
            for association in listed["AssociationSummaries"].as_array().unwrap() {
                let text = |member: &str| association[member].as_str().unwrap_or("-").to_owned();
                let kind = text(&format!("{other}Type"));
                out.push(format!("{sign} {kind} {}", text("AssociationType")));
            }
        }
        out.sort();
        out
    }
}

pub fn completed() -> TrainingEnd {
    TrainingEnd::Completed { artifacts: MODEL.to_owned() }
}

fn types(vertices: &[Value]) -> Vec<&str> {
    let mut out: Vec<&str> = vertices.iter().map(|v| v["Type"].as_str().unwrap()).collect();
    out.sort_unstable();
    out
}

#[tokio::test]
async fn a_training_job_leaves_a_trial_component_and_what_it_read_and_wrote() {
    let cloud = Cloud::new();
    let request = with(training_job("J"), "/HyperParameters", json!({"num_round": "10", "objective": "reg:linear"}));
    let request = with(request, "/CheckpointConfig", json!({"S3Uri": "s3://data/checkpoints"}));
    cloud.trained(request, completed()).await;
    let component = cloud.ok("DescribeTrialComponent", json!({"TrialComponentName": "J-aws-training-job"})).await;
    let job = cloud.describe_job("J").await;
    assert_eq!(component["TrialComponentName"], "J-aws-training-job");
    assert_eq!(component["Source"], json!({"SourceArn": job["TrainingJobArn"], "SourceType": "SageMakerTrainingJob"}));
    assert_eq!(component["Status"]["PrimaryStatus"], "Completed");
    assert_eq!((&component["StartTime"], &component["EndTime"]), (&job["TrainingStartTime"], &job["TrainingEndTime"]));
    assert_eq!(
        component["Parameters"],
        json!({
            "SageMaker.ImageUri": {"StringValue": IMAGE},
            "SageMaker.InstanceCount": {"NumberValue": 1.0},
            "SageMaker.InstanceType": {"StringValue": "ml.m5.large"},
            "SageMaker.VolumeSizeInGB": {"NumberValue": 5.0},
            "num_round": {"NumberValue": 10.0},
            "objective": {"StringValue": "reg:linear"},
        })
    );
    assert_eq!(component["InputArtifacts"], json!({"train": {"Value": "s3://data/train"}}));
    assert_eq!(component["OutputArtifacts"]["SageMaker.ModelArtifact"], json!({"Value": MODEL}));
    assert_eq!(component["Metrics"][0]["MetricName"], "validation:merror");
    assert_eq!(component["Metrics"][0]["Last"], 0.25);

    let arn = component["TrialComponentArn"].as_str().unwrap();
    assert_eq!(
        cloud.around(arn).await,
        ["< DataSet ContributedTo", "< Image ContributedTo", "> Checkpoint Produced", "> Model Produced"]
    );
    // The SDK asks with the ARN in lower case.
    let source = json!({"SourceArn": job["TrainingJobArn"].as_str().unwrap().to_ascii_lowercase()});
    let listed = cloud.ok("ListTrialComponents", source).await;
    assert_eq!(listed["TrialComponentSummaries"][0]["TrialComponentArn"], arn);
    assert_eq!(listed["TrialComponentSummaries"][0]["TrialComponentSource"]["SourceArn"], job["TrainingJobArn"]);

    // What goes leaves its lineage.
    cloud.ok("DeleteTrainingJob", json!({"TrainingJobName": "J"})).await;
    assert_eq!(cloud.around(arn).await.len(), 4);
}

#[tokio::test]
async fn a_failed_job_wrote_nothing_that_counts() {
    let cloud = Cloud::new();
    cloud.trained(training_job("j"), TrainingEnd::Failed { reason: "AlgorithmError: no".to_owned() }).await;
    let component = cloud.ok("DescribeTrialComponent", json!({"TrialComponentName": "j-aws-training-job"})).await;
    assert_eq!(component["Status"]["PrimaryStatus"], "Failed");
    assert!(component["Status"]["Message"].as_str().unwrap().contains("AlgorithmError: no"), "{component:#}");
    let around = cloud.around(component["TrialComponentArn"].as_str().unwrap()).await;
    assert_eq!(around, ["< DataSet ContributedTo", "< Image ContributedTo"]);
}

#[tokio::test]
async fn processing_and_transform_jobs_are_between_their_data() {
    let cloud = Cloud::new();
    cloud.two_configs().await;
    cloud.ok("CreateProcessingJob", processing_job("p")).await;
    cloud.processing().await.end.send(JobEnd::new(Outcome::Completed)).unwrap();
    cloud.until(Kind::PROCESSING_JOB, "p", "Completed").await;
    cloud.ok("CreateTransformJob", transform_job("t")).await;
    cloud.transform().await.end.send(JobEnd::new(Outcome::Completed)).unwrap();
    cloud.until(Kind::TRANSFORM_JOB, "t", "Completed").await;
    cloud.recorded().await;
    for (name, source, around) in [
        (
            "p-aws-processing-job",
            "SageMakerProcessingJob",
            vec!["< DataSet ContributedTo", "< Image ContributedTo", "> DataSet Produced"],
        ),
        ("t-aws-transform-job", "SageMakerTransformJob", vec!["< DataSet ContributedTo", "> DataSet Produced"]),
    ] {
        let component = cloud.ok("DescribeTrialComponent", json!({"TrialComponentName": name})).await;
        assert_eq!(component["Source"]["SourceType"], source);
        assert_eq!(cloud.around(component["TrialComponentArn"].as_str().unwrap()).await, around, "{name}");
    }
    // Both read and wrote the same place: one artifact each.
    assert_eq!(cloud.around(&cloud.of_uri("s3://data/train").await).await.len(), 2);
}

#[tokio::test]
async fn a_query_leads_from_an_endpoint_up_to_its_data() {
    let cloud = Cloud::new();
    cloud.bucket.put("data", "out/j/model.tar.gz");
    cloud.trained(training_job("j"), completed()).await;
    cloud.ok("CreateModelPackageGroup", json!({"ModelPackageGroupName": "g"})).await;
    let version = with(package("g"), "/InferenceSpecification/Containers/0/ModelDataUrl", json!(MODEL));
    let version = cloud.ok("CreateModelPackage", version).await["ModelPackageArn"].as_str().unwrap().to_owned();
    cloud.recorded().await;
    cloud.clock.advance(2_000);
    cloud.ok("UpdateModelPackage", json!({"ModelPackageArn": version, "ModelApprovalStatus": "Approved"})).await;
    let model = json!({
        "ModelName": "m", "ExecutionRoleArn": "arn:aws:iam::000000000000:role/exec",
        "PrimaryContainer": {"ModelPackageName": version},
    });
    cloud.ok("CreateModel", model).await;
    cloud.ok("CreateEndpointConfig", config("c1", "m")).await;
    cloud.ok("CreateEndpoint", json!({"EndpointName": "e", "EndpointConfigName": "c1"})).await;
    cloud.deploy().await.reply.send(Ok(())).unwrap();
    cloud.until(Kind::ENDPOINT, "e", "InService").await;
    cloud.recorded().await;

    let endpoint = cloud.describe_endpoint().await["EndpointArn"].clone();
    let contexts = cloud.ok("ListContexts", json!({"SourceUri": endpoint})).await;
    let context = &contexts["ContextSummaries"][0];
    assert_eq!((&context["ContextName"], &context["ContextType"]), (&json!("e-aws-endpoint"), &json!("Endpoint")));
    let start = json!([context["ContextArn"]]);

    let query = json!({"StartArns": start, "Direction": "Ascendants", "IncludeEdges": false});
    let (vertices, edges) = cloud.query(query.clone()).await;
    assert_eq!(
        types(&vertices),
        ["Approval", "Approval", "DataSet", "Image", "Model", "Model", "ModelDeployment", "TrainingJob"]
    );
    assert_eq!(edges, Vec::<Value>::new());
    let of_data = with(query, "/Filters", json!({"Types": ["DataSet"], "LineageTypes": ["Artifact"]}));
    let (vertices, _) = cloud.query(of_data.clone()).await;
    let data = cloud.of_uri("s3://data/train").await;
    assert_eq!(vertices, [json!({"Arn": data, "Type": "DataSet", "LineageType": "Artifact"})]);
    // With what is between them: endpoint, deployment, model, job, data.
    let (vertices, edges) = cloud.query(with(of_data, "/IncludeEdges", json!(true))).await;
    assert_eq!(types(&vertices), ["DataSet", "Endpoint", "Model", "ModelDeployment", "TrainingJob"]);
    assert_eq!(edges.len(), 4, "{edges:#?}");
    // And back.
    let down = json!({"StartArns": [data], "Direction": "Descendants", "Filters": {"LineageTypes": ["Context"]}});
    let (vertices, _) = cloud.query(with(down, "/IncludeEdges", json!(false))).await;
    assert_eq!(types(&vertices), ["Endpoint", "ModelGroup"]);

    let package = cloud.of_uri(&version).await;
    assert_eq!(
        cloud.around(&package).await,
        [
            "< Approval ContributedTo",
            "< Approval ContributedTo",
            "< Image ContributedTo",
            "< Model ContributedTo",
            "> ModelDeployment ContributedTo",
            "> ModelGroup AssociatedWith",
        ]
    );
    let actions = cloud.ok("ListActions", json!({"SourceUri": version, "SortOrder": "Ascending"})).await;
    let names: Vec<_> =
        actions["ActionSummaries"].as_array().unwrap().iter().map(|a| a["ActionName"].as_str().unwrap()).collect();
    assert_eq!(names.len(), 2, "{names:?}");
    assert!(names[0].starts_with("g-1-PendingManualApproval-") && names[0].ends_with("-aws-model-group"), "{names:?}");
    assert!(names[1].starts_with("g-1-Approved-"), "{names:?}");
}

#[tokio::test]
async fn a_deployment_is_recorded_once_and_an_update_adds_its_own() {
    let cloud = Cloud::new();
    cloud.endpoint().await;
    cloud.clock.advance(1_000);
    cloud.ok("UpdateEndpoint", json!({"EndpointName": "e", "EndpointConfigName": "c2"})).await;
    cloud.deploy().await.reply.send(Ok(())).unwrap();
    cloud.until(Kind::ENDPOINT, "e", "InService").await;
    cloud.recorded().await;
    let endpoint = cloud.describe_endpoint().await["EndpointArn"].clone();
    let context = cloud.ok("ListContexts", json!({"SourceUri": endpoint})).await["ContextSummaries"][0].clone();
    let around = cloud.around(context["ContextArn"].as_str().unwrap()).await;
    assert_eq!(around, ["< ModelDeployment AssociatedWith", "< ModelDeployment AssociatedWith"]);
}

#[tokio::test]
async fn a_source_has_one_artifact() {
    let cloud = Cloud::new();
    let source = json!({"SourceUri": "s3://b/x", "SourceTypes": [{"SourceIdType": "S3ETag", "Value": "e"}]});
    let input = json!({"ArtifactName": "one", "Source": source, "ArtifactType": "DataSet"});
    let first = cloud.ok("CreateArtifact", input.clone()).await["ArtifactArn"].clone();
    assert_eq!(cloud.ok("CreateArtifact", with(input, "/ArtifactName", json!("two"))).await["ArtifactArn"], first);
    let described = cloud.ok("DescribeArtifact", json!({"ArtifactArn": first})).await;
    assert_eq!(described["ArtifactName"], "one");
    let other = cloud.artifact("s3://b/x", "DataSet").await;
    assert_ne!(first, json!(other));
    let of_uri = cloud.ok("ListArtifacts", json!({"SourceUri": "s3://b/x"})).await;
    assert_eq!(of_uri["ArtifactSummaries"].as_array().unwrap().len(), 2);
    assert_eq!(cloud.ok("DeleteArtifact", json!({"Source": source})).await["ArtifactArn"], first);
    assert!(cloud.refused("DescribeArtifact", json!({"ArtifactArn": first})).await.starts_with("400 ResourceNotFound"));
    for input in [json!({}), json!({"ArtifactArn": other, "Source": source})] {
        assert_eq!(
            cloud.refused("DeleteArtifact", input).await,
            "400 ValidationException: Either ArtifactArn or Source must be specified, and not both."
        );
    }
}

#[tokio::test]
async fn artifacts_are_listed_by_source_and_type() {
    let cloud = Cloud::new();
    for (uri, kind) in [("s3://data/a", "DataSet"), ("s3://data/b", "Model"), ("s3://data/c", "DataSet")] {
        cloud.artifact(uri, kind).await;
    }
    for (filter, found) in [
        (json!({}), &["s3://data/a", "s3://data/b", "s3://data/c"][..]),
        (json!({"ArtifactType": "DataSet"}), &["s3://data/a", "s3://data/c"]),
        (json!({"SourceUri": "s3://data/b"}), &["s3://data/b"]),
        (json!({"SourceUri": "s3://data/b", "ArtifactType": "DataSet"}), &[]),
    ] {
        let told = cloud.ok("ListArtifacts", filter.clone()).await["ArtifactSummaries"].clone();
        let uris = told.as_array().unwrap().iter().map(|one| one["Source"]["SourceUri"].as_str().unwrap());
        let mut uris: Vec<&str> = uris.collect();
        uris.sort_unstable();
        assert_eq!(uris, found, "{filter}");
    }
}

#[tokio::test]
async fn properties_are_taken_away_by_key_and_those_of_trial_components_added() {
    let cloud = Cloud::new();
    let input = json!({
        "ContextName": "c", "Source": {"SourceUri": "s"}, "ContextType": "t", "Properties": {"a": "1", "b": "2"},
    });
    cloud.ok("CreateContext", input).await;
    cloud.ok("UpdateContext", json!({"ContextName": "c", "PropertiesToRemove": ["a"]})).await;
    let context = cloud.ok("DescribeContext", json!({"ContextName": "c"})).await;
    assert_eq!(context["Properties"], json!({"b": "2"}));

    let number = |n: f64| json!({"NumberValue": n});
    let input = json!({"TrialComponentName": "t", "Parameters": {"a": number(1.0), "b": number(2.0)}});
    cloud.ok("CreateTrialComponent", input).await;
    let update = json!({"TrialComponentName": "t", "Parameters": {"c": number(3.0)}, "ParametersToRemove": ["a"]});
    cloud.ok("UpdateTrialComponent", update).await;
    let component = cloud.ok("DescribeTrialComponent", json!({"TrialComponentName": "t"})).await;
    assert_eq!(component["Parameters"], json!({"b": number(2.0), "c": number(3.0)}));
}

#[tokio::test]
async fn associations_are_listed_by_their_ends_and_types_in_any_order() {
    let cloud = Cloud::new();
    let mut arns = Vec::new();
    for (n, kind) in ["DataSet", "DataSet", "Model"].into_iter().enumerate() {
        arns.push(cloud.artifact(&format!("s3://b/{n}"), kind).await);
        cloud.clock.advance(1);
    }
    let action = json!({"ActionName": "act", "Source": {"SourceUri": "s"}, "ActionType": "Build"});
    let action = cloud.ok("CreateAction", action).await["ActionArn"].as_str().unwrap().to_owned();
    for (from, to, kind) in [(0, 3, "ContributedTo"), (1, 3, "ContributedTo"), (3, 2, "Produced")] {
        let arn = |n: usize| arns.get(n).unwrap_or(&action).clone();
        let input = json!({"SourceArn": arn(from), "DestinationArn": arn(to), "AssociationType": kind});
        assert_eq!(cloud.ok("AddAssociation", input.clone()).await["SourceArn"], arn(from));
        cloud.clock.advance(1_000);
        assert!(cloud.refused("AddAssociation", input).await.ends_with("already exists."));
    }
    let list = async |input: Value| {
        let listed = cloud.ok("ListAssociations", input).await;
        let all = listed["AssociationSummaries"].as_array().unwrap();
        all.iter().map(|a| (a["SourceArn"].clone(), a["DestinationArn"].clone())).collect::<Vec<_>>()
    };
    let pair = |from: &str, to: &str| (json!(from), json!(to));
    let all = [pair(&arns[0], &action), pair(&arns[1], &action), pair(&action, &arns[2])];
    let reversed: Vec<_> = all.iter().rev().cloned().collect();
    assert_eq!(list(json!({})).await, reversed);
    assert_eq!(list(json!({"SortOrder": "Ascending"})).await, all);
    for (input, expected) in [
        (json!({"SourceArn": arns[0]}), &all[..1]),
        (json!({"DestinationArn": action}), &all[..2]),
        (json!({"SourceArn": arns[1], "DestinationArn": action}), &all[1..2]),
        (json!({"SourceType": "DataSet"}), &all[..2]),
        (json!({"DestinationType": "Model"}), &all[2..]),
        (json!({"DestinationType": "Action"}), &all[..2]),
        (json!({"SourceType": "Build", "DestinationType": "DataSet"}), &[]),
        (json!({"AssociationType": "Produced"}), &all[2..]),
        (json!({"CreatedAfter": 1_760_000_001.5}), &all[2..]),
        (json!({"CreatedBefore": 1_760_000_000.5}), &all[..1]),
    ] {
        assert_eq!(list(with(input.clone(), "/SortOrder", json!("Ascending"))).await, expected, "{input}");
    }
    for (by, end) in [("SourceArn", 0), ("DestinationArn", 1)] {
        let listed = list(json!({"SortBy": by, "SortOrder": "Ascending"})).await;
        let ends: Vec<String> = listed.iter().map(|(from, to)| [from, to][end].to_string()).collect();
        assert!(ends.is_sorted() && ends.len() == 3, "{by}: {ends:?}");
    }
    for (by, ends) in
        [("SourceType", ["Build", "DataSet", "DataSet"]), ("DestinationType", ["Build", "Build", "Model"])]
    {
        let listed = cloud.ok("ListAssociations", json!({"SortBy": by, "SortOrder": "Ascending"})).await;
        let found: Vec<_> = listed["AssociationSummaries"].as_array().unwrap().iter().map(|a| a[by].clone()).collect();
        assert_eq!(found, ends, "{by}");
    }
    // Names of both ends, and pages.
    let page = cloud.ok("ListAssociations", json!({"MaxResults": 1})).await;
    assert_eq!(page["AssociationSummaries"][0]["SourceName"], "act");
    let mut input = json!({"MaxResults": 1, "SortBy": "DestinationType"});
    let mut seen = 0;
    loop {
        let page = cloud.ok("ListAssociations", input.clone()).await;
        seen += page["AssociationSummaries"].as_array().unwrap().len();
        let Some(token) = page.get("NextToken") else { break };
        input["NextToken"] = token.clone();
    }
    assert_eq!(seen, 3);
}

#[tokio::test]
async fn what_is_associated_is_not_deleted() {
    let cloud = Cloud::new();
    let one = cloud.artifact("s3://b/1", "DataSet").await;
    let context = json!({"ContextName": "c", "Source": {"SourceUri": "s"}, "ContextType": "t"});
    let context = cloud.ok("CreateContext", context).await["ContextArn"].as_str().unwrap().to_owned();
    cloud.associate(&one, &context).await;
    let before = cloud.state().await;
    for (operation, input) in
        [("DeleteArtifact", json!({"ArtifactArn": one})), ("DeleteContext", json!({"ContextName": "c"}))]
    {
        let refused = cloud.refused(operation, input).await;
        assert!(refused.starts_with("400 ValidationException: "), "{refused}");
        assert!(refused.contains("cannot be deleted while associations lead from or to it"), "{refused}");
    }
    assert_eq!(cloud.state().await, before);
    let both = json!({"SourceArn": one, "DestinationArn": context});
    cloud.ok("DeleteAssociation", both.clone()).await;
    assert_eq!(
        cloud.refused("DeleteAssociation", both).await,
        format!("400 ResourceNotFound: No association leads from {one} to {context}.")
    );
    cloud.ok("DeleteArtifact", json!({"ArtifactArn": one})).await;
    assert_eq!(cloud.ok("DeleteContext", json!({"ContextName": "c"})).await["ContextArn"], json!(context));
}

#[tokio::test]
async fn associations_and_queries_name_what_is_there() {
    let cloud = Cloud::new();
    let one = cloud.artifact("s3://b/1", "DataSet").await;
    cloud.ok("CreateExperiment", json!({"ExperimentName": "e"})).await;
    cloud.ok("CreateTrialComponent", json!({"TrialComponentName": "t"})).await;
    let (experiment, component) = ("experiment/e", "experiment-trial-component/t");
    let arn = |resource: &str| format!("arn:aws:sagemaker:us-east-1:000000000000:{resource}");
    let before = cloud.state().await;
    for (from, to, refusal) in [
        (one.clone(), arn("artifact/none"), "ResourceNotFound: Artifact"),
        (arn("action/none"), one.clone(), "ResourceNotFound: Action"),
        (one.clone(), one.replace("000000000000", "111111111111"), "ResourceNotFound: Lineage entity"),
        (arn(experiment), arn(component), "ValidationException: An association cannot lead from one experiment entity"),
        (one.clone(), one.clone(), "ValidationException"),
        (arn("training-job/j"), one.clone(), "ValidationException: 1 validation error"),
    ] {
        let refused = cloud.refused("AddAssociation", json!({"SourceArn": from, "DestinationArn": to})).await;
        assert!(refused.starts_with(&format!("400 {refusal}")), "{refused}");
    }
    for (input, refusal) in [
        (json!({}), "StartArns must name the entity"),
        (json!({"StartArns": [arn("artifact/none")]}), "does not exist"),
        (json!({"StartArns": [one], "MaxDepth": -1}), "MaxDepth must be from 0 to 10."),
        (json!({"StartArns": [one], "MaxResults": 0}), "MaxResults must be from 1 to 50."),
        (json!({"StartArns": [one], "NextToken": "x"}), "Invalid NextToken"),
    ] {
        let refused = cloud.refused("QueryLineage", input).await;
        assert!(refused.contains(refusal), "{refused}");
    }
    assert_eq!(cloud.state().await, before);
    cloud.associate(&one, &arn(component)).await;
    cloud.associate(&one, &arn(experiment)).await;
    let (vertices, edges) = cloud.query(json!({"StartArns": [one], "MaxResults": 1})).await;
    assert_eq!(types(&vertices), ["DataSet", "Experiment", "ExperimentTrialComponent"]);
    assert_eq!(edges.len(), 2);
    let (vertices, _) = cloud.query(json!({"StartArns": [one], "MaxDepth": 0})).await;
    assert_eq!(types(&vertices), ["DataSet"]);
}

/// The cloud may die at any commit between a job's end and its lineage.
#[test]
fn the_lineage_of_a_job_is_written_exactly_once_whenever_the_cloud_dies() {
    let mut commits = 0;
    loop {
        let store = SqliteRecords::in_memory().unwrap();
        let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build().unwrap();
        let died = runtime.block_on(async {
            let life = Arc::new(Life::default());
            let cloud = Cloud::mortal(store.clone(), 1, Arc::clone(&life));
            let job = with(training_job("j"), "/ExperimentConfig", json!({"ExperimentName": "E", "TrialName": "T"}));
            cloud.ok("CreateTrainingJob", job).await;
            let job = cloud.job().await;
            life.ends_after(commits);
            job.end.send(completed()).unwrap();
            let work = async {
                cloud.until(Kind::TRAINING_JOB, "j", "Completed").await;
                cloud.recorded().await;
            };
            let died = tokio::select! {
                () = work => false,
                () = life.over() => true,
            };
            std::mem::forget(cloud);
            died
        });
        runtime.shutdown_background();
        run(async {
            let cloud = Cloud::over(store, 1);
            sagewright_cloud::cloud::resume(&cloud.sagemaker).await.unwrap();
            if cloud.describe_job("j").await["TrainingJobStatus"] != "Completed" {
                cloud.job().await.end.send(completed()).unwrap();
                cloud.until(Kind::TRAINING_JOB, "j", "Completed").await;
            }
            cloud.recorded().await;
            let listed = cloud.ok("ListTrialComponents", json!({"TrialName": "t"})).await;
            let components = listed["TrialComponentSummaries"].as_array().unwrap();
            assert_eq!(components.len(), 1, "{commits}");
            assert_eq!(components[0]["Status"]["PrimaryStatus"], "Completed", "{commits}");
            let arn = components[0]["TrialComponentArn"].as_str().unwrap();
            let around = ["< DataSet ContributedTo", "< Image ContributedTo", "> Model Produced"];
            assert_eq!(cloud.around(arn).await, around, "{commits}");
            let artifacts = cloud.ok("ListArtifacts", json!({})).await;
            assert_eq!(artifacts["ArtifactSummaries"].as_array().unwrap().len(), 3, "{commits}");
        });
        if !died {
            break;
        }
        commits += 1;
    }
    // Its start may still have to be recorded as well.
    assert!(commits >= 2, "{commits} commits lead from the end of a job to its lineage");
}

#[tokio::test]
async fn a_job_in_an_experiment_has_its_component_there_from_the_start() {
    let cloud = Cloud::new();
    cloud.ok("CreateExperiment", json!({"ExperimentName": "E"})).await;
    let missing = cloud.refused("CreateTrial", json!({"TrialName": "T", "ExperimentName": "none"})).await;
    assert_eq!(missing, "400 ResourceNotFound: Experiment 'none' does not exist.");
    cloud.ok("CreateTrial", json!({"TrialName": "T", "ExperimentName": "E"})).await;
    let experiment = json!({"ExperimentName": "E", "TrialName": "T", "TrialComponentDisplayName": "Training"});
    cloud.ok("CreateTrainingJob", with(training_job("j"), "/ExperimentConfig", experiment)).await;
    cloud.recorded().await;
    let name = json!({"TrialComponentName": "j-aws-training-job"});
    let component = cloud.ok("DescribeTrialComponent", name.clone()).await;
    assert_eq!(
        (&component["DisplayName"], &component["Status"]["PrimaryStatus"]),
        (&json!("Training"), &json!("InProgress"))
    );
    // What the job's code logs stays.
    let logged = json!({"TrialComponentName": "j-aws-training-job", "Parameters": {"own": {"NumberValue": 1.0}}});
    cloud.ok("UpdateTrialComponent", logged).await;
    cloud.job().await.end.send(completed()).unwrap();
    cloud.until(Kind::TRAINING_JOB, "j", "Completed").await;
    cloud.recorded().await;
    let component = cloud.ok("DescribeTrialComponent", name.clone()).await;
    assert_eq!(component["Status"]["PrimaryStatus"], "Completed");
    assert_eq!(component["Parameters"]["own"], json!({"NumberValue": 1.0}));
    assert_eq!(component["Parameters"]["num_round"], json!({"NumberValue": 10.0}));

    for (operation, input, member) in [
        ("ListTrialComponents", json!({"ExperimentName": "e"}), "TrialComponentSummaries"),
        ("ListTrialComponents", json!({"TrialName": "T"}), "TrialComponentSummaries"),
        ("ListTrials", json!({"ExperimentName": "E"}), "TrialSummaries"),
        ("ListTrials", name.clone(), "TrialSummaries"),
    ] {
        let listed = cloud.ok(operation, input.clone()).await;
        assert_eq!(listed[member].as_array().unwrap().len(), 1, "{operation} {input}");
    }
    // Nothing goes from under another.
    for (operation, input) in [
        ("DeleteExperiment", json!({"ExperimentName": "E"})),
        ("DeleteTrial", json!({"TrialName": "T"})),
        ("DeleteTrialComponent", name.clone()),
    ] {
        let refused = cloud.refused(operation, input).await;
        assert!(refused.contains("cannot be deleted: "), "{refused}");
    }
    let both = with(name, "/TrialName", json!("T"));
    cloud.ok("AssociateTrialComponent", both.clone()).await;
    cloud.ok("DisassociateTrialComponent", both.clone()).await;
    assert!(cloud.refused("DisassociateTrialComponent", both).await.contains("is not associated with"));
    cloud.ok("DeleteTrial", json!({"TrialName": "T"})).await;
    cloud.ok("DeleteExperiment", json!({"ExperimentName": "E"})).await;
}

#[tokio::test]
async fn each_account_has_the_default_lineage_group() {
    let cloud = Cloud::new();
    let listed = cloud.ok("ListLineageGroups", json!({})).await;
    let group = &listed["LineageGroupSummaries"][0];
    assert_eq!(group["LineageGroupName"], "sagemaker-default-lineage-group");
    let name = json!({"LineageGroupName": group["LineageGroupName"]});
    assert_eq!(cloud.ok("DescribeLineageGroup", name.clone()).await["LineageGroupArn"], group["LineageGroupArn"]);
    assert!(cloud.refused("GetLineageGroupPolicy", name).await.starts_with("400 ResourceNotFound"));
    assert!(
        cloud
            .refused("DescribeLineageGroup", json!({"LineageGroupName": "x"}))
            .await
            .starts_with("400 ResourceNotFound")
    );
}
