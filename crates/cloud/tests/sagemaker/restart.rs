//! What a new process makes of what the last one left.

use sagewright_cloud::cloud::{resume, suspend};
use sagewright_cloud::records::{Key, Record, Records};
use sagewright_cloud::sagemaker::{Kind, TrainingEnd, TrainingEvent};
use sagewright_cloud_store_sqlite::SqliteRecords;
use serde_json::{Value, json};
use tokio::sync::oneshot;

use crate::support::{ACCOUNT, Cloud, REGION, config, model, training_job, with, within};

/// The state of a cloud whose process ends here and now: its tasks go with its runtime.
pub fn after(work: impl AsyncFnOnce(&Cloud)) -> SqliteRecords {
    after_over(SqliteRecords::in_memory().unwrap(), 1, work)
}

pub fn after_over(store: SqliteRecords, slots: usize, work: impl AsyncFnOnce(&Cloud)) -> SqliteRecords {
    let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build().unwrap();
    runtime.block_on(async {
        let cloud = Cloud::over(store.clone(), slots);
        work(&cloud).await;
        // Not dropped by the runtime's own: a killed process tidies nothing up.
        std::mem::forget(cloud);
    });
    runtime.shutdown_background();
    store
}

pub fn run(test: impl Future<Output = ()>) {
    tokio::runtime::Builder::new_current_thread().enable_all().build().unwrap().block_on(test);
}

#[test]
fn jobs_in_progress_run_again_in_order_and_stopping_ones_are_stopped() {
    let store = after(async |cloud| {
        for name in ["stopping", "first", "second"] {
            cloud.ok("CreateTrainingJob", training_job(name)).await;
            cloud.clock.advance(1);
        }
        let job = cloud.job().await;
        assert_eq!(job.task.name, "stopping");
        cloud.ok("StopTrainingJob", json!({"TrainingJobName": "stopping"})).await;
        // It never answers: the process ends while it is being stopped.
        std::mem::forget(job);
    });
    run(async {
        let cloud = Cloud::over(store, 1);
        resume(&cloud.sagemaker).await.unwrap();
        let stopped = cloud.describe_job("stopping").await;
        assert_eq!(
            (&stopped["TrainingJobStatus"], &stopped["SecondaryStatus"]),
            (&json!("Stopped"), &json!("Stopped"))
        );
        for name in ["first", "second"] {
            let job = cloud.job().await;
            assert_eq!(job.task.name, name);
            assert_eq!(job.task.request["RoleArn"], training_job("x")["RoleArn"]);
            let statuses: Vec<_> = cloud.describe_job(name).await["SecondaryStatusTransitions"]
                .as_array()
                .unwrap()
                .iter()
                .map(|t| t["Status"].as_str().unwrap().to_owned())
                .collect();
            assert_eq!(statuses, ["Starting", "Restarting", "Starting"]);
            job.end.send(TrainingEnd::Completed { artifacts: "s3://data/out/m".to_owned() }).unwrap();
            cloud.until(Kind::TRAINING_JOB, name, "Completed").await;
        }
    });
}

#[test]
fn a_job_that_runs_again_shows_no_metrics_of_the_run_before() {
    let store = after(async |cloud| {
        cloud.ok("CreateTrainingJob", training_job("j")).await;
        let job = cloud.job().await;
        let at = cloud.clock.time();
        (job.events)(TrainingEvent::Metric { name: "validation:merror".to_owned(), value: 0.5, at });
        (job.events)(TrainingEvent::Secondary { status: "Uploading".to_owned(), message: "m".to_owned() });
        assert_eq!(cloud.describe_job("j").await["FinalMetricDataList"][0]["Value"], 0.5);
        std::mem::forget(job);
    });
    run(async {
        let cloud = Cloud::over(store, 1);
        resume(&cloud.sagemaker).await.unwrap();
        let job = cloud.job().await;
        assert_eq!(cloud.describe_job("j").await.get("FinalMetricDataList"), None);
        job.end.send(TrainingEnd::Failed { reason: "AlgorithmError: it ends".to_owned() }).unwrap();
        cloud.until(Kind::TRAINING_JOB, "j", "Failed").await;
        assert_eq!(cloud.describe_job("j").await.get("FinalMetricDataList"), None);
    });
}

