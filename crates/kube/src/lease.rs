//! Leader election by leases, as client-go does it: who holds them reconciles.
//!
//! They have the names of ACK's two controllers, so that neither of these works on the same objects meanwhile, where they elect
//! leaders too.

use std::time::Duration;

use jiff::Timestamp;
use serde_json::{Value, json};
use tokio::time::Instant;

use crate::api::{Api, ApiError, Place};

/// How long a lease holds after it was renewed (client-go's `LeaseDuration`).
const HOLDS: Duration = Duration::from_secs(15);
/// How long a leader goes on without a renewal (`RenewDeadline`): it ends before another one may begin.
const WITHOUT: Duration = Duration::from_secs(10);
/// Between renewals, and between tries to become leader (`RetryPeriod`).
const EVERY: Duration = Duration::from_secs(2);

/// Names of the leases, one for each API group.
pub(crate) fn names(groups: impl IntoIterator<Item = &'static str>) -> Vec<String> {
    let mut names: Vec<String> = groups.into_iter().map(|group| format!("ack-{group}")).collect();
    names.sort_unstable();
    names.dedup();
    names
}

/// One lease.
struct Lease {
    name: String,
    /// What was seen of it, and when that was seen first: clocks of others are not trusted.
    seen: Option<(Value, Instant)>,
}

/// What a process does about a lease.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Move {
    /// It is this process's: it is renewed.
    Renew,
    /// Nobody has it, or whoever had it is gone.
    Take,
    /// It is another one's.
    Wait,
}

/// Whether this process holds a lease after a try to take or renew it.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Held {
    Yes,
    /// Another one does.
    No,
    /// Something else was written at the same time: the next try shows by whom.
    Unclear,
}

fn decide(lease: &Value, me: &str, unchanged_for: Duration) -> Move {
    let holder = lease.pointer("/spec/holderIdentity").and_then(Value::as_str).unwrap_or_default();
    let seconds = lease.pointer("/spec/leaseDurationSeconds").and_then(Value::as_u64);
    let holds = seconds.map_or(HOLDS, Duration::from_secs);
    match holder {
        "" => Move::Take,
        holder if holder == me => Move::Renew,
        _ if unchanged_for > holds => Move::Take,
        _ => Move::Wait,
    }
}

fn spec(lease: Option<&Value>, me: &str, now: Timestamp, renews: bool) -> Value {
    let before = |field: &str| lease.and_then(|lease| lease.get("spec")?.get(field)).cloned();
    let now = json!(format!("{now:.6}"));
    let transitions = before("leaseTransitions").and_then(|count| count.as_u64()).unwrap_or_default();
    json!({
        "holderIdentity": me,
        "leaseDurationSeconds": HOLDS.as_secs(),
        "acquireTime": before("acquireTime").filter(|_| renews).unwrap_or_else(|| now.clone()),
        "renewTime": now,
        "leaseTransitions": if renews || lease.is_none() { transitions } else { transitions + 1 },
    })
}

impl Lease {
    /// Takes or renews it.
    async fn hold(&mut self, api: &Api, place: &Place, me: &str) -> Result<Held, ApiError> {
        let now = Timestamp::now();
        let Some(lease) = api.get(place, &self.name).await? else {
            let new = json!({
                "apiVersion": "coordination.k8s.io/v1", "kind": "Lease", "metadata": {"name": self.name},
                "spec": spec(None, me, now, false),
            });
            return held(api.create(place, &new).await);
        };
        let record = lease.get("spec").cloned().unwrap_or_default();
        let since = match &self.seen {
            Some((seen, since)) if *seen == record => *since,
            _ => Instant::now(),
        };
        self.seen = Some((record, since));
        let renews = match decide(&lease, me, since.elapsed()) {
            Move::Wait => return Ok(Held::No),
            Move::Renew => true,
            Move::Take => false,
        };
        let version = lease.pointer("/metadata/resourceVersion");
        let patch = json!({"metadata": {"resourceVersion": version}, "spec": spec(Some(&lease), me, now, renews)});
        match api.patch(place, &self.name, &patch).await {
            // Somebody deleted it meanwhile.
            Ok(None) => Ok(Held::Unclear),
            written => held(written),
        }
    }
}

