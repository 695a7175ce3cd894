//! `Search` over jobs and packages.

use sagewright_cloud::sagemaker::{Kind, TrainingEnd, TrainingEvent};
use sagewright_cloud_store_sqlite::SqliteRecords;
use serde_json::{Value, json};

use crate::support::{Cloud, package, training_job, with};

/// Jobs `j0` … `j3`, a second apart, of which `j3` has ended with an accuracy of 0.9.
async fn jobs() -> Cloud {
    let cloud = Cloud::over(SqliteRecords::in_memory().unwrap(), 8);
    for n in 0..4 {
        let mut job = with(
            training_job(&format!("j{n}")),
            "/HyperParameters",
            json!({"num_round": (n * 10).to_string(), "a.b": "x"}),
        );
        job["Tags"] = json!([{"Key": "team", "Value": if n < 2 { "red" } else { "blue" }}]);
        cloud.ok("CreateTrainingJob", job).await;
        let job = cloud.job().await;
        cloud.clock.advance(1_000);
        if n == 3 {
            (job.events)(TrainingEvent::Metric { name: "accuracy".to_owned(), value: 0.9, at: cloud.clock.time() });
            job.end.send(TrainingEnd::Completed { artifacts: "s3://data/out/m".to_owned() }).unwrap();
            cloud.until(Kind::TRAINING_JOB, "j3", "Completed").await;
        } else {
            std::mem::forget(job);
        }
    }
    cloud
}

fn filter(name: &str, operator: &str, value: Value) -> Value {
    let mut filter = json!({"Name": name, "Operator": operator});
    if !value.is_null() {
        filter["Value"] = value;
    }
    filter
}

fn names(out: &Value) -> Vec<String> {
    let name = |r: &Value| r["TrainingJob"]["TrainingJobName"].as_str().unwrap().to_owned();
    out["Results"].as_array().unwrap().iter().map(name).collect()
}

#[tokio::test]
async fn filters_find_jobs_by_their_properties() {
    let cloud = jobs().await;
    for (filters, expected) in [
        (json!([filter("TrainingJobName", "Equals", json!("j1"))]), vec!["j1"]),
        (json!([filter("TrainingJobName", "In", json!("j1, j2"))]), vec!["j1", "j2"]),
        (json!([filter("TrainingJobName", "Contains", json!("j"))]), vec!["j0", "j1", "j2", "j3"]),
        (json!([filter("TrainingJobStatus", "NotEquals", json!("InProgress"))]), vec!["j3"]),
        (json!([filter("HyperParameters.num_round", "GreaterThan", json!("5"))]), vec!["j1", "j2", "j3"]),
        (json!([filter("HyperParameters.a.b", "Equals", json!("x"))]), vec!["j0", "j1", "j2", "j3"]),
        (json!([filter("Tags.team", "Equals", json!("red"))]), vec!["j0", "j1"]),
        (json!([filter("Metrics.accuracy", "GreaterThanOrEqualTo", json!("0.9"))]), vec!["j3"]),
        (json!([filter("TrainingEndTime", "Exists", Value::Null)]), vec!["j3"]),
        (json!([filter("TrainingEndTime", "NotExists", Value::Null)]), vec!["j0", "j1", "j2"]),
        (json!([filter("CreationTime", "LessThan", json!("2025-10-09T08:53:21"))]), vec!["j0"]),
        (
            json!([
                filter("EnableNetworkIsolation", "Equals", json!("false")),
                filter("Tags.team", "Equals", json!("blue"))
            ]),
            vec!["j2", "j3"],
        ),
    ] {
        let input = json!({
            "Resource": "TrainingJob", "SortBy": "TrainingJobName", "SortOrder": "Ascending",
            "SearchExpression": {"Filters": filters},
        });
        assert_eq!(names(&cloud.ok("Search", input.clone()).await), expected, "{input}");
    }
}

