//! How much there is to be of a target when an alarm tells a policy. Pure.

mod step;
#[cfg(test)]
mod tests;

use serde::{Deserialize, Serialize};
use serde_json::{Value, json};

pub(crate) use step::{Steps, read as read_steps};

/// What is scaled away from, or towards.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
pub(crate) enum Direction {
    Out,
    In,
}

/// `MinCapacity` and `MaxCapacity`.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
pub(crate) struct Bounds {
    pub min: u32,
    pub max: u32,
}

impl Bounds {
    /// The nearest capacity inside.
    pub fn pull(self, capacity: u32) -> u32 {
        capacity.max(self.min).min(self.max.max(self.min))
    }
}

/// `SuspendedState`
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(default)]
pub(crate) struct Suspended {
    #[serde(rename = "DynamicScalingInSuspended")]
    pub dynamic_in: bool,
    #[serde(rename = "DynamicScalingOutSuspended")]
    pub dynamic_out: bool,
    #[serde(rename = "ScheduledScalingSuspended")]
    pub scheduled: bool,
}

/// The last change that a policy made.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub(crate) struct Last {
    pub from: u32,
    pub to: u32,
    /// When it was complete, milliseconds since 1970; `None` while it is under way.
    pub ended: Option<i64>,
    /// Milliseconds for which it counts from then on.
    pub cooldown: i64,
}

impl Last {
    fn direction(&self) -> Direction {
        if self.to > self.from { Direction::Out } else { Direction::In }
    }

    /// Whether its cooldown is in effect, and the capacity is still what it led to.
    fn counts(&self, direction: Direction, capacity: u32, now: i64) -> bool {
        let cooling = self.ended.is_none_or(|ended| now < ended.saturating_add(self.cooldown));
        self.direction() == direction && cooling && self.to == capacity
    }
}

/// What is known of a target when a policy is to scale it.
#[derive(Debug, Clone, PartialEq)]
pub(crate) struct Situation {
    /// Desired now, whoever set it.
    pub capacity: u32,
    /// The resource takes no change now.
    pub busy: bool,
    pub bounds: Bounds,
    pub suspended: Suspended,
    pub last: Option<Last>,
    /// Milliseconds since 1970.
    pub now: i64,
}

impl Situation {
    /// The last scale-out, while its cooldown is in effect.
    fn cooling_out(&self) -> Option<&Last> {
        self.last.as_ref().filter(|last| last.counts(Direction::Out, self.capacity, self.now))
    }

    /// What a scale-out starts from: what another one has just added is part of what is asked for.
    pub fn base(&self) -> u32 {
        self.cooling_out().map_or(self.capacity, |last| last.from)
    }
}

/// What an alarm tells a policy.
#[derive(Debug, Clone, PartialEq)]
pub(crate) enum Signal<'p> {
    /// An alarm of a target tracking policy.
    Tracking {
        /// The policy's target value.
        target: f64,
        /// The metric's value.
        value: f64,
        /// Which alarm it is.
        direction: Direction,
        /// What the other tracking policies of the target make of it, where the direction is `In`.
        others: &'p [Other],
    },
    /// An alarm of a step scaling policy: how far its metric is beyond the threshold.
    Step { steps: &'p Steps, beyond: f64 },
}

/// Another target tracking policy of the same target, which may scale in as well.
#[derive(Debug, Clone, Copy, PartialEq)]
pub(crate) struct Other {
    /// Its low alarm is in the state `ALARM`.
    pub ready: bool,
    pub target: f64,
    pub value: Option<f64>,
}

/// What comes of a signal.
#[derive(Debug, Clone, PartialEq)]
pub(crate) enum Verdict {
    /// The capacity is to be this one.
    Scale(u32),
    /// Nothing changes, and the activities say why.
    Not(Reason),
    /// Nothing changes, and nothing is said: scaling is suspended, a cooldown is in effect, or another policy wants to keep
    /// the capacity.
    Quiet,
}

/// `NotScaledReason`
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Reason {
    Flapping { current: u32 },
    Unscalable,
    AtMax { max: u32 },
    AtMin { min: u32 },
    AtDesired { current: u32 },
}

impl Reason {
    /// As the API shows it.
    pub fn shown(self) -> Value {
        match self {
            Self::Flapping { current } => json!({"Code": "AutoScalingAnticipatedFlapping", "CurrentCapacity": current}),
            Self::Unscalable => json!({"Code": "TargetServicePutResourceAsUnscalable"}),
            Self::AtMax { max } => json!({"Code": "AlreadyAtMaxCapacity", "MaxCapacity": max}),
            Self::AtMin { min } => json!({"Code": "AlreadyAtMinCapacity", "MinCapacity": min}),
            Self::AtDesired { current } => json!({"Code": "AlreadyAtDesiredCapacity", "CurrentCapacity": current}),
        }
    }
}

