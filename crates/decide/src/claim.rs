//! Whose a resource is, for one object.

use sagewright_kinds::Kind;
use sagewright_model::Arn;
use sagewright_objects::keys;
use sagewright_objects::mark::Owner;
use serde_json::Value;

use super::claims::ClaimPolicy;
use super::desired::Desired;
use super::intent::Adoption;
use crate::observed::{Found, Ownership};

/// What an object's claim to a resource comes to.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Claim {
    /// It is the object's.
    Ours {
        /// By a mark of before installations had names.
        old: bool,
    },
    /// It is nobody's, and the object asks for it.
    Adopt,
    /// ACK manages it for this object.
    Ack,
    /// It is nobody's, or nobody says whose.
    Unmanaged,
    /// It is another's. The mark is `None` where it cannot be read.
    Other(Option<Owner>),
}

/// What an object's claim to a resource comes to.
pub fn claim(kind: &Kind, desired: &Desired, found: &Found) -> Claim {
    let ours = desired.owner();
    match &found.owner {
        Ownership::ByIdentity => Claim::Ours { old: false },
        Ownership::Marked(mark) if ours.is(mark) => Claim::Ours { old: ours != *mark },
        Ownership::Marked(mark) => Claim::Other(Some(mark.clone())),
        Ownership::Unreadable(_) => Claim::Other(None),
        Ownership::Unmarked if is_acks(kind, desired, found) => Claim::Ack,
        Ownership::Unmarked if desired.adoption != Adoption::No => Claim::Adopt,
        Ownership::Unmarked => Claim::Unmanaged,
    }
}

/// Whether ACK manages this very resource for this object. ACK takes an object's finalizer as the sign that it manages its
/// resource; the status alone is no sign, because ACK also writes it for a resource that it refuses to manage. The status
/// says which resource: by its ARN, or, where ACK keeps none for a kind that has a name, by account and region. ACK's tag
/// may be missing (some kinds take none, and the flag is free), but must not name another namespace.
fn is_acks(kind: &Kind, desired: &Desired, found: &Found) -> bool {
    let object = &desired.object;
    let finalizer = format!("finalizers.{}/{}", kind.group(), kind.name());
    let finalizers = object.metadata.other.get("finalizers").and_then(Value::as_array);
    let managed = finalizers.is_some_and(|all| all.iter().any(|f| f.as_str() == Some(&finalizer)));
    let recorded = |key: &str| object.status.get("ackResourceMetadata")?.get(key)?.as_str();
    let same = match (found.arn.as_deref(), recorded("arn")) {
        (Some(there), Some(recorded)) => there.eq_ignore_ascii_case(recorded),
        (Some(there), None) if !kind.is_arn_identified() => there.parse::<Arn>().is_ok_and(|arn| {
            recorded("ownerAccountID") == Some(arn.account.as_str()) && recorded("region") == Some(arn.region.as_str())
        }),
        _ => false,
    };
    let elsewhere = found.tags.get(keys::ACK_NAMESPACE).is_some_and(|namespace| *namespace != object.id().namespace);
    desired.claims.policy == ClaimPolicy::MarkOrAck && managed && same && !elsewhere
}

/// Whose a resource is, in words.
pub fn whose(desired: &Desired, found: &Found, owner: Option<&Owner>) -> String {
    match owner {
        Some(owner) => format!("belongs to {}", owner.words(&desired.claims.installation)),
        None => {
            let text = if let Ownership::Unreadable(text) = &found.owner { text.as_str() } else { "" };
            format!("has the owner tag `{text}`, which is not valid")
        }
    }
}

/// The command that makes the resource this object's.
pub fn adopt_command(kind: &Kind, desired: &Desired, found: &Found) -> String {
    let id = desired.object.id();
    let resource = format!("{}/{}", kind.name(), found.name);
    let quote = if resource.contains(' ') { "'" } else { "" };
    let mut command = format!("sagewright adopt {quote}{resource}{quote}");
    if id.name != found.name {
        command += &format!(" --as {}", id.name);
    }
    if id.namespace != "default" {
        command += &format!(" --namespace {}", id.namespace);
    }
    if let Claim::Other(Some(owner)) = claim(kind, desired, found) {
        command += &format!(" --from {}", owner.short(&desired.claims.installation));
    }
    command
}
