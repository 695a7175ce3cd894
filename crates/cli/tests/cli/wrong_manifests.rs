//! What is wrong in a manifest is told with its place, and nothing is done.

use std::fs;

use crate::program::run_in;

const HEAD: &str = "apiVersion: sagemaker.services.k8s.aws/v1alpha1\n";

/// Cases by name; `HEAD` in a text stands for the API version's line.
const CASES: &[(&str, &str)] = &[
    ("unknown kind", "HEADkind: TrainingJobb\nmetadata: {name: a}\nspec: {}\n"),
    ("unknown API version", "apiVersion: v1\nkind: Model\nmetadata: {name: a}\nspec: {}\n"),
    ("a kind of Kubernetes' own", "apiVersion: v1\nkind: ConfigMap\nmetadata: {name: a}\ndata: {x: y}\n"),
    ("yes as a name", "HEADkind: Endpoint\nmetadata: {name: a}\nspec: {endpointName: yes, endpointConfigName: c}\n"),
    (
        "a number that is text",
        "HEADkind: Endpoint\nmetadata: {name: a}\nspec: {endpointName: 1.10, endpointConfigName: c}\n",
    ),
    ("no finite number", "HEADkind: Endpoint\nmetadata: {name: a}\nspec: {endpointName: .nan}\n"),
    (
        "a tag twice",
        "HEADkind: Model\nmetadata: {name: a}\nspec:\n  modelName: a\n  tags:\n    - {key: team, value: x}\n    - {key: team, value: y}\n",
    ),
    ("a template", "HEADkind: Endpoint\nmetadata: {name: a}\nspec: {endpointName: {{ .Values.name }}}\n"),
    ("a template's block", "{{- if .Values.x }}\nHEADkind: Endpoint\n{{- end }}\n"),
    ("no kind", "HEADmetadata: {name: a}\n"),
    ("no name", "HEADkind: Model\nmetadata: {}\nspec: {}\n"),
    ("spec is text", "HEADkind: Model\nmetadata: {name: a}\nspec: x\n"),
    ("not a map", "- a\n- b\n"),
    (
        "several errors at once",
        "HEADkind: Model\nmetadata: {name: a}\nspec:\n  modelNam: x\n  executionRoleARN: 12\n  primaryContainer:\n    imge: x\n    mode: Singel\n    modelDataURL: file:///x\n",
    ),
    (
        "a field that is nowhere near",
        "HEADkind: Endpoint\nmetadata: {name: a}\nspec:\n  endpointName: a\n  endpointConfigName: c\n  colour: red\n",
    ),
    ("missing required", "HEADkind: TrainingJob\nmetadata: {name: a}\nspec:\n  trainingJobName: a\n"),
    (
        "long enum",
        "HEADkind: EndpointConfig\nmetadata: {name: a}\nspec:\n  endpointConfigName: a\n  productionVariants:\n    - {variantName: v, modelName: m, initialInstanceCount: 1, instanceType: ml.m5.larg}\n",
    ),
    (
        "range, length and pattern",
        "HEADkind: EndpointConfig\nmetadata: {name: a}\nspec:\n  endpointConfigName: bad_name_\n  productionVariants:\n    - variantName: vvvvvvvvvvvvvvvvvvvvvvvvvvvvvvvvvvvvvvvvvvvvvvvvvvvvvvvvvvvvvvvvvvvvvv\n      modelName: m\n      initialInstanceCount: 0\n      volumeSizeInGB: 9999\n",
    ),
    (
        "wrong types",
        "HEADkind: TrainingJob\nmetadata: {name: a}\nspec:\n  trainingJobName: a\n  roleARN: arn:aws:iam::000000000000:role/x\n  algorithmSpecification: xgboost\n  hyperParameters: {num_round: 20, deep: {x: 1}}\n  inputDataConfig: {channelName: train}\n  outputDataConfig: {s3OutputPath: s3://b/o}\n  resourceConfig: {instanceType: ml.m5.large, instanceCount: two, volumeSizeInGB: 5}\n  stoppingCondition: {maxRuntimeInSeconds: 1.5}\n",
    ),
    (
        "name and reference",
        "HEADkind: Endpoint\nmetadata: {name: a}\nspec:\n  endpointName: a\n  endpointConfigName: x\n  endpointConfigRef: {from: {name: x}}\n",
    ),
    (
        "reference as text",
        "HEADkind: Endpoint\nmetadata: {name: a}\nspec:\n  endpointName: a\n  endpointConfigRef: x\n",
    ),
    (
        "reference to a wrong kind",
        "HEADkind: Endpoint\nmetadata: {name: a}\nspec:\n  endpointName: a\n  endpointConfigRef: {from: {name: x, kind: Model}}\n",
    ),
    (
        "circle",
        "HEADkind: InferenceComponent\nmetadata: {name: a}\nspec: &s\n  inferenceComponentName: a\n  endpointName: e\n  specification: {baseInferenceComponentRef: {from: {name: b}}}\n---\nHEADkind: InferenceComponent\nmetadata: {name: b}\nspec:\n  inferenceComponentName: b\n  endpointName: e\n  specification: {baseInferenceComponentRef: {from: {name: a}}}\n",
    ),
    (
        "the same object twice",
        "HEADkind: Endpoint\nmetadata: {name: a}\nspec: {endpointName: a, endpointConfigName: c}\n---\nHEADkind: Endpoint\nmetadata: {name: a}\nspec: {endpointName: b, endpointConfigName: c}\n",
    ),
    ("the same key twice", "HEADkind: Endpoint\nmetadata: {name: a}\nspec:\n  endpointName: a\n  endpointName: b\n"),
    ("tab", "HEADkind: Endpoint\nmetadata:\n\tname: a\n"),
    ("open bracket", "a: [1\nb: 2\n"),
    ("open quote", "a: 'x\n"),
    (
        "a number for a name",
        "HEADkind: Endpoint\nmetadata: {name: 5}\nspec: {endpointName: e, endpointConfigName: c}\n",
    ),
    ("unknown alias", "HEADkind: Endpoint\nmetadata: {name: a}\nspec:\n  endpointName: *nope\n"),
    (
        "error behind an alias",
        "HEADkind: Model\nmetadata: {name: a}\nspec:\n  modelName: a\n  executionRoleARN: arn:aws:iam::000000000000:role/x\n  containers:\n    - &c {image: x, mode: Bad}\n    - *c\n",
    ),
    ("empty", ""),
    ("comments alone", "# nothing\n---\n"),
    (
        "long line",
        "{\"apiVersion\":\"sagemaker.services.k8s.aws/v1alpha1\",\"kind\":\"Endpoint\",\"metadata\":{\"name\":\"e\",\"annotations\":{\"note\":\"nnnnnnnnnnnnnnnnnnnnnnnnnnnnnnnnnnnnnnnnnnnnnnnnnnnnnnnnnnnnnnnnnnnnnnn\"}},\"spec\":{\"endpointName\":\"e\",\"endpointConfigName\":\"c\",\"x\":\"y\"}}\n",
    ),
];