#[test]
fn an_endpoint_in_creation_is_brought_up() {
    let store = after(async |cloud| {
        cloud.two_configs().await;
        cloud.ok("CreateEndpoint", json!({"EndpointName": "e", "EndpointConfigName": "c1"})).await;
        std::mem::forget(cloud.deploy().await);
    });
    run(async {
        let cloud = Cloud::over(store, 1);
        resume(&cloud.sagemaker).await.unwrap();
        cloud.deploy().await.reply.send(Ok(())).unwrap();
        cloud.until(Kind::ENDPOINT, "e", "InService").await;
    });
}

#[test]
fn an_endpoint_in_service_is_served_again_though_its_configuration_is_gone() {
    let store = after(async |cloud| {
        cloud.endpoint().await;
        cloud.ok("DeleteEndpointConfig", json!({"EndpointConfigName": "c1"})).await;
        cloud.ok("DeleteModel", json!({"ModelName": "m"})).await;
    });
    run(async {
        let cloud = Cloud::over(store, 1);
        resume(&cloud.sagemaker).await.unwrap();
        assert_eq!(cloud.describe_endpoint().await["EndpointStatus"], "SystemUpdating");
        let deploy = cloud.deploy().await;
        assert_eq!(deploy.variants[0].containers.len(), 1);
        deploy.reply.send(Ok(())).unwrap();
        cloud.until(Kind::ENDPOINT, "e", "InService").await;
    });
}

#[test]
fn an_endpoint_that_cannot_be_served_again_is_out_of_service_until_it_can() {
    let store = after(async |cloud| cloud.endpoint().await);
    run(async {
        let cloud = Cloud::over(store.clone(), 1);
        resume(&cloud.sagemaker).await.unwrap();
        cloud.deploy().await.reply.send(Err("no Python".to_owned())).unwrap();
        cloud.until(Kind::ENDPOINT, "e", "OutOfService").await;
        assert_eq!(cloud.describe_endpoint().await["FailureReason"], "no Python");
        // A change of weights has to start servers now.
        let weights = json!({"EndpointName": "e", "DesiredWeightsAndCapacities": [{"VariantName": "AllTraffic", "DesiredWeight": 2}]});
        cloud.ok("UpdateEndpointWeightsAndCapacities", weights).await;
        cloud.deploy().await.reply.send(Err("still none".to_owned())).unwrap();
        cloud.until(Kind::ENDPOINT, "e", "OutOfService").await;
    });
    run(async {
        let cloud = Cloud::over(store, 1);
        resume(&cloud.sagemaker).await.unwrap();
        cloud.deploy().await.reply.send(Ok(())).unwrap();
        cloud.until(Kind::ENDPOINT, "e", "InService").await;
        assert!(cloud.describe_endpoint().await.get("FailureReason").is_none());
    });
}

#[test]
fn an_update_goes_on_after_the_old_configuration_serves_again() {
    let store = after(async |cloud| {
        cloud.endpoint().await;
        cloud.ok("UpdateEndpoint", json!({"EndpointName": "e", "EndpointConfigName": "c2"})).await;
        std::mem::forget(cloud.deploy().await);
    });
    run(async {
        let cloud = Cloud::over(store, 1);
        resume(&cloud.sagemaker).await.unwrap();
        cloud.deploy().await.reply.send(Ok(())).unwrap();
        assert_eq!(cloud.describe_endpoint().await["EndpointStatus"], "Updating");
        cloud.deploy().await.reply.send(Err("no ping".to_owned())).unwrap();
        cloud.until(Kind::ENDPOINT, "e", "InService").await;
        let endpoint = cloud.describe_endpoint().await;
        assert_eq!((&endpoint["EndpointConfigName"], &endpoint["FailureReason"]), (&json!("c1"), &json!("no ping")));
    });
}

