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
    (
        "annotations that look like supported ones",
        "HEADkind: Model\nmetadata:\n  name: a\n  labels:\n    services.k8s.aws/deletion-policy: retain\n  annotations:\n    services.k8s.aws/deletionpolicy: retain\n    services.k8s.aws/read_only: 'true'\n    services.k8s.aws/owner-account-id: '111122223333'\n    sagemaker.services.k8s.aws/deletion-policy: retain\n    service.k8s.aws/deletion-policy: retain\n    sagewright.dev/adoption-polcy: adopt\n    sagemaker.services.k8s.aws/last-endpoint-config-for-update: c\n    services.k8s.aws/adopted: 'true'\n    example.com/region: eu\n    note: services.k8s.aws/deletionpolicy\nspec: {modelName: a}\n",
    ),
    (
        "an annotation without its prefix",
        "HEADkind: Model\nmetadata:\n  name: a\n  annotations: {deletion-policy: retain, region: us-east-1, team: a}\nspec: {modelName: a}\n",
    ),
    (
        "labels of our own and of a typing error",
        "HEADkind: Model\nmetadata:\n  name: a\n  labels: {sagewright.dev/set: x, services.k8s.aws/deletionpolicy: retain}\nspec: {modelName: a}\n",
    ),
    (
        "a label that YAML reads as a truth value",
        "HEADkind: Model\nmetadata:\n  name: a\n  labels:\n    app: y\nspec: {modelName: a}\n",
    ),
    (
        "a saved plan",
        "{\"format\": \"sagewright.dev/saved-plan/v2\", \"made\": \"2026-01-01T00:00:00Z\", \"plan\": {\"objects\": []}}\n",
    ),
    ("nothing", "# no document\n"),
    ("a name that steers a terminal", "HEADkind: Model\nmetadata: {name: \"e\\e[31mvil\"}\nspec: {modelName: a}\n"),
    (
        "secrets",
        "HEADkind: Model\nmetadata: {name: a}\nspec:\n  modelName: a\n  executionRoleARN: arn:aws:iam::123456789012:role/r\n  primaryContainer:\n    image: i\n    environment:\n      HF_TOKEN: 20261126\n      DB: [postgres://user:hunter2@host/db]\n      PASSWORD: 12345\n",
    ),
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

/// A training job of XGBoost with an image, hyperparameters and a content type.
fn training_job(image: &str, hyperparameters: &str, content: &str) -> String {
    format!(
        "{HEAD}kind: TrainingJob\nmetadata: {{name: t}}\nspec:\n  trainingJobName: t\n  roleARN: arn:aws:iam::000000000000:role/x\n  \
         algorithmSpecification: {{trainingImage: \"{image}\", trainingInputMode: File}}\n  hyperParameters: {hyperparameters}\n  \
         inputDataConfig:\n    - channelName: train\n      contentType: {content}\n      dataSource: {{s3DataSource: {{s3DataType: \
         S3Prefix, s3URI: s3://b/train/}}}}\n  outputDataConfig: {{s3OutputPath: s3://b/o}}\n  resourceConfig: {{instanceType: \
         ml.m5.large, instanceCount: 1, volumeSizeInGB: 5}}\n  stoppingCondition: {{maxRuntimeInSeconds: 60}}\n"
    )
}

const XGBOOST: &str = "683313688378.dkr.ecr.us-east-1.amazonaws.com/sagemaker-xgboost";
const LOCAL: [(&str, &str); 1] = [("AWS_ENDPOINT_URL", "http://127.0.0.1:9")];

fn offline(dir: &std::path::Path, text: &str, environment: &[(&str, &str)]) -> crate::program::Run {
    fs::write(dir.join("a.yaml"), text).unwrap();
    run_in(dir, &["plan", "--offline", "-f", "a.yaml"], b"", environment)
}

#[test]
fn what_a_built_in_image_would_refuse_is_told_at_its_place() {
    let dir = tempfile::tempdir().unwrap();
    let wrong = training_job(
        &format!("{XGBOOST}:1.7-1"),
        "{silent: \"0\", eta: \"2\", objective: \"reg:absoluterror\"}",
        "text/csv; charset=utf-8",
    );
    let run = offline(dir.path(), &wrong, &[]);
    assert_eq!((run.code, run.out.as_str()), (65, ""), "{}", run.err);
    insta::assert_snapshot!(run.err);
}

#[test]
fn a_tag_that_is_not_played_is_refused_by_name_where_the_embedded_cloud_is_meant() {
    let dir = tempfile::tempdir().unwrap();
    let job = training_job(&format!("{XGBOOST}:1.4-1"), "{num_round: \"1\"}", "csv");
    let model = format!(
        "{HEAD}kind: Model\nmetadata: {{name: m}}\nspec:\n  modelName: m\n  executionRoleARN: arn:aws:iam::000000000000:role/x\n  \
         containers:\n    - {{image: \"{XGBOOST}:2.1-0\"}}\n"
    );
    let run = offline(dir.path(), &format!("{job}---\n{model}"), &LOCAL);
    assert_eq!((run.code, run.out.as_str()), (65, ""), "{}", run.err);
    insta::assert_snapshot!(run.err);
    // AWS may have more.
    assert_eq!(offline(dir.path(), &format!("{job}---\n{model}"), &[]).code, 0);
}

#[test]
fn what_an_image_takes_or_what_is_not_amazons_is_planned() {
    let dir = tempfile::tempdir().unwrap();
    let old = "433757028032.dkr.ecr.us-west-2.amazonaws.com/xgboost:1";
    let mine = "111122223333.dkr.ecr.us-east-1.amazonaws.com/sagemaker-xgboost:1.7-1";
    let first = "{silent: \"0\", num_round: \"3\", objective: \"reg:linear\"}";
    let script = "{sagemaker_program: train.py, colour: red}";
    for (image, given) in
        [(old.to_owned(), first), (mine.to_owned(), "{colour: red}"), (format!("{XGBOOST}:3.0-5"), script)]
    {
        let run = offline(dir.path(), &training_job(&image, given, "text/libsvm"), &[]);
        assert_eq!(run.code, 0, "{image}: {}", run.err);
    }
    // An image map says what an image is: it is not SageMaker's then.
    let images = dir.path().join("images.toml");
    fs::write(&images, format!("[[image]]\nmatch = \"{XGBOOST}:.*\"\ncommand = [\"x\"]\n")).unwrap();
    let text = training_job(&format!("{XGBOOST}:1.4-1"), "{colour: red}", "text/libsvm");
    fs::write(dir.path().join("b.yaml"), &text).unwrap();
    let run = run_in(dir.path(), &["plan", "--offline", "--data", ".", "-f", "b.yaml"], b"", &LOCAL);
    assert_eq!(run.code, 0, "{}", run.err);
    assert_eq!(offline(dir.path(), &text, &LOCAL).code, 65);
}