#[test]
fn each_mistake_is_told_with_its_place() {
    let mut told = String::new();
    for (name, text) in CASES {
        let dir = tempfile::tempdir().unwrap();
        fs::write(dir.path().join("a.yaml"), text.replace("HEAD", HEAD)).unwrap();
        let run = run_in(dir.path(), &["plan", "--offline", "-f", "a.yaml"], b"", &[]);
        assert_eq!((run.code, run.out.as_str()), (65, ""), "{name}: {}", run.err);
        told.push_str(&format!("# {name}\n{}\n", run.err));
    }
    insta::assert_snapshot!(told);
}

#[test]
fn nothing_is_called_for_a_wrong_manifest() {
    // Nothing listens there: a call would fail with another exit code.
    let cloud = [
        ("AWS_ENDPOINT_URL", "http://127.0.0.1:9"),
        ("AWS_REGION", "us-east-1"),
        ("AWS_ACCESS_KEY_ID", "AKIAIOSFODNN7EXAMPLE"),
        ("AWS_SECRET_ACCESS_KEY", "example"),
    ];
    let dir = tempfile::tempdir().unwrap();
    for (name, text) in CASES {
        fs::write(dir.path().join("a.yaml"), text.replace("HEAD", HEAD)).unwrap();
        for command in ["apply", "plan", "delete"] {
            let run = run_in(dir.path(), &[command, "-f", "a.yaml"], b"", &cloud);
            assert_eq!((run.code, run.out.as_str()), (65, ""), "{command} {name}: {}", run.err);
        }
    }
}

#[test]
fn files_that_are_no_text_or_too_much_are_refused() {
    let dir = tempfile::tempdir().unwrap();
    let write = |name: &str, bytes: &[u8]| fs::write(dir.path().join(name), bytes).unwrap();
    write("latin.yaml", b"kind: Model\nmetadata: {name: caf\xe9}\n");
    write("deep.yaml", format!("a: {}{}", "[".repeat(100_000), "]".repeat(100_000)).as_bytes());
    let bomb: String =
        (0..9).map(|i| format!("k{}: &k{} [{}]\n", i + 1, i + 1, vec![format!("*k{i}"); 10].join(","))).collect();
    write("bomb.yaml", format!("k0: &k0 [x,x,x,x,x,x,x,x,x,x]\n{bomb}").as_bytes());
    write("huge.yaml", &vec![b'#'; (16 << 20) + 1]);
    fs::create_dir(dir.path().join("none")).unwrap();
    fs::create_dir(dir.path().join("some")).unwrap();
    fs::create_dir(dir.path().join("links")).unwrap();
    std::os::unix::fs::symlink("nowhere.yaml", dir.path().join("links/a.yaml")).unwrap();
    write("some/notes.txt", b"not read");
    write("some/b.yml", b"a: [\n");
    write("some/a.json", b"{\"kind\": }");
    let mut told = String::new();
    for path in ["latin.yaml", "deep.yaml", "bomb.yaml", "huge.yaml", "missing.yaml", "none", "some", "links"] {
        let run = run_in(dir.path(), &["plan", "--offline", "-f", path], b"", &[]);
        assert_eq!((run.code, run.out.as_str()), (65, ""), "{path}: {}", run.err);
        told.push_str(&format!("# {path}\n{}\n", run.err));
    }
    insta::assert_snapshot!(told);
}

#[test]
fn fields_that_nothing_reads_are_refused() {
    let text = "HEADkind: Endpoint\nmetadata:\n  name: e\n  anotations: {a: b}\nsepc: {endpointName: e}\nspec: {endpointName: e, endpointConfigName: c}\n---\nkind: List\nitems: 3\n";
    let dir = tempfile::tempdir().unwrap();
    let plan = |text: &str| {
        fs::write(dir.path().join("a.yaml"), text.replace("HEAD", HEAD)).unwrap();
        let run = run_in(dir.path(), &["plan", "--offline", "-f", "a.yaml"], b"", &[]);
        assert_eq!((run.code, run.out.as_str()), (65, ""), "{}", run.err);
        run.err
    };
    let (fields, _) = text.split_once("---\n").unwrap();
    insta::assert_snapshot!(format!("{}\n{}", plan(fields), plan(text)));
}
