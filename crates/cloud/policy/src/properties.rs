//! Properties that hold for all policies, judged by references that are too simple to be wrong.

use proptest::prelude::*;
use serde_json::{Value, json};

use super::*;

/// As the documents define wildcards, one step at a time.
fn naive(pattern: &[char], text: &[char]) -> bool {
    match (pattern.split_first(), text.split_first()) {
        (None, None) => true,
        (Some(('*', rest)), None) => naive(rest, text),
        (Some(('*', rest)), Some((_, tail))) => naive(rest, text) || naive(pattern, tail),
        (Some((p, rest)), Some((t, tail))) => (*p == '?' || p == t) && naive(rest, tail),
        _ => false,
    }
}

/// Text as a policy writes it so that it stands for itself.
fn escaped(text: &str) -> String {
    text.chars().map(|c| if "*?$".contains(c) { format!("${{{c}}}") } else { c.to_string() }).collect()
}

/// A condition over two keys with few values, so that matches are frequent.
fn condition() -> impl Strategy<Value = Value> {
    let operator = prop::sample::select(vec![
        "StringEquals",
        "StringNotEquals",
        "StringLike",
        "StringNotLike",
        "StringEqualsIfExists",
        "StringNotEqualsIfExists",
        "ForAllValues:StringEquals",
        "ForAnyValue:StringEquals",
        "ForAllValues:StringNotEquals",
        "ForAnyValue:StringNotEquals",
        "Null",
    ]);
    let key = prop::sample::select(vec!["aws:username", "aws:Hidden"]);
    let value = prop::sample::select(vec![
        "a",
        "b",
        "*",
        "true",
        "false",
        "${aws:username}",
        "${aws:Hidden}",
        "${aws:Hidden, 'a'}",
        "${aws:username, 'b'}",
    ]);
    (operator, key, prop::collection::vec(value, 1..3))
        .prop_map(|(operator, key, values)| json!({operator: {key: values}}))
}

fn statement() -> impl Strategy<Value = Value> {
    (prop::sample::select(vec!["Allow", "Deny"]), condition(), condition()).prop_map(|(effect, one, two)| {
        let mut all = one;
        for (operator, keys) in two.as_object().into_iter().flatten() {
            all[operator.as_str()] = keys.clone();
        }
        json!({"Effect": effect, "Principal": "*", "Action": "sts:AssumeRole", "Condition": all})
    })
}

fn decide(statements: &[Value], context: &Context) -> Decision {
    let text = json!({"Version": "2012-10-17", "Statement": statements}).to_string();
    let asker = Asker::Aws { account: "111111111111", arn: "arn:aws:iam::111111111111:user/a", role: None };
    let question = Question { asker: Some(asker), action: "sts:AssumeRole", resource: None, context };
    Document::parse(&text, Kind::Trust).unwrap().decide(&question)
}

proptest! {
    #[test]
    fn wildcards_match_as_defined(pattern in "[ab*?]{0,8}", text in "[ab]{0,8}") {
        let (p, t): (Vec<char>, Vec<char>) = (pattern.chars().collect(), text.chars().collect());
        prop_assert_eq!(wildcard(&pattern, &text), naive(&p, &t));
    }

    #[test]
    fn what_is_escaped_or_comes_from_a_variable_stands_for_itself(text in "[a*?$:{}]{1,6}", other in "[a*?$:{}]{1,6}") {
        let mut context = Context::default();
        context.add("sts:RoleSessionName", other.as_str());
        context.add("aws:username", text.as_str());
        for value in [escaped(&text), "${aws:username}".to_owned()] {
            for operator in ["StringEquals", "StringLike"] {
                let statement = json!({"Effect": "Allow", "Principal": "*", "Action": "sts:AssumeRole",
                    "Condition": {operator: {"sts:RoleSessionName": value}}});
                prop_assert_eq!(decide(&[statement], &context) == Decision::Allowed, text == other, "{} {}", operator, value);
            }
        }
    }

    /// Whatever a key that is not known here may be: it never opens what it would not open if it were known.
    #[test]
    fn what_is_unknown_opens_nothing(
        statements in prop::collection::vec(statement(), 1..4),
        name in prop::option::of(prop::sample::select(vec!["a", "b"])),
    ) {
        let mut context = Context::default();
        context.set("aws:username", name.map(str::to_owned).into_iter().collect());
        if decide(&statements, &context) == Decision::Allowed {
            for hidden in [vec![], vec!["a"], vec!["b"], vec!["c"], vec!["a", "b"]] {
                let mut known = context.clone();
                known.set("aws:Hidden", hidden.iter().map(|v| (*v).to_owned()).collect());
                prop_assert_eq!(decide(&statements, &known), Decision::Allowed, "{:?}", hidden);
            }
        }
    }

    #[test]
    fn the_order_of_statements_does_not_matter(statements in prop::collection::vec(statement(), 1..4)) {
        let mut context = Context::default();
        context.add("aws:username", "a");
        let mut reversed = statements.clone();
        reversed.reverse();
        prop_assert_eq!(decide(&statements, &context), decide(&reversed, &context));
    }

    #[test]
    fn no_document_makes_the_reader_panic(text in "\\PC{0,40}") {
        let statement = json!({"Effect": "Allow", "Action": "s3:*", "Resource": text, "Condition": {"StringLike": {"k": text}}});
        let _ = Document::parse(&json!({"Version": "2012-10-17", "Statement": statement}).to_string(), Kind::Identity);
    }
}
