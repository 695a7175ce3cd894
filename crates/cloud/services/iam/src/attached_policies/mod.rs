//! Managed policies attached to roles, by ARN. Simulations evaluate them; calls are not yet checked against them.

mod attach;
mod detach;
mod list;

pub(super) use attach::attach;
pub(super) use detach::detach;
pub(super) use list::list;

use sagewright_cloud_core::api::in_partition;
use sagewright_cloud_core::records::Record;
use sagewright_cloud_policy::managed;

/// ARNs are kept as of this partition, and told as of the caller's.
const KEPT_IN: &str = "aws";

fn kept(arn: &str) -> String {
    in_partition(arn, KEPT_IN)
}

/// The ARNs of what is attached to a role.
pub(super) fn of(role: &Record) -> impl Iterator<Item = String> {
    let attached = role.body["Attached"].as_array();
    attached.into_iter().flatten().filter_map(|arn| Some(kept(arn.as_str()?)))
}

/// `AmazonSageMakerFullAccess` of `arn:aws:iam::aws:policy/AmazonSageMakerFullAccess`
fn name_of(arn: &str) -> &str {
    managed::find(arn).map_or_else(|| arn.rsplit('/').next().unwrap_or_default(), |policy| policy.name)
}
