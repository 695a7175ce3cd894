//! In which way a call failed.

use sagewright_decide::error::Failure;
use sagewright_kinds::Kind;
use sagewright_kinds::row::{ErrorRule, Errors};
use sagewright_port::cloud::Class;
use serde::{Deserialize, Serialize};

use crate::observe::calls::is;

/// In which way a call failed, as far as it may succeed later. Each has a patience of its own, which begins with its first
/// failure: a role that was just made is not given up because calls were throttled before.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
pub(crate) enum Trouble {
    /// Something is not consistent yet.
    #[serde(rename = "s")]
    Settling,
    /// The resource is in use, or another change is under way.
    #[serde(rename = "u")]
    Busy,
    /// A quota or a policy is in the way.
    #[serde(rename = "b")]
    Blocked,
    /// The service slows the caller down.
    #[serde(rename = "t")]
    Throttle,
    /// The service or the way to it failed.
    #[serde(rename = "f")]
    Transient,
    /// No later call succeeds before something changes.
    #[serde(rename = "r")]
    Rejected,
}

impl Trouble {
    pub(crate) fn of(kind: Option<&Kind>, failure: &Failure) -> Self {
        let Failure::Retryable(again) = failure else { return Self::Rejected };
        let says = |rules: fn(&Errors) -> &[ErrorRule]| {
            kind.zip(again.cause.as_deref()).is_some_and(|(kind, cause)| is(rules(kind.errors()), cause))
        };
        match again.class() {
            _ if says(|errors| &errors.settling) => Self::Settling,
            _ if says(|errors| &errors.busy) => Self::Busy,
            Class::Blocked => Self::Blocked,
            Class::Throttle => Self::Throttle,
            Class::Transient => Self::Transient,
            Class::Rejected | Class::Terminal => Self::Rejected,
        }
    }
}