#[tokio::test]
async fn expressions_combine_and_nested_filters_hold_for_one_element() {
    let cloud = jobs().await;
    let search = async |expression: Value| {
        let input = json!({"Resource": "TrainingJob", "SortBy": "CreationTime", "SortOrder": "Ascending", "SearchExpression": expression});
        names(&cloud.ok("Search", input).await)
    };
    let one = |name: &str| json!({"Filters": [filter("TrainingJobName", "Equals", json!(name))]});
    assert_eq!(search(json!({"Operator": "Or", "SubExpressions": [one("j0"), one("j2")]})).await, ["j0", "j2"]);
    assert!(search(json!({"SubExpressions": [one("j0"), one("j2")]})).await.is_empty());
    let nested = |uri: &str| {
        json!({"NestedFilters": [{"NestedPropertyName": "InputDataConfig", "Filters": [
            filter("InputDataConfig.ChannelName", "Equals", json!("train")),
            filter("InputDataConfig.DataSource.S3DataSource.S3Uri", "Contains", json!(uri)),
        ]}]})
    };
    assert_eq!(search(nested("data/train")).await.len(), 4);
    assert!(search(nested("data/test")).await.is_empty());
}

#[tokio::test]
async fn results_come_in_pages_latest_first() {
    let cloud = jobs().await;
    let mut input = json!({"Resource": "TrainingJob", "SortBy": "CreationTime", "MaxResults": 3});
    let page = cloud.ok("Search", input.clone()).await;
    assert_eq!(names(&page), ["j3", "j2", "j1"]);
    assert_eq!(page["TotalHits"], json!({"Value": 4, "Relation": "EqualTo"}));
    assert_eq!(page["Results"][0]["TrainingJob"]["Tags"], json!([{"Key": "team", "Value": "blue"}]));
    input["NextToken"] = page["NextToken"].clone();
    let page = cloud.ok("Search", input).await;
    assert_eq!(names(&page), ["j0"]);
    assert!(page.get("NextToken").is_none());
}

#[tokio::test]
async fn packages_are_found_by_approval() {
    let cloud = Cloud::new();
    cloud.ok("CreateModelPackageGroup", json!({"ModelPackageGroupName": "g"})).await;
    cloud.ok("CreateModelPackage", package("g")).await;
    cloud.ok("CreateModelPackage", with(package("g"), "/ModelApprovalStatus", json!("Approved"))).await;
    let input = json!({"Resource": "ModelPackage", "SearchExpression": {"Filters": [filter("ModelApprovalStatus", "Equals", json!("Approved"))]}});
    let out = cloud.ok("Search", input).await;
    assert_eq!(out["Results"].as_array().unwrap().len(), 1);
    assert_eq!(out["Results"][0]["ModelPackage"]["ModelPackageVersion"], 2);
    let groups = cloud.ok("Search", json!({"Resource": "ModelPackageGroup"})).await;
    assert_eq!(groups["Results"][0]["ModelPackageGroup"]["ModelPackageGroupName"], "g");
}

#[tokio::test]
async fn wrong_searches_are_refused() {
    let cloud = Cloud::new();
    let mut told = Vec::new();
    for input in [
        json!({"Resource": "Image"}),
        json!({"Resource": "TrainingJob", "SortBy": "Colour"}),
        json!({"Resource": "TrainingJob", "SearchExpression": {}}),
        json!({"Resource": "TrainingJob", "SearchExpression": {"Filters": [filter("Colour", "Exists", Value::Null)]}}),
        json!({"Resource": "TrainingJob", "SearchExpression": {"Filters": [filter("TrainingJobName", "Equals", Value::Null)]}}),
        json!({"Resource": "TrainingJob", "NextToken": "nonsense"}),
    ] {
        told.push(cloud.refused("Search", input).await);
    }
    insta::assert_snapshot!(told.join("\n"));
}

