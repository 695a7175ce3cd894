//! What events of EventBridge lead to.

use std::collections::HashMap;
use std::time::Duration;

use sagewright_decide::WAIT;
use sagewright_model::AccountId;
use tokio::time::Instant;

use super::Controller;
use crate::notices::{Heard, Notice};
use crate::polls::PollId;
use crate::queue::Id;
use crate::resync;

/// Between looks at one object that events lead to.
const APART: Duration = Duration::from_secs(1);
/// Between such looks in all, and so much longer at most where many objects of the kind are due: whoever may write to the queue
/// must not hold up what the cluster asks for, nor use up AWS's rate.
const ALL_APART: Duration = Duration::from_millis(20);
const LONGER: u32 = 10;
/// Objects that may be due before these pauses are longer.
const DUE: usize = 16;
/// Objects of which the time of such a look is kept, before those are dropped that are of no use.
const MANY: usize = 1_024;

/// When events lead to looks.
#[derive(Debug, Default)]
pub(super) struct Hints {
    /// When an event last led to a look at an object.
    of: HashMap<Id, Instant>,
    /// Before that, no event leads to another one.
    next: Option<Instant>,
}

impl Hints {
    /// When an object is looked at of which an event has come now, while so many of its kind are due. Nothing where an earlier event
    /// will lead to that look.
    fn at(&mut self, id: Id, now: Instant, due: usize) -> Option<Instant> {
        let last = self.of.get(&id).copied();
        if last.is_some_and(|at| at > now) {
            return None;
        }
        if self.of.len() >= MANY {
            self.of.retain(|_, at| *at + APART > now);
        }
        let free = self.next.map_or(now, |next| next.max(now));
        let longer = u32::try_from(due / DUE).unwrap_or(LONGER).clamp(1, LONGER);
        self.next = Some(free + ALL_APART * longer);
        let at = last.map_or(free, |last| free.max(last + APART));
        self.of.insert(id, at);
        Some(at)
    }
}

impl Controller {
    /// An event says that a resource may have changed: the object that stands for it is looked at.
    pub(super) fn noticed(&mut self, notice: &Notice) -> Heard {
        let Some(index) =
            self.kinds.iter().find(|(_, kind)| std::ptr::eq(**kind, notice.kind)).map(|(index, _)| *index)
        else {
            return Heard::NoObject;
        };
        let own = self.tables.account.as_ref();
        let is_there = |account: Option<&AccountId>| account.or(own).is_none_or(|account| *account == notice.account);
        let polls: Vec<PollId> = self
            .polls
            .of(index)
            .filter(|(_, poll)| poll.target.region == notice.region && is_there(poll.target.account.as_ref()))
            .map(|(id, _)| id)
            .collect();
        // What has no status is polled as before: a poll tells what was created for less than a look at each.
        if notice.kind.row().status.member.is_some() {
            polls.iter().for_each(|poll| self.polls.told(*poll));
        }
        let owners = polls.iter().filter_map(|poll| self.polls.get(*poll));
        let owners: Vec<Id> =
            owners.flat_map(|poll| notice.names.iter().filter_map(|name| poll.owner(*name))).collect();
        owners.into_iter().map(|id| self.hint(id)).reduce(more).unwrap_or(Heard::NoObject)
    }

    /// Looks at an object, soon where an event has led to a look just now.
    fn hint(&mut self, id: Id) -> Heard {
        let Some(kept) = self.objects.get_mut(id) else { return Heard::NoObject };
        if kept.made == Some(kept.hash) {
            return Heard::Own;
        }
        kept.parked = false;
        let (now, kind) = (Instant::now(), kept.key.kind);
        if let Some(at) = self.hints.at(id, now, self.queue.depth(kind, now)) {
            self.queue.due(id, at);
        }
        Heard::Look
    }

    /// Events can be read, or cannot: what was to be told by one is looked at as without.
    pub(super) fn events_come(&mut self, come: bool) {
        self.polls.events_come(come);
        if come {
            return;
        }
        let polls = &self.polls;
        let told = |poll: PollId| polls.get(poll).is_some_and(|poll| poll.told);
        for id in self.objects.ids(|kept| kept.settled.is_none() && kept.poll.is_some_and(told)) {
            self.queue.due(id, Instant::now() + resync::spread(WAIT, id));
        }
    }
}

/// Of two objects of one resource, what became of the one that is looked at.
fn more(one: Heard, other: Heard) -> Heard {
    if one == Heard::Look { one } else { other }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_flood_of_events_leads_to_few_looks_a_second() {
        let now = Instant::now();
        let mut hints = Hints::default();
        let millis = |hints: &mut Hints, id, after, due| {
            let now = now + Duration::from_millis(after);
            Some((hints.at(id, now, due)? - now).as_millis())
        };
        // (object, after so many milliseconds, objects that are due, milliseconds until the look)
        for (id, after, due, pause) in [
            (1, 0, 0, Some(0)),
            (2, 0, 0, Some(20)),
            (3, 0, 0, Some(40)),
            (3, 10, 0, None),
            (1, 10, 0, Some(990)),
            (1, 10, 0, None),
            (4, 500, 0, Some(0)),
            (5, 500, 32, Some(20)),
            (6, 500, 100_000, Some(60)),
            (7, 500, 0, Some(260)),
        ] {
            assert_eq!(millis(&mut hints, id, after, due), pause, "{id} after {after} ms");
        }
        let mut hints = Hints::default();
        let last = (0..10_000).filter_map(|id| hints.at(id % 2_000, now, 0)).max();
        assert_eq!(last, Some(now + ALL_APART * 2_000), "each once, at most 50 a second");
    }
}
