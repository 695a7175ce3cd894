//! Judges the protocol codecs by the Smithy project's protocol tests: `protocol_tests AST EXCLUDED`.
//!
//! `cargo xtask conformance` makes the AST. Each test passes or is excluded by name, with a reason; an excluded test that passes
//! is a failure too, so that the list stays true.

#![allow(clippy::print_stdout, clippy::print_stderr)]

mod cbor;
mod judge;
mod model;
mod values;
mod xml;

use std::collections::BTreeMap;
use std::process::ExitCode;

use serde::Deserialize;
use serde_json::Value;

/// A protocol that is spoken here, with the Smithy services whose tests are for it.
const SUITES: &[(&str, &str)] = &[
    ("awsJson1_0", "aws.protocoltests.json10#JsonRpc10"),
    ("awsJson1_1", "aws.protocoltests.json#JsonProtocol"),
    ("awsQuery", "aws.protocoltests.query#AwsQuery"),
    ("restJson1", "aws.protocoltests.restjson#RestJson"),
    ("restJson1", "aws.protocoltests.restjson.validation#RestJsonValidation"),
    ("restXml", "aws.protocoltests.restxml#RestXml"),
    ("restXml", "aws.protocoltests.restxml.xmlns#RestXmlWithNamespace"),
    ("rpcv2Cbor", "smithy.protocoltests.rpcv2Cbor#RpcV2Protocol"),
];

/// The data file of what is excluded.
#[derive(Deserialize)]
struct Excluded {
    /// Whole protocols.
    protocol: BTreeMap<String, String>,
    /// Tests, by reason.
    group: Vec<Group>,
}

#[derive(Deserialize)]
struct Group {
    reason: String,
    tests: Vec<String>,
}

fn main() -> ExitCode {
    match run() {
        Ok(true) => ExitCode::SUCCESS,
        Ok(false) => ExitCode::FAILURE,
        Err(error) => {
            eprintln!("error: {error}");
            ExitCode::FAILURE
        }
    }
}

fn run() -> Result<bool, Box<dyn std::error::Error>> {
    let [ast, excluded] = std::env::args().skip(1).collect::<Vec<_>>().try_into().map_err(|_| "usage: AST EXCLUDED")?;
    let ast: Value = serde_json::from_str(&std::fs::read_to_string(ast)?)?;
    let excluded: Excluded = toml::from_str(&std::fs::read_to_string(excluded)?)?;
    let mut reasons: BTreeMap<&str, &str> = BTreeMap::new();
    for group in &excluded.group {
        reasons.extend(group.tests.iter().map(|test| (test.as_str(), group.reason.as_str())));
    }
    let (mut wrong, mut counts) = (Vec::new(), BTreeMap::<&str, (usize, usize)>::new());
    for (protocol, id) in SUITES {
        let suite = model::Suite::new(&ast, id, protocol)?;
        for test in suite.tests(&ast) {
            let (passed, left_out) = counts.entry(protocol).or_default();
            match (judge::judge(&suite, &test), reasons.remove(&*test.name)) {
                (Ok(()), None) => *passed += 1,
                (Err(_), Some(_)) => *left_out += 1,
                (Err(why), None) => wrong.push(format!("{}: {why}", test.name)),
                (Ok(()), Some(reason)) => wrong.push(format!("{}: passes, and is excluded ({reason})", test.name)),
            }
        }
    }
    wrong.extend(reasons.keys().map(|name| format!("{name}: is excluded, and there is no such test")));
    wrong.iter().for_each(|line| println!("{line}"));
    for (protocol, (passed, left_out)) in &counts {
        println!("{protocol}: {passed} passed, {left_out} excluded");
    }
    for (protocol, reason) in &excluded.protocol {
        println!("{protocol}: {} excluded: {reason}", model::count(&ast, protocol));
    }
    println!("{} failed", wrong.len());
    Ok(wrong.is_empty())
}
