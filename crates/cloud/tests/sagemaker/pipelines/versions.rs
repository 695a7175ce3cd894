//! Versions of pipelines and their aliases.

use serde_json::{Value, json};

use super::{TOKEN, pipeline, step};
use crate::support::Cloud;

fn definition(step_name: &str) -> Value {
    pipeline("p", &json!([step(step_name, &[])]))["PipelineDefinition"].clone()
}

fn update(step_name: &str) -> Value {
    json!({"PipelineName": "p", "PipelineDefinition": definition(step_name)})
}

impl Cloud {
    async fn alias(&self, version: u64, operations: Value) -> Value {
        self.ok("UpdatePipelineVersion", aliases(version, operations)).await
    }
}

fn aliases(version: u64, operations: Value) -> Value {
    let arn = "arn:aws:sagemaker:us-east-1:000000000000:pipeline/p";
    json!({"PipelineArn": arn, "PipelineVersionId": version, "PipelineVersionAliasOperations": operations})
}

#[tokio::test]
async fn a_definition_that_has_not_changed_is_no_new_version() {
    let cloud = Cloud::new();
    cloud.ok("CreatePipeline", pipeline("p", &json!([step("A", &[])]))).await;
    let version = async |input: Value| cloud.ok("UpdatePipeline", input).await["PipelineVersionId"].clone();
    assert_eq!(version(update("A")).await, 1);
    let parsed: Value = serde_json::from_str(definition("A").as_str().unwrap()).unwrap();
    let text = format!("{parsed:#}");
    assert_eq!(version(json!({"PipelineName": "p", "PipelineDefinition": text, "PipelineDescription": "d"})).await, 1);
    assert_eq!(cloud.ok("DescribePipeline", json!({"PipelineName": "p"})).await["PipelineDescription"], "d");
    assert_eq!(version(update("B")).await, 2);
    assert_eq!(version(update("A")).await, 3, "it is compared with the latest version");
    let listed = cloud.ok("ListPipelineVersions", json!({"PipelineName": "p"})).await;
    assert_eq!(listed["PipelineVersionSummaries"].as_array().unwrap().len(), 3);
}

#[tokio::test]
async fn an_alias_leads_to_its_version() {
    let cloud = Cloud::new();
    let mut create = pipeline("p", &json!([step("A", &[])]));
    create["PipelineVersionAliases"] = json!(["prod", "v1.0"]);
    cloud.ok("CreatePipeline", create).await;
    let mut second = update("B");
    second["PipelineVersionAliases"] = json!(["staging"]);
    assert_eq!(cloud.ok("UpdatePipeline", second.clone()).await["PipelineVersionId"], 2);
    let describe = async |member: &str, value: Value| {
        cloud.ok("DescribePipeline", json!({"PipelineName": "p", member: value})).await["PipelineVersionAliases"]
            .clone()
    };
    assert_eq!(describe("PipelineVersionAlias", json!("prod")).await, json!(["prod", "v1.0"]));
    assert_eq!(describe("PipelineVersionId", json!(2)).await, json!(["staging"]));
    let start = async |token: u32, alias: &str| {
        let input = json!({
            "PipelineName": "p", "ClientRequestToken": format!("{token:032}"), "PipelineVersionAlias": alias,
        });
        let arn = cloud.ok("StartPipelineExecution", input).await["PipelineExecutionArn"].as_str().unwrap().to_owned();
        super::complete(cloud.processing().await);
        let told = cloud.ended(&arn).await;
        assert_eq!(told.get("PipelineVersionAlias"), None);
        (arn, told["PipelineVersionId"].clone(), told["PipelineVersionAliases"].clone())
    };
    let (first, version, shown) = start(1, "prod").await;
    assert_eq!((version, shown), (json!(1), json!(["prod", "v1.0"])));
    let (second_run, version, _) = start(2, "staging").await;
    assert_eq!(version, 2);

    // It is moved by two requests.
    let taken = cloud.refused("UpdatePipelineVersion", aliases(2, json!({"Add": ["prod"]}))).await;
    assert!(taken.contains("prod is assigned to version 1 of the pipeline. Remove it there first"), "{taken}");
    cloud.alias(1, json!({"Remove": ["prod"]})).await;
    cloud.alias(2, json!({"Add": ["prod"]})).await;
    let (third, version, _) = start(3, "prod").await;
    assert_eq!(version, 2);
    let runs = async |alias: &str| {
        let input =
            json!({"PipelineName": "p", "PipelineVersionAlias": alias, "SortOrder": "Ascending", "MaxResults": 1});
        let mut all = Vec::new();
        let mut next = Value::Null;
        loop {
            let mut input = input.clone();
            if !next.is_null() {
                input["NextToken"] = next;
            }
            let page = cloud.ok("ListPipelineExecutions", input).await;
            let page_runs = page["PipelineExecutionSummaries"].as_array().unwrap();
            assert_eq!(page_runs.len(), 1, "a page is cut from what is asked for");
            all.push(page_runs[0]["PipelineExecutionArn"].as_str().unwrap().to_owned());
            assert!(page_runs[0]["PipelineVersionAliases"].as_array().unwrap().contains(&json!(alias)));
            match page.get("NextToken") {
                Some(token) => next = token.clone(),
                None => return all,
            }
        }
    };
    let sorted = |mut all: Vec<String>| {
        all.sort();
        all
    };
    assert_eq!(runs("v1.0").await, [first]);
    assert_eq!(sorted(runs("staging").await), sorted(vec![second_run, third]));
    let listed = cloud.ok("ListPipelineVersions", json!({"PipelineName": "p"})).await;
    let shown = listed["PipelineVersionSummaries"].as_array().unwrap().clone();
    assert_eq!(shown[0]["PipelineVersionAliases"], json!(["prod", "staging"]));
    assert_eq!(shown[1]["PipelineVersionAliases"], json!(["v1.0"]));
}

