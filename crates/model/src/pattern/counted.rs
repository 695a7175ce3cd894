//! Patterns with large counted repeats, such as `.{0,4096}`.
//!
//! A regex engine copies the body of a counted repeat as many times as its bound says, once for each byte of a character:
//! one pattern of SageMaker took 59 MB and seconds to compile. Here the body is compiled once, and each of its states
//! holds the set of counts that it can be reached with.

use regex_syntax::hir::{Class, Hir, HirKind, Look, Repetition};

/// Repeats with a larger bound than this are counted. Smaller ones are copied.
pub(super) const LARGE: u32 = 128;

/// States that a pattern may have.
const MOST_STATES: usize = 10_000;

/// A compiled pattern.
#[derive(Debug)]
pub(super) struct Counted {
    states: Vec<State>,
    classes: Vec<Vec<(char, char)>>,
    start: usize,
}

/// The state of the end of the pattern.
const MATCH: usize = 0;

#[derive(Debug, Clone, Copy)]
enum State {
    Match,
    /// Takes a character of a class.
    Char {
        class: usize,
        next: usize,
    },
    Split(usize, usize),
    /// Goes on at the start of the text.
    Start(usize),
    /// Goes on at the end of the text.
    End(usize),
    /// Starts to count the repeats of a body.
    Enter(usize),
    /// The end of one repeat.
    Repeat {
        min: u32,
        max: Option<u32>,
        body: usize,
        next: usize,
    },
}

impl Counted {
    /// Compiles a pattern whose repeats above `large` are counted. `None` where none is, and where a regex engine has to do
    /// it: for look-around, for a counted repeat inside a counted one, and for one of what may be empty.
    pub(super) fn new(pattern: &str, large: u32) -> Option<Self> {
        let hir = regex_syntax::parse(pattern).ok()?;
        let mut builder =
            Builder { states: vec![State::Match], classes: Vec::new(), large, inside: false, counted: false };
        let start = builder.build(&hir, MATCH)?;
        builder.counted.then_some(Self { states: builder.states, classes: builder.classes, start })
    }

    /// Whether the pattern matches the whole text.
    pub(super) fn is_match(&self, text: &str) -> bool {
        let mut now = Reached::new(self.states.len());
        let mut next = Reached::new(self.states.len());
        now.add(self.start, &Counts::zero());
        self.follow(&mut now, true, text.is_empty());
        for (at, c) in text.char_indices() {
            if now.states.is_empty() {
                return false;
            }
            for &state in &now.states {
                if let State::Char { class, next: to } = self.states[state]
                    && contains(&self.classes[class], c)
                {
                    next.add(to, &now.counts[state]);
                }
            }
            self.follow(&mut next, false, at + c.len_utf8() == text.len());
            std::mem::swap(&mut now, &mut next);
            next.clear();
        }
        !now.counts[MATCH].0.is_empty()
    }

    /// Adds the states that are reached without a further character.
    fn follow(&self, reached: &mut Reached, at_start: bool, at_end: bool) {
        while let Some(state) = reached.grown.pop() {
            let counts = reached.counts[state].clone();
            match self.states[state] {
                State::Start(next) if at_start => reached.add(next, &counts),
                State::End(next) if at_end => reached.add(next, &counts),
                State::Match | State::Char { .. } | State::Start(_) | State::End(_) => {}
                State::Split(one, other) => {
                    reached.add(one, &counts);
                    reached.add(other, &counts);
                }
                State::Enter(body) => reached.add(body, &Counts::zero()),
                State::Repeat { min, max, body, next } => {
                    let counts = counts.one_more(min, max);
                    if counts.reach(min) {
                        reached.add(next, &Counts::zero());
                    }
                    reached.add(body, &counts.below(max));
                }
            }
        }
    }
}

fn contains(class: &[(char, char)], c: char) -> bool {
    let after = class.partition_point(|&(first, _)| first <= c);
    after > 0 && c <= class[after - 1].1
}

/// Builds the states from the end of the pattern to its start.
struct Builder {
    states: Vec<State>,
    classes: Vec<Vec<(char, char)>>,
    large: u32,
    /// The body of a counted repeat is being built.
    inside: bool,
    counted: bool,
}

