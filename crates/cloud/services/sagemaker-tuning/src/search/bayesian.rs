//! Bayesian search: a Gaussian process of the objective, and the values at which it expects to improve most.
//!
//! Jones, Schonlau, Welch, "Efficient Global Optimization of Expensive Black-Box Functions" (1998). Trials that run count
//! as if they had given what the process expects of them (Ginsbourger and others, "Kriging is well-suited to parallelize
//! optimization", 2010: the kriging believer).

use std::collections::HashSet;

use super::gp::Gp;
use super::rng::Rng;
use super::space::{Domain, Space, Values};
use super::{Outcome, Trial};

/// Observations that a model is made of: the best ones, and the latest. Its cost is their cube.
const MOST_BEST: usize = 60;
const MOST_LATEST: usize = 90;
/// Points of which the best are looked at more closely.
const CANDIDATES: usize = 1000;
/// Of these, near the best observations.
const NEAR: usize = 300;
/// Points that are looked at more closely.
const CLOSE: usize = 4;
/// The stream of the first points' common shift, apart from those of trials.
const SHIFT: u64 = u64::MAX;

/// The values to try next. `None` where none were found that were not tried before.
#[must_use]
pub fn propose(space: &Space, trials: &[Trial], prior: &[Trial], seed: u64, number: u64) -> Option<Values> {
    let tried: HashSet<&[String]> = trials.iter().map(|trial| &*trial.values).collect();
    let seen: Vec<_> = prior.iter().chain(trials).filter_map(|trial| observation(space, trial)).collect();
    let scores = seen.iter().filter(|(_, score)| score.is_some()).count();
    if scores < first(space) && trials.len() < 2 * first(space) || scores < 2 {
        let point = spread(space, seed, number);
        return Some(space.at(&point)).filter(|values| !tried.contains(&**values));
    }
    let mut rng = Rng::new(seed, number);
    let gp = model(space, &seen, trials, &mut rng)?;
    best(space, &gp, &seen, &tried, &mut rng)
}

/// How many trials are spread evenly before there is a model.
fn first(space: &Space) -> usize {
    (space.0.len() + 2).clamp(3, 12)
}

/// Points that fill the cube evenly, whatever their number: an additive recurrence by the powers of the root of
/// `x^(d+1) = x + 1` (Roberts, "The unreasonable effectiveness of quasirandom sequences", 2018), shifted by the seed.
#[allow(clippy::cast_precision_loss)] // few parameters and trials
fn spread(space: &Space, seed: u64, number: u64) -> Vec<f64> {
    let d = space.0.len() as f64;
    let root = (0..60).fold(2.0_f64, |root, _| (1.0 + root).powf(1.0 / (d + 1.0)));
    let mut shift = Rng::new(seed, SHIFT);
    let mut step = 1.0;
    let place = |_| {
        step /= root;
        (shift.unit() + number as f64 * step).fract()
    };
    (0..space.0.len()).map(place).collect()
}

/// Where a trial that has ended was, and its score; none where it failed.
fn observation(space: &Space, trial: &Trial) -> Option<(Vec<f64>, Option<f64>)> {
    let score = match trial.outcome {
        Outcome::Pending | Outcome::Lost => return None,
        Outcome::Failed => None,
        Outcome::Score(score) if score.is_finite() => Some(score),
        Outcome::Score(_) => None,
    };
    Some((space.places(&trial.values)?, score))
}

