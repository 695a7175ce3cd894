use serde_json::{Value, json};

use super::*;

/// Condition keys of a request.
type Keys<'k> = &'k [(&'k str, &'k str)];

fn trust(statement: &Value) -> Result<Document, PolicyError> {
    Document::parse(&json!({"Version": "2012-10-17", "Statement": statement}).to_string(), Kind::Trust)
}

fn user() -> Asker<'static> {
    Asker::Aws { account: "111111111111", arn: "arn:aws:iam::111111111111:user/ci", role: None }
}

fn decide(statement: &Value, asker: Asker<'_>, context: &[(&str, &str)]) -> Decision {
    let mut keys = Context::default();
    for (key, value) in context {
        keys.add(key, *value);
    }
    trust_decision(&trust(statement).unwrap(), &Question { asker, action: "sts:AssumeRole", context: &keys })
}

fn allow(principal: Value, condition: Value) -> Value {
    json!({"Effect": "Allow", "Principal": principal, "Action": "sts:AssumeRole", "Condition": condition})
}

#[test]
fn principals() {
    let session = Asker::Aws {
        account: "111111111111",
        arn: "arn:aws:sts::111111111111:assumed-role/build/s1",
        role: Some("arn:aws:iam::111111111111:role/team/build"),
    };
    let sagemaker = Asker::Service("sagemaker.amazonaws.com");
    use Decision::{Allowed, Silent};
    let cases = [
        (json!({"AWS": "111111111111"}), user(), Allowed),
        (json!({"AWS": "arn:aws:iam::111111111111:root"}), user(), Allowed),
        (json!({"AWS": ["222222222222", "arn:aws:iam::111111111111:root"]}), session.clone(), Allowed),
        (json!({"AWS": "arn:aws:iam::222222222222:root"}), user(), Silent),
        (json!({"AWS": "arn:aws:iam::111111111111:user/ci"}), user(), Allowed),
        (json!({"AWS": "arn:aws:iam::111111111111:user/other"}), user(), Silent),
        (json!({"AWS": "arn:aws:iam::111111111111:role/team/build"}), session.clone(), Allowed),
        (json!({"AWS": "arn:aws:sts::111111111111:assumed-role/build/s1"}), session.clone(), Allowed),
        (json!({"AWS": "arn:aws:sts::111111111111:assumed-role/build/s2"}), session, Silent),
        (json!("*"), user(), Allowed),
        (json!({"AWS": "*"}), user(), Allowed),
        (json!({"Service": "sagemaker.amazonaws.com"}), sagemaker.clone(), Allowed),
        (json!({"Service": ["ec2.amazonaws.com", "sagemaker.amazonaws.com"]}), sagemaker.clone(), Allowed),
        (json!({"Service": "ec2.amazonaws.com"}), sagemaker.clone(), Silent),
        (json!({"AWS": "111111111111"}), sagemaker, Silent),
        (json!({"Service": "sagemaker.amazonaws.com"}), user(), Silent),
        (json!({"Federated": "token.actions.githubusercontent.com"}), user(), Silent),
    ];
    for (principal, asker, expected) in cases {
        assert_eq!(decide(&allow(principal.clone(), json!({})), asker.clone(), &[]), expected, "{principal} {asker:?}");
    }
}

#[test]
fn a_deny_wins_wherever_it_stands() {
    let deny = json!({"Effect": "Deny", "Principal": {"AWS": "arn:aws:iam::111111111111:user/ci"}, "Action": "sts:*"});
    let all = allow(json!({"AWS": "111111111111"}), json!({}));
    assert_eq!(decide(&json!([all, deny]), user(), &[]), Decision::Denied);
    assert_eq!(decide(&json!([deny, all]), user(), &[]), Decision::Denied);
    let not_principal = json!([all, {"Effect": "Deny", "Action": "sts:AssumeRole",
        "NotPrincipal": {"AWS": "arn:aws:iam::111111111111:user/ci"}}]);
    assert_eq!(decide(&not_principal, user(), &[]), Decision::Allowed);
    let other = Asker::Aws { account: "111111111111", arn: "arn:aws:iam::111111111111:user/x", role: None };
    assert_eq!(decide(&not_principal, other, &[]), Decision::Denied);
}

