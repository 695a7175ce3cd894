//! The decision: what to do about one resource. Pure: no I/O, no clock, no client.

mod absent;
pub(crate) mod claim;
pub(crate) mod claims;
mod decision;
mod desired;
pub(crate) mod diff;
pub(crate) mod inputs;
mod intent;
mod mark_location;
mod present;
mod scale;
mod secrets;
pub(crate) mod sets;

mod status;
mod tags;

use jiff::Timestamp;
use sagewright_kinds::{Kind, Phase};

pub use claims::{ClaimPolicy, Claims};
pub use decision::{Action, Change, Decision, Effect, KNOWN_AFTER_APPLY, Refusal, RefusalKind, Step};
pub use desired::{Desired, PendingRef, read_tags};
pub use intent::{Adoption, Intent};

pub(crate) use claim::{Claim, claim};
pub(crate) use decision::WAIT;
pub(crate) use present::{adoption, parts_at_work};
pub(crate) use scale::fingerprint as scale_fingerprint;
pub(crate) use status::{failure_message, progressing};
pub(crate) use tags::{is_foreign, own_tags};

use crate::observe::Observed;

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
