//! The decision: what to do about one resource. Pure: no I/O, no clock, no client.

mod absent;
pub mod arn;
pub mod claim;
pub mod claims;
pub mod conditions;
mod decision;
mod desired;
pub mod diff;
pub mod error;
pub mod fingerprint;
pub mod inputs;
mod intent;
pub mod log_end;
mod mark_location;
pub mod observed;
mod present;
pub mod quirks;
pub mod reading;
mod scale;
pub mod served;
pub mod sets;
mod status;
mod tags;

use jiff::Timestamp;
use sagewright_kinds::{Kind, Phase};

pub use claims::{ClaimPolicy, Claims};
pub use decision::{Action, Change, Decision, Effect, KNOWN_AFTER_APPLY, Refusal, RefusalKind, Step};
pub use desired::{Desired, PendingRef, read_tags};
pub use intent::{Adoption, Intent};

pub use claim::{Claim, claim};
pub use decision::WAIT;
pub use present::{adoption, parts_at_work};
pub use scale::fingerprint as scale_fingerprint;
pub use status::{failure_message, progressing};
pub use tags::{is_foreign, own_tags};

pub use conditions::{Condition, ConditionStatus};
pub use error::{Failure, Permanent, Retryable};
pub use observed::{Elsewhere, Found, Observed, Ownership};

/// Decides what to do about one resource.
#[must_use]
pub fn decide(kind: &Kind, desired: &Desired, observed: &Observed, now: Timestamp) -> Decision {
    // What can still be read although it is gone is as good as missing.
    let observed = match observed {
        Observed::Found(found) if found.phase == Phase::Gone => &Observed::MISSING,
        observed => observed,
    };
    let mut decision = match desired.intent {
        Intent::Present => present::decide(kind, desired, observed, now),
        Intent::Absent => absent::decide(kind, desired, observed),
    };
    decision.conditions = status::conditions(kind, desired, observed, &decision, now);
    decision.requeue_after = status::requeue(kind, observed, &decision);
    decision
}
