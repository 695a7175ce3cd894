//! Hyperband, as SageMaker has it: jobs report their objective for each unit of the resource, an epoch or a round, and at
//! certain amounts, the rungs, those that are not among the best third are stopped.
//!
//! Li and others, "Hyperband" (2018), in the asynchronous form of Li and others, "A System for Massively Parallel
//! Hyperparameter Tuning" (2020): a job is judged when it reaches a rung, by those that came there before. Brackets
//! differ in the first rung, so that some jobs are judged late.

use serde::{Deserialize, Serialize};

/// One of so many goes on from a rung.
pub const RATE: u64 = 3;

/// The amounts of the resource at which jobs are judged, smallest first, and the most that a job may use.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Ladder {
    rungs: Vec<u64>,
    most: u64,
}

impl Ladder {
    /// The ladder from the least amount to the most, `most` being no less.
    #[must_use]
    pub fn new(least: u64, most: u64) -> Self {
        let rungs = std::iter::successors(Some(least.max(1)), |rung| rung.checked_mul(RATE));
        Self { rungs: rungs.take_while(|rung| *rung < most).collect(), most }
    }

    /// The bracket of a job, by its number among all jobs from 0: of the jobs of a round, ever fewer begin with a later
    /// rung, as each bracket is to use about the same amount.
    #[must_use]
    pub fn bracket(&self, number: u64) -> usize {
        // 9 : 3 : 1 at most, so that all are tried with few jobs.
        let brackets = (self.rungs.len() + 1).min(3);
        let shares: Vec<u64> = (0..brackets).rev().map(|power| RATE.pow(u32::try_from(power).unwrap_or(0))).collect();
        let mut place = number % shares.iter().sum::<u64>();
        for (bracket, share) in shares.iter().enumerate() {
            if place < *share {
                return bracket;
            }
            place -= share;
        }
        0
    }

    /// The number of a rung; `None` where nothing is judged at an amount.
    #[must_use]
    pub fn rung(&self, amount: u64) -> Option<usize> {
        self.rungs.iter().position(|rung| *rung == amount)
    }

    /// The amounts of all rungs.
    #[must_use]
    pub fn rungs(&self) -> &[u64] {
        &self.rungs
    }

    /// Whether something is decided at an amount: at a rung, and at the first one that is too much.
    #[must_use]
    pub fn decides(&self, amount: u64) -> bool {
        self.rung(amount).is_some() || amount == self.most + 1
    }

    /// Whether a job at an amount has used all it may. One that would end there by itself is left to do so.
    #[must_use]
    pub fn exceeded(&self, amount: u64) -> bool {
        amount > self.most
    }

    /// Whether a job of a bracket goes on from a rung. `others` are the scores of the jobs of its bracket that came there before; less
    /// is better.
    #[must_use]
    pub fn goes_on(&self, bracket: usize, rung: usize, score: f64, others: &[f64]) -> bool {
        // Not before its bracket begins, and not before there are enough to choose from.
        let all = others.len() as u64 + 1;
        if rung < bracket || all < RATE {
            return true;
        }
        let better = others.iter().filter(|other| **other < score).count() as u64;
        better < all / RATE
    }
}
