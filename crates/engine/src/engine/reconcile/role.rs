//! A role that a service could not assume: one that was just created is ready soon, one that does not exist never is.

use sagewright_decide::error::{Failure, Permanent};
use sagewright_kinds::Kind;
use serde_json::json;

use crate::observe::calls::{Calls, is};

/// The failure of a step, or a final one where IAM says that the role which it names does not exist. Whoever may not ask IAM
/// waits.
pub(crate) async fn explained(calls: &Calls, kind: &Kind, failure: Failure) -> Failure {
    let Failure::Retryable(again) = &failure else { return failure };
    let Some(cause) = again.cause.as_deref().filter(|cause| is(&kind.errors().settling, cause)) else { return failure };
    let Some((arn, name)) = role_in(&cause.message) else { return failure };
    match calls.other("iam", "GetRole", json!({"RoleName": name})).await {
        Err(error) if matches!(error.code.as_str(), "NoSuchEntity" | "NoSuchEntityException") => {
            Failure::Permanent(Permanent {
                what: again.what.clone(),
                why: format!("there is no role {arn}"),
                advice: "create the role, or correct its ARN in the manifest".to_owned(),
                cause: again.cause.clone(),
            })
        }
        _ => failure,
    }
}

/// The ARN of a role that a text names, and the role's name.
fn role_in(text: &str) -> Option<(&str, &str)> {
    let start = text.find("arn:")?;
    let rest = text.get(start..)?;
    let end = rest.find(|c: char| c.is_whitespace() || c == ',' || c == '"').unwrap_or(rest.len());
    let arn = rest.get(..end)?.trim_end_matches(['.', ')', '\'']);
    Some((arn, name_of_role(arn)?))
}

/// The name of a role, by its ARN.
pub(super) fn name_of_role(arn: &str) -> Option<&str> {
    let (_, path) = arn.split_once(":role/")?;
    path.rsplit('/').next().filter(|name| !name.is_empty())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_role_is_found_in_what_the_service_says() {
        let said = "Could not assume role arn:aws:iam::1:role/a/b. Please ensure that the role exists and allows it.";
        assert_eq!(role_in(said), Some(("arn:aws:iam::1:role/a/b", "b")));
        for none in ["Could not assume role", "Could not assume role arn:aws:iam::1:role/", "arn:aws:s3:::b"] {
            assert_eq!(role_in(none), None, "{none}");
        }
    }
}
