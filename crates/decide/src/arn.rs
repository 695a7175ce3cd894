//! ARNs in what the cloud answers.

use sagewright_kinds::Kind;
use serde_json::Value;

/// The ARN in what a read or a listing gives.
pub fn arn_of(kind: &Kind, output: &Value) -> Option<String> {
    let member = kind.row().identity.arn.as_deref()?;
    output.get(member).and_then(Value::as_str).filter(|a| !a.is_empty()).map(str::to_owned)
}

/// The parts of an ARN after the resource's type: `mnist/3`.
pub fn name_in_arn(arn: &str) -> &str {
    let resource = arn.splitn(6, ':').nth(5).unwrap_or(arn);
    resource.split_once('/').map_or(resource, |(_, rest)| rest)
}
