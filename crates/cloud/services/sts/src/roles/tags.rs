//! Session tags: those of the call, and the transitive ones of the session that makes it.

use serde_json::Value;

use super::super::invalid;
use sagewright_cloud_core::api::{ApiError, Call};
use sagewright_cloud_core::identity::Principal;

/// The tags of a new session.
pub(super) struct SessionTags {
    /// Those that the call passes.
    pub(super) passed: Vec<(String, String)>,
    /// All of them, inherited ones included.
    pub(super) all: Vec<(String, String)>,
    /// Keys of those that go on to further sessions.
    pub(super) transitive: Vec<String>,
}

pub(super) fn of(call: &Call, caller: &Principal) -> Result<SessionTags, ApiError> {
    let items = |member: &str| call.input.get(member).and_then(Value::as_array).into_iter().flatten();
    let text = |tag: &Value, member: &str| tag[member].as_str().unwrap_or_default().to_owned();
    let passed: Vec<(String, String)> = items("Tags").map(|tag| (text(tag, "Key"), text(tag, "Value"))).collect();
    let mut transitive: Vec<String> = items("TransitiveTagKeys").filter_map(|k| Some(k.as_str()?.to_owned())).collect();
    for (at, (key, _)) in passed.iter().enumerate() {
        if passed[..at].iter().any(|(earlier, _)| same(earlier, key)) {
            return Err(invalid("Duplicate tag keys found. Please note that Tag keys are case insensitive."));
        }
        if key.to_ascii_lowercase().starts_with("aws:") {
            return Err(invalid("Tag keys beginning with aws: are reserved for system use."));
        }
    }
    if let Some(key) = transitive.iter().find(|key| passed.iter().all(|(passed, _)| !same(passed, key))) {
        return Err(invalid(format!(
            "The specified transitive tag key '{key}' must be included in the requested tags."
        )));
    }
    let inherited = inherited(caller);
    if passed.iter().any(|(key, _)| inherited.iter().any(|(old, _)| same(old, key))) {
        return Err(invalid(
            "One of the specified transitive tag keys can't be set because it conflicts with a transitive tag key from the \
             calling session.",
        ));
    }
    transitive.extend(inherited.iter().map(|(key, _)| key.clone()));
    let all = passed.iter().cloned().chain(inherited).collect();
    Ok(SessionTags { passed, all, transitive })
}

fn inherited(caller: &Principal) -> Vec<(String, String)> {
    let Some(session) = &caller.session else { return Vec::new() };
    let goes_on = |key: &str| session.further.transitive.iter().any(|t| same(t, key));
    session.tags.iter().filter(|(key, _)| goes_on(key)).cloned().collect()
}

/// Keys of tags are told apart whatever the case of their letters.
pub(super) fn same(a: &str, b: &str) -> bool {
    a.to_lowercase() == b.to_lowercase()
}
