//! What holds of every proposal, and what each strategy does.

use std::collections::BTreeSet;

use proptest::prelude::*;
use proptest::strategy::Strategy as _;

use super::hyperband::Ladder;
use super::space::{Domain, Parameter, Scale, Space};
use super::{Outcome, Strategy, Trial, bayesian, early, next};

fn space(domains: Vec<Domain>) -> Space {
    let name = |(n, domain)| Parameter { name: format!("p{n}"), domain };
    Space(domains.into_iter().enumerate().map(name).collect())
}

fn texts(values: &[&str]) -> Domain {
    Domain::Categorical(values.iter().map(|value| (*value).to_owned()).collect())
}

fn mixed() -> Space {
    space(vec![
        Domain::Continuous(1e-4, 1.0, Scale::Log),
        Domain::Integer(1, 9, Scale::Linear),
        texts(&["a", "b", "c"]),
        Domain::Continuous(0.0, 0.999, Scale::ReverseLog),
    ])
}

/// Tries so many values, each with the score of a function.
fn search(strategy: Strategy, space: &Space, seed: u64, most: u64, score: impl Fn(&[String]) -> f64) -> Vec<Trial> {
    let mut trials: Vec<Trial> = Vec::new();
    for number in 0..most {
        let Some(values) = next(strategy, space, &trials, &[], seed, number) else { break };
        let outcome = Outcome::Score(score(&values));
        trials.push(Trial { values, outcome });
    }
    trials
}

fn number(text: &str) -> f64 {
    text.parse().unwrap()
}

fn domain() -> impl proptest::strategy::Strategy<Value = Domain> {
    let scale = prop_oneof![Just(Scale::Linear), Just(Scale::Log)];
    prop_oneof![
        (-1e6..1e6_f64, 1e-6..1e6_f64).prop_map(|(low, span)| Domain::Continuous(low, low + span, Scale::Linear)),
        (1e-9..1.0_f64, 1.0001..1e9_f64).prop_map(|(low, ratio)| Domain::Continuous(low, low * ratio, Scale::Log)),
        (0.0..0.5_f64, 0.5..0.999_999_f64).prop_map(|(low, high)| Domain::Continuous(low, high, Scale::ReverseLog)),
        (1..1000_i64, 1..1_000_000_i64, scale).prop_map(|(low, span, scale)| Domain::Integer(low, low + span, scale)),
        (-50..50_i64, 1..9_i64).prop_map(|(low, span)| Domain::Integer(low, low + span, Scale::Linear)),
        (1..9_usize).prop_map(|n| Domain::Categorical((0..n).map(|n| n.to_string()).collect())),
    ]
}

fn within(domain: &Domain, value: &str) -> bool {
    match domain {
        Domain::Continuous(low, high, _) => (*low..=*high).contains(&number(value)),
        Domain::Integer(low, high, _) => (*low..=*high).contains(&value.parse::<i64>().unwrap()),
        Domain::Categorical(values) => values.iter().any(|known| known == value),
    }
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(64))]

    #[test]
    fn every_place_has_a_value_in_range_that_has_that_place(domain in domain(), unit in 0.0..1.0_f64) {
        let value = domain.at(unit);
        prop_assert!(within(&domain, &value), "{domain:?} {value}");
        let place = domain.place(&value).unwrap();
        match &domain {
            Domain::Continuous(..) => prop_assert!((place - unit).abs() < 1e-3, "{domain:?} {value} {unit} {place}"),
            // An integer's place is that of all numbers that are rounded to it.
            Domain::Integer(..) => prop_assert_eq!(domain.at(place), value),
            Domain::Categorical(values) => prop_assert!(place < values.len() as f64),
        }
        for edge in [0.0, 1.0] {
            prop_assert!(within(&domain, &domain.at(edge)), "{domain:?} {edge}");
        }
    }

    #[test]
    fn what_is_proposed_is_in_range_was_not_tried_and_follows_from_what_was(
        domains in prop::collection::vec(domain(), 1..4), seed: u64, scores in prop::collection::vec(prop_oneof![
            8 => (-1e9..1e9_f64).prop_map(Outcome::Score), 1 => Just(Outcome::Failed), 1 => Just(Outcome::Pending),
            1 => Just(Outcome::Lost),
            1 => Just(Outcome::Score(1.0)),
        ], 0..8),
    ) {
        let space = space(domains);
        for strategy in [Strategy::Random, Strategy::Bayesian] {
            let mut trials: Vec<Trial> = Vec::new();
            for (number, outcome) in scores.iter().enumerate() {
                let proposed = next(strategy, &space, &trials, &[], seed, number as u64);
                prop_assert_eq!(&proposed, &next(strategy, &space, &trials, &[], seed, number as u64));
                let Some(values) = proposed else {
                    prop_assert_eq!(space.count(), Some(trials.len() as u64), "it ends when all were tried");
                    break;
                };
                prop_assert!(space.0.iter().zip(&values).all(|(p, value)| within(&p.domain, value)), "{values:?}");
                prop_assert!(trials.iter().all(|trial| trial.values != values), "{values:?}");
                trials.push(Trial { values, outcome: *outcome });
            }
        }
    }
}