fn model(space: &Space, seen: &[(Vec<f64>, Option<f64>)], trials: &[Trial], rng: &mut Rng) -> Option<Gp> {
    let worst = seen.iter().filter_map(|(_, score)| *score).fold(f64::NEG_INFINITY, f64::max);
    // What failed counts as the worst there was, so that the search keeps away from it.
    let mut chosen: Vec<(usize, f64)> =
        seen.iter().enumerate().map(|(n, (_, score))| (n, score.unwrap_or(worst))).collect();
    if chosen.len() > MOST_BEST + MOST_LATEST {
        let latest = chosen.split_off(chosen.len() - MOST_LATEST);
        chosen.sort_by(|one, other| one.1.total_cmp(&other.1));
        chosen.truncate(MOST_BEST);
        chosen.extend(latest);
    }
    let targets = normal(&chosen.iter().map(|(_, score)| *score).collect::<Vec<_>>());
    let points = chosen.iter().map(|(n, _)| seen[*n].0.clone()).collect();
    let categorical = space.0.iter().map(|p| matches!(p.domain, Domain::Categorical(_))).collect();
    let mut gp = Gp::fit(points, targets, categorical, rng)?;
    for trial in trials.iter().filter(|trial| trial.outcome == Outcome::Pending) {
        if let Some(point) = space.places(&trial.values) {
            gp = gp.believing(point)?;
        }
    }
    Some(gp)
}

/// Scores with mean 0 and variance 1, bent so that they are as near to normal as the transformation of Yeo and Johnson
/// ("A new family of power transformations", 2000) can make them: a few very bad values must not hide all others.
#[allow(clippy::cast_precision_loss)] // few
pub(super) fn normal(scores: &[f64]) -> Vec<f64> {
    let n = scores.len() as f64;
    let standard = |values: &[f64]| {
        let mean = values.iter().sum::<f64>() / n;
        let variance = values.iter().map(|v| (v - mean) * (v - mean)).sum::<f64>() / n;
        let deviation = if variance > 1e-300 { variance.sqrt() } else { 1.0 };
        (values.iter().map(|v| (v - mean) / deviation).collect::<Vec<_>>(), variance)
    };
    let (values, _) = standard(&tamed(scores));
    let bent = |power: f64| values.iter().map(|v| bend(*v, power)).collect::<Vec<_>>();
    let likelihood = |power: f64| {
        let jacobian: f64 = values.iter().map(|v| v.signum() * (v.abs() + 1.0).ln()).sum();
        -0.5 * n * standard(&bent(power)).1.max(1e-300).ln() + (power - 1.0) * jacobian
    };
    let powers = (-8..=8).map(|step| f64::from(step) * 0.25);
    let power = powers.max_by(|one, other| likelihood(*one).total_cmp(&likelihood(*other))).unwrap_or(1.0);
    standard(&bent(power)).0
}

/// Scores of which those that are far worse than the median count by their logarithm: beside one of a million, no power tells
/// 1.0 from 1.3.
fn tamed(scores: &[f64]) -> Vec<f64> {
    const FAR: f64 = 10.0;
    let mut sorted = scores.to_vec();
    sorted.sort_by(f64::total_cmp);
    let (Some(least), Some(median)) = (sorted.first(), sorted.get(sorted.len() / 2)) else { return sorted };
    let spread = median - least;
    let far = median + FAR * spread;
    let tame = |score: f64| if score > far { far + spread * ((score - far) / spread).ln_1p() } else { score };
    // Where half of them are the best, there is no scale to go by.
    if spread > 0.0 { scores.iter().copied().map(tame).collect() } else { scores.to_vec() }
}

fn bend(value: f64, power: f64) -> f64 {
    let branch = |size: f64, power: f64| {
        if power.abs() < 1e-9 { size.ln_1p() } else { ((size + 1.0).powf(power) - 1.0) / power }
    };
    if value >= 0.0 { branch(value, power) } else { -branch(-value, 2.0 - power) }
}

/// The logarithm of the expected improvement on the least mean that was observed.
fn improvement(gp: &Gp, point: &[f64], least: f64) -> f64 {
    let (mean, deviation) = gp.predict(point);
    let z = (least - mean) / deviation;
    let density = -0.5 * z * z - 0.5 * std::f64::consts::TAU.ln();
    if z < -5.0 {
        // The tail: both terms would cancel.
        return deviation.ln() + density - 2.0 * (-z).ln();
    }
    (deviation * (z * cumulative(z) + density.exp())).max(1e-300).ln()
}

