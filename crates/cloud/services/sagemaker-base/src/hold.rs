//! Answers to who waits: a description of something that is about to settle is held for a moment.
//!
//! Clients look every 30 or 60 seconds. Held once for each caller and status, the first look of a client sees a short
//! job completed, and one that looks often is not slowed down. A status that is entered again, as by the next update of
//! an endpoint, is another one.

use std::collections::{HashMap, HashSet};
use std::sync::{Mutex, MutexGuard, PoisonError};
use std::time::Duration;

use sagewright_cloud_core::api::{ApiError, Call};
use serde_json::Value;
use tokio::sync::broadcast::error::RecvError;

use crate::SageMaker;
use crate::kind::Kind;
use crate::service::Look;

/// How many looks are remembered.
const REMEMBERED: usize = 4096;

/// Who has looked at what since its status changed.
#[derive(Debug, Default)]
pub struct Looks(Mutex<Seen>);

#[derive(Debug, Default)]
struct Seen {
    /// Access key and status, by ARN.
    by_arn: HashMap<String, HashSet<(String, String)>>,
    count: usize,
}

impl Looks {
    fn seen(&self) -> MutexGuard<'_, Seen> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// Whether this is the first look.
    fn first(&self, call: &Call, arn: &str, status: &str) -> bool {
        let mut seen = self.seen();
        if seen.count >= REMEMBERED {
            *seen = Seen::default();
        }
        let looks = seen.by_arn.entry(arn.to_owned()).or_default();
        let first = looks.insert((call.caller.access_key.clone(), status.to_owned()));
        seen.count += usize::from(first);
        first
    }

    /// The status has changed: the next look is a first one.
    pub(crate) fn forget(&self, arn: &str) {
        let mut seen = self.seen();
        if let Some(looks) = seen.by_arn.remove(arn) {
            seen.count -= looks.len();
        }
    }
}

/// The kind that an operation describes, where its resources come to rest by themselves.
pub(crate) fn described(operation: &str) -> Option<Kind> {
    let noun = operation.strip_prefix("Describe")?;
    Kind::all().find(|kind| kind.0.noun == noun && kind.0.status.is_some_and(|life| !life.settles.is_empty()))
}

/// Describes; holds the answer up to `longest` while the resource is in a status that leads to another one.
pub(crate) async fn describe(
    sm: &SageMaker,
    call: &Call,
    kind: Kind,
    look: Look,
    longest: Duration,
) -> Result<Value, ApiError> {
    // Before the look, so that no change falls between the two.
    let mut changes = sm.subscribe();
    let shown = look.take(sm, call).await?;
    let Some((arn, status)) = moving(kind, &shown) else { return Ok(shown) };
    if !sm.looks().first(call, arn, status) {
        return Ok(shown);
    }
    let changed = async {
        loop {
            match changes.recv().await {
                Ok(change) if change.arn == arn && change.status != status => return,
                // Some were missed: the next look tells.
                Err(RecvError::Lagged(_) | RecvError::Closed) => return,
                Ok(_) => {}
            }
        }
    };
    // Settled or not: what was seen before is old by now.
    if tokio::time::timeout(longest, changed).await.is_ok() {
        // The change may have come before this look was remembered.
        sm.looks().forget(arn);
    }
    look.take(sm, call).await
}

/// ARN and status of what is on its way to another status.
fn moving(kind: Kind, shown: &Value) -> Option<(&str, &str)> {
    let life = kind.0.status?;
    let arn = shown.get(kind.arn_member())?.as_str()?;
    let status = shown.get(life.member)?.as_str()?;
    life.settles.iter().any(|(from, _)| *from == status).then_some((arn, status))
}
