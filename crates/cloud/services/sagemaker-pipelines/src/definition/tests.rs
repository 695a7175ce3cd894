use serde_json::{Value, json};

use super::*;
use crate::kinds::REFUSED;

fn parse(steps: &Value) -> Result<Definition, String> {
    let parameters = json!([{"Name": "Rows", "Type": "Integer", "DefaultValue": 5}]);
    Definition::parse(&json!({"Version": VERSION, "Parameters": parameters, "Steps": steps}).to_string())
}

fn training(name: &str, image: &Value) -> Value {
    json!({"Name": name, "Type": "Training", "Arguments": {"AlgorithmSpecification": {"TrainingImage": image, "TrainingInputMode": "File"}}})
}

fn condition(name: &str, left: &Value, then: &[Value], otherwise: &[Value]) -> Value {
    let conditions = json!([{"Type": "Equals", "LeftValue": left, "RightValue": 1}]);
    json!({"Name": name, "Type": "Condition", "Arguments": {"Conditions": conditions, "IfSteps": then, "ElseSteps": otherwise}})
}

fn names(definition: &Definition, at: usize) -> Vec<&str> {
    definition.steps[at].needs.iter().map(|need| definition.steps[*need].name.as_str()).collect()
}

#[test]
fn steps_know_what_they_need() {
    let definition = parse(&json!([
        training("A", &json!("image")),
        training("B", &json!({"Get": "Steps.A.ModelArtifacts.S3ModelArtifacts"})),
        {"Name": "P", "Type": "Processing", "Arguments": {}, "DependsOn": ["A"],
         "PropertyFiles": [{"PropertyFileName": "f", "OutputName": "o", "FilePath": "f.json"}],
         "CacheConfig": {"Enabled": true, "ExpireAfter": "PT1H"}},
        condition("C", &json!({"Std:JsonGet": {"PropertyFile": {"Get": "Steps.P.PropertyFiles.f"}, "Path": "a"}}), &[
            training("D", &json!({"Std:Join": {"On": "", "Values": [{"Get": "Steps.C.Outcome"}, {"Get": "Parameters.Rows"}]}})),
        ], &[{json!({"Name": "F", "Type": "Fail", "Arguments": {"ErrorMessage": {"Get": "Execution.PipelineName"}}})}]),
        {"Name": "L", "Type": "Lambda", "Arguments": {"x": {"Get": "Steps.B.TrainingJobName"}}, "FunctionArn": "arn",
         "OutputParameters": [{"OutputName": "n", "OutputType": "Integer"}]},
        {"Name": "M", "Type": "Model", "Arguments": {"ExecutionRoleArn": {"Get": "Steps.L.OutputParameters['n']"}}},
    ]))
    .unwrap();
    let all: Vec<&str> = definition.steps.iter().map(|step| step.name.as_str()).collect();
    assert_eq!(all, ["A", "B", "P", "C", "D", "F", "L", "M"]);
    let needs: Vec<Vec<&str>> = (0..all.len()).map(|at| names(&definition, at)).collect();
    assert_eq!(needs, [vec![], vec!["A"], vec!["A"], vec!["P"], vec!["C"], vec!["C"], vec!["B"], vec!["L"]]);
    assert_eq!(definition.steps[4].branch, Some(Branch { of: 3, when: true }));
    assert_eq!(definition.steps[5].branch, Some(Branch { of: 3, when: false }));
    assert_eq!(definition.steps[2].cache, Some(Some(3_600_000)));
    assert_eq!(definition.steps[6].outputs, [("n".to_owned(), crate::parameter::Type::Integer)]);
}