/// What a write of a lease came to.
fn held<T>(written: Result<T, ApiError>) -> Result<Held, ApiError> {
    match written {
        Ok(_) => Ok(Held::Yes),
        Err(error) if error.is_conflict() => Ok(Held::Unclear),
        Err(error) => Err(error),
    }
}

/// All leases that a leader needs.
pub(crate) struct Leadership {
    api: Api,
    place: Place,
    me: String,
    leases: Vec<Lease>,
}

impl Leadership {
    pub(crate) fn new(api: Api, namespace: &str, names: Vec<String>, me: String) -> Self {
        let place = Place::new("coordination.k8s.io", "v1", Some(namespace), "leases");
        let leases = names.into_iter().map(|name| Lease { name, seen: None }).collect();
        Self { api, place, me, leases }
    }

    async fn hold(&mut self) -> Result<Held, ApiError> {
        for lease in &mut self.leases {
            let held = lease.hold(&self.api, &self.place, &self.me).await?;
            if held != Held::Yes {
                return Ok(held);
            }
        }
        Ok(Held::Yes)
    }

    /// Waits until this process leads.
    pub(crate) async fn win(&mut self) {
        let mut told = false;
        loop {
            match self.hold().await {
                Ok(Held::Yes) => return,
                Ok(Held::No) if !told => {
                    tracing::info!(identity = self.me, "another replica leads; waiting for its lease");
                    told = true;
                }
                Ok(Held::No | Held::Unclear) => {}
                Err(error) => tracing::warn!(%error, "cannot take the lease; trying again"),
            }
            tokio::time::sleep(EVERY).await;
        }
    }

    /// Renews the leases until one cannot be renewed in time.
    pub(crate) async fn keep(&mut self) {
        let mut renewed = Instant::now();
        while renewed.elapsed() < WITHOUT {
            tokio::time::sleep(EVERY).await;
            match tokio::time::timeout(WITHOUT.saturating_sub(renewed.elapsed()), self.hold()).await {
                Ok(Ok(Held::Yes)) => renewed = Instant::now(),
                Ok(Ok(Held::Unclear)) => {}
                Ok(Ok(Held::No)) => return,
                Ok(Err(error)) => tracing::warn!(%error, "cannot renew the lease; trying again"),
                Err(_) => return,
            }
        }
    }

    /// Gives the leases back, so that another replica need not wait until they end.
    pub(crate) async fn release(&mut self) {
        for lease in &self.leases {
            let Ok(Some(there)) = self.api.get(&self.place, &lease.name).await else { continue };
            if decide(&there, &self.me, Duration::ZERO) == Move::Renew {
                let version = there.pointer("/metadata/resourceVersion");
                let patch = json!({"metadata": {"resourceVersion": version}, "spec": {"holderIdentity": ""}});
                drop(self.api.patch(&self.place, &lease.name, &patch).await);
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_lease_is_taken_when_its_holder_gave_it_back_or_is_gone() {
        let lease = |holder: &str| json!({"spec": {"holderIdentity": holder, "leaseDurationSeconds": 15}});
        for (lease, unchanged, wanted) in [
            (lease("me"), 100, Move::Renew),
            (lease(""), 0, Move::Take),
            (json!({"spec": {}}), 0, Move::Take),
            (lease("other"), 14, Move::Wait),
            (lease("other"), 16, Move::Take),
        ] {
            assert_eq!(decide(&lease, "me", Duration::from_secs(unchanged)), wanted, "{lease} after {unchanged}");
        }
    }

    #[test]
    fn a_change_of_hands_is_counted() {
        let now: Timestamp = "2026-01-01T00:00:00.5Z".parse().unwrap();
        let first = spec(None, "me", now, false);
        assert_eq!(
            (&first["leaseTransitions"], &first["renewTime"]),
            (&json!(0), &json!("2026-01-01T00:00:00.500000Z"))
        );
        let lease = json!({"spec": first});
        assert_eq!(spec(Some(&lease), "you", now, false)["leaseTransitions"], json!(1));
        assert_eq!(spec(Some(&lease), "me", now, true)["leaseTransitions"], json!(0));
    }

    #[test]
    fn leases_have_the_names_of_acks_controllers() {
        assert_eq!(
            names(["sagemaker.services.k8s.aws", "sagemaker.services.k8s.aws"]),
            ["ack-sagemaker.services.k8s.aws"]
        );
    }
}