#[test]
fn a_change_of_weights_starts_servers_where_none_came_back() {
    let weights = json!([{"VariantName": "AllTraffic", "DesiredWeight": 2}]);
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("state.sqlite");
    let execute = |sql: &str| rusqlite::Connection::open(&path).unwrap().execute_batch(sql).unwrap();
    let store = after_over(SqliteRecords::open(&path).unwrap(), 1, async |cloud| {
        cloud.endpoint().await;
        // The change is recorded, and its outcome is not any more.
        execute(
            "CREATE TRIGGER full BEFORE UPDATE ON record WHEN NEW.status = 'InService' \
             BEGIN SELECT RAISE(FAIL, 'database or disk is full'); END",
        );
        let input = json!({"EndpointName": "e", "DesiredWeightsAndCapacities": weights});
        cloud.ok("UpdateEndpointWeightsAndCapacities", input).await;
    });
    execute("DROP TRIGGER full");
    run(async {
        let cloud = Cloud::over(store, 1);
        resume(&cloud.sagemaker).await.unwrap();
        cloud.deploy().await.reply.send(Err("no Python".to_owned())).unwrap();
        let second = cloud.deploy().await;
        assert_eq!(second.variants[0].weight, 2.0);
        second.reply.send(Ok(())).unwrap();
        cloud.until(Kind::ENDPOINT, "e", "InService").await;
        assert_eq!(cloud.host.weights(), [("AllTraffic".to_owned(), 2.0)]);
    });
}

#[test]
fn a_deletion_is_finished() {
    let store = after(async |cloud| {
        cloud.endpoint().await;
        let (tell, removing) = oneshot::channel();
        *cloud.host.stuck.lock().unwrap() = Some(tell);
        cloud.ok("DeleteEndpoint", json!({"EndpointName": "e"})).await;
        within(removing).await.unwrap();
    });
    run(async {
        let cloud = Cloud::over(store, 1);
        resume(&cloud.sagemaker).await.unwrap();
        cloud.until(Kind::ENDPOINT, "e", "Deleted").await;
        cloud.refused("DescribeEndpoint", json!({"EndpointName": "e"})).await;
    });
}

/// The cloud's process ends while this job runs; it runs again in the next.
fn dies_over(store: SqliteRecords, in_order: bool) -> SqliteRecords {
    let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build().unwrap();
    runtime.block_on(async {
        let cloud = Cloud::over(store.clone(), 1);
        resume(&cloud.sagemaker).await.unwrap();
        let job = cloud.job().await;
        assert_eq!(job.task.name, "deadly");
        if in_order {
            suspend(&cloud.sagemaker).await.unwrap();
        }
        std::mem::forget((cloud, job));
    });
    runtime.shutdown_background();
    store
}

#[test]
fn a_job_over_which_the_cloud_died_twice_in_a_row_is_failed_and_others_run() {
    let mut store = after(async |cloud| {
        for name in ["deadly", "waits"] {
            cloud.ok("CreateTrainingJob", training_job(name)).await;
            cloud.clock.advance(1);
        }
        std::mem::forget(cloud.job().await);
    });
    // An end in order says nothing against the job, however often there was one.
    for in_order in [true, true, true, false] {
        store = dies_over(store, in_order);
    }
    store = dies_over(store, false);
    run(async {
        let cloud = Cloud::over(store, 1);
        resume(&cloud.sagemaker).await.unwrap();
        let failed = cloud.describe_job("deadly").await;
        assert_eq!(failed["TrainingJobStatus"], "Failed");
        let reason = failed["FailureReason"].as_str().unwrap();
        assert!(reason.contains("ended abnormally 2 times in a row while this job ran"), "{reason}");
        let other = cloud.job().await;
        assert_eq!((other.task.name.as_str(), other.task.epoch), ("waits", 1));
    });
}

