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
    let question = Question { asker: Some(asker), action: "sts:AssumeRole", resource: None, context: &keys };
    trust(statement).unwrap().decide(&question)
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
fn addresses_numbers_and_times() {
    let at = |address: &'static str| vec![("aws:SourceIp", address)];
    let number = vec![("n", "5")];
    for (condition, context, expected) in [
        (json!({"IpAddress": {"aws:SourceIp": "10.0.0.0/8"}}), at("10.1.2.3"), true),
        (json!({"IpAddress": {"aws:SourceIp": "10.0.0.0/8"}}), at("11.1.2.3"), false),
        (json!({"IpAddress": {"aws:SourceIp": ["11.1.2.0/24", "10.1.2.3"]}}), at("10.1.2.3"), true),
        (json!({"NotIpAddress": {"aws:SourceIp": "10.0.0.0/8"}}), at("11.1.2.3"), true),
        (json!({"NotIpAddress": {"aws:SourceIp": "10.0.0.0/8"}}), at("10.1.2.3"), false),
        (json!({"IpAddress": {"aws:SourceIp": "0.0.0.0/0"}}), at("10.1.2.3"), true),
        (json!({"IpAddress": {"aws:SourceIp": "2001:db8::/32"}}), at("2001:db8::1"), true),
        (json!({"IpAddress": {"aws:SourceIp": "::/0"}}), at("2001:db8::1"), true),
        (json!({"IpAddress": {"aws:SourceIp": "2001:db8::/32"}}), at("10.1.2.3"), false),
        (json!({"BinaryEquals": {"n": "NQ=="}}), vec![("n", "NQ==")], true),
        // What is no address, number or time cannot be compared: no such Allow matches, negated or not.
        (json!({"IpAddress": {"aws:SourceIp": "10.0.0.0/33"}}), at("10.1.2.3"), false),
        (json!({"NotIpAddress": {"aws:SourceIp": "here"}}), at("10.1.2.3"), false),
        (json!({"NumericNotEquals": {"n": "five"}}), number.clone(), false),
        (json!({"NumericNotEquals": {"n": "${aws:EpochTime}"}}), number.clone(), false),
        (json!({"DateNotEquals": {"n": "yesterday"}}), number, false),
    ] {
        let decision = decide(&allow(json!("*"), condition.clone()), user(), &context);
        assert_eq!(decision == Decision::Allowed, expected, "{condition} {context:?}");
    }
}

#[test]
fn variables() {
    let me = [("aws:username", "ann"), ("aws:PrincipalTag/team", "red"), ("sts:RoleSessionName", "ann")];
    let star = [("aws:username", "*"), ("sts:RoleSessionName", "bob")];
    let tagged = [("aws:PrincipalTag/team", "red"), ("aws:RequestTag/team", "red")];
    let other = [("aws:PrincipalTag/team", "red"), ("aws:RequestTag/team", "blue")];
    let bare = [("aws:RequestTag/team", "none"), ("sts:RoleSessionName", "a*c")];
    let name = "sts:RoleSessionName";
    let cases: Vec<(Value, Keys, bool)> = vec![
        (json!({"StringEquals": {name: "${aws:username}"}}), &me, true),
        (json!({"StringEquals": {name: "${AWS:UserName}"}}), &me, true),
        (json!({"StringEquals": {name: "x-${aws:username}"}}), &me, false),
        // The fault that this was written for: compared literally, it holds for everybody.
        (json!({"StringNotEquals": {name: "${aws:username}"}}), &me, false),
        (json!({"StringNotEquals": {"aws:RequestTag/team": "${aws:PrincipalTag/team}"}}), &tagged, false),
        (json!({"StringNotEquals": {"aws:RequestTag/team": "${aws:PrincipalTag/team}"}}), &other, true),
        (json!({"StringLike": {name: "${aws:username}*"}}), &me, true),
        // A variable's value is never a wildcard.
        (json!({"StringLike": {name: "${aws:username}"}}), &star, false),
        (json!({"StringEquals": {"aws:RequestTag/team": "${aws:PrincipalTag/team, 'none'}"}}), &bare, true),
        (json!({"StringEquals": {"aws:RequestTag/team": "${aws:PrincipalTag/team,'none'}"}}), &other, false),
        (json!({"StringLike": {name: "a${*}c"}}), &bare, true),
        (json!({"StringLike": {name: "${*}"}}), &me, false),
        (json!({"StringLike": {name: "${?}nn"}}), &me, false),
        (json!({"StringEquals": {name: "${$}{x}"}}), &[("sts:RoleSessionName", "${x}")], true),
        // A variable without a value: nothing equals it, and a negated operator holds.
        (json!({"StringEquals": {"aws:RequestTag/team": "${aws:PrincipalTag/team}"}}), &bare, false),
        (json!({"StringNotEquals": {"aws:RequestTag/team": "${aws:PrincipalTag/team}"}}), &bare, true),
        (json!({"StringEquals": {"aws:RequestTag/team": ["${aws:PrincipalTag/team}", "none"]}}), &bare, true),
        // A variable whose value is not known here.
        (json!({"StringNotEquals": {name: "${aws:UserAgent}"}}), &me, false),
        (json!({"StringEquals": {name: "${aws:UserAgent, 'ann'}"}}), &me, false),
    ];
    for (condition, context, expected) in cases {
        let decision = decide(&allow(json!("*"), condition.clone()), user(), context);
        assert_eq!(decision == Decision::Allowed, expected, "{condition} {context:?}");
    }
}