#[test]
fn actions() {
    for (action, expected) in [
        (json!("sts:AssumeRole"), Decision::Allowed),
        (json!("STS:assumerole"), Decision::Allowed),
        (json!("sts:*"), Decision::Allowed),
        (json!("sts:Assume*"), Decision::Allowed),
        (json!(["sts:TagSession", "sts:AssumeRole"]), Decision::Allowed),
        (json!("sts:TagSession"), Decision::Silent),
        (json!("sts:AssumeRoleWithWebIdentity"), Decision::Silent),
    ] {
        let statement = json!({"Effect": "Allow", "Principal": "*", "Action": action});
        assert_eq!(decide(&statement, user(), &[]), expected, "{action}");
    }
}

#[test]
fn conditions() {
    let id = [("sts:ExternalId", "x-1")];
    let none: [(&str, &str); 0] = [];
    let number = [("n", "5")];
    let date = [("aws:CurrentTime", "2026-03-04T05:06:07Z")];
    let arn = [("aws:PrincipalArn", "arn:aws:iam::111111111111:role/team/build")];
    let many = [("aws:TagKeys", "a"), ("aws:TagKeys", "b")];
    let cases: Vec<(Value, Keys, bool)> = vec![
        (json!({"StringEquals": {"sts:ExternalId": "x-1"}}), &id, true),
        (json!({"StringEquals": {"STS:externalid": ["no", "x-1"]}}), &id, true),
        (json!({"StringEquals": {"sts:ExternalId": "X-1"}}), &id, false),
        (json!({"StringEquals": {"sts:ExternalId": "x-1"}}), &none, false),
        (json!({"StringEqualsIfExists": {"sts:ExternalId": "x-1"}}), &none, true),
        (json!({"StringEqualsIfExists": {"sts:ExternalId": "x-1"}}), &[("sts:ExternalId", "y")], false),
        (json!({"StringNotEquals": {"sts:ExternalId": "x-1"}}), &id, false),
        (json!({"StringNotEquals": {"sts:ExternalId": "x-1"}}), &none, true),
        (json!({"StringEqualsIgnoreCase": {"sts:ExternalId": "X-1"}}), &id, true),
        (json!({"StringNotEqualsIgnoreCase": {"sts:ExternalId": "X-1"}}), &id, false),
        (json!({"StringLike": {"sts:ExternalId": "x-?"}}), &id, true),
        (json!({"StringLike": {"sts:ExternalId": "y*"}}), &id, false),
        (json!({"StringNotLike": {"sts:ExternalId": "y*"}}), &id, true),
        (json!({"ArnLike": {"aws:PrincipalArn": "arn:aws:iam::*:role/team/*"}}), &arn, true),
        (json!({"ArnEquals": {"aws:PrincipalArn": "arn:aws:iam::*"}}), &arn, false),
        (json!({"ArnNotLike": {"aws:PrincipalArn": "arn:aws:iam::111111111111:role/other/*"}}), &arn, true),
        (json!({"Bool": {"aws:SecureTransport": "true"}}), &[("aws:SecureTransport", "false")], false),
        (json!({"Bool": {"aws:SecureTransport": false}}), &[("aws:SecureTransport", "false")], true),
        (json!({"Null": {"sts:ExternalId": "true"}}), &none, true),
        (json!({"Null": {"sts:ExternalId": "true"}}), &id, false),
        (json!({"NumericLessThan": {"n": "6"}}), &number, true),
        (json!({"NumericLessThan": {"n": 5}}), &number, false),
        (json!({"NumericLessThanEquals": {"n": 5}}), &number, true),
        (json!({"NumericGreaterThanEquals": {"n": "5.5"}}), &number, false),
        (json!({"NumericNotEquals": {"n": "5"}}), &number, false),
        (json!({"DateLessThan": {"aws:CurrentTime": "2026-03-05T00:00:00Z"}}), &date, true),
        (json!({"DateGreaterThan": {"aws:CurrentTime": "2026-03-05"}}), &date, false),
        (json!({"DateGreaterThan": {"aws:CurrentTime": "0"}}), &date, true),
        (json!({"ForAllValues:StringEquals": {"aws:TagKeys": ["a", "b", "c"]}}), &many, true),
        (json!({"ForAllValues:StringEquals": {"aws:TagKeys": ["a"]}}), &many, false),
        (json!({"ForAllValues:StringEquals": {"aws:TagKeys": ["a"]}}), &none, true),
        (json!({"ForAnyValue:StringEquals": {"aws:TagKeys": ["b"]}}), &many, true),
        (json!({"ForAnyValue:StringEquals": {"aws:TagKeys": ["z"]}}), &many, false),
        (json!({"StringEquals": {"sts:ExternalId": "x-1"}, "NumericEquals": {"n": "5"}}), &id, false),
    ];
    for (condition, context, expected) in cases {
        let decision = decide(&allow(json!("*"), condition.clone()), user(), context);
        assert_eq!(decision == Decision::Allowed, expected, "{condition} {context:?}");
    }
}

