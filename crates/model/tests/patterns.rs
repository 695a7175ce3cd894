//! Patterns are held to their bounds, however large.

#![allow(clippy::unwrap_used)]

use sagewright_model::{Shape, check_pattern, service};

/// Shapes with a large counted repeat: what comes before the repeat, what it repeats, and how often at least and at most.
const LARGE: &[(&str, &str, &str, usize, usize)] = &[
    ("CfnStackParameterValue", "", "é", 0, 4096),
    ("CfnStackStatusMessage", "", "x", 1, 4096),
    ("AlgorithmArn", "arn:aws:sagemaker:us-east-1:123456789012:algorithm/", "x", 1, 2048),
    ("CodeRepositoryArn", "arn:aws:sagemaker:us-east-1:123456789012:code-repository/", "-", 1, 2048),
    ("ModelPackageArn", "arn:aws-cn:sagemaker:cn-north-1:123456789012:model-package/", "ж", 1, 2048),
    ("ModelPackageGroupArn", "arn:aws:sagemaker:us-east-1:123456789012:model-package-group/", "/", 1, 2048),
    ("ProjectArn", "arn:aws:sagemaker:us-east-1:123456789012:project/", "x", 1, 2048),
    ("CfnTemplateURL", "https://h/", "x", 1, 1014),
    ("ModelPackageSourceUri", "", "ж", 0, 1024),
    ("StageDescription", "", "\u{10000}", 0, 1024),
    ("QProfileArn", "arn:aws:codewhisperer:us-east-1:123456789012:", "x", 1, 1023),
    ("TransformEnvironmentKey", "_", "x", 0, 1023),
    ("GitConfigUrl", "https://h/", "x", 2, 1016),
    ("RepositoryUrl", "https://", "x/", 3, 1016),
    ("CfnStackParameterKey", "", " ", 1, 255),
    ("MlflowAppName", "a", "-b", 0, 255),
    ("PipelineNameOrArn", "arn:aws:sagemaker:us-east-1:123456789012:pipeline/a", "--b", 0, usize::MAX),
    ("ClusterDnsName", "fs-01234567.", "x", 4, 253),
];

#[test]
fn a_large_repeat_is_held_to_its_bounds() {
    for &(name, start, part, min, max) in LARGE {
        let shape = service("sagemaker").unwrap().shape(name).unwrap();
        let matches = |times: usize| check_pattern(shape, &(start.to_owned() + &part.repeat(times)));
        assert!(matches(min) && matches(min + 1), "{name}: {min} times {part:?}");
        assert!(min == 0 || !matches(min - 1), "{name}: one less than {min} times {part:?}");
        if max < usize::MAX {
            assert!(matches(max) && matches(max - 1), "{name}: {max} times {part:?}");
            assert!(!matches(max + 1) && !matches(max * 2 + 2), "{name}: one more than {max} times {part:?}");
        }
        assert!(!check_pattern(shape, &format!("{start}{}\n", part.repeat(min + 1))), "{name}: a line break");
    }
}

#[test]
fn a_repeat_of_any_size_compiles() {
    let cases: [(&'static str, &str, usize, usize); 3] = [
        (r#"{"type": "string", "pattern": ".{1,100000}"}"#, "é", 1, 100_000),
        (r#"{"type": "string", "pattern": "[\\w]{0,65536}"}"#, "_", 0, 65_536),
        (r#"{"type": "string", "pattern": "([a-z]+-){3,100000}"}"#, "ab-", 3, 100_000),
    ];
    for (model, part, min, max) in cases {
        let shape: Shape = serde_json::from_str(model).unwrap();
        for (times, expected) in [(min, true), (max, true), (max + 1, false)] {
            assert_eq!(check_pattern(&shape, &part.repeat(times)), expected, "{model}: {times} times {part:?}");
        }
        assert!(min == 0 || !check_pattern(&shape, &part.repeat(min - 1)), "{model}");
        assert!(!check_pattern(&shape, "\n\n\n"), "{model}");
    }
}
