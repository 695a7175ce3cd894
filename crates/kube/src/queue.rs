//! Which object is looked at next. Pure: times are passed in.

use std::collections::BTreeSet;

use tokio::time::Instant;

/// An object, by its place in the table of what is kept.
pub(crate) type Id = u32;
/// A kind, by its place in the list of kinds.
pub(crate) type KindIndex = u16;

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum State {
    /// Nothing is due.
    Idle,
    /// It is to be looked at then.
    Due(Instant),
    /// It is being looked at; and then again, where something happened meanwhile.
    Running { again: bool },
}

/// Objects that are due, each once, and a bounded number of looks at the same time.
pub(crate) struct Queue {
    states: Vec<(KindIndex, State)>,
    kinds: Vec<Lane>,
    running: usize,
    at_once: usize,
}

/// Objects of one kind.
struct Lane {
    due: BTreeSet<(Instant, Id)>,
    running: usize,
    at_once: usize,
}

impl Queue {
    /// A queue for kinds with so many looks at the same time each, and so many in all.
    pub(crate) fn new(at_once_of_kinds: impl IntoIterator<Item = usize>, at_once: usize) -> Self {
        let lane = |at_once| Lane { due: BTreeSet::new(), running: 0, at_once };
        Self { states: Vec::new(), kinds: at_once_of_kinds.into_iter().map(lane).collect(), running: 0, at_once }
    }

    /// Makes a place for an object.
    pub(crate) fn insert(&mut self, id: Id, kind: KindIndex) {
        let at = id as usize;
        if self.states.len() <= at {
            self.states.resize(at + 1, (kind, State::Idle));
        }
        if let Some(state) = self.states.get_mut(at) {
            *state = (kind, State::Idle);
        }
    }

    fn state(&mut self, id: Id) -> Option<(KindIndex, &mut State)> {
        self.states.get_mut(id as usize).map(|(kind, state)| (*kind, state))
    }

    fn lane(&mut self, kind: KindIndex) -> Option<&mut Lane> {
        self.kinds.get_mut(usize::from(kind))
    }

    /// The object is due at that time, or earlier where it was already.
    pub(crate) fn due(&mut self, id: Id, at: Instant) {
        let Some((kind, state)) = self.state(id) else { return };
        match *state {
            State::Running { .. } => *state = State::Running { again: true },
            State::Due(before) if before <= at => {}
            before => {
                *state = State::Due(at);
                let Some(lane) = self.lane(kind) else { return };
                if let State::Due(before) = before {
                    lane.due.remove(&(before, id));
                }
                lane.due.insert((at, id));
            }
        }
    }

    /// Nothing is due for the object any more. One that is being looked at goes on.
    pub(crate) fn rest(&mut self, id: Id) {
        let Some((kind, state)) = self.state(id) else { return };
        if let State::Due(before) = *state {
            *state = State::Idle;
            if let Some(lane) = self.lane(kind) {
                lane.due.remove(&(before, id));
            }
        }
    }

    /// Takes the object that has been due longest, where a look may begin.
    pub(crate) fn take(&mut self, now: Instant) -> Option<Id> {
        if self.running >= self.at_once {
            return None;
        }
        let open = self.kinds.iter().filter(|lane| lane.running < lane.at_once);
        let (at, id) = open.filter_map(|lane| lane.due.first().copied()).min().filter(|(at, _)| *at <= now)?;
        let (kind, state) = self.state(id)?;
        *state = State::Running { again: false };
        let lane = self.lane(kind)?;
        lane.due.remove(&(at, id));
        lane.running += 1;
        self.running += 1;
        Some(id)
    }

    /// A look has ended. Whether something happened meanwhile, so that the object is to be looked at again.
    pub(crate) fn done(&mut self, id: Id) -> bool {
        let Some((kind, state)) = self.state(id) else { return false };
        let State::Running { again } = *state else { return false };
        *state = State::Idle;
        if let Some(lane) = self.lane(kind) {
            lane.running = lane.running.saturating_sub(1);
        }
        self.running = self.running.saturating_sub(1);
        again
    }

    /// Whether the object is being looked at.
    pub(crate) fn is_running(&self, id: Id) -> bool {
        matches!(self.states.get(id as usize), Some((_, State::Running { .. })))
    }

    /// When the next look may begin; nothing while as many run as may.
    pub(crate) fn next(&self) -> Option<Instant> {
        if self.running >= self.at_once {
            return None;
        }
        let open = self.kinds.iter().filter(|lane| lane.running < lane.at_once);
        open.filter_map(|lane| lane.due.first().map(|(at, _)| *at)).min()
    }

    /// Objects of a kind that are due by now.
    pub(crate) fn depth(&self, kind: KindIndex, now: Instant) -> usize {
        self.kinds.get(usize::from(kind)).map_or(0, |lane| lane.due.iter().take_while(|(at, _)| *at <= now).count())
    }
}

#[cfg(test)]
mod tests {
    use std::time::Duration;

    use super::*;

    fn queue() -> (Queue, impl Fn(u64) -> Instant) {
        let mut queue = Queue::new([2, 1], 2);
        for (id, kind) in [(0, 0), (1, 0), (2, 0), (3, 1), (4, 1)] {
            queue.insert(id, kind);
        }
        let start = Instant::now();
        (queue, move |seconds| start + Duration::from_secs(seconds))
    }

    #[test]
    fn what_is_due_longest_comes_first_and_each_once() {
        let (mut queue, at) = queue();
        queue.due(1, at(2));
        queue.due(0, at(3));
        queue.due(0, at(1));
        queue.due(0, at(5));
        assert_eq!((queue.next(), queue.take(at(0))), (Some(at(1)), None));
        assert_eq!((queue.take(at(9)), queue.take(at(9)), queue.take(at(9))), (Some(0), Some(1), None));
    }

    #[test]
    fn looks_are_bounded_for_each_kind_and_in_all() {
        let (mut queue, at) = queue();
        for id in 0..5 {
            queue.due(id, at(u64::from(id)));
        }
        assert_eq!((queue.take(at(9)), queue.take(at(9))), (Some(0), Some(1)));
        assert_eq!((queue.take(at(9)), queue.next()), (None, None), "as many as may run in all");
        assert!(!queue.done(0));
        assert_eq!(queue.take(at(9)), Some(2));
        assert!(!queue.done(1) && !queue.done(2));
        assert_eq!((queue.take(at(9)), queue.take(at(9))), (Some(3), None), "one of the second kind");
        assert_eq!(queue.depth(1, at(9)), 1);
    }

    #[test]
    fn what_happens_during_a_look_leads_to_another_one() {
        let (mut queue, at) = queue();
        queue.due(0, at(0));
        assert_eq!(queue.take(at(0)), Some(0));
        queue.due(0, at(0));
        assert!(queue.is_running(0) && queue.take(at(9)).is_none());
        assert!(queue.done(0) && !queue.done(0));
        queue.due(0, at(1));
        queue.rest(0);
        assert_eq!(queue.take(at(9)), None);
    }
}