/// Decides.
pub(crate) fn decide(signal: &Signal<'_>, now: &Situation) -> Verdict {
    let capacity = now.capacity;
    let base = now.base();
    let cooling_out = now.cooling_out();
    let Some(wanted) = wanted(signal, base, capacity) else { return Verdict::Quiet };
    let tracking = matches!(signal, Signal::Tracking { .. });
    let direction = match signal {
        Signal::Tracking { direction, .. } => *direction,
        Signal::Step { .. } if wanted > i64::from(capacity) => Direction::Out,
        Signal::Step { .. } if wanted < i64::from(capacity) && cooling_out.is_some() && wanted > i64::from(base) => {
            return Verdict::Quiet;
        }
        Signal::Step { .. } if wanted < i64::from(capacity) => Direction::In,
        Signal::Step { .. } if cooling_out.is_some() => return Verdict::Quiet,
        Signal::Step { .. } => return Verdict::Not(Reason::AtDesired { current: capacity }),
    };
    let suspended = match direction {
        Direction::Out => now.suspended.dynamic_out,
        Direction::In => now.suspended.dynamic_in,
    };
    if suspended {
        return Verdict::Quiet;
    }
    if now.busy {
        return Verdict::Not(Reason::Unscalable);
    }
    let wanted = u32::try_from(wanted.max(0)).unwrap_or(u32::MAX);
    match direction {
        Direction::Out if capacity >= now.bounds.max => Verdict::Not(Reason::AtMax { max: now.bounds.max }),
        Direction::Out if now.bounds.pull(wanted) > capacity => Verdict::Scale(now.bounds.pull(wanted)),
        // The cooldown of a scale-out that was as large is in effect.
        Direction::Out => Verdict::Quiet,
        Direction::In if capacity <= now.bounds.min => Verdict::Not(Reason::AtMin { min: now.bounds.min }),
        Direction::In if now.last.as_ref().is_some_and(|last| last.counts(Direction::In, capacity, now.now)) => {
            Verdict::Quiet
        }
        Direction::In if now.bounds.pull(wanted) < capacity => Verdict::Scale(now.bounds.pull(wanted)),
        // With less, the metric would be above the target at once.
        Direction::In if tracking => Verdict::Not(Reason::Flapping { current: capacity }),
        Direction::In => Verdict::Not(Reason::AtDesired { current: capacity }),
    }
}

/// What a signal asks for, whatever the bounds. `None`: nothing.
fn wanted(signal: &Signal<'_>, base: u32, capacity: u32) -> Option<i64> {
    match signal {
        Signal::Tracking { target, value, direction: Direction::Out, .. } => {
            // Where there is none, the metric counts as that of one.
            Some(tracked(base.max(1), *value, *target))
        }
        Signal::Tracking { target, value, direction: Direction::In, others } => {
            let own = tracked(capacity, *value, *target);
            others.iter().try_fold(own, |most, other| {
                let theirs = other.value.filter(|_| other.ready)?;
                Some(most.max(tracked(capacity, theirs, other.target)))
            })
        }
        Signal::Step { steps, beyond } => {
            let adjust = |from| steps.adjusted(*beyond, from);
            // Only what is added counts as part of what was added before.
            let from_base = adjust(base)?;
            if from_base > i64::from(base) { Some(from_base) } else { adjust(capacity) }
        }
    }
}

/// The capacity at which a metric that falls as capacity grows is at its target.
#[allow(clippy::cast_possible_truncation, clippy::cast_precision_loss)] // bounded before
fn tracked(capacity: u32, value: f64, target: f64) -> i64 {
    let wanted = f64::from(capacity) * value / target;
    if !wanted.is_finite() {
        return i64::from(capacity);
    }
    // What is above a whole number only by the last digits of the division is that number.
    (wanted - 1e-9 * wanted.abs()).ceil().clamp(0.0, f64::from(u32::MAX)) as i64
}

/// Brings a capacity into the bounds: the capacity to set, and which bound asks for it.
pub(crate) fn pulled(capacity: u32, bounds: Bounds) -> Option<(u32, Direction)> {
    let inside = bounds.pull(capacity);
    match inside.cmp(&capacity) {
        std::cmp::Ordering::Equal => None,
        std::cmp::Ordering::Greater => Some((inside, Direction::Out)),
        std::cmp::Ordering::Less => Some((inside, Direction::In)),
    }
}
