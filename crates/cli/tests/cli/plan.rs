//! `plan --offline`: the manifests alone.

use std::fs;
use std::path::PathBuf;

use serde_json::Value;

use crate::program::{Run, run, run_in};

fn mnist() -> String {
    PathBuf::from(env!("CARGO_MANIFEST_DIR")).join("../../examples/mnist").display().to_string()
}

fn json(run: &Run) -> Value {
    serde_json::from_str(&run.out).unwrap_or_else(|e| panic!("{e}: {}{}", run.out, run.err))
}

const ENDPOINT: &str = r#"{
	"apiVersion": "sagemaker.services.k8s.aws/v1alpha1",
	"kind": "Endpoint",
	"metadata": {"name": "e"},
	"spec": {"endpointName": "e", "endpointConfigName": "c"}
}"#;

#[test]
fn the_tutorial_is_shown_field_by_field() {
    insta::assert_snapshot!(run(&["plan", "--offline", "-f", &mnist()]).text());
}

#[test]
fn programs_get_values_whole() {
    let long = "x".repeat(400);
    let manifest = format!(
        "apiVersion: sagemaker.services.k8s.aws/v1alpha1\nkind: ModelPackageGroup\nmetadata: {{name: g}}\nspec:\n  \
         modelPackageGroupName: g\n  modelPackageGroupDescription: {long}\n"
    );
    let dir = tempfile::tempdir().unwrap();
    let plan = |args: &[&str]| {
        let all = [&["plan", "--offline", "-f", "-"], args].concat();
        run_in(dir.path(), &all, manifest.as_bytes(), &[])
    };
    let people = plan(&[]);
    assert!(people.out.contains("… (400 characters)") && !people.out.contains(&long), "{}", people.out);
    let value = json(&plan(&["-o", "json"]));
    assert_eq!(value["changes"], true);
    let object = &value["objects"][0];
    assert_eq!((&object["action"], &object["resource"]), (&"create".into(), &"g".into()));
    let change = object["changes"].as_array().unwrap().iter().find(|c| c["to"] == long.as_str());
    assert_eq!(change.unwrap()["path"], "spec.modelPackageGroupDescription");
    assert!(plan(&["-o", "yaml"]).out.contains(&long));
    assert_eq!(plan(&["-o", "name"]).out, "ModelPackageGroup/g\n");
}

/// What a template leaves where there is nothing to write, and how people paste JSON. kubectl takes all of it.
#[test]
fn yaml_is_read_as_kubectl_reads_it() {
    let dir = tempfile::tempdir().unwrap();
    let plan = |text: &str| {
        let run = run_in(dir.path(), &["plan", "--offline", "-o", "json", "-f", "-"], text.as_bytes(), &[]);
        assert_eq!(run.code, 0, "{}", run.err);
        json(&run)["objects"][0]["changes"].clone()
    };
    let changes = plan(
        "apiVersion: sagemaker.services.k8s.aws/v1alpha1\nkind: ModelPackageGroup\nmetadata:\n  name: g\n  namespace:\n  \
         annotations:\n  labels: ~\nspec:\n  modelPackageGroupName: g\n  tags:\n  \
         modelPackageGroupDescription: \"one\n  two\n three\n\tfour\"\n",
    );
    let at = |path: &str| changes.as_array().unwrap().iter().find(|c| c["path"] == path).map(|c| c["to"].clone());
    assert_eq!(at("spec.modelPackageGroupDescription").unwrap(), "one two three four");
    assert_eq!(at("spec.tags"), None);
}

#[test]
fn the_exit_code_tells_changes_only_when_asked() {
    assert_eq!(run(&["plan", "--offline", "-f", &mnist()]).code, 0);
    assert_eq!(run(&["plan", "--offline", "--exit-code", "-f", &mnist()]).code, 2);
}

#[test]
fn manifests_come_from_standard_input_folders_lists_and_json() {
    let dir = tempfile::tempdir().unwrap();
    let names = |args: &[&str], input: &str| {
        let all = [&["plan", "--offline", "-o", "name"], args].concat();
        let run = run_in(dir.path(), &all, input.as_bytes(), &[]);
        assert_eq!(run.code, 0, "{}", run.err);
        run.out
    };
    assert_eq!(names(&["-f", "-"], ENDPOINT), "Endpoint/e\n");
    fs::create_dir(dir.path().join("all")).unwrap();
    fs::write(dir.path().join("all/b.json"), ENDPOINT).unwrap();
    let other = ENDPOINT.replace("\"e\"", "\"f\"").replace('\t', " ");
    let list = format!("apiVersion: v1\nkind: List\nitems:\n- {}\n", other.replace('\n', " "));
    fs::write(dir.path().join("all/a.yaml"), &list).unwrap();
    fs::write(dir.path().join("all/readme.md"), "not read").unwrap();
    assert_eq!(names(&["-f", "all"], ""), "Endpoint/f\nEndpoint/e\n", "files in name order");
    assert_eq!(names(&["-f", "all/b.json", "-f", "-"], &list), "Endpoint/e\nEndpoint/f\n");
}

#[test]
fn color_is_for_terminals_and_for_those_who_ask() {
    let plan = |args: &[&str], environment: &[(&str, &str)]| {
        let file = mnist();
        let all = [&["plan", "--offline", "-f", &file], args].concat();
        run_in(tempfile::tempdir().unwrap().path(), &all, b"", environment).out
    };
    assert!(!plan(&[], &[]).contains('\u{1b}'), "a pipe is no terminal");
    assert!(plan(&["--color", "always"], &[("NO_COLOR", "1")]).contains("\u{1b}[32m"));
    assert!(!plan(&["--color", "never"], &[]).contains('\u{1b}'));
}
