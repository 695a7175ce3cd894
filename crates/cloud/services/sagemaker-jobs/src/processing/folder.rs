//! The folder that a host's container sees as `/opt/ml`, and its configuration files.

use std::fs;
use std::io;
use std::path::Path;

use sagewright_cloud_sagemaker_base::JobTask;
use serde_json::{Value, json};

use super::request::Plan;
use crate::job::hosts::{HostFolder, INTERFACE};

/// Makes the folders and configuration files of all hosts.
pub(super) fn make(root: &Path, plan: &Plan, task: &JobTask) -> io::Result<Vec<HostFolder>> {
    let mut made = Vec::new();
    for name in &plan.hosts {
        let base = root.join(name);
        let inputs = plan.inputs.iter().map(|input| &*input.folder);
        let outputs = plan.outputs.iter().map(|output| &*output.folder);
        for folder in ["config", "output", "processing"].into_iter().map(Path::new).chain(inputs).chain(outputs) {
            fs::create_dir_all(base.join(folder))?;
        }
        let config = base.join("config");
        fs::write(config.join("processingjobconfig.json"), job(task).to_string())?;
        fs::write(config.join("resourceconfig.json"), resources(plan, name).to_string())?;
        made.push(HostFolder { name: name.clone(), base });
    }
    Ok(made)
}

/// The request with its defaults, in the form that the developer guide shows.
fn job(task: &JobTask) -> Value {
    let request = &task.request;
    let list = |value: &Value| value.as_array().cloned().unwrap_or_default();
    let mut inputs = list(&request["ProcessingInputs"]);
    for input in &mut inputs {
        if let Some(source) = input.get_mut("S3Input").and_then(Value::as_object_mut) {
            source.entry("S3InputMode").or_insert(json!("File"));
            source.insert("S3DownloadMode".to_owned(), json!("StartOfJob"));
        }
    }
    let app = &request["AppSpecification"];
    let outputs = &request["ProcessingOutputConfig"];
    let mut resources = request["ProcessingResources"].clone();
    if let Some(cluster) = resources.get_mut("ClusterConfig").and_then(Value::as_object_mut) {
        cluster.entry("VolumeKmsKeyId").or_insert(Value::Null);
    }
    json!({
        "ProcessingJobArn": task.arn,
        "ProcessingJobName": task.name,
        "AppSpecification": {
            "ImageUri": app["ImageUri"],
            "ContainerEntrypoint": app["ContainerEntrypoint"],
            "ContainerArguments": app["ContainerArguments"],
        },
        "Environment": request.get("Environment").unwrap_or(&json!({})),
        "ProcessingInputs": inputs,
        "ProcessingOutputConfig": {"Outputs": list(&outputs["Outputs"]), "KmsKeyId": outputs["KmsKeyId"]},
        "ProcessingResources": resources,
        "RoleArn": request["RoleArn"],
        "StoppingCondition": request["StoppingCondition"],
    })
}

fn resources(plan: &Plan, host: &str) -> Value {
    json!({
        "current_host": host,
        "current_instance_type": plan.instance_type,
        "hosts": plan.hosts,
        "network_interface_name": INTERFACE,
    })
}