#[tokio::test]
async fn trial_components_are_found_by_parameters_metrics_and_their_trials() {
    let cloud = Cloud::new();
    let experiment = json!({"ExperimentName": "E", "TrialName": "T"});
    for (name, metric) in [("a", 0.25), ("b", 0.75)] {
        let job = with(training_job(name), "/HyperParameters", json!({"depth": if name == "a" { "3" } else { "5" }}));
        cloud.ok("CreateTrainingJob", with(job, "/ExperimentConfig", experiment.clone())).await;
        let job = cloud.job().await;
        let at = cloud.clock.time();
        (job.events)(TrainingEvent::Metric { name: "test:loss".to_owned(), value: metric, at });
        job.end.send(TrainingEnd::Completed { artifacts: "s3://data/out/m".to_owned() }).unwrap();
        cloud.until(Kind::TRAINING_JOB, name, "Completed").await;
        cloud.recorded().await;
    }
    let search = async |filters: Value, sort: &str| -> Vec<String> {
        let input = json!({
            "Resource": "ExperimentTrialComponent", "SortBy": sort, "SearchExpression": {"Filters": filters},
        });
        let out = cloud.ok("Search", input).await;
        let name = |r: &Value| r["TrialComponent"]["TrialComponentName"].as_str().unwrap()[..1].to_owned();
        out["Results"].as_array().unwrap().iter().map(name).collect()
    };
    let of_experiment = filter("Parents.ExperimentName", "Equals", json!("E"));
    assert_eq!(search(json!([of_experiment]), "metrics.test:loss.last").await, ["b", "a"]);
    for (name, operator, value, expected) in [
        ("Parameters.depth", "GreaterThan", "4", "b"),
        ("Parameters.depth.NumberValue", "LessThan", "4", "a"),
        ("Metrics.test:loss.Last", "LessThanOrEqualTo", "0.25", "a"),
        ("SourceDetail.TrainingJob.TrainingJobName", "Equals", "b", "b"),
        ("OutputArtifacts.SageMaker.ModelArtifact.Value", "Contains", "data/out", "ba"),
        ("Status.PrimaryStatus", "Equals", "Failed", ""),
    ] {
        let found = search(json!([filter(name, operator, json!(value))]), "TrialComponentName").await;
        assert_eq!(found.concat(), expected, "{name}");
    }
    let suggest = async |hint: &str| {
        let query = json!({"PropertyNameQuery": {"PropertyNameHint": hint}});
        let out = cloud
            .ok("GetSearchSuggestions", json!({"Resource": "ExperimentTrialComponent", "SuggestionQuery": query}))
            .await;
        let names = out["PropertyNameSuggestions"].as_array().unwrap().iter();
        names.map(|name| name["PropertyName"].as_str().unwrap().to_owned()).collect::<Vec<_>>()
    };
    assert_eq!(suggest("DEPTH").await, ["Parameters.depth"]);
    assert_eq!(suggest("loss.l").await, ["Metrics.test:loss.Last"]);
    assert!(suggest("Parents").await.contains(&"Parents.TrialName".to_owned()));
    assert!(suggest("").await.len() <= 100);
    let unknown = json!({"Resource": "ExperimentTrialComponent", "SortBy": "Parents.Colour"});
    assert!(cloud.refused("Search", unknown).await.ends_with("Unknown property name: Parents.Colour"));
}

fn search(resource: &str, filters: Value) -> Value {
    json!({"Resource": resource, "SearchExpression": {"Filters": filters}})
}

#[tokio::test]
async fn features_are_found_by_their_own_metadata() {
    let cloud = Cloud::new();
    let feature = |name: &str| json!({"FeatureName": name, "FeatureType": "String"});
    let group = json!({
        "FeatureGroupName": "g", "RecordIdentifierFeatureName": "id", "EventTimeFeatureName": "at", "Description": "people",
        "FeatureDefinitions": [feature("id"), feature("at"), feature("age")], "OnlineStoreConfig": {"EnableOnlineStore": true},
    });
    cloud.ok("CreateFeatureGroup", group).await;
    cloud.later(1000).await;
    let update = json!({
        "FeatureGroupName": "g", "FeatureName": "age", "Description": "years", "ParameterAdditions": [{"Key": "team", "Value": "a"}],
    });
    cloud.ok("UpdateFeatureMetadata", update).await;
    let described = cloud.ok("DescribeFeatureMetadata", json!({"FeatureGroupName": "g", "FeatureName": "age"})).await;
    for (name, value) in [("Description", "years"), ("Parameters.Value", "a"), ("FeatureName", "age")] {
        let found = cloud.ok("Search", search("FeatureMetadata", json!([filter(name, "Equals", json!(value))]))).await;
        assert_eq!(found["TotalHits"]["Value"], 1, "{name}");
        assert_eq!(found["Results"][0]["FeatureMetadata"], described);
    }
    let of_group = search("FeatureMetadata", json!([filter("Description", "Equals", json!("people"))]));
    assert_eq!(cloud.ok("Search", of_group).await["TotalHits"]["Value"], 0);
    let of_name = search("FeatureMetadata", json!([filter("FeatureGroupName", "Equals", json!("g"))]));
    assert_eq!(cloud.ok("Search", of_name).await["TotalHits"]["Value"], 3);
}

