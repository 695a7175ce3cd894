//! Applies of the example on a network that throttles, breaks connections and garbles answers. The same against the embedded
//! cloud is `tests/conformance/test_faults.py`.
#![allow(clippy::unwrap_used, clippy::panic)]

use std::collections::BTreeMap;
use std::sync::{Arc, Mutex};

use crate::support::{Fake, fail, hooked, slow_down, tutorial};
use sagewright_engine::cloud::{CloudError, Stage};
use sagewright_engine::{ApplyOptions, NoObserver, Object};
use serde_json::Value;

const APPLIES: usize = 40;

/// `SAGEWRIGHT_APPLIES` gives another number.
fn applies() -> usize {
    std::env::var("SAGEWRIGHT_APPLIES").ok().and_then(|n| n.parse().ok()).unwrap_or(APPLIES)
}

/// Shares of a hundred calls: throttled, reset before and after the service saw them, answered with garbage.
const SHARES: [u64; 4] = [30, 5, 5, 2];

/// A sequence of numbers that is the same in each run (SplitMix64).
fn next(state: &mut u64) -> u64 {
    *state = state.wrapping_add(0x9e37_79b9_7f4a_7c15);
    let mut z = *state;
    z = (z ^ (z >> 30)).wrapping_mul(0xbf58_476d_1ce4_e5b9);
    z = (z ^ (z >> 27)).wrapping_mul(0x94d0_49bb_1331_11eb);
    z ^ (z >> 31)
}

/// The example under another name.
fn example(name: &str) -> Vec<Object> {
    let rename = |text: &str| text.replace("mnist", &format!("mnist-{name}"));
    let objects = serde_json::to_string(&tutorial()).unwrap();
    serde_json::from_str(&rename(&objects)).unwrap()
}

#[tokio::test]
async fn applies_converge_on_a_network_that_fails_and_make_nothing_twice() {
    let (fake, clock, _) = Fake::new();
    let (inner, state) = (Arc::clone(&fake), Mutex::new(10_u64));
    // Creates that took effect, by operation, and answers by their tokens.
    let (created, told) = (Arc::new(Mutex::new(BTreeMap::<String, usize>::new())), Mutex::new(BTreeMap::new()));
    let counted = Arc::clone(&created);
    let drawn_calls = Arc::new(Mutex::new([0_usize; 5]));
    let tally = Arc::clone(&drawn_calls);
    let engine = hooked(&fake, &clock, move |_, operation, input| {
        let answer = || {
            let token = ["ClientToken", "ClientRequestToken"].iter().find_map(|m| input.get(m)?.as_str());
            let mut told = told.lock().unwrap();
            if let Some(before) = token.and_then(|token| told.get(token)).cloned() {
                return Ok(before);
            }
            let answer: Value = inner.peek(operation, input)?;
            if operation.starts_with("Create") {
                *counted.lock().unwrap().entry(operation.to_owned()).or_default() += 1;
                told.extend(token.map(|token| (token.to_owned(), answer.clone())));
            }
            Ok(answer)
        };
        let error = |stage, code: &str, status| Err(CloudError { stage, status, ..fail(code, "as the test asks for") });
        // As the client of AWS does: three tries, but for a create without a token whose answer is not known.
        let makes = operation.starts_with("Create") && input.get("ClientToken").is_none();
        let mut told = None;
        for _ in 0..3 {
            let drawn = next(&mut state.lock().unwrap()) % 100;
            let at = SHARES.iter().scan(0, |sum, share| (*sum += share, Some(*sum)).1).position(|limit| drawn < limit);
            tally.lock().unwrap()[at.map_or(0, |at| at + 1)] += 1;
            if matches!(at, Some(2 | 3)) {
                let _ = answer();
            }
            told = Some(match at {
                Some(0) => Err(slow_down()),
                Some(1 | 2) => error(Stage::Transport, "ConnectionReset", None),
                Some(_) => error(Stage::Answer, "UnreadableAnswer", Some(200)),
                None => answer(),
            });
            if at.is_none() || (makes && at != Some(0)) {
                break;
            }
        }
        told
    });
    let (applies, mut runs) = (applies(), 0);
    for n in 0..applies {
        let objects = example(&n.to_string());
        // A command that gives up says so, and is run again.
        let mut report = engine.apply(&objects, &ApplyOptions::default(), &NoObserver).await.unwrap();
        for _ in 0..3 {
            runs += 1;
            if report.is_ok() {
                break;
            }
            report = engine.apply(&objects, &ApplyOptions::default(), &NoObserver).await.unwrap();
        }
        let messages: Vec<_> = report.objects.iter().map(|o| (o.outcome, &o.message)).collect();
        assert!(report.is_ok(), "{n}: {messages:?}");
    }
    let kinds = ["TrainingJob", "ModelPackageGroup", "ModelPackage", "Model", "EndpointConfig", "Endpoint"];
    for kind in kinds {
        assert_eq!(fake.count(kind), applies, "{kind}");
        assert_eq!(created.lock().unwrap()[&format!("Create{kind}")], applies, "{kind}");
    }
    let calls = *drawn_calls.lock().unwrap();
    println!(
        "{applies} applies, {runs} runs, calls [passed, throttled, reset before, reset after, garbled]: {calls:?}"
    );
}
