//! Functions and callbacks: commands under a test's control.

use std::sync::Arc;

use sagewright_cloud::cloud::resume;
use sagewright_cloud::runner::Called;
use sagewright_cloud::sagemaker::Kind;
use sagewright_cloud_store_sqlite::SqliteRecords;
use serde_json::{Value, json};

use super::{TOKEN, pipeline};
use crate::restart::{after, run};
use crate::support::{Cloud, CommandCall, Life, with, within};

fn lambda(name: &str) -> Value {
    json!({"Name": name, "Type": "Lambda", "FunctionArn": "arn:aws:lambda:us-east-1:000000000000:function:f"})
}

fn callback() -> Value {
    json!({"Name": "Ask", "Type": "Callback", "SqsQueueUrl": "https://queue", "Arguments": {}})
}

impl Cloud {
    async fn stop_pipeline(&self, arn: &str) {
        self.ok("StopPipelineExecution", json!({"PipelineExecutionArn": arn, "ClientRequestToken": TOKEN})).await;
    }

    /// Starts an execution of steps, the only one of its cloud.
    async fn begun(&self, steps: &Value) -> String {
        self.ok("CreatePipeline", pipeline("p", steps)).await;
        self.start_pipeline("p", TOKEN).await
    }

    /// The next message to a queue, with its status.
    async fn message(&self, status: &str) -> CommandCall {
        let call = self.called().await;
        assert_eq!(call.task.input["status"], status);
        call
    }
}

fn answer(call: CommandCall, answer: Value) {
    // The execution may have no use for it any more.
    let _ = call.answer.send(Ok(answer));
}

#[tokio::test]
async fn a_command_that_answers_the_message_of_a_stop_ends_the_step() {
    let cloud = Cloud::new();
    let arn = cloud.begun(&json!([callback()])).await;
    answer(cloud.message("Executing").await, Value::Null);
    cloud.stop_pipeline(&arn).await;
    answer(cloud.message("Stopping").await, json!({}));
    assert_eq!(cloud.ended(&arn).await["PipelineExecutionStatus"], "Stopped");
    assert_eq!(cloud.steps(&arn).await[0]["StepStatus"], "Succeeded");
}

#[tokio::test]
async fn a_command_that_fails_at_the_message_of_a_stop_lets_the_execution_stop_and_says_why() {
    let cloud = Cloud::new();
    let arn = cloud.begun(&json!([callback()])).await;
    answer(cloud.message("Executing").await, Value::Null);
    cloud.stop_pipeline(&arn).await;
    cloud.message("Stopping").await.answer.send(Err("exit status: 3".to_owned())).unwrap();
    assert_eq!(cloud.ended(&arn).await["PipelineExecutionStatus"], "Stopped");
    let step = cloud.steps(&arn).await.remove(0);
    assert_eq!(step["FailureReason"], "ClientError: The command for https://queue failed: exit status: 3");
}

#[test]
fn a_command_that_waited_when_the_process_ended_answers_the_message_of_the_stop() {
    let store = after(async |cloud| {
        let arn = cloud.begun(&json!([callback()])).await;
        let call = cloud.message("Executing").await;
        cloud.stop_pipeline(&arn).await;
        std::mem::forget((call, cloud.message("Stopping").await));
    });
    run(async {
        let cloud = Cloud::over(store, 1);
        resume(&cloud.sagemaker).await.unwrap();
        let arn = cloud.start_pipeline("p", TOKEN).await;
        answer(cloud.message("Stopping").await, json!({}));
        assert_eq!(cloud.ended(&arn).await["PipelineExecutionStatus"], "Stopped");
    });
}