#[test]
fn variables_are_text_before_version_2012() {
    let statement = allow(json!("*"), json!({"StringEquals": {"sts:RoleSessionName": "${aws:username}"}}));
    let mut keys = Context::default();
    keys.add("aws:username", "ann");
    keys.add("sts:RoleSessionName", "${aws:username}");
    let question = Question { asker: Some(user()), action: "sts:AssumeRole", resource: None, context: &keys };
    for (version, expected) in [
        (json!("2008-10-17"), Decision::Allowed),
        (Value::Null, Decision::Allowed),
        (json!("2012-10-17"), Decision::Silent),
    ] {
        let mut document = json!({"Version": version, "Statement": [statement]});
        if version.is_null() {
            document.as_object_mut().unwrap().remove("Version");
        }
        let document = Document::parse(&document.to_string(), Kind::Trust).unwrap();
        assert_eq!(document.decide(&question), expected, "{version}");
    }
}

#[test]
fn what_cannot_be_judged_counts_against_who_asks() {
    let everyone = json!({"Effect": "Allow", "Principal": "*", "Action": "sts:AssumeRole"});
    for condition in [
        json!({"StringEquals": {"aws:UserAgent": "x"}}),
        json!({"StringNotEquals": {"aws:UserAgent": "x"}}),
        json!({"StringEqualsIfExists": {"aws:UserAgent": "x"}}),
        json!({"ForAllValues:StringEquals": {"aws:Unheard": "x"}}),
        json!({"Null": {"aws:TokenIssueTime": "true"}}),
        json!({"Null": {"aws:TokenIssueTime": "false"}}),
        json!({"NumericLessThan": {"aws:EpochTime": "soon"}}),
    ] {
        let keys = [("aws:EpochTime", "1")];
        assert_eq!(decide(&allow(json!("*"), condition.clone()), user(), &keys), Decision::Silent, "{condition}");
        let mut deny = allow(json!("*"), condition.clone());
        deny["Effect"] = json!("Deny");
        assert_eq!(decide(&json!([everyone, deny]), user(), &keys), Decision::Denied, "{condition}");
        // Another condition that does not hold is enough to tell.
        deny["Condition"]["StringEqualsIgnoreCase"] = json!({"sts:ExternalId": "none"});
        assert_eq!(decide(&json!([everyone, deny]), user(), &keys), Decision::Allowed, "{condition}");
    }
}

#[test]
fn resources_of_identity_policies() {
    let mut keys = Context::default();
    keys.add("aws:username", "ann");
    let arn = "arn:aws:s3:::bucket/ann/x";
    for (resources, expected) in [
        (json!({"Resource": "*"}), true),
        (json!({"Resource": "arn:aws:s3:::bucket/*"}), true),
        (json!({"Resource": "arn:aws:s3:::bucket/${aws:username}/*"}), true),
        (json!({"Resource": "arn:aws:s3:::other/*"}), false),
        (json!({"Resource": "arn:aws:*:::bucket/*"}), true),
        (json!({"Resource": ["arn:aws:s3:::other/*", "arn:aws:s3:::bucket/ann/?"]}), true),
        (json!({"NotResource": "arn:aws:s3:::bucket/*"}), false),
        (json!({"NotResource": "arn:aws:s3:::other/*"}), true),
        (json!({"Resource": "arn:aws:s3:::bucket/${aws:PrincipalTag/team}/*"}), false),
        (json!({"NotResource": "arn:aws:s3:::bucket/${aws:PrincipalTag/team}/*"}), false),
    ] {
        let mut statement = json!({"Effect": "Allow", "Action": "s3:Get*"});
        statement.as_object_mut().unwrap().extend(resources.as_object().unwrap().clone());
        let text = json!({"Version": "2012-10-17", "Statement": statement}).to_string();
        let document = Document::parse(&text, Kind::Identity).unwrap();
        let question = Question { asker: None, action: "s3:GetObject", resource: Some(arn), context: &keys };
        assert_eq!(document.decide(&question) == Decision::Allowed, expected, "{resources}");
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
        (with("Condition", json!({"NotBool": {"a": "b"}})), "Invalid Condition type : NotBool."),
        (with("Condition", json!({"NullIfExists": {"a": "true"}})), "Invalid Condition type : NullIfExists."),
        (
            with("Condition", json!({"ForSome:StringEquals": {"a": "b"}})),
            "Invalid Condition type : ForSome:StringEquals.",
        ),
        (
            with("Condition", json!({"StringEquals": {"aws:username": "${aws:userid"}})),
            "Syntax errors in policy. A policy variable is not ${key} or ${key, 'default'}.",
        ),
        (with("Extra", json!(1)), "Syntax errors in policy. The field Extra is not known."),
        (
            json!([with("Sid", json!("a")), with("Sid", json!("a"))]),
            "Statement IDs (SID) in a single policy must be unique.",
        ),
        (json!("x"), "Syntax errors in policy."),
    ];
    for (statement, expected) in cases {
        assert_eq!(trust(&statement), Err(PolicyError(expected.into())), "{statement}");
    }
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
