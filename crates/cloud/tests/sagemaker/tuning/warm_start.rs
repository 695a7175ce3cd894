//! Tuning jobs that go on from what earlier ones have tried.

use serde_json::{Value, json};

use super::{config, ends, tuning_job};
use crate::support::{Cloud, with};

#[tokio::test]
async fn a_warm_start_chooses_by_what_its_parents_tried() {
    let cloud = Cloud::new();
    let first = async |request: Value| {
        cloud.ok("CreateHyperParameterTuningJob", request).await;
        cloud.job().await
    };
    cloud.ok("CreateHyperParameterTuningJob", tuning_job("parent", 6, 1)).await;
    for n in 0..6 {
        ends(cloud.job().await, f64::from(n) * 0.1);
    }
    cloud.tuned("parent").await;
    let bayesian = |name: &str| config(tuning_job(name, 1, 1), "Strategy", json!("Bayesian"));
    let cold = first(bayesian("cold")).await;
    let parents = json!([{"HyperParameterTuningJobName": "parent"}]);
    for kind in ["IdenticalDataAndAlgorithm", "TransferLearning"] {
        let start = json!({"ParentHyperParameterTuningJobs": parents, "WarmStartType": kind});
        let warm = first(with(bayesian(&kind[..9]), "/WarmStartConfig", start)).await;
        assert_ne!(warm.task.request["HyperParameters"], cold.task.request["HyperParameters"], "{kind}");
    }
}

#[tokio::test]
async fn a_warm_start_knows_what_its_parents_tried() {
    let cloud = Cloud::new();
    cloud.ok("CreateHyperParameterTuningJob", tuning_job("parent", 2, 1)).await;
    let first = cloud.job().await;
    let warm = |kind: &str, request: Value| {
        let parents = json!([{"HyperParameterTuningJobName": "parent"}]);
        with(request, "/WarmStartConfig", json!({"ParentHyperParameterTuningJobs": parents, "WarmStartType": kind}))
    };
    let identical = |request| warm("IdenticalDataAndAlgorithm", request);
    let refused = cloud.refused("CreateHyperParameterTuningJob", identical(tuning_job("t", 1, 1))).await;
    assert!(refused.contains("parent is in status InProgress"), "{refused}");
    ends(first, 0.1);
    ends(cloud.job().await, 0.2);
    cloud.tuned("parent").await;
    cloud.ok("CreateHyperParameterTuningJob", identical(tuning_job("t", 1, 1))).await;
    ends(cloud.job().await, 0.15);
    let told = cloud.tuned("t").await;
    let overall = &told["OverallBestTrainingJob"];
    assert_eq!(
        (&overall["TuningJobName"], &overall["FinalHyperParameterTuningJobObjectiveMetric"]["Value"]),
        (&json!("parent"), &json!(0.1))
    );
    assert!(told["BestTrainingJob"]["TrainingJobName"].as_str().unwrap().starts_with("t-001-"));

    cloud
        .ok(
            "CreateHyperParameterTuningJob",
            warm("TransferLearning", config(tuning_job("moved", 4, 1), "Strategy", json!("Bayesian"))),
        )
        .await;
    for _ in 0..4 {
        ends(cloud.job().await, 100.0);
    }
    assert!(cloud.tuned("moved").await.get("OverallBestTrainingJob").is_none());

    cloud.ok("CreateHyperParameterTuningJob", tuning_job("worse", 1, 1)).await;
    ends(cloud.job().await, 0.4);
    cloud.tuned("worse").await;
    for (name, parents) in [("first", ["parent", "worse"]), ("last", ["worse", "parent"])] {
        let parents = parents.map(|name| json!({"HyperParameterTuningJobName": name}));
        let both =
            with(identical(tuning_job(name, 1, 1)), "/WarmStartConfig/ParentHyperParameterTuningJobs", json!(parents));
        cloud.ok("CreateHyperParameterTuningJob", both).await;
        ends(cloud.job().await, 0.3);
        let told = cloud.tuned(name).await;
        assert_eq!(told["OverallBestTrainingJob"]["TuningJobName"], "parent", "the best of all parents");
    }

    let statics = "/TrainingJobDefinition/StaticHyperParameters";
    let other = with(tuning_job("o", 1, 1), statics, json!({"other": "1"}));
    let refused = cloud.refused("CreateHyperParameterTuningJob", identical(other)).await;
    assert!(
        refused.contains("The set of tunable plus static HyperParameter names is not the same across"),
        "{refused}"
    );
    let image = with(
        tuning_job("o", 1, 1),
        "/TrainingJobDefinition/AlgorithmSpecification/TrainingImage",
        json!("registry/mine:2"),
    );
    let refused = cloud.refused("CreateHyperParameterTuningJob", identical(image.clone())).await;
    assert!(refused.contains("The training image of the parent"), "{refused}");
    cloud.ok("CreateHyperParameterTuningJob", warm("TransferLearning", image)).await;
}