impl Builder {
    /// The state at which `hir` starts, where `next` is what follows.
    fn build(&mut self, hir: &Hir, next: usize) -> Option<usize> {
        match hir.kind() {
            HirKind::Empty => Some(next),
            HirKind::Literal(literal) => {
                let text = std::str::from_utf8(&literal.0).ok()?;
                text.chars().rev().try_fold(next, |next, c| self.char(vec![(c, c)], next))
            }
            HirKind::Class(Class::Unicode(class)) => {
                self.char(class.ranges().iter().map(|r| (r.start(), r.end())).collect(), next)
            }
            HirKind::Look(Look::Start) => self.push(State::Start(next)),
            HirKind::Look(Look::End) => self.push(State::End(next)),
            HirKind::Class(Class::Bytes(_)) | HirKind::Look(_) => None,
            HirKind::Capture(capture) => self.build(&capture.sub, next),
            HirKind::Concat(parts) => parts.iter().rev().try_fold(next, |next, part| self.build(part, next)),
            HirKind::Alternation(parts) => {
                let (last, others) = parts.split_last()?;
                let mut start = self.build(last, next)?;
                for part in others {
                    let other = self.build(part, next)?;
                    start = self.push(State::Split(other, start))?;
                }
                Some(start)
            }
            HirKind::Repetition(repeat) => self.repeat(repeat, next),
        }
    }

    fn repeat(&mut self, repeat: &Repetition, next: usize) -> Option<usize> {
        let Repetition { min, max, ref sub, .. } = *repeat;
        // `a{2}+`, which is possessive for the regex engine.
        if matches!(sub.kind(), HirKind::Repetition(_)) {
            return None;
        }
        if max.unwrap_or(min) > self.large {
            return self.count(min, max, sub, next);
        }
        let mut start = match max {
            Some(max) => {
                let mut start = next;
                for _ in min..max {
                    let body = self.build(sub, start)?;
                    start = self.push(State::Split(body, next))?;
                }
                start
            }
            None => {
                let split = self.push(State::Match)?;
                self.states[split] = State::Split(self.build(sub, split)?, next);
                split
            }
        };
        for _ in 0..min {
            start = self.build(sub, start)?;
        }
        Some(start)
    }

    fn count(&mut self, min: u32, max: Option<u32>, sub: &Hir, next: usize) -> Option<usize> {
        if self.inside || sub.properties().minimum_len().is_none_or(|shortest| shortest == 0) {
            return None;
        }
        let repeat = self.push(State::Match)?;
        self.inside = true;
        let body = self.build(sub, repeat)?;
        self.inside = false;
        self.counted = true;
        self.states[repeat] = State::Repeat { min, max, body, next };
        let enter = self.push(State::Enter(body))?;
        if min == 0 { self.push(State::Split(enter, next)) } else { Some(enter) }
    }

    fn char(&mut self, class: Vec<(char, char)>, next: usize) -> Option<usize> {
        let known = self.classes.iter().position(|c| *c == class);
        let class = known.unwrap_or_else(|| {
            self.classes.push(class);
            self.classes.len() - 1
        });
        self.push(State::Char { class, next })
    }

    fn push(&mut self, state: State) -> Option<usize> {
        self.states.push(state);
        (self.states.len() <= MOST_STATES).then_some(self.states.len() - 1)
    }
}

/// The states that a text has led to, each with its counts.
struct Reached {
    counts: Vec<Counts>,
    states: Vec<usize>,
    /// Those with counts that have not been followed.
    grown: Vec<usize>,
}

impl Reached {
    fn new(states: usize) -> Self {
        Self { counts: vec![Counts::default(); states], states: Vec::new(), grown: Vec::new() }
    }

    fn add(&mut self, state: usize, counts: &Counts) {
        let known = &mut self.counts[state];
        let first = known.0.is_empty();
        if known.add(counts) {
            self.grown.push(state);
            if first {
                self.states.push(state);
            }
        }
    }