#[tokio::test]
async fn a_function_has_ten_minutes_and_who_answers_has_all_the_time() {
    let cloud = Cloud::new();
    let arn = cloud.begun(&json!([lambda("L"), callback()])).await;
    for _ in 0..2 {
        let call = cloud.called().await;
        let minutes = call.task.longest.map(|longest| longest.as_secs() / 60);
        assert_eq!(minutes, (call.task.called == Called::Function).then_some(10), "{}", call.task.target);
        answer(call, json!({}));
    }
    assert_eq!(cloud.ended(&arn).await["PipelineExecutionStatus"], "Succeeded");
}

#[tokio::test]
async fn a_command_ends_with_its_step() {
    let cloud = Cloud::new();
    let arn = cloud.begun(&json!([callback()])).await;
    let mut executing = cloud.message("Executing").await;
    cloud.stop_pipeline(&arn).await;
    let mut stopping = cloud.message("Stopping").await;
    let token = executing.task.input["token"].clone();
    cloud.ok("SendPipelineExecutionStepSuccess", json!({"CallbackToken": token})).await;
    within(async { tokio::join!(executing.answer.closed(), stopping.answer.closed()) }).await;
    assert_eq!(cloud.ended(&arn).await["PipelineExecutionStatus"], "Stopped");
}

#[tokio::test]
async fn an_answer_is_taken_once_and_its_repetition_is_answered_alike() {
    let cloud = Cloud::new();
    let empty = cloud.state().await;
    let arn = cloud.begun(&json!([callback()])).await;
    let call = cloud.message("Executing").await;
    let success = |token: &str| json!({"CallbackToken": call.task.input["token"], "ClientRequestToken": token});
    let first = cloud.ok("SendPipelineExecutionStepSuccess", success(TOKEN)).await;
    cloud.ended(&arn).await;
    assert_eq!(cloud.ok("SendPipelineExecutionStepSuccess", success(TOKEN)).await, first);
    let other = "fedcba9876543210fedcba9876543210";
    for operation in ["SendPipelineExecutionStepSuccess", "SendPipelineExecutionStepFailure"] {
        let refused = cloud.refused(operation, success(other)).await;
        assert!(refused.starts_with("400 ResourceNotFound: No callback step waits"), "{refused}");
    }
    let wrong = with(success(other), "/OutputParameters", json!([{"Name": "unknown", "Value": "1"}]));
    let refused = cloud.refused("SendPipelineExecutionStepSuccess", wrong).await;
    assert!(refused.starts_with("400 ResourceNotFound"), "no answer is wanted, whatever it is: {refused}");
    let elsewhere =
        cloud.call_as("111111111111", "us-east-1", "SendPipelineExecutionStepSuccess", success(TOKEN)).await;
    assert_eq!(elsewhere.unwrap_err().code, "ResourceNotFound");
    let delete = json!({"PipelineName": "p", "ClientRequestToken": TOKEN});
    cloud.ok("DeletePipeline", delete).await;
    assert_eq!(cloud.state().await, empty, "its token is forgotten");
}

#[tokio::test]
async fn a_stop_reaches_functions_that_wait_for_their_turn() {
    let cloud = Cloud::new();
    // Two run at a time.
    let steps: Vec<Value> = (0..5).map(|n| lambda(&format!("L{n}"))).collect();
    let arn = cloud.begun(&json!(steps)).await;
    let running = [cloud.called().await, cloud.called().await];
    cloud.stop_pipeline(&arn).await;
    running.into_iter().for_each(|call| answer(call, json!({})));
    assert_eq!(cloud.ended(&arn).await["PipelineExecutionStatus"], "Stopped");
    let all = cloud.steps(&arn).await;
    let count = |status: &str| all.iter().filter(|step| step["StepStatus"] == status).count();
    assert_eq!((count("Succeeded"), count("Stopped")), (2, 3));
    assert!(cloud.nothing_is_called().await);
}

