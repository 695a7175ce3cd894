//! What an earlier run that was cut off or failed has left, so that this one can go on.

use sagewright_engine::{Call, Cloud as _, CloudError};
use serde_json::{Value, json};

use super::manifests::Manifests;
use crate::context::Context;
use crate::output::Printer;

/// Takes away a training job and an endpoint that have failed: neither can be mended in place, and their names are
/// wanted again.
pub(super) async fn run(context: &Context, manifests: &Manifests, printer: &Printer) -> anyhow::Result<()> {
    let job = describe(context, "DescribeTrainingJob", json!({"TrainingJobName": manifests.job})).await?;
    if let Some(status @ ("Failed" | "Stopped")) = text(&job, "TrainingJobStatus") {
        printer.note(&format!("  the training job of an earlier run is {status}{}; it is removed", reason(&job)));
        let input = json!({"TrainingJobName": manifests.job});
        context.aws.call(Call::new(&context.target, "sagemaker", "DeleteTrainingJob", input)).await?;
        remove_logs(context, &manifests.job).await?;
    }
    let endpoint = describe(context, "DescribeEndpoint", json!({"EndpointName": manifests.endpoint})).await?;
    if let Some("Failed") = text(&endpoint, "EndpointStatus") {
        printer.note(&format!("  the endpoint of an earlier run has failed{}; it is removed", reason(&endpoint)));
        context
            .aws
            .call(Call::new(
                &context.target,
                "sagemaker",
                "DeleteEndpoint",
                json!({"EndpointName": manifests.endpoint}),
            ))
            .await?;
    }
    Ok(())
}

/// Takes the lines of a job that is gone away, so that they are not taken for those of the next one of that name.
async fn remove_logs(context: &Context, job: &str) -> Result<(), CloudError> {
    let group = "/aws/sagemaker/TrainingJobs";
    let call = |operation, input| context.aws.call(Call::new(&context.target, "logs", operation, input));
    let input = json!({"logGroupName": group, "logStreamNamePrefix": format!("{job}/")});
    let streams = match call("DescribeLogStreams", input).await {
        Err(e) if e.code == "ResourceNotFoundException" => return Ok(()),
        other => other?,
    };
    for stream in streams["logStreams"].as_array().into_iter().flatten() {
        let input = json!({"logGroupName": group, "logStreamName": stream["logStreamName"]});
        call("DeleteLogStream", input).await?;
    }
    Ok(())
}

async fn describe(context: &Context, operation: &str, input: Value) -> Result<Value, CloudError> {
    match context.aws.call(Call::new(&context.target, "sagemaker", operation, input)).await {
        Err(e) if e.code == "ValidationException" || e.code == "ResourceNotFound" => Ok(Value::Null),
        other => other,
    }
}

fn text<'a>(output: &'a Value, member: &str) -> Option<&'a str> {
    output.get(member).and_then(Value::as_str)
}

fn reason(output: &Value) -> String {
    text(output, "FailureReason").map_or_else(String::new, |r| format!(" ({r})"))
}
