//! What to try next, as a pure function of what was tried: the same observations give the same proposal, in this process
//! and in the next one.

pub mod bayesian;
pub mod early;
pub mod gp;
pub mod hyperband;
pub mod rng;
pub mod space;

#[cfg(test)]
mod tests;

use std::collections::HashSet;

use rng::Rng;
use space::{Space, Values};

/// How values are chosen.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Strategy {
    /// At random.
    Random,
    /// All combinations in turn.
    Grid,
    /// Where a model of the objective expects most.
    Bayesian,
}

/// What came of values that were tried.
#[derive(Debug, Clone, Copy, PartialEq)]
pub enum Outcome {
    /// Nothing yet.
    Pending,
    /// The objective; less is better.
    Score(f64),
    /// Nothing, and the values may be why.
    Failed,
    /// Nothing, for a reason that says nothing of the values.
    Lost,
}

/// Values that were tried, or are being tried.
#[derive(Debug, Clone, PartialEq)]
pub struct Trial {
    /// The values.
    pub values: Values,
    /// What came of them.
    pub outcome: Outcome,
}

/// Gives scores the mean 0 and the variance 1: what they are worth among themselves, where they are of another objective.
#[allow(clippy::cast_precision_loss)] // few
pub fn standardize(scores: &mut [&mut f64]) {
    let n = scores.len().max(1) as f64;
    let mean = scores.iter().map(|score| **score).sum::<f64>() / n;
    let variance = scores.iter().map(|score| (**score - mean) * (**score - mean)).sum::<f64>() / n;
    let deviation = if variance > 0.0 { variance.sqrt() } else { 1.0 };
    for score in scores {
        **score = (**score - mean) / deviation;
    }
}

/// Draws that hit what was tried before, until combinations are counted instead.
const DRAWS: usize = 64;
/// Combinations that are looked through for one that was not tried.
const MOST_COMBINATIONS: u64 = 20_000;

/// The values to try next, `number` being that of the trial, from 0. `prior` was tried by others, on the same objective.
/// `None` where all combinations were tried.
#[must_use]
pub fn next(
    strategy: Strategy,
    space: &Space,
    trials: &[Trial],
    prior: &[Trial],
    seed: u64,
    number: u64,
) -> Option<Values> {
    let mut rng = Rng::new(seed, number);
    let tried: HashSet<&[String]> = trials.iter().map(|trial| &*trial.values).collect();
    match strategy {
        Strategy::Grid => untried(space, &tried, 0),
        Strategy::Random => random(space, &tried, &mut rng),
        Strategy::Bayesian => match bayesian::propose(space, trials, prior, seed, number) {
            Some(values) => Some(values),
            None => random(space, &tried, &mut rng),
        },
    }
}

fn random(space: &Space, tried: &HashSet<&[String]>, rng: &mut Rng) -> Option<Values> {
    for _ in 0..DRAWS {
        let point: Vec<f64> = space.0.iter().map(|_| rng.unit()).collect();
        let values = space.at(&point);
        if !tried.contains(&*values) {
            return Some(values);
        }
    }
    let count = usize::try_from(space.count()?).unwrap_or(usize::MAX);
    untried(space, tried, rng.below(count) as u64)
}

/// A combination that was not tried, looked for from a number on.
fn untried(space: &Space, tried: &HashSet<&[String]>, from: u64) -> Option<Values> {
    let count = space.count()?;
    (0..count.min(MOST_COMBINATIONS)).map(|n| space.nth((from + n) % count)).find(|values| !tried.contains(&**values))
}