#[tokio::test]
async fn a_result_of_another_execution_shows_no_token_that_nobody_got() {
    let cloud = Cloud::new();
    let mut cached = callback();
    cached["CacheConfig"] = json!({"Enabled": true});
    let first = cloud.begun(&json!([cached])).await;
    let call = cloud.message("Executing").await;
    let token = call.task.input["token"].clone();
    answer(call, json!({}));
    cloud.ended(&first).await;
    let shown = async |arn: &str| cloud.steps(arn).await[0]["Metadata"]["Callback"].clone();
    assert_eq!(shown(&first).await["CallbackToken"], token);
    let again = cloud.start_pipeline("p", "fedcba9876543210fedcba9876543210").await;
    cloud.ended(&again).await;
    let hit = shown(&again).await;
    assert_eq!((&hit["SqsQueueUrl"], hit.get("CallbackToken")), (&json!("https://queue"), None));
}

#[tokio::test]
async fn a_selective_execution_goes_on_from_one_that_succeeded_or_failed() {
    let cloud = Cloud::new();
    let arn = cloud.begun(&json!([callback(), super::step("A", &["Ask"])])).await;
    answer(cloud.message("Executing").await, Value::Null);
    let selected = |token: &str| {
        json!({
            "PipelineName": "p", "ClientRequestToken": token,
            "SelectiveExecutionConfig": {"SelectedSteps": [{"StepName": "A"}], "SourcePipelineExecutionArn": arn},
        })
    };
    let other = "fedcba9876543210fedcba9876543210";
    cloud.stop_pipeline(&arn).await;
    for status in ["Stopping", "Stopped"] {
        let refused = cloud.refused("StartPipelineExecution", selected(other)).await;
        assert!(refused.contains(&format!("{arn} is in status {status}.")), "{refused}");
        if status == "Stopping" {
            answer(cloud.message("Stopping").await, json!({}));
            cloud.ended(&arn).await;
        }
    }
}

/// A store that fails, and may have written all the same, at any commit of the execution: each effect is done, and done once.
#[test]
fn an_execution_ends_whichever_commit_is_answered_with_an_error() {
    let steps = json!([lambda("L"), super::step("A", &["L"]), callback(), super::step("B", &["A", "Ask"])]);
    for written in [true, false] {
        for commits in 0.. {
            let done = run_with_error(&steps, commits, written);
            if !done {
                assert!(commits > 7, "only {commits} commits were answered with an error");
                break;
            }
        }
    }
}

/// Whether there was a commit to be answered with an error.
fn run_with_error(steps: &Value, commits: i64, written: bool) -> bool {
    let mut met = false;
    run(async {
        let life = Arc::new(Life::default());
        let cloud = Cloud::mortal(SqliteRecords::in_memory().unwrap(), 4, Arc::clone(&life));
        cloud.ok("CreatePipeline", pipeline("p", steps)).await;
        life.errs_after(Kind::PIPELINE_EXECUTION.as_str(), commits, written);
        let start = json!({"PipelineName": "p", "ClientRequestToken": TOKEN});
        let started = match cloud.call("StartPipelineExecution", start.clone()).await {
            Ok(started) => started,
            Err(error) => {
                assert_eq!(error.status, 500);
                cloud.ok("StartPipelineExecution", start).await
            }
        };
        let arn = started["PipelineExecutionArn"].as_str().unwrap();
        let mut called = Vec::new();
        let told = within(async {
            let ended = cloud.ended(arn);
            tokio::pin!(ended);
            loop {
                tokio::select! {
                    told = &mut ended => return told,
                    job = cloud.processing() => super::complete(job),
                    call = cloud.called() => {
                        called.push(call.task.target.clone());
                        answer(call, json!({}));
                    }
                }
            }
        })
        .await;
        assert_eq!(told["PipelineExecutionStatus"], "Succeeded", "{commits}: {:#?}", cloud.steps(arn).await);
        assert_eq!(called.len(), 2, "{commits} {written}: {called:?}");
        assert!(cloud.steps(arn).await.iter().all(|step| step["AttemptCount"] == 1));
        met = life.erred();
    });
    met
}
