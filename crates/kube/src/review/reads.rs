//! A cloud that only reads.

use std::collections::BTreeMap;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::sync::{Arc, Mutex, PoisonError};

use async_trait::async_trait;
use sagewright_decide::read_tags;
use sagewright_port::cloud::{Call, Cloud, CloudError, Stage};
use serde_json::Value;

/// How operations begin that change nothing.
const READS: [&str; 5] = ["Describe", "List", "Get", "Search", "BatchDescribe"];

/// A cloud to which no write is sent. Tags that were read are kept.
pub(super) struct Reads {
    cloud: Arc<dyn Cloud>,
    held_back: AtomicUsize,
    tags: Mutex<BTreeMap<String, String>>,
}

impl Reads {
    pub(super) fn new(cloud: Arc<dyn Cloud>) -> Self {
        Self { cloud, held_back: AtomicUsize::new(0), tags: Mutex::default() }
    }

    /// How many writes were not sent.
    pub(super) fn held_back(&self) -> usize {
        self.held_back.load(Ordering::Relaxed)
    }

    /// The tags that were read.
    pub(super) fn tags(&self) -> BTreeMap<String, String> {
        self.tags.lock().unwrap_or_else(PoisonError::into_inner).clone()
    }
}

fn is_read(operation: &str) -> bool {
    READS.iter().any(|start| operation.starts_with(start))
}

#[async_trait]
impl Cloud for Reads {
    async fn call(&self, call: Call) -> Result<Value, CloudError> {
        if !is_read(&call.operation) {
            self.held_back.fetch_add(1, Ordering::Relaxed);
            let why = "this is a review: nothing is sent that changes anything";
            return Err(CloudError::new(&call.service, &call.operation, Stage::Input, "NotSent", why));
        }
        let lists_tags = call.operation.starts_with("ListTags");
        let answer = self.cloud.call(call).await?;
        if let Some(listed) = answer.get("Tags").filter(|_| lists_tags) {
            self.tags.lock().unwrap_or_else(PoisonError::into_inner).extend(read_tags(listed));
        }
        Ok(answer)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn no_operation_of_a_row_that_changes_something_is_taken_for_a_read() {
        for kind in sagewright_kinds::all() {
            let operations = &kind.row().operations;
            let writes = [Some(&operations.create), operations.update.as_ref(), operations.delete.as_ref()];
            for operation in writes.into_iter().chain([operations.stop.as_ref()]).flatten() {
                assert!(!is_read(operation), "{operation}");
            }
            assert!(is_read(&operations.read), "{}", operations.read);
        }
        assert!(is_read("ListTags") && !is_read("AddTags") && !is_read("DeleteTags"));
    }
}
