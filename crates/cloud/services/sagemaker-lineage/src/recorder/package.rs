//! Model packages: an artifact each, with what their containers are made of; their group is a context, and each approval
//! an action.

use sagewright_cloud_core::records::Record;
use sagewright_cloud_sagemaker_base::Kind;
use serde_json::{Value, json};

use super::plan::{Plan, Planner};

/// The context of a model package group.
fn context(planner: &mut Planner<'_>, name: &str, arn: &str) -> usize {
    let context = format!("{name}-aws-model-group");
    let body = json!({ "ContextName": context, "ContextType": "ModelGroup", "Source": { "SourceUri": arn } });
    planner.entity(Kind::CONTEXT, &context, body)
}

/// The lineage of a model package group.
pub fn group(record: &Record) -> Plan {
    let mut planner = Planner::of(record);
    let name = record.body["ModelPackageGroupName"].as_str().unwrap_or(&record.key.name);
    context(&mut planner, name, &record.arn);
    planner.plan
}

/// The lineage of a model package, with its approval as it is now.
pub fn version(record: &Record) -> Plan {
    let body = &record.body;
    let mut planner = Planner::of(record);
    let Some(package) = planner.artifact(&json!(record.arn), "Model") else { return planner.plan };
    for container in body["InferenceSpecification"]["Containers"].as_array().into_iter().flatten() {
        let url = &container["ModelDataUrl"];
        let model = if url.is_string() { url } else { &container["ModelDataSource"]["S3DataSource"]["S3Uri"] };
        planner.container(&container["Image"], model, package);
    }
    let (Some(group), Some(number)) = (body["ModelPackageGroupName"].as_str(), body["ModelPackageVersion"].as_u64())
    else {
        return planner.plan;
    };
    if let Some(status) = body["ModelApprovalStatus"].as_str() {
        // A second is as fine as AWS tells it, and one status is not entered twice within it.
        let name = format!("{group}-{number}-{status}-{}-aws-model-group", record.modified / 1000);
        let mut action = json!({
            "ActionName": name, "ActionType": "Approval", "Status": "Completed",
            "Source": { "SourceUri": record.arn },
        });
        if let (Some(text), Value::Object(map)) = (body["ApprovalDescription"].as_str(), &mut action) {
            map.insert("Description".to_owned(), json!(text));
        }
        let approval = planner.entity(Kind::ACTION, &name, action);
        planner.edge(Some(approval), Some(package), "ContributedTo");
    }
    let group_arn = record.arn.replacen(":model-package/", ":model-package-group/", 1);
    let group_arn = group_arn.rsplit_once('/').map_or(&*group_arn, |(group, _)| group).to_owned();
    let context = context(&mut planner, group, &group_arn);
    planner.edge(Some(package), Some(context), "AssociatedWith");
    // By which the SDK finds the execution that a group's models come from.
    if let Some(execution) = body["MetadataProperties"]["GeneratedBy"].as_str().filter(|by| by.contains("/execution/"))
    {
        let group = &mut planner.plan.entities[context];
        group.body.insert("Properties".to_owned(), json!({ "PipelineExecutionArn": execution }));
        group.renews = true;
    }
    planner.plan
}