#[test]
fn documents_that_break_the_grammar_are_refused_in_awss_words() {
    let good = json!({"Effect": "Allow", "Principal": "*", "Action": "sts:AssumeRole"});
    let with = |key: &str, value: Value| {
        let mut statement = good.clone();
        statement[key] = value;
        statement
    };
    let without = |key: &str| {
        let mut statement = good.clone();
        statement.as_object_mut().unwrap().remove(key);
        statement
    };
    let cases = [
        (without("Effect"), "Missing required field Effect"),
        (without("Principal"), "Missing required field Principal"),
        (without("Action"), "Missing required field Action"),
        (with("Resource", json!("*")), "Has prohibited field Resource"),
        (with("Effect", json!("Maybe")), "Invalid effect: Maybe"),
        (with("Action", json!("s3:Get")), "AssumeRole policy may only specify STS AssumeRole actions."),
        (with("Principal", json!({"AWS": "nobody"})), "Invalid principal in policy: \"AWS\":\"nobody\""),
        (with("Principal", json!({"Service": "sagemaker"})), "Invalid principal in policy: \"SERVICE\":\"sagemaker\""),
        (with("Condition", json!({"StringIs": {"a": "b"}})), "Invalid Condition type : StringIs."),
        (with("Extra", json!(1)), "Syntax errors in policy. The field Extra is not known."),
        (
            json!([with("Sid", json!("a")), with("Sid", json!("a"))]),
            "Statement IDs (SID) in a single policy must be unique.",
        ),
        (json!("x"), "Syntax errors in policy."),
    ];
    for (statement, expected) in cases {
        assert_eq!(trust(&statement), Err(PolicyError::Malformed(expected.into())), "{statement}");
    }
    let refused = trust(&with("Condition", json!({"IpAddress": {"aws:SourceIp": "10.0.0.0/8"}})));
    assert!(matches!(refused, Err(PolicyError::Unsupported(text)) if text.contains("IpAddress")));
    let parse = |text: &str, kind| Document::parse(text, kind).unwrap_err().to_string();
    assert_eq!(parse("{", Kind::Trust), "This policy contains invalid Json");
    assert_eq!(parse("[]", Kind::Identity), "Syntax errors in policy.");
    assert_eq!(parse("{}", Kind::Identity), "Missing required field Statement");
    let identity = |statement: Value| parse(&json!({"Statement": statement}).to_string(), Kind::Identity);
    assert_eq!(identity(good.clone()), "Policy document should not specify a principal.");
    let bare = json!({"Effect": "Allow", "Action": "s3:*"});
    assert_eq!(identity(bare), "Policy statement must contain resources.");
    let action = json!({"Effect": "Allow", "Action": "all", "Resource": "*"});
    assert!(identity(action).starts_with("Actions/Conditions must be prefaced by a vendor"));
}

#[test]
fn wildcards() {
    for (pattern, text, expected) in [
        ("*", "", true),
        ("", "", true),
        ("a*c", "abbbc", true),
        ("a*c", "abbb", false),
        ("a?c", "abc", true),
        ("a?c", "ac", false),
        ("*a*b*", "xxaxxbxx", true),
        ("a**", "a", true),
        ("é?", "éé", true),
    ] {
        assert_eq!(wildcard(pattern, text), expected, "{pattern} {text}");
    }
}
