//! What events of EventBridge lead to.

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
/// Objects of which the time of such a look is kept, before those are dropped that are of no use.
const MANY: usize = 1_024;

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
        let now = Instant::now();
        if self.noticed.len() >= MANY {
            self.noticed.retain(|_, at| *at + APART > now);
        }
        let at = self.noticed.get(&id).map_or(now, |last| now.max(*last + APART));
        self.noticed.insert(id, at);
        self.queue.due(id, at);
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
