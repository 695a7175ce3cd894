//! Whether an AWS service may act as a role.

use jiff::Timestamp;
use sagewright_model::Arn;

use crate::store::{Key, Record, Store, StoreError};
use sagewright_cloud_policy::{Asker, Context, Decision, Document, Kind, Question, trust_decision};

/// The role with an ARN, path included.
///
/// # Errors
/// The database could not be read.
pub fn role(store: &Store, arn: &str) -> Result<Option<Record>, StoreError> {
    let Ok(parsed) = arn.parse::<Arn>() else { return Ok(None) };
    let Some((_, name)) = parsed.resource.rsplit_once('/') else { return Ok(None) };
    let found = store.get(&Key::new(&parsed.account, "", "role", name))?;
    Ok(found.filter(|role| role.arn == arn))
}

/// Whether `service` (`sagemaker.amazonaws.com`) may assume a role for a caller in `account`.
///
/// # Errors
/// SageMaker's own text: the role is another account's, does not exist, or does not trust the service.
pub fn assumable_by_service(
    store: &Store,
    account: &str,
    role_arn: &str,
    service: &str,
    now: Timestamp,
) -> Result<(), String> {
    if role_arn.split(':').nth(4).is_some_and(|owner| owner != account) {
        return Err("Cross-account pass role is not allowed.".to_owned());
    }
    let refused = || {
        format!(
            "Could not assume role {role_arn}. Please ensure that the role exists and allows principal '{service}' to assume the role."
        )
    };
    let role = role(store, role_arn).map_err(|e| e.to_string())?.ok_or_else(refused)?;
    let trust = role.body["AssumeRolePolicyDocument"].as_str().unwrap_or_default();
    let document = Document::parse(trust, Kind::Trust).map_err(|_| refused())?;
    let mut context = Context::default();
    context.add("aws:SourceAccount", account);
    context.add("aws:CurrentTime", now.to_string());
    context.add("aws:EpochTime", now.as_second().to_string());
    context.add("aws:PrincipalIsAWSService", "true");
    let question = Question { asker: Asker::Service(service), action: "sts:AssumeRole", context: &context };
    match trust_decision(&document, &question) {
        Decision::Allowed => Ok(()),
        Decision::Denied | Decision::Silent => Err(refused()),
    }
}

#[cfg(test)]
mod tests {
    use std::sync::Arc;

    use super::*;
    use crate::clock::WallClock;
    use crate::identity::Identity;

    #[test]
    fn every_accounts_own_role_trusts_sagemaker_and_nobody_else() {
        let store = Store::in_memory().unwrap();
        let identity = Identity::open(store.clone(), Arc::new(WallClock), "aws").unwrap();
        identity.credentials("000000000000").unwrap();
        let role = "arn:aws:iam::000000000000:role/sagewright-execution";
        let ask = |account: &str, role: &str, service: &str| {
            assumable_by_service(&store, account, role, service, Timestamp::UNIX_EPOCH)
        };
        assert_eq!(ask("000000000000", role, "sagemaker.amazonaws.com"), Ok(()));
        assert_eq!(
            ask("000000000000", role, "ec2.amazonaws.com").unwrap_err(),
            format!(
                "Could not assume role {role}. Please ensure that the role exists and allows principal \
                 'ec2.amazonaws.com' to assume the role."
            )
        );
        let none = "arn:aws:iam::000000000000:role/none";
        assert!(ask("000000000000", none, "sagemaker.amazonaws.com").unwrap_err().starts_with("Could not assume role"));
        assert_eq!(
            ask("111111111111", role, "sagemaker.amazonaws.com").unwrap_err(),
            "Cross-account pass role is not allowed."
        );
    }
}