/// The normal distribution (Abramowitz and Stegun, 26.2.17).
fn cumulative(z: f64) -> f64 {
    let t = 1.0 / (1.0 + 0.231_641_9 * z.abs());
    let terms = [0.319_381_53, -0.356_563_782, 1.781_477_937, -1.821_255_978, 1.330_274_429];
    let tail = terms.iter().rev().fold(0.0, |sum, term| (sum + term) * t) * (-0.5 * z * z).exp()
        / std::f64::consts::TAU.sqrt();
    if z >= 0.0 { 1.0 - tail } else { tail }
}

/// A point of the cube with the values it stands for and what the search thinks of them.
struct Candidate {
    point: Vec<f64>,
    values: Values,
    promise: f64,
}

fn best(
    space: &Space,
    gp: &Gp,
    seen: &[(Vec<f64>, Option<f64>)],
    tried: &HashSet<&[String]>,
    rng: &mut Rng,
) -> Option<Values> {
    let least = seen.iter().map(|(place, _)| gp.predict(place).0).fold(f64::INFINITY, f64::min);
    let weigh = |point: Vec<f64>| {
        let values = space.at(&point);
        // What was tried would tell nothing new.
        if tried.contains(&*values) {
            return None;
        }
        let promise = improvement(gp, &space.places(&values)?, least);
        Some(Candidate { point, values, promise })
    };
    let mut order: Vec<&(Vec<f64>, Option<f64>)> = seen.iter().filter(|(_, score)| score.is_some()).collect();
    order.sort_by(|one, other| one.1.unwrap_or(f64::MAX).total_cmp(&other.1.unwrap_or(f64::MAX)));
    order.truncate(3);
    let mut found: Vec<Candidate> = (0..CANDIDATES)
        .filter_map(|n| {
            let near = (n < NEAR).then(|| order.get(n % order.len().max(1))).flatten();
            let point = match near {
                Some((place, _)) => beside(space, place, 0.1 * rng.unit(), rng),
                None => space.0.iter().map(|_| rng.unit()).collect(),
            };
            weigh(point)
        })
        .collect();
    found.sort_by(|one, other| other.promise.total_cmp(&one.promise));
    found.truncate(CLOSE);
    for candidate in &mut found {
        let mut step = 0.05;
        for _ in 0..60 {
            match weigh(beside_point(space, &candidate.point, step, rng)) {
                Some(better) if better.promise > candidate.promise => *candidate = better,
                _ => step = (step * 0.92_f64).max(1e-4),
            }
        }
    }
    found.into_iter().max_by(|one, other| one.promise.total_cmp(&other.promise)).map(|candidate| candidate.values)
}

/// A point of the cube near a place of an observation.
fn beside(space: &Space, place: &[f64], step: f64, rng: &mut Rng) -> Vec<f64> {
    #[allow(clippy::cast_precision_loss)] // at most 30
    let point: Vec<f64> = space
        .0
        .iter()
        .zip(place)
        .map(|(parameter, at)| match &parameter.domain {
            Domain::Categorical(values) => (at + 0.5) / values.len() as f64,
            _ => *at,
        })
        .collect();
    beside_point(space, &point, step, rng)
}

fn beside_point(space: &Space, point: &[f64], step: f64, rng: &mut Rng) -> Vec<f64> {
    // Some parameters at a time, so that many do not all get worse together.
    let share = (2.0 / point.len().max(1) as f64).max(0.3);
    let moved = |(parameter, at): (&super::space::Parameter, &f64)| {
        if rng.unit() > share {
            return *at;
        }
        match parameter.domain {
            Domain::Categorical(_) => {
                if rng.unit() < 0.3 {
                    rng.unit()
                } else {
                    *at
                }
            }
            _ => (at + step * rng.normal()).clamp(0.0, 1.0),
        }
    };
    space.0.iter().zip(point).map(moved).collect()
}