#[test]
fn scales_spread_values_as_aws_describes_them() {
    let at = |domain: &Domain| number(&domain.at(0.5));
    assert!((at(&Domain::Continuous(1e-4, 1.0, Scale::Log)) - 1e-2).abs() < 1e-9);
    assert!((at(&Domain::Continuous(0.0, 0.9999, Scale::ReverseLog)) - 0.99).abs() < 1e-9);
    assert!((at(&Domain::Continuous(0.0, 10.0, Scale::Linear)) - 5.0).abs() < 1e-9);
    // Small integers get as much of a logarithmic scale as large ones of the same ratio.
    let log = Domain::Integer(1, 1000, Scale::Log);
    let below = (0..1000).filter(|n| number(&log.at(f64::from(*n) / 1000.0)) < 32.0).count();
    assert!((500..620).contains(&below), "{below}");
    let even = Domain::Integer(1, 4, Scale::Linear);
    let counts =
        (1..=4).map(|value| (0..1000).filter(|n| even.at(f64::from(*n) / 1000.0) == value.to_string()).count());
    assert!(counts.into_iter().all(|count| (249..=251).contains(&count)));
}

#[test]
fn grid_tries_all_combinations_in_turn_and_ends() {
    let space = space(vec![texts(&["a", "b"]), texts(&["1", "2", "3"])]);
    let trials = search(Strategy::Grid, &space, 3, 100, |_| 0.0);
    let tried: Vec<_> = trials.iter().map(|trial| trial.values.join("")).collect();
    assert_eq!(tried, ["a1", "a2", "a3", "b1", "b2", "b3"]);
}

#[test]
fn random_values_are_spread_and_small_spaces_are_tried_whole() {
    let small = space(vec![Domain::Integer(1, 5, Scale::Linear), texts(&["a", "b"])]);
    for strategy in [Strategy::Random, Strategy::Bayesian] {
        let trials = search(strategy, &small, 1, 100, |values| number(&values[0]));
        assert_eq!(trials.iter().map(|trial| &trial.values).collect::<BTreeSet<_>>().len(), 10);
        assert_eq!(trials.len(), 10, "{strategy:?}");
    }
    let trials = search(Strategy::Random, &mixed(), 1, 300, |_| 0.0);
    let share = |holds: &dyn Fn(&[String]) -> bool| trials.iter().filter(|trial| holds(&trial.values)).count();
    assert!((110..190).contains(&share(&|values| number(&values[0]) < 1e-2)));
    assert!((60..140).contains(&share(&|values| values[2] == "b")));
}

#[test]
fn a_seed_gives_the_same_values_and_another_one_others() {
    let score = |values: &[String]| number(&values[0]) + if values[2] == "b" { 0.0 } else { 1.0 };
    for strategy in [Strategy::Random, Strategy::Bayesian] {
        let once = search(strategy, &mixed(), 5, 12, score);
        assert_eq!(once, search(strategy, &mixed(), 5, 12, score));
        assert_ne!(once, search(strategy, &mixed(), 6, 12, score));
    }
}

#[test]
fn a_model_finds_what_chance_does_not() {
    // Best at 0.01, 7, "b" and anything.
    let score = |values: &[String]| {
        let eta = (number(&values[0]).log10() + 2.0).abs();
        let depth = (number(&values[1]) - 7.0).abs() / 4.0;
        eta + depth + if values[2] == "b" { 0.0 } else { 0.7 }
    };
    let best = |strategy, seed| {
        let trials = search(strategy, &mixed(), seed, 25, score);
        let scores = trials.iter().map(|trial| match trial.outcome {
            Outcome::Score(score) => score,
            _ => f64::INFINITY,
        });
        scores.fold(f64::INFINITY, f64::min)
    };
    let better = (0..5).filter(|seed| best(Strategy::Bayesian, *seed) < best(Strategy::Random, *seed)).count();
    assert!(better >= 4, "{better} of 5");
    assert!((0..5).map(|seed| best(Strategy::Bayesian, seed)).sum::<f64>() < 0.8);
}

