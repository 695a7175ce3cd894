//! Definitions that SageMaker's SDKs wrote: each is read, and its graph is what the SDK's user meant.
//!
//! `tests/conformance/test_pipeline_definitions.py` writes them with the SDK and holds them against these files.

#![allow(clippy::unwrap_used, clippy::expect_used, clippy::panic)]

use std::fmt::Write as _;
use std::path::Path;

use sagewright_cloud_sagemaker_pipelines::definition::Definition;

/// Each step with its kind, what it needs and where it is.
fn graph(definition: &Definition) -> String {
    let mut out = String::new();
    for step in &definition.steps {
        let needs: Vec<&str> = step.needs.iter().map(|need| definition.steps[*need].name.as_str()).collect();
        write!(out, "{} {} <- [{}]", step.kind.name, step.name, needs.join(" ")).unwrap();
        if let Some(branch) = step.branch {
            write!(out, " if {} is {}", definition.steps[branch.of].name, branch.when).unwrap();
        }
        for (what, count) in
            [("retries", step.retries.len()), ("files", step.files.len()), ("outputs", step.outputs.len())]
        {
            if count > 0 {
                write!(out, " {what}={count}").unwrap();
            }
        }
        match step.cache {
            None => {}
            Some(None) => out.push_str(" cached"),
            Some(Some(milliseconds)) => write!(out, " cached={}s", milliseconds / 1000).unwrap(),
        }
        out.push('\n');
    }
    out
}

#[test]
fn definitions_of_the_sdks_are_read() {
    let folder = Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/definitions");
    let mut names: Vec<_> = std::fs::read_dir(&folder).unwrap().map(|entry| entry.unwrap().path()).collect();
    names.retain(|path| path.extension().is_some_and(|extension| extension == "json"));
    names.sort();
    assert!(names.len() >= 3, "{names:?}");
    for path in names {
        let definition = Definition::parse(&std::fs::read_to_string(&path).unwrap());
        let definition = definition.unwrap_or_else(|why| panic!("{}: {why}", path.display()));
        let expected = std::fs::read_to_string(path.with_extension("graph")).unwrap_or_default();
        assert_eq!(graph(&definition), expected, "{}", path.display());
    }
}