#[test]
fn what_is_wrong_is_told() {
    let a = training("A", &json!("image"));
    let fail = json!({"Name": "F", "Type": "Fail"});
    for (steps, why) in [
        (json!([a, a]), "There are two steps with the name A."),
        (json!([{"Name": "a b", "Type": "Fail"}]), "The step name \"a b\" is not valid: use 1 to 64 letters"),
        (json!([{"Name": "A", "Type": "Dance"}]), "Step A: Unknown step type 'Dance'."),
        (
            json!([{"Name": "A", "Type": "Fail", "CacheConfig": {}}]),
            "Unknown member 'CacheConfig' of a step of type Fail.",
        ),
        (json!([{"Name": "A", "Type": "Training", "Arguments": []}]), "Its Arguments are not a JSON object."),
        (json!([{"Name": "A", "Type": "Training", "Arguments": {"X": 1}}]), "Unknown Argument member 'X'."),
        (
            json!([{"Name": "A", "Type": "RegisterModel", "Arguments": {"ModelPackageName": "m"}}]),
            "Unknown Argument member 'ModelPackageName'.",
        ),
        (
            json!([{"Name": "A", "Type": "Processing", "Arguments": {"ProcessingInputs": [{"S3Input": {"S3InputMode": "FastFile"}}]}}]),
            "Model Validation failed: Value 'FastFile' failed to satisfy enum value set: [Pipe, File]",
        ),
        (
            json!([{"Name": "A", "Type": "Training", "Arguments": {"HyperParameters": []}}]),
            "[] is given where the API takes a map.",
        ),
        (json!([{"Name": "A", "Type": "Fail", "Arguments": {"Message": "x"}}]), "Unknown Argument member 'Message'."),
        (json!([{"Name": "A", "Type": "Fail", "DependsOn": ["B"]}]), "It depends on step B, which does not exist."),
        (
            json!([fail, {"Name": "A", "Type": "Model", "DependsOn": ["F"]}]),
            "A cannot depend on F, which is a Fail step: no step comes after it.",
        ),
        (
            json!([training("A", &json!({"Get": "Parameters.X"}))]),
            "'Parameters.X' names a parameter that does not exist.",
        ),
        (json!([training("A", &json!({"Get": "Execution.X"}))]), "'Execution.X' names an execution variable"),
        (json!([training("A", &json!({"Get": "Steps.X.Y"}))]), "'Steps.X.Y' names a step that does not exist."),
        (
            json!([a, training("B", &json!({"Get": "Steps.A.Model"}))]),
            "'Steps.A.Model' is an unknown property reference",
        ),
        (json!([a, training("B", &json!({"Get": "Steps.A"}))]), "'Steps.A' is an unknown property reference"),
        (
            json!([a, training("B", &json!({"Get": "Steps.A.PropertyFiles.f"}))]),
            "a property file that step A does not have",
        ),
        (json!([training("A", &json!({"Get": "Step.A"}))]), "'Step.A' is not a valid reference"),
        (
            json!([
                training("A", &json!({"Get": "Steps.B.TrainingJobName"})),
                training("B", &json!({"Get": "Steps.A.TrainingJobName"}))
            ]),
            "Cycle detected",
        ),
        (json!([training("A", &json!({"Get": "Steps.A.TrainingJobName"}))]), "wait for each other: A."),
        (
            json!([condition("C", &json!({"Get": "Steps.A.TrainingJobName"}), std::slice::from_ref(&a), &[])]),
            "Cycle detected",
        ),
        (json!([{"Name": "C", "Type": "Condition", "Arguments": {}}]), "It has no list of Conditions."),
        (
            json!([{"Name": "C", "Type": "Condition", "Arguments": {"Conditions": [], "Then": []}}]),
            "Unknown Argument member 'Then'.",
        ),
        (json!([{"Name": "L", "Type": "Lambda", "Arguments": {}}]), "It has no FunctionArn."),
        (json!([{"Name": "L", "Type": "Callback", "Arguments": {}}]), "It has no SqsQueueUrl."),
        (
            json!([{"Name": "P", "Type": "Processing", "CacheConfig": {"Enabled": true, "ExpireAfter": "soon"}}]),
            "ExpireAfter \"soon\" of its CacheConfig is not an ISO 8601 duration",
        ),
        (
            json!([{"Name": "P", "Type": "Processing", "RetryPolicies": [{}]}]),
            "Step P: A retry policy has no ExceptionType.",
        ),
        (json!([1]), "A step is not a JSON object."),
        (json!(1), "Steps must be a list."),
    ] {
        let told = parse(&steps).map(|_| ()).unwrap_err();
        assert!(told.contains(why), "{told}\nis not\n{why}");
    }
    for (text, why) in [
        ("", "It is not valid JSON"),
        ("[]", "It is not a JSON object."),
        ("{}", "It has no Version."),
        (r#"{"Version": "1", "Steps": []}"#, "Unknown version '1'."),
        (r#"{"Version": "2020-12-01"}"#, "It has no Steps."),
        (r#"{"Version": "2020-12-01", "Steps": [], "Parameters": [{"Name": "a"}]}"#, "of parameter a must be one of"),
    ] {
        let told = Definition::parse(text).map(|_| ()).unwrap_err();
        assert!(told.contains(why), "{told}");
    }
}

#[test]
fn kinds_that_nothing_here_runs_are_refused_by_name() {
    for (kind, instead) in REFUSED {
        let told = parse(&json!([{"Name": "S", "Type": kind, "Arguments": {}}])).map(|_| ()).unwrap_err();
        assert!(told.contains(&format!("Steps of type {kind} are not supported")) && told.contains(instead), "{told}");
    }
}

#[test]
fn deep_conditions_and_odd_bytes_do_no_harm() {
    let mut step = json!({"Name": "S", "Type": "Fail"});
    for depth in 0..40 {
        step = condition(&format!("C{depth}"), &json!(1), &[step], &[]);
    }
    assert!(parse(&json!([step])).map(|_| ()).unwrap_err().contains("nested deeper than 32 times"));
    let many: Vec<Value> = (0..1000)
        .map(|n| json!({"Name": format!("S{n}"), "Type": "Model", "DependsOn": [format!("S{}", (n + 1) % 1000)]}))
        .collect();
    assert!(parse(&json!(many)).map(|_| ()).unwrap_err().contains("Cycle detected"));
    let more: Vec<Value> = (0..1001).map(|n| json!({"Name": format!("S{n}"), "Type": "Fail"})).collect();
    assert!(parse(&json!(more)).map(|_| ()).unwrap_err().contains("more than 1000 steps"));
    let told = parse(&json!([training("A", &json!({"Get": "Steps.é['"}))])).map(|_| ()).unwrap_err();
    assert!(told.contains("is not a valid reference"), "{told}");
}

proptest::proptest! {
    #[test]
    fn no_text_breaks_the_parser(text in ".{0,200}") {
        let _ = Definition::parse(&text);
        let _ = parse(&json!([training("A", &json!({"Get": text}))]));
    }
}
