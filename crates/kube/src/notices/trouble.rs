//! Why the queue cannot be read, and what to do. Pure.

use std::time::Duration;

use sagewright_port::cloud::{Class, CloudError};
use sagewright_port::retry;

use super::EventQueue;

/// Longest pause: what was mended is noticed after it.
const LONGEST: Duration = Duration::from_secs(300);

/// What failed.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct Trouble {
    /// AWS's code, by which a failure is told from another.
    pub(super) code: String,
    message: String,
    class: Class,
    after: Option<Duration>,
    advice: &'static str,
}

impl From<CloudError> for Trouble {
    fn from(error: CloudError) -> Self {
        Self {
            class: error.class(),
            message: error.to_string(),
            after: error.retry_after,
            advice: error.advice(),
            code: error.code,
        }
    }
}

impl Trouble {
    /// A message that SQS does not delete, as its answer says.
    pub(super) fn undeleted(code: &str, message: &str) -> Self {
        let message = format!("a message is not deleted: {code}: {message}");
        Self { class: Class::of_answer(code, None), message, after: None, advice: "", code: code.to_owned() }
    }

    /// What is told: why, and what to do.
    pub(super) fn told(&self, queue: &EventQueue) -> String {
        format!("{}; {}", self.message, self.advice(queue))
    }

    fn advice(&self, queue: &EventQueue) -> String {
        let EventQueue { url, region, .. } = queue;
        match self.code.as_str() {
            "QueueDoesNotExist" | "AWS.SimpleQueueService.NonExistentQueue" => {
                format!("create the queue in {region}, or correct --event-queue-url, which is {url}")
            }
            "InvalidAddress" | "InvalidSecurity" | "UnsupportedOperation" => {
                format!("--event-queue-url is {url}: the queue has to be in {region}, and the URL as SQS gives it")
            }
            code if code.starts_with("Kms") || code.starts_with("KMS.") => {
                format!("allow the controller's role kms:Decrypt with the key of the queue {}", queue.arn())
            }
            _ if self.class == Class::Blocked => format!(
                "allow the controller's role sqs:ReceiveMessage and sqs:DeleteMessage on {}, in the queue's policy too where it \
                 is another account's",
                queue.arn()
            ),
            _ if self.advice.is_empty() => "it is tried again".to_owned(),
            _ => self.advice.to_owned(),
        }
    }

    /// The pause before the next try, after so many failures in a row. What is missing or denied may be mended at any time.
    pub(super) fn pause(&self, failures: u32) -> Duration {
        let class = match self.class {
            Class::Terminal | Class::Rejected => Class::Blocked,
            class => class,
        };
        retry::next(class, failures, self.after, None).map_or(LONGEST, |pause| pause.min(LONGEST))
    }
}

#[cfg(test)]
mod tests {
    use sagewright_port::cloud::Stage;

    use super::*;

    #[test]
    fn each_failure_says_what_to_do_and_is_tried_again() {
        let region = "us-east-1".parse().unwrap();
        let queue = EventQueue::parse("https://sqs.eu-west-1.amazonaws.com/111122223333/events", &region).unwrap();
        for (code, says, first) in [
            ("QueueDoesNotExist", "create the queue in eu-west-1", 5_000),
            ("AWS.SimpleQueueService.NonExistentQueue", "create the queue in eu-west-1", 5_000),
            ("InvalidAddress", "has to be in eu-west-1", 5_000),
            ("KmsAccessDenied", "kms:Decrypt", 5_000),
            (
                "AccessDenied",
                "sqs:ReceiveMessage and sqs:DeleteMessage on arn:aws:sqs:eu-west-1:111122223333:events",
                5_000,
            ),
            ("AccessDeniedException", "sqs:ReceiveMessage", 5_000),
            ("InternalError", "tried again", 500),
            ("RequestThrottled", "tried again", 500),
        ] {
            let error = CloudError::new("sqs", "ReceiveMessage", Stage::Service, code, "no");
            let trouble = Trouble::from(error);
            let told = trouble.told(&queue);
            assert!(told.contains(code) && told.contains(says), "{told}");
            assert_eq!(trouble.pause(1), Duration::from_millis(first), "{code}");
            assert!(trouble.pause(100) <= LONGEST);
        }
        let trouble = Trouble::undeleted("AccessDenied", "no");
        assert!(trouble.told(&queue).contains("sqs:DeleteMessage"));
    }
}