#[test]
fn the_cloud_starts_on_a_full_disk() {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("state.sqlite");
    let execute = |sql: &str| rusqlite::Connection::open(&path).unwrap().execute_batch(sql).unwrap();
    let store = after_over(SqliteRecords::open(&path).unwrap(), 1, async |cloud| {
        cloud.endpoint().await;
        for name in ["stopping", "running"] {
            cloud.ok("CreateTrainingJob", training_job(name)).await;
            cloud.clock.advance(1);
        }
        std::mem::forget(cloud.job().await);
        cloud.ok("StopTrainingJob", json!({"TrainingJobName": "stopping"})).await;
    });
    run(async {
        let full =
            "CREATE TRIGGER full BEFORE UPDATE ON record BEGIN SELECT RAISE(FAIL, 'database or disk is full'); END";
        execute(full);
        let cloud = Cloud::over(store, 1);
        resume(&cloud.sagemaker).await.unwrap();
        cloud.deploy().await.reply.send(Ok(())).unwrap();
        // What is read and deleted needs no room.
        assert_eq!(cloud.describe_job("running").await["TrainingJobStatus"], "InProgress");
        execute("DROP TRIGGER full");
        cloud.until(Kind::TRAINING_JOB, "stopping", "Stopped").await;
        assert_eq!(cloud.job().await.task.name, "running");
    });
}

/// To try a damaged state again and again changes nothing.
#[test]
fn a_job_whose_stored_state_is_damaged_has_failed_and_says_so() {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("state.sqlite");
    let store = after_over(SqliteRecords::open(&path).unwrap(), 1, async |cloud| {
        cloud.ok("CreateTrainingJob", training_job("j")).await;
        std::mem::forget(cloud.job().await);
    });
    drop(store);
    let damage = "UPDATE record SET body = json_set(body, '$._.state', 7, '$.SecondaryStatusTransitions', 'none') \
                  WHERE kind = 'training-job'";
    assert_eq!(rusqlite::Connection::open(&path).unwrap().execute(damage, []).unwrap(), 1);
    run(async {
        let cloud = Cloud::over(SqliteRecords::open(&path).unwrap(), 1);
        resume(&cloud.sagemaker).await.unwrap();
        let job = cloud.describe_job("j").await;
        assert_eq!((&job["TrainingJobStatus"], &job["SecondaryStatus"]), (&json!("Failed"), &json!("Failed")));
        let reason = job["FailureReason"].as_str().unwrap();
        assert!(reason.contains("training-job/j is damaged") && reason.contains("another name"), "{reason}");
        // The slot is free.
        cloud.ok("CreateTrainingJob", training_job("other")).await;
        assert_eq!(cloud.job().await.task.name, "other");
    });
}

/// Gives what is under way time to be written: as many writes again, one after the other.
async fn written(cloud: &Cloud) {
    for n in 0..20 {
        cloud.ok("CreateModel", model(&format!("after-{n}"))).await;
    }
}

#[test]
fn the_end_of_an_earlier_run_of_a_job_changes_nothing() {
    run(async {
        let first = Cloud::over(SqliteRecords::in_memory().unwrap(), 1);
        first.ok("CreateTrainingJob", training_job("j")).await;
        let late = first.job().await;
        let second = Cloud::over(first.store.clone(), 1);
        resume(&second.sagemaker).await.unwrap();
        let job = second.job().await;
        let before = second.state().await;
        (late.events)(TrainingEvent::Secondary { status: "Uploading".to_owned(), message: "late".to_owned() });
        late.end.send(TrainingEnd::Failed { reason: "late".to_owned() }).unwrap();
        // It gets the slot that the late one has left.
        first.ok("CreateTrainingJob", training_job("next")).await;
        drop(first.job().await);
        written(&first).await;
        let after = second.state().await;
        assert!(before.iter().all(|record| after.contains(record)), "{before:#?}\n{after:#?}");
        job.end.send(TrainingEnd::Completed { artifacts: "s3://data/out/m".to_owned() }).unwrap();
        second.until(Kind::TRAINING_JOB, "j", "Completed").await;
    });
}