#[tokio::test]
async fn cards_and_groups_are_found_by_what_only_searches_tell() {
    let cloud = Cloud::new();
    let content = json!({
        "model_overview": {"model_id": "m-1"}, "intended_uses": {"risk_rating": "High"},
        "model_package_details": {"model_package_group_name": "churn"},
    });
    let card = json!({"ModelCardName": "card", "Content": content.to_string(), "ModelCardStatus": "Draft"});
    cloud.ok("CreateModelCard", card).await;
    for (name, value) in [("RiskRating", "High"), ("ModelId", "m-1"), ("ModelPackageGroupName", "churn")] {
        let found = cloud.ok("Search", search("ModelCard", json!([filter(name, "Equals", json!(value))]))).await;
        assert_eq!(found["Results"][0]["ModelCard"][name], value);
    }
    let by_schedule =
        search("Model", json!([filter("MonitoringSchedules.MonitoringScheduleName", "Equals", json!("s"))]));
    assert!(cloud.refused("Search", by_schedule).await.contains("is not supported by the embedded cloud"));
}

#[tokio::test]
async fn one_name_is_one_hit_and_holds_only_as_it_is_spelled() {
    let cloud = jobs().await;
    let by_name = |name: &str| filter("TrainingJobName", "Equals", json!(name));
    let red = filter("Tags.team", "Equals", json!("red"));
    for (filters, expected) in [
        (json!([by_name("j1")]), vec!["j1"]),
        (json!([by_name("j1"), red]), vec!["j1"]),
        (json!([by_name("j3"), red]), vec![]),
        (json!([by_name("J1")]), vec![]),
        (json!([by_name("none")]), vec![]),
    ] {
        assert_eq!(names(&cloud.ok("Search", search("TrainingJob", filters.clone())).await), expected, "{filters}");
    }
    let either = json!({"Resource": "TrainingJob", "SortBy": "TrainingJobName", "SortOrder": "Ascending",
        "SearchExpression": {"Operator": "Or", "Filters": [by_name("j1"), by_name("j2")]}});
    assert_eq!(names(&cloud.ok("Search", either).await), ["j1", "j2"]);
}

#[tokio::test]
async fn more_resources_than_are_read_together_are_all_found_in_order() {
    let cloud = Cloud::new();
    for number in 0..1003 {
        let name = format!("e{number:04}");
        cloud.ok("CreateExperiment", json!({"ExperimentName": name})).await;
    }
    let mut input =
        json!({"Resource": "Experiment", "SortBy": "ExperimentName", "SortOrder": "Descending", "MaxResults": 100});
    let mut found = Vec::new();
    loop {
        let page = cloud.ok("Search", input.clone()).await;
        assert_eq!(page["TotalHits"]["Value"], 1003);
        let results = page["Results"].as_array().unwrap().iter();
        found.extend(results.map(|result| result["Experiment"]["ExperimentName"].as_str().unwrap().to_owned()));
        let Some(token) = page.get("NextToken") else { break };
        input["NextToken"] = token.clone();
    }
    let all: Vec<String> = (0..1003).rev().map(|number| format!("e{number:04}")).collect();
    assert_eq!(found, all);
}

#[tokio::test]
async fn the_limits_of_expressions_hold_and_integers_compare_as_such() {
    let cloud = jobs().await;
    let contains = |name: &str| filter(name, "Contains", json!("x"));
    let two = search("TrainingJob", json!([contains("TrainingJobName"), contains("RoleArn")]));
    assert!(cloud.refused("Search", two).await.ends_with("'CONTAINS' operator usage limit of 1 exceeded."));
    let names_of = search("Experiment", json!([contains("ExperimentName"), contains("DisplayName")]));
    cloud.ok("Search", names_of).await;
    let filters = |count: usize| json!({"Filters": vec![filter("RoleArn", "Exists", Value::Null); count]});
    let many = |count: usize| json!({"Resource": "TrainingJob", "SearchExpression": {"SubExpressions": [filters(16), filters(16), filters(count)]}});
    cloud.ok("Search", many(15)).await;
    assert!(cloud.refused("Search", many(16)).await.contains("has 51 filters and subexpressions"));

    cloud.ok("CreateTrainingJob", with(training_job("d"), "/HyperParameters", json!({"eta": "1.5"}))).await;
    let eta = |value: &str| search("TrainingJob", json!([filter("HyperParameters.eta", "Equals", json!(value))]));
    assert_eq!(names(&cloud.ok("Search", eta("1")).await), ["d"]);
    assert!(names(&cloud.ok("Search", eta("1.0")).await).is_empty());
}
