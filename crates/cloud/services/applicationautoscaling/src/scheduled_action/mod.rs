//! Scheduled actions.

pub(super) mod delete;
pub(super) mod describe;
pub(crate) mod due;
pub(super) mod put;

use serde_json::{Map, Value};

use sagewright_cloud_core::records::{Record, Timer};

use crate::kept::{Action, Held, timer};
use crate::resource::NAMESPACE;
use crate::seconds;

/// Actions of a target, as in AWS.
const MOST: usize = 200;

/// The timer of an action that will run.
pub(crate) fn timer_of(held: &Held<Action>) -> Option<Timer> {
    held.value.next.map(|next| timer(due::RUN, &held.record().key, next))
}

impl Action {
    /// As the API shows it.
    fn shown(&self, record: &Record) -> Value {
        let mut out = Map::new();
        for (member, value) in [
            ("ScheduledActionName", self.name.as_str()),
            ("ScheduledActionARN", &record.arn),
            ("ServiceNamespace", NAMESPACE),
            ("Schedule", &self.schedule),
            ("ResourceId", &self.resource),
            ("ScalableDimension", &self.dimension),
        ] {
            out.insert(member.to_owned(), value.into());
        }
        if let Some(zone) = &self.timezone {
            out.insert("Timezone".to_owned(), zone.as_str().into());
        }
        for (member, time) in [("StartTime", self.start), ("EndTime", self.end), ("CreationTime", Some(record.created))]
        {
            out.extend(time.map(|time| (member.to_owned(), seconds(time))));
        }
        let mut bounds = Map::new();
        for (member, capacity) in [("MinCapacity", self.min), ("MaxCapacity", self.max)] {
            bounds.extend(capacity.map(|capacity| (member.to_owned(), capacity.into())));
        }
        out.insert("ScalableTargetAction".to_owned(), bounds.into());
        out.into()
    }
}
