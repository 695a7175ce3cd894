//! Committed references are what the program makes.

use std::fs;
use std::path::PathBuf;

use crate::program::run;

fn holds(file: &str, args: &[&str]) {
    let made = run(args);
    assert_eq!(made.code, 0, "{}", made.err);
    let path = PathBuf::from(env!("CARGO_MANIFEST_DIR")).join("../..").join(file);
    let committed = fs::read_to_string(path).unwrap_or_default();
    if committed != made.out {
        let differs = committed.lines().zip(made.out.lines()).find(|(a, b)| a != b);
        let (was, is) = differs.unwrap_or(("(ends)", "(more)"));
        panic!(
            "{file} is not what the program makes:\n  - {was}\n  + {is}\nmake it again: cargo run -q -- {} > {file}",
            args.join(" ")
        );
    }
}

#[test]
fn the_command_reference_is_up_to_date() {
    holds("docs/cli.md", &["man", "--markdown"]);
}

#[test]
fn the_reference_of_the_embedded_clouds_operations_is_up_to_date() {
    holds("docs/operations.md", &["local", "operations"]);
}

#[test]
fn the_kind_reference_is_up_to_date() {
    holds("docs/kinds.md", &["explain", "--markdown"]);
}