#[test]
fn the_end_of_an_earlier_deployment_changes_nothing() {
    run(async {
        let first = Cloud::over(SqliteRecords::in_memory().unwrap(), 1);
        first.endpoint().await;
        first.ok("UpdateEndpoint", json!({"EndpointName": "e", "EndpointConfigName": "c2"})).await;
        let late = first.deploy().await;
        let second = Cloud::over(first.store.clone(), 1);
        resume(&second.sagemaker).await.unwrap();
        second.deploy().await.reply.send(Ok(())).unwrap();
        let update = second.deploy().await;
        let before = second.state().await;
        late.reply.send(Err("late".to_owned())).unwrap();
        written(&first).await;
        let after = second.state().await;
        assert!(before.iter().all(|record| after.contains(record)), "{before:#?}\n{after:#?}");
        update.reply.send(Ok(())).unwrap();
        second.until(Kind::ENDPOINT, "e", "InService").await;
        let endpoint = second.describe_endpoint().await;
        assert_eq!((endpoint.get("FailureReason"), &endpoint["EndpointConfigName"]), (None, &json!("c2")));
    });
}

/// Makes the records of jobs what an earlier version wrote, which kept no state.
async fn without_state(store: &SqliteRecords, name: &str, hidden: Value) {
    let records: &dyn Records = store;
    let key = Key::new(ACCOUNT, REGION, "training-job", name);
    let done = records.update(&key, |record, _| {
        record.body["_"] = hidden.clone();
        Ok::<_, ()>(())
    });
    done.await.unwrap().unwrap().unwrap();
}

#[test]
fn jobs_that_an_earlier_version_recorded_are_taken_up() {
    let store = after_over(SqliteRecords::in_memory().unwrap(), 8, async |cloud| {
        for name in ["ended", "runs", "stops", "kills", "waits"] {
            cloud.ok("CreateTrainingJob", training_job(name)).await;
            cloud.clock.advance(1_000);
            if name == "waits" {
                break;
            }
            let job = cloud.job().await;
            (job.events)(TrainingEvent::Secondary { status: "Training".to_owned(), message: "m".to_owned() });
            match name {
                "ended" => drop(job.end.send(TrainingEnd::Completed { artifacts: "s3://data/out/m".to_owned() })),
                "stops" => {
                    cloud.ok("StopTrainingJob", json!({"TrainingJobName": name})).await;
                    std::mem::forget(job);
                }
                _ => std::mem::forget(job),
            }
        }
        cloud.until(Kind::TRAINING_JOB, "ended", "Completed").await;
    });
    run(async {
        for (name, hidden) in [
            ("ended", json!({"attempts": {"runs": 1, "open": 1}})),
            ("runs", json!({"attempts": {"runs": 4, "open": 1}, "epoch": 3})),
            ("stops", json!({"attempts": {"runs": 1, "open": 1}})),
            ("kills", json!({"attempts": {"runs": 2, "open": 2}, "epoch": 1})),
            ("waits", json!({})),
        ] {
            without_state(&store, name, hidden).await;
        }
        let cloud = Cloud::over(store, 8);
        let ended = cloud.describe_job("ended").await;
        resume(&cloud.sagemaker).await.unwrap();
        assert_eq!(cloud.describe_job("ended").await, ended);
        assert_eq!(cloud.describe_job("stops").await["TrainingJobStatus"], "Stopped");
        assert_eq!(cloud.describe_job("kills").await["TrainingJobStatus"], "Failed");
        // There is a slot for each, and no order between them.
        let mut begun = [cloud.job().await, cloud.job().await];
        begun.sort_by(|one, other| one.task.name.cmp(&other.task.name));
        let [runs, waits] = begun;
        assert_eq!((runs.task.name.as_str(), runs.task.epoch), ("runs", 5));
        assert_eq!((waits.task.name.as_str(), waits.task.epoch), ("waits", 1));
        assert_eq!(runs.task.request["RoleArn"], training_job("x")["RoleArn"]);
        let told = cloud.describe_job("runs").await;
        let statuses: Vec<_> =
            told["SecondaryStatusTransitions"].as_array().unwrap().iter().map(|t| &t["Status"]).collect();
        assert_eq!(statuses, ["Starting", "Training", "Restarting", "Starting"]);
        assert_eq!(told.get("TrainingStartTime"), None);
        runs.end.send(TrainingEnd::Completed { artifacts: "s3://data/out/m".to_owned() }).unwrap();
        cloud.until(Kind::TRAINING_JOB, "runs", "Completed").await;
        cloud.ok("StopTrainingJob", json!({"TrainingJobName": "waits"})).await;
    });
}

