//! How good the values are that the strategies find, on public test functions: the mean distance to the known minimum after
//! so many trials, over so many seeds.
//!
//! `cargo run --release -p sagewright-cloud-sagemaker-tuning --example search -- [SEEDS] [TRIALS]`

#![allow(clippy::print_stdout)]

use sagewright_cloud_sagemaker_tuning::search::space::{Domain, Parameter, Scale, Space};
use sagewright_cloud_sagemaker_tuning::search::{self, Outcome, Strategy, Trial};

/// A function with its bounds and its least value (Surjanovic and Bingham, "Virtual Library of Simulation Experiments").
struct Function {
    name: &'static str,
    bounds: &'static [(f64, f64)],
    least: f64,
    value: fn(&[f64]) -> f64,
}

const FUNCTIONS: [Function; 4] = [
    Function { name: "Branin", bounds: &[(-5.0, 10.0), (0.0, 15.0)], least: 0.397_887, value: branin },
    Function { name: "Hartmann 6", bounds: &[(0.0, 1.0); 6], least: -3.322_37, value: hartmann },
    Function { name: "Rosenbrock 4", bounds: &[(-5.0, 10.0); 4], least: 0.0, value: rosenbrock },
    Function { name: "Ackley 3", bounds: &[(-32.768, 32.768); 3], least: 0.0, value: ackley },
];

fn branin(x: &[f64]) -> f64 {
    use std::f64::consts::PI;
    let (b, c, t) = (5.1 / (4.0 * PI * PI), 5.0 / PI, 1.0 / (8.0 * PI));
    (x[1] - b * x[0] * x[0] + c * x[0] - 6.0).powi(2) + 10.0 * (1.0 - t) * x[0].cos() + 10.0
}

fn hartmann(x: &[f64]) -> f64 {
    const ALPHA: [f64; 4] = [1.0, 1.2, 3.0, 3.2];
    const A: [[f64; 6]; 4] = [
        [10.0, 3.0, 17.0, 3.5, 1.7, 8.0],
        [0.05, 10.0, 17.0, 0.1, 8.0, 14.0],
        [3.0, 3.5, 1.7, 10.0, 17.0, 8.0],
        [17.0, 8.0, 0.05, 10.0, 0.1, 14.0],
    ];
    const P: [[f64; 6]; 4] = [
        [0.1312, 0.1696, 0.5569, 0.0124, 0.8283, 0.5886],
        [0.2329, 0.4135, 0.8307, 0.3736, 0.1004, 0.9991],
        [0.2348, 0.1451, 0.3522, 0.2883, 0.3047, 0.6650],
        [0.4047, 0.8828, 0.8732, 0.5743, 0.1091, 0.0381],
    ];
    let term = |i: usize| -> f64 { (0..6).map(|j| A[i][j] * (x[j] - P[i][j]).powi(2)).sum() };
    -(0..4).map(|i| ALPHA[i] * (-term(i)).exp()).sum::<f64>()
}

fn rosenbrock(x: &[f64]) -> f64 {
    x.windows(2).map(|w| 100.0 * (w[1] - w[0] * w[0]).powi(2) + (1.0 - w[0]).powi(2)).sum()
}

#[allow(clippy::cast_precision_loss)] // three dimensions
fn ackley(x: &[f64]) -> f64 {
    let n = x.len() as f64;
    let squares = x.iter().map(|x| x * x).sum::<f64>() / n;
    let waves = x.iter().map(|x| (std::f64::consts::TAU * x).cos()).sum::<f64>() / n;
    -20.0 * (-0.2 * squares.sqrt()).exp() - waves.exp() + 20.0 + std::f64::consts::E
}

fn space(function: &Function) -> Space {
    let parameter = |(n, (low, high)): (usize, &(f64, f64))| Parameter {
        name: format!("x{n}"),
        domain: Domain::Continuous(*low, *high, Scale::Linear),
    };
    Space(function.bounds.iter().enumerate().map(parameter).collect())
}

/// The least value of a search, beyond the least there is.
fn run(function: &Function, strategy: Strategy, seed: u64, trials: u64) -> f64 {
    let space = space(function);
    let mut seen: Vec<Trial> = Vec::new();
    for number in 0..trials {
        let Some(values) = search::next(strategy, &space, &seen, &[], seed, number) else { break };
        let point: Vec<f64> = values.iter().filter_map(|value| value.parse().ok()).collect();
        seen.push(Trial { values, outcome: Outcome::Score((function.value)(&point)) });
    }
    let least = seen.iter().filter_map(|trial| match trial.outcome {
        Outcome::Score(score) => Some(score),
        _ => None,
    });
    least.fold(f64::INFINITY, f64::min) - function.least
}

#[allow(clippy::cast_precision_loss)] // few seeds
fn main() {
    let mut arguments = std::env::args().skip(1).filter_map(|argument| argument.parse().ok());
    let (seeds, trials) = (arguments.next().unwrap_or(20_u64), arguments.next().unwrap_or(50_u64));
    println!("| function | random: mean (median) | Bayesian: mean (median) | Bayesian is better |");
    println!("| --- | --- | --- | --- |");
    for function in &FUNCTIONS {
        let found = |strategy| (0..seeds).map(|seed| run(function, strategy, seed, trials)).collect::<Vec<_>>();
        let (random, bayesian) = (found(Strategy::Random), found(Strategy::Bayesian));
        let better = random.iter().zip(&bayesian).filter(|(random, bayesian)| bayesian < random).count();
        let told = |mut all: Vec<f64>| {
            all.sort_by(f64::total_cmp);
            format!("{:.3} ({:.3})", all.iter().sum::<f64>() / seeds as f64, all[all.len() / 2])
        };
        println!("| {} | {} | {} | {better} of {seeds} |", function.name, told(random), told(bayesian));
    }
}