    fn clear(&mut self) {
        for state in self.states.drain(..) {
            self.counts[state].0.clear();
        }
    }
}

/// A set of counts: ranges in order, with gaps between them. Outside a counted repeat it holds 0.
#[derive(Debug, Clone, Default)]
struct Counts(Vec<(u32, u32)>);

impl Counts {
    fn zero() -> Self {
        Self(vec![(0, 0)])
    }

    /// Adds all of `other`; whether one of them was missing.
    fn add(&mut self, other: &Self) -> bool {
        let inside = |&(first, last): &(u32, u32)| self.0.iter().any(|known| known.0 <= first && last <= known.1);
        if other.0.iter().all(inside) {
            return false;
        }
        let mut all = std::mem::take(&mut self.0);
        all.extend(&other.0);
        all.sort_unstable();
        all.dedup_by(|later, earlier| {
            let touches = later.0 <= earlier.1.saturating_add(1);
            if touches {
                earlier.1 = earlier.1.max(later.1);
            }
            touches
        });
        self.0 = all;
        true
    }

    /// The counts after one more repeat. Without a `max`, those above `min` are one.
    fn one_more(&self, min: u32, max: Option<u32>) -> Self {
        let top = max.unwrap_or(min);
        let mut more = Self::default();
        for &(first, last) in &self.0 {
            more.add(&Self(vec![(first.saturating_add(1).min(top), last.saturating_add(1).min(top))]));
        }
        more
    }

    fn reach(&self, min: u32) -> bool {
        self.0.last().is_some_and(|&(_, last)| last >= min)
    }

    /// Those with which another repeat may follow.
    fn below(self, max: Option<u32>) -> Self {
        let Some(max) = max else { return self };
        Self(
            self.0
                .into_iter()
                .filter(|&(first, _)| first < max)
                .map(|(first, last)| (first, last.min(max - 1)))
                .collect(),
        )
    }
}

#[cfg(test)]
mod tests {
    use super::Counts;

    #[test]
    fn counts_are_kept_as_ranges_with_gaps_between_them() {
        let sum = |one: &[(u32, u32)], other: &[(u32, u32)]| {
            let mut sum = Counts(one.to_vec());
            let grown = sum.add(&Counts(other.to_vec()));
            (sum.0, grown)
        };
        assert_eq!(sum(&[(0, 1)], &[(0, 3)]), (vec![(0, 3)], true));
        assert_eq!(sum(&[(2, 3)], &[(0, 2)]), (vec![(0, 3)], true));
        assert_eq!(sum(&[(0, 3)], &[(1, 2)]), (vec![(0, 3)], false));
        assert_eq!(sum(&[(0, 3)], &[(0, 3)]), (vec![(0, 3)], false));
        assert_eq!(sum(&[(0, 0)], &[(1, 1)]), (vec![(0, 1)], true));
        assert_eq!(sum(&[(0, 0)], &[(2, 2)]), (vec![(0, 0), (2, 2)], true));
        assert_eq!(sum(&[(0, 0), (5, 9)], &[(1, 4)]), (vec![(0, 9)], true));
        assert_eq!(sum(&[], &[(7, u32::MAX)]), (vec![(7, u32::MAX)], true));
    }

    #[test]
    fn a_repeat_raises_counts_up_to_what_matters() {
        let counts = || Counts(vec![(0, 1), (4, 6)]);
        assert_eq!(counts().one_more(2, Some(7)).0, [(1, 2), (5, 7)]);
        assert_eq!(counts().one_more(5, None).0, [(1, 2), (5, 5)], "more than the least number are as good as it");
        assert_eq!(counts().below(Some(7)).0, [(0, 1), (4, 6)]);
        assert_eq!(counts().below(Some(6)).0, [(0, 1), (4, 5)]);
        assert_eq!(counts().below(Some(4)).0, [(0, 1)]);
        assert_eq!(counts().below(None).0, [(0, 1), (4, 6)]);
        assert_eq!([0, 1, 6, 7].map(|min| counts().reach(min)), [true, true, true, false]);
        assert!(!Counts::default().reach(0));
    }
}