/// An endpoint whose process dies while traffic moves from `c1` to `c3`, which has two servers.
fn killed_while_traffic_moves() -> SqliteRecords {
    after(async |cloud| {
        cloud.endpoint().await;
        let two = with(config("c3", "m"), "/ProductionVariants/0/InitialInstanceCount", json!(2));
        cloud.ok("CreateEndpointConfig", two).await;
        let (tell, moving) = oneshot::channel();
        *cloud.host.stuck.lock().unwrap() = Some(tell);
        cloud.ok("UpdateEndpoint", json!({"EndpointName": "e", "EndpointConfigName": "c3"})).await;
        cloud.deploy().await.reply.send(Ok(())).unwrap();
        within(moving).await.unwrap();
    })
}

#[test]
fn traffic_that_may_have_moved_does_not_move_back() {
    let store = killed_while_traffic_moves();
    run(async {
        let cloud = Cloud::over(store, 1);
        resume(&cloud.sagemaker).await.unwrap();
        assert_eq!(cloud.describe_endpoint().await["EndpointStatus"], "Updating");
        let deploy = cloud.deploy().await;
        assert_eq!(deploy.variants[0].copies, 2, "what traffic moved to comes first");
        deploy.reply.send(Ok(())).unwrap();
        cloud.until(Kind::ENDPOINT, "e", "InService").await;
        assert_eq!(cloud.describe_endpoint().await["EndpointConfigName"], "c3");
        assert!(cloud.no_deploy_waits().await);
    });
}

#[test]
fn what_served_before_serves_again_where_traffic_cannot_stay() {
    let store = killed_while_traffic_moves();
    run(async {
        let cloud = Cloud::over(store, 1);
        resume(&cloud.sagemaker).await.unwrap();
        cloud.deploy().await.reply.send(Err("no ping".to_owned())).unwrap();
        let deploy = cloud.deploy().await;
        assert_eq!(deploy.variants[0].copies, 1);
        deploy.reply.send(Ok(())).unwrap();
        cloud.until(Kind::ENDPOINT, "e", "InService").await;
        let endpoint = cloud.describe_endpoint().await;
        assert_eq!((&endpoint["EndpointConfigName"], &endpoint["FailureReason"]), (&json!("c1"), &json!("no ping")));
    });
}

#[test]
fn no_request_overtakes_a_restart_that_a_full_disk_keeps_from_being_recorded() {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("state.sqlite");
    let execute = |sql: &str| rusqlite::Connection::open(&path).unwrap().execute_batch(sql).unwrap();
    let store = after_over(SqliteRecords::open(&path).unwrap(), 1, async |cloud| cloud.endpoint().await);
    run(async {
        execute(
            "CREATE TRIGGER full BEFORE UPDATE ON record BEGIN SELECT RAISE(FAIL, 'database or disk is full'); END",
        );
        let cloud = Cloud::over(store, 1);
        resume(&cloud.sagemaker).await.unwrap();
        cloud.deploy().await.reply.send(Ok(())).unwrap();
        let update = || json!({"EndpointName": "e", "EndpointConfigName": "c2"});
        assert!(cloud.refused("UpdateEndpoint", update()).await.starts_with("500"));
        execute("DROP TRIGGER full");
        assert_eq!(
            cloud.refused("UpdateEndpoint", update()).await,
            "400 ValidationException: Cannot update in-progress endpoint \"arn:aws:sagemaker:us-east-1:000000000000:endpoint/e\"."
        );
        // The servers that were started meanwhile stay.
        cloud.until(Kind::ENDPOINT, "e", "InService").await;
        assert!(cloud.no_deploy_waits().await);
        cloud.ok("UpdateEndpoint", update()).await;
    });
}

