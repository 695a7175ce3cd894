//! Whether an AWS service may act as a role.

use std::collections::HashMap;
use std::sync::{Arc, LazyLock, Mutex, PoisonError};

use jiff::Timestamp;
use sagewright_model::Arn;

use crate::api::in_partition;
use crate::records::{Key, Record, SharedRecords, StoreError, Versioned};
use sagewright_cloud_policy::{Asker, Context, Decision, Document, Kind, PolicyError, Question};

/// The role with an ARN, path included, of whatever partition.
///
/// # Errors
/// The store failed.
pub async fn role(store: &SharedRecords, arn: &str) -> Result<Option<Record>, StoreError> {
    Ok(shared_role(store, arn).await?.map(|role| role.record.clone()))
}

/// The same, to read.
async fn shared_role(store: &SharedRecords, arn: &str) -> Result<Option<Arc<Versioned>>, StoreError> {
    let Ok(parsed) = arn.parse::<Arn>() else { return Ok(None) };
    let Some((_, name)) = parsed.resource.rsplit_once('/') else { return Ok(None) };
    let found = store.shared(&Key::new(&parsed.account, "", "role", name)).await?;
    Ok(found.filter(|role| role.record.arn == arn || in_partition(&role.record.arn, &parsed.partition) == arn))
}

/// A service that asks for a role on behalf of a resource.
#[derive(Debug, Clone, Copy)]
pub struct ServiceAsks<'a> {
    /// `sagemaker.amazonaws.com`
    pub service: &'a str,
    /// The account that the resource belongs to.
    pub account: &'a str,
    /// The resource.
    pub source_arn: &'a str,
    /// When.
    pub now: Timestamp,
}

/// Whether a service may assume a role.
///
/// # Errors
/// SageMaker's own text: the role is another account's, does not exist, or does not trust the service.
pub async fn assumable_by_service(store: &SharedRecords, role_arn: &str, asks: &ServiceAsks<'_>) -> Result<(), String> {
    if role_arn.split(':').nth(4).is_some_and(|owner| owner != asks.account) {
        return Err("Cross-account pass role is not allowed.".to_owned());
    }
    let refused = || {
        format!(
            "Could not assume role {role_arn}. Please ensure that the role exists and allows principal '{}' to assume the role.",
            asks.service
        )
    };
    let role = &shared_role(store, role_arn).await.map_err(|e| e.to_string())?.ok_or_else(refused)?.record;
    let trust = role.body["AssumeRolePolicyDocument"].as_str().unwrap_or_default();
    let document = parsed(trust).map_err(|_| refused())?;
    // Most trust policies have no conditions, and so ask nothing of the request.
    let context = if document.statements.iter().all(|statement| statement.conditions.is_empty()) {
        Context::default()
    } else {
        let tags = store.tags_of(&role.arn).await.map_err(|e| e.to_string())?;
        context(role, &tags, asks)
    };
    let asker = Some(Asker::Service(asks.service));
    let question = Question { asker, action: "sts:AssumeRole", resource: None, context: &context };
    match document.decide(&question) {
        Decision::Allowed => Ok(()),
        Decision::Denied | Decision::Silent => Err(refused()),
    }
}

/// How many trust policies are kept as they were parsed.
const PARSED: usize = 256;

/// A trust policy, parsed once: every request that names a role asks for it.
fn parsed(trust: &str) -> Result<Arc<Document>, PolicyError> {
    static KEPT: LazyLock<Mutex<HashMap<String, Arc<Document>>>> = LazyLock::new(Mutex::default);
    let kept = || KEPT.lock().unwrap_or_else(PoisonError::into_inner);
    if let Some(found) = kept().get(trust) {
        return Ok(Arc::clone(found));
    }
    let document = Arc::new(Document::parse(trust, Kind::Trust)?);
    let mut kept = kept();
    if kept.len() >= PARSED {
        kept.clear();
    }
    kept.insert(trust.to_owned(), Arc::clone(&document));
    Ok(document)
}

fn context(role: &Record, role_tags: &[(String, String)], asks: &ServiceAsks<'_>) -> Context {
    let mut context = Context::default();
    context.add("aws:SourceAccount", asks.account);
    context.add("aws:SourceArn", asks.source_arn);
    context.add("aws:CurrentTime", asks.now.to_string());
    context.add("aws:EpochTime", asks.now.as_second().to_string());
    context.add("aws:PrincipalIsAWSService", "true");
    context.add("aws:PrincipalServiceName", asks.service);
    context.add("aws:PrincipalServiceNamesList", asks.service);
    context.add("aws:PrincipalType", "Service");
    context.add("aws:ViaAWSService", "false");
    // The service is asked inside this process.
    context.add("aws:SecureTransport", "true");
    context.add("aws:RequestedRegion", asks.source_arn.split(':').nth(3).unwrap_or_default());
    add_role(&mut context, role, role_tags);
    context
}

/// Adds what a request about a role tells of it.
pub fn add_role(context: &mut Context, role: &Record, tags: &[(String, String)]) {
    context.add("aws:ResourceAccount", role.key.account.as_str());
    for (key, value) in tags {
        context.add(&format!("aws:ResourceTag/{key}"), value.as_str());
        context.add(&format!("iam:ResourceTag/{key}"), value.as_str());
    }
}