#[tokio::test]
async fn what_an_alias_cannot_be_is_refused_and_changes_nothing() {
    let cloud = Cloud::new();
    let create = |aliases: Value| {
        let mut create = pipeline("p", &json!([step("A", &[])]));
        create["PipelineVersionAliases"] = aliases;
        create
    };
    let numbers = cloud.refused("CreatePipeline", create(json!(["12"]))).await;
    assert!(numbers.contains("The alias 12 consists of numbers only."), "{numbers}");
    cloud.ok("CreatePipeline", create(json!(["a"]))).await;
    let before = cloud.state().await;
    let many: Vec<String> = (0..10).map(|n| format!("x{n}")).collect();
    let start = |member: &str, value: Value| json!({"PipelineName": "p", "ClientRequestToken": TOKEN, member: value});
    let mut both = start("PipelineVersionAlias", json!("a"));
    both["PipelineVersionId"] = json!(1);
    let mut unchanged = update("A");
    unchanged["PipelineVersionAliases"] = json!(["b"]);
    let mut used = update("B");
    used["PipelineVersionAliases"] = json!(["a"]);
    for (operation, input, why) in [
        ("UpdatePipeline", unchanged, "only when the pipeline definition changes"),
        ("UpdatePipeline", used, "a is assigned to version 1"),
        ("UpdatePipelineVersion", aliases(1, json!({"Add": many})), "more than 10 aliases"),
        ("UpdatePipelineVersion", aliases(1, json!({"Add": ["b"], "Remove": ["b"]})), "both in Add and in Remove"),
        ("UpdatePipelineVersion", aliases(1, json!({"Remove": ["b"]})), "does not have the alias b"),
        ("UpdatePipelineVersion", aliases(7, json!({"Add": ["b"]})), "has no version 7"),
        ("StartPipelineExecution", start("PipelineVersionAlias", json!("b")), "ResourceNotFound: No version"),
        ("StartPipelineExecution", both.clone(), "Both PipelineVersionId and PipelineVersionAlias"),
        ("StartPipelineExecution", start("RoleArn", json!(super::ROLE)), "uses the pipeline's role"),
        ("DescribePipeline", json!({"PipelineName": "p", "PipelineVersionAlias": "b"}), "ResourceNotFound: No version"),
        ("ListPipelineExecutions", json!({"PipelineName": "p", "PipelineVersionAlias": "b"}), "ResourceNotFound"),
    ] {
        let refused = cloud.refused(operation, input).await;
        assert!(refused.contains(why), "{operation}: {refused}");
    }
    assert_eq!(cloud.state().await, before);
    let managed =
        async |by: &str| cloud.ok("ListPipelines", json!({"ManagedBy": by})).await["PipelineSummaries"].clone();
    assert_eq!(managed("AWS").await, json!([]));
    assert_eq!(managed("CUSTOMER").await.as_array().unwrap().len(), 1);
}

/// More than are read at a time.
#[tokio::test]
async fn a_pipeline_goes_with_all_its_versions_and_executions() {
    let cloud = Cloud::new();
    let empty = cloud.state().await;
    cloud.ok("CreatePipeline", pipeline("p", &json!([]))).await;
    for n in 0..45_u32 {
        cloud.ok("UpdatePipeline", update(&format!("S{n}"))).await;
        let start = json!({"PipelineName": "p", "ClientRequestToken": format!("{n:032}"), "PipelineVersionId": 1});
        cloud.ok("StartPipelineExecution", start).await;
    }
    let arn = cloud.start_pipeline("p", TOKEN).await;
    let job = cloud.processing().await;
    let job_name = job.task.name.clone();
    let delete = json!({"PipelineName": "p", "ClientRequestToken": TOKEN});
    for stops in [false, true] {
        if stops {
            cloud.ok("StopPipelineExecution", json!({"PipelineExecutionArn": arn, "ClientRequestToken": TOKEN})).await;
        }
        let refused = cloud.refused("DeletePipeline", delete.clone()).await;
        assert!(refused.contains("ConflictException") && refused.contains(&arn), "{refused}");
    }
    super::complete(job);
    cloud.ended(&arn).await;
    cloud.ok("DeletePipeline", delete).await;
    cloud.ok("DeleteProcessingJob", json!({"ProcessingJobName": job_name})).await;
    // The lineage of the job stays.
    let mut left = cloud.state().await;
    left.retain(|row| !row.contains("-aws-processing-job") && !row.contains(":artifact/"));
    assert_eq!(left, empty);
}