/// An endpoint as version 0.1 kept it.
fn earlier_record(status: &str, hidden: Value) -> Record {
    let image = json!({"SpecifiedImage": "i", "ResolvedImage": "i", "ResolutionTime": 1_750_000_000.5});
    let variant = json!({
        "VariantName": "AllTraffic", "DesiredWeight": 1.0, "DeployedImages": [image], "CurrentWeight": 1.0,
        "CurrentInstanceCount": 1, "DesiredInstanceCount": 1,
    });
    Record {
        key: Key::new(ACCOUNT, REGION, "endpoint", "e"),
        arn: format!("arn:aws:sagemaker:{REGION}:{ACCOUNT}:endpoint/e"),
        status: status.to_owned(),
        created: 1_750_000_000_000,
        modified: 1_750_000_001_000,
        body: json!({
            "EndpointName": "E", "EndpointConfigName": "c1", "ProductionVariants": [variant], "_": hidden,
        }),
    }
}

fn earlier_deployment(config: &str, instances: u32) -> Value {
    let container = json!({
        "hostname": null, "image": "i", "model_data": {"TarGz": "s3://data/model.tar.gz"}, "environment": {"A": "1"},
    });
    let variant = json!({
        "name": "AllTraffic", "weight": 1.0, "instances": instances, "instance_type": "ml.m5.large",
        "serverless": null, "routing": null, "startup_seconds": 240, "containers": [container],
    });
    json!({"config": config, "variants": [variant], "policy": null, "started": 1_750_000_000_000_i64})
}

#[test]
fn endpoints_of_earlier_versions_are_taken_up() {
    let (one, two) = (earlier_deployment("c1", 1), earlier_deployment("c2", 2));
    run(async {
        let cloud = Cloud::new();
        let record = earlier_record("InService", json!({"current": one, "next": null}));
        let shown = record.body["ProductionVariants"].clone();
        cloud.sagemaker.insert_record(Kind::ENDPOINT, record.clone(), vec![]).await.unwrap();
        resume(&cloud.sagemaker).await.unwrap();
        assert_eq!(cloud.describe_endpoint().await["EndpointStatus"], "SystemUpdating");
        let deploy = cloud.deploy().await;
        assert_eq!((&*deploy.endpoint.name, deploy.variants[0].copies), ("E", 1));
        deploy.reply.send(Ok(())).unwrap();
        cloud.until(Kind::ENDPOINT, "e", "InService").await;
        let endpoint = cloud.describe_endpoint().await;
        let image = &endpoint["ProductionVariants"][0]["DeployedImages"][0];
        assert_eq!(image["ResolutionTime"], shown[0]["DeployedImages"][0]["ResolutionTime"]);
        assert_eq!(endpoint["LastModifiedTime"], 1_750_000_001.0);
    });
    run(async {
        let cloud = Cloud::new();
        let hidden = json!({"current": one, "next": two, "epoch": 4, "weights_only": false, "down": false});
        cloud.sagemaker.insert_record(Kind::ENDPOINT, earlier_record("Updating", hidden), vec![]).await.unwrap();
        resume(&cloud.sagemaker).await.unwrap();
        for copies in [1, 2] {
            let deploy = cloud.deploy().await;
            assert_eq!(deploy.variants[0].copies, copies);
            deploy.reply.send(Ok(())).unwrap();
        }
        cloud.until(Kind::ENDPOINT, "e", "InService").await;
        assert_eq!(cloud.describe_endpoint().await["EndpointConfigName"], "c2");
    });
}

#[test]
fn an_endpoint_whose_deployments_cannot_be_read_has_failed_and_can_be_deleted() {
    run(async {
        let cloud = Cloud::new();
        let record = earlier_record("InService", json!({"current": {"config": 7}}));
        cloud.sagemaker.insert_record(Kind::ENDPOINT, record.clone(), vec![]).await.unwrap();
        resume(&cloud.sagemaker).await.unwrap();
        let endpoint = cloud.describe_endpoint().await;
        assert_eq!(
            (&endpoint["EndpointStatus"], &endpoint["FailureReason"]),
            (&json!("Failed"), &json!("What this endpoint served cannot be read."))
        );
        cloud.ok("DeleteEndpoint", json!({"EndpointName": "e"})).await;
        cloud.until(Kind::ENDPOINT, "e", "Deleted").await;
    });
}
