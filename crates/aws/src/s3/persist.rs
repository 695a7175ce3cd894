//! Transfers go on while a network or a service fails now and then: what was sent already is worth more than a wait.

use aws_smithy_async::rt::sleep::AsyncSleep as _;
use sagewright_port::cloud::{Call, Class, Cloud as _, CloudError, Target};
use sagewright_port::retry;
use serde_json::Value;

use crate::client::Aws;
use crate::failure;
use crate::paging::Pager;

/// Makes an attempt again while it fails with what passes by itself, for the patience of the retry policy. That begins with
/// the first failure: an attempt may have worked for longer than it before the connection broke.
pub(super) async fn persist<T, F>(aws: &Aws, mut attempt: impl FnMut() -> F) -> Result<T, CloudError>
where
    F: Future<Output = Result<T, CloudError>>,
{
    let (mut first, mut failures) = (None, 0);
    loop {
        // Boxed, or the types of the futures inside one another grow beyond what the compiler follows.
        let error = match Box::pin(attempt()).await {
            Ok(done) => return Ok(done),
            Err(error) => error,
        };
        failures += 1;
        // Nobody listening is told soon: somebody has forgotten to start the embedded cloud.
        let passes = matches!(error.class(), Class::Transient | Class::Throttle) && error.code != "ConnectionRefused";
        let now = aws.inner().turns.now();
        let spent = now.saturating_sub(*first.get_or_insert(now));
        let pause = retry::next_of_command(error.class(), failures, error.retry_after, spent, None);
        let Some(pause) = pause.filter(|_| passes && aws.inner().transport.max_attempts() > 1) else {
            return Err(error);
        };
        tracing::debug!(failures, error = %error, "a transfer goes on");
        aws.inner().sleep.sleep(pause).await;
    }
}

/// Calls an operation of S3, persistently.
pub(super) async fn call(aws: &Aws, target: &Target, operation: &str, input: Value) -> Result<Value, CloudError> {
    persist(aws, || aws.call(Call::new(target, "s3", operation, input.clone()))).await
}

/// The next page of a listing, persistently: a page that fails leaves the pager where it was.
pub(super) async fn next_page(aws: &Aws, pager: &mut Pager) -> Result<Option<Value>, CloudError> {
    let pager = tokio::sync::Mutex::new(pager);
    persist(aws, || async { pager.lock().await.next(aws).await }).await
}

/// An answer to an upload or a download that S3 cannot have given: each of its objects has an entity tag.
pub(super) fn not_of_s3(operation: &str) -> CloudError {
    let message = "the response has no ETag, so it did not come from S3".to_owned();
    failure::unreadable(("s3", operation), message)
}
