//! The instances of a job.

use std::time::Duration;

use sagewright_cloud_core::api::ApiError;
use sagewright_cloud_sagemaker_base::inputs::within_limit;
use serde::Deserialize;

use super::request::Group;

#[derive(Deserialize)]
#[serde(rename_all = "PascalCase")]
pub(super) struct Resources {
    instance_type: Option<String>,
    instance_count: Option<u64>,
    #[serde(default)]
    instance_groups: Vec<InstanceGroup>,
    #[serde(default)]
    keep_alive_period_in_seconds: u64,
}

#[derive(Deserialize)]
#[serde(rename_all = "PascalCase")]
struct InstanceGroup {
    instance_group_name: String,
    instance_type: String,
    instance_count: u64,
}

impl Resources {
    /// Whether the request has `InstanceGroups`.
    pub fn grouped(&self) -> bool {
        !self.instance_groups.is_empty()
    }

    /// How long the instances are kept for the next job.
    pub fn keep_alive(&self) -> Duration {
        Duration::from_secs(self.keep_alive_period_in_seconds)
    }
}

/// Hosts are `algo-1`, `algo-2`, … through all groups. A job without groups has one of this name.
///
/// # Errors
/// The instances are not said, said twice, or too many.
pub(super) fn groups(resources: Resources, most: u32) -> Result<Vec<Group>, ApiError> {
    let Resources { instance_type, instance_count, instance_groups, .. } = resources;
    let given = match (instance_type, instance_count, instance_groups) {
        (None, None, groups) if !groups.is_empty() => groups,
        (Some(instance_type), Some(instance_count), groups) if groups.is_empty() => {
            vec![InstanceGroup { instance_group_name: "homogeneousCluster".into(), instance_type, instance_count }]
        }
        (Some(_), None, groups) | (None, Some(_), groups) if groups.is_empty() => {
            return Err(ApiError::validation("InstanceType and InstanceCount must be set in ResourceConfig."));
        }
        _ => {
            return Err(ApiError::validation(
                "Either InstanceType and InstanceCount or InstanceGroups must be set in ResourceConfig.",
            ));
        }
    };
    let mut groups: Vec<Group> = Vec::new();
    let mut total = 0_u64;
    for InstanceGroup { instance_group_name: name, instance_type, instance_count: count } in given {
        if groups.iter().any(|group| group.name == name) {
            return Err(ApiError::validation(format!(
                "Duplicate instance group name \"{name}\" in ResourceConfig.InstanceGroups. Instance group names must be unique."
            )));
        }
        if count == 0 {
            return Err(ApiError::validation("InstanceCount in ResourceConfig must be greater than or equal to 1."));
        }
        let first = total + 1;
        total = total.saturating_add(count);
        // Before the hosts are named: one request could ask for any number of them.
        within_limit(most, &instance_type, "training job usage", total)?;
        let hosts = (first..=total).map(|number| format!("algo-{number}")).collect();
        groups.push(Group { name, instance_type, hosts });
    }
    Ok(groups)
}
