//! Session policies. They are checked, kept and counted; calls are not yet checked against them.

use serde_json::Value;

use super::super::{Sts, invalid};
use sagewright_cloud_core::api::{ApiError, Call};
use sagewright_cloud_core::identity::Further;
use sagewright_cloud_core::identity::policy_exists;
use sagewright_cloud_policy::{Document, Kind};

/// Managed policies that a call may name.
const MOST: usize = 10;
/// Characters that policies, their ARNs and tags may take together: AWS's limit for the plain text of session policies.
/// AWS packs them in a way that it does not tell, so that its percentage is another.
const ROOM: usize = 2048;

/// The session policies of a call.
pub(super) async fn of(sts: &Sts, call: &Call, account: &str) -> Result<Further, ApiError> {
    if let Some(text) = call.text("Policy") {
        Document::parse(text, Kind::Identity)
            .map_err(|error| ApiError::new("MalformedPolicyDocument", 400, error.to_string()))?;
    }
    let arns = call.input.get("PolicyArns").and_then(Value::as_array).into_iter().flatten();
    let arns: Vec<String> = arns.filter_map(|p| Some(p["arn"].as_str()?.to_owned())).collect();
    if arns.len() > MOST {
        return Err(invalid(format!("The number of session policies must not exceed {MOST}.")));
    }
    for arn in &arns {
        if !policy_exists(&sts.store, account, arn).await? {
            return Err(invalid(format!("Policy {arn} does not exist or is not attachable.")));
        }
    }
    Ok(Further { policy: call.text("Policy").map(str::to_owned), policy_arns: arns, transitive: Vec::new() })
}

/// `PackedPolicySize`: how much of the room is taken, in percent; `None` where nothing takes any.
pub(super) fn packed(policies: &Further, tags: &[(String, String)]) -> Result<Option<usize>, ApiError> {
    // White space does not count.
    let text = |text: &str| text.chars().filter(|c| !c.is_whitespace()).count();
    let of_policies: usize = policies.policy.iter().chain(&policies.policy_arns).map(|policy| text(policy)).sum();
    let of_tags: usize = tags.iter().map(|(key, value)| key.chars().count() + value.chars().count()).sum();
    let percent = |taken: usize| (taken * 100).div_ceil(ROOM);
    // Fifty of the longest tags are more than the room of policies; AWS's packing takes them.
    let taken = percent(of_policies);
    if taken > 100 {
        let message = format!("Packed policy consumes {taken}% of allotted space, please use smaller policy.");
        return Err(ApiError::new("PackedPolicyTooLarge", 400, message));
    }
    Ok((of_policies + of_tags > 0).then(|| percent(of_policies + of_tags).min(100)))
}
