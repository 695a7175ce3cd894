//! Composite alarms follow the alarms that they depend on, in the same commit.

use sagewright_cloud_core::alarms::AlarmState;
use sagewright_cloud_core::records::{Record, StoreError};

use super::evaluate::Kept;
use super::{Held, Watch, Work};
use crate::alarm::{self, Cause, Child, Composite, Turned, by_child, by_put, still, suppress, turn};

impl Watch {
    /// Has composite alarms follow what has changed, and those whose waiting for a suppressor ends by now.
    pub async fn cascade(&self, held: &mut Held, at: i64, work: &mut Work) -> Result<(), StoreError> {
        if !held.board.follows(!work.changed.is_empty(), at.div_euclid(1000)) {
            return Ok(());
        }
        for name in held.board.composites(&held.account, &held.region) {
            let Some(entry) = held.board.alarms.get(&name) else { continue };
            let Some(composite) = entry.composite.clone() else { continue };
            let needs = composite.needs(&held.account, &held.region);
            let ends = entry.next.is_some_and(|next| next.saturating_mul(1000) <= at);
            if !ends && !needs.iter().any(|needed| work.changed.contains(needed)) {
                continue;
            }
            let (before, cause) = (entry.state, self.followed(held, &composite, at, work));
            let cause = cause.filter(|cause| cause.state != before);
            let Some(found) = self.store.get(&alarm::key(&held.account, &held.region, &name)).await? else { continue };
            let turned = self.turned(held, &found.record, cause.as_ref(), at);
            let same = turned.record == found.record && turned.actions.is_empty();
            self.follow(held, &turned);
            if !same {
                work.add(self, Kept::Replaced(found.version), turned);
            }
        }
        Ok(())
    }

    /// The state that follows where an alarm of the rule has changed.
    fn followed(&self, held: &Held, composite: &Composite, at: i64, work: &Work) -> Option<Cause> {
        let children = composite.children(&held.account, &held.region);
        let child = children.iter().rev().find(|child| work.changed.contains(*child))?;
        let (reason, data) = by_child(&held.board.child(child)?);
        Some(cause(state(held, composite), reason, data, at))
    }

    /// A record after an event; `None` where its state stays. A suppressor of a composite alarm decides about its actions.
    pub(super) fn turned(&self, held: &Held, before: &Record, cause: Option<&Cause>, at: i64) -> Turned {
        let turned = match cause {
            Some(cause) => turn(before, cause),
            None => still(before, at),
        };
        let composite = held.board.alarms.get(&before.key.name).and_then(|entry| entry.composite.as_ref());
        match composite.and_then(|composite| composite.suppressor.as_ref()) {
            Some(suppressor) => {
                let entry = held.board.alarms.get(&suppressor.alarm);
                let in_alarm = entry.is_some_and(|entry| entry.state == AlarmState::Alarm);
                suppress(turned, before, suppressor, in_alarm, at)
            }
            None => turned,
        }
    }

    /// A composite alarm that was `created` or `updated` is evaluated at once.
    pub fn compose(&self, held: &Held, record: &Record, done: &str, at: i64) -> Turned {
        let composite = held.board.alarms.get(&record.key.name).and_then(|entry| entry.composite.as_ref());
        let cause = composite.and_then(|composite| {
            let state = state(held, composite);
            let children: Vec<Child> = composite
                .children(&held.account, &held.region)
                .iter()
                .filter_map(|name| held.board.child(name))
                .collect();
            let (reason, data) = by_put(record, done, state, &children);
            (state != alarm::state(record)).then(|| cause(state, reason, data, at))
        });
        self.turned(held, record, cause.as_ref(), at)
    }
}

fn state(held: &Held, composite: &Composite) -> AlarmState {
    let of = |name: &str| held.board.alarms.get(name).map(|entry| entry.state);
    composite.state(&held.account, &held.region, &of)
}

fn cause(state: AlarmState, reason: String, data: String, at: i64) -> Cause {
    Cause { state, reason, data: Some(data), at, value: None, threshold: None }
}