#[test]
fn trials_that_run_are_kept_away_from() {
    let space = space(vec![Domain::Continuous(0.0, 1.0, Scale::Linear)]);
    let seen = [0.0, 0.2, 0.4, 0.6, 0.8, 1.0]
        .map(|x: f64| Trial { values: vec![x.to_string()], outcome: Outcome::Score((x - 0.5) * (x - 0.5)) });
    let mut trials = seen.to_vec();
    for number in 6..9 {
        let values = next(Strategy::Bayesian, &space, &trials, &[], 1, number).unwrap();
        trials.push(Trial { values, outcome: Outcome::Pending });
    }
    let tried: Vec<f64> = trials[6..].iter().map(|trial| number(&trial.values[0])).collect();
    assert!(tried.iter().all(|x| (0.0..=1.0).contains(x)), "{tried:?}");
    assert!((tried[0] - 0.5).abs() < 0.1, "{tried:?}");
    assert!((tried[0] - tried[1]).abs() > 1e-6 && (tried[1] - tried[2]).abs() > 1e-6, "{tried:?}");
}

#[test]
fn a_few_very_bad_scores_do_not_hide_the_others() {
    let bent = bayesian::normal(&[1.0, 1.1, 1.2, 1.3, 1e6]);
    assert!(bent.windows(2).all(|pair| pair[0] < pair[1]), "the order stays: {bent:?}");
    // As they are, the others are less than a millionth of the range apart.
    assert!((bent[3] - bent[0]) / (bent[4] - bent[0]) > 0.05, "{bent:?}");
    let worse = bayesian::normal(&[1.0, 1.1, 1.2, 1e6, 1e9]);
    assert!(worse.windows(2).all(|pair| pair[0] < pair[1]), "the order stays: {worse:?}");
    assert!(bayesian::normal(&[2.0; 4]).iter().all(|value| value.abs() < 1e-9));
}

#[test]
fn rungs_grow_by_three_and_the_best_third_goes_on() {
    let ladder = Ladder::new(1, 30);
    assert_eq!(ladder.rungs(), [1, 3, 9, 27]);
    assert_eq!(Ladder::new(5, 5).rungs(), Vec::<u64>::new());
    assert_eq!((ladder.rung(3), ladder.rung(4)), (Some(1), None));
    assert!(!ladder.exceeded(30) && ladder.exceeded(31));
    for (bracket, rung, score, others, goes_on) in [
        (0, 0, 5.0, vec![], true),
        (0, 0, 5.0, vec![1.0], true),
        (0, 0, 5.0, vec![1.0, 2.0], false),
        (0, 0, 0.5, vec![1.0, 2.0], true),
        (0, 2, 1.5, vec![1.0, 2.0, 3.0, 4.0, 5.0], true),
        (0, 2, 2.5, vec![1.0, 2.0, 3.0, 4.0, 5.0], false),
        (1, 0, 5.0, vec![1.0, 2.0, 3.0], true),
        (1, 1, 5.0, vec![1.0, 2.0, 3.0], false),
        // As good as the best one is good enough.
        (0, 0, 1.0, vec![1.0, 1.0], true),
    ] {
        assert_eq!(ladder.goes_on(bracket, rung, score, &others), goes_on, "{bracket} {rung} {score} {others:?}");
    }
    let brackets: Vec<usize> = (0..13).map(|number| ladder.bracket(number)).collect();
    assert_eq!(brackets, [0, 0, 0, 0, 0, 0, 0, 0, 0, 1, 1, 1, 2]);
    assert_eq!((0..5).map(|n| Ladder::new(1, 3).bracket(n)).collect::<Vec<_>>(), [0, 0, 0, 1, 0]);
}

#[test]
fn a_job_worse_than_the_median_is_stopped_early() {
    for (score, earlier, stops) in [
        (9.0, vec![], false),
        (9.0, vec![1.0, 1.0], false),
        (2.5, vec![1.0, 2.0, 3.0], true),
        (2.0, vec![1.0, 2.0, 3.0], false),
        (2.6, vec![4.0, 1.0, 3.0, 2.0], true),
        (2.4, vec![4.0, 1.0, 3.0, 2.0], false),
    ] {
        assert_eq!(early::stops(score, earlier.clone()), stops, "{score} {earlier:?}");
    }
    let epochs: Vec<u64> = early::epochs().take(14).collect();
    assert_eq!(epochs, [1, 2, 3, 4, 5, 6, 7, 8, 9, 10, 12, 14, 16, 19]);
    assert_eq!((early::place(10), early::place(11), early::place(12)), (Some(9), None, Some(10)));
    assert!(early::epochs().take_while(|epoch| *epoch < 20_000).count() < 60, "what is kept is small");
}
