//! Conditions of a Condition step.

use std::cmp::Ordering;

use serde_json::Value;

use super::{Known, Open, evaluate, fault, text};

/// The types of comparisons.
const COMPARISONS: &[&str] = &["Equals", "GreaterThan", "GreaterThanOrEqualTo", "LessThan", "LessThanOrEqualTo"];

/// Checks the form of a condition.
///
/// # Errors
/// What is wrong with it.
pub fn check(condition: &Value) -> Result<(), String> {
    let kind = condition.get("Type").and_then(Value::as_str).unwrap_or_default();
    let takes = |members: &[&str]| match members.iter().find(|member| condition.get(**member).is_none()) {
        Some(member) => Err(format!("A condition of type {kind} has no {member}.")),
        None => Ok(()),
    };
    match kind {
        _ if COMPARISONS.contains(&kind) => takes(&["LeftValue", "RightValue"]),
        "In" => takes(&["QueryValue", "Values"]),
        "Not" => condition.get("Condition").map_or_else(|| takes(&["Condition"]), check),
        "Or" => match condition.get("Conditions").and_then(Value::as_array) {
            Some(all) => all.iter().try_for_each(check),
            None => {
                takes(&["Conditions"]).and(Err("The Conditions of a condition of type Or must be a list.".to_owned()))
            }
        },
        "" => Err("A condition has no Type.".to_owned()),
        other => {
            Err(format!("Unknown condition type '{other}'. Known are {}, In, Not and Or.", COMPARISONS.join(", ")))
        }
    }
}

/// Whether all conditions hold.
///
/// # Errors
/// What has to be known first, or why it cannot be told.
pub fn all_hold(conditions: &[Value], known: &Known) -> Result<bool, Open> {
    // All are looked at: what is wrong with one is told whatever the others say.
    conditions.iter().try_fold(true, |all, condition| Ok(holds(condition, known)? && all))
}

fn holds(condition: &Value, known: &Known) -> Result<bool, Open> {
    let nothing = Value::Null;
    let value = |member: &str| evaluate(condition.get(member).unwrap_or(&nothing), known);
    let kind = condition.get("Type").and_then(Value::as_str).unwrap_or_default();
    match kind {
        "Not" => Ok(!holds(condition.get("Condition").unwrap_or(&nothing), known)?),
        "Or" => {
            let any = condition.get("Conditions").and_then(Value::as_array).into_iter().flatten();
            any.into_iter().try_fold(false, |any, condition| Ok(holds(condition, known)? || any))
        }
        "In" => {
            let query = value("QueryValue")?;
            let values = value("Values")?;
            let Some(candidates) = values.as_array() else {
                return fault(format!("the Values of In must be a list, and are {}", text(&values)));
            };
            let mut found = false;
            for candidate in candidates {
                found |= compare(&query, candidate)? == Ordering::Equal;
            }
            Ok(found)
        }
        _ if COMPARISONS.contains(&kind) => {
            let (left, right) = (value("LeftValue")?, value("RightValue")?);
            if kind != "Equals" && (left.is_boolean() || right.is_boolean()) {
                return fault(format!("{kind} does not compare true and false"));
            }
            let order = compare(&left, &right)?;
            Ok(match kind {
                "Equals" => order == Ordering::Equal,
                "GreaterThan" => order == Ordering::Greater,
                "GreaterThanOrEqualTo" => order != Ordering::Less,
                "LessThan" => order == Ordering::Less,
                _ => order != Ordering::Greater,
            })
        }
        other => fault(format!("unknown condition type '{other}'")),
    }
}

fn compare(left: &Value, right: &Value) -> Result<Ordering, Open> {
    let order = match (left, right) {
        (Value::Number(a), Value::Number(b)) => match (a.as_i64(), b.as_i64()) {
            (Some(a), Some(b)) => Some(a.cmp(&b)),
            _ => a.as_f64().zip(b.as_f64()).and_then(|(a, b)| a.partial_cmp(&b)),
        },
        (Value::String(a), Value::String(b)) => Some(a.cmp(b)),
        (Value::Bool(a), Value::Bool(b)) => Some(a.cmp(b)),
        _ => None,
    };
    let kind = |value: &Value| match value {
        Value::Number(_) => "a number",
        Value::String(_) => "a text",
        Value::Bool(_) => "a boolean",
        Value::Null => "nothing",
        Value::Array(_) => "a list",
        Value::Object(_) => "an object",
    };
    order.ok_or_else(|| {
        Open::Fault(format!(
            "{} ({}) cannot be compared with {} ({})",
            text(left),
            kind(left),
            text(right),
            kind(right)
        ))
    })
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    fn compared(kind: &str, left: &Value, right: &Value) -> Result<bool, Open> {
        let condition = json!({"Type": kind, "LeftValue": left, "RightValue": right});
        assert_eq!(check(&condition), Ok(()));
        all_hold(&[condition], &Known::default())
    }

    #[test]
    fn comparisons_follow_their_types() {
        let table = [
            ("Equals", [false, true, false]),
            ("GreaterThan", [false, false, true]),
            ("GreaterThanOrEqualTo", [false, true, true]),
            ("LessThan", [true, false, false]),
            ("LessThanOrEqualTo", [true, true, false]),
        ];
        for (kind, wanted) in table {
            for (left, holds) in [1, 2, 3].into_iter().zip(wanted) {
                assert_eq!(compared(kind, &json!(left), &json!(2)), Ok(holds), "{left} {kind} 2");
                assert_eq!(compared(kind, &json!(f64::from(left) + 0.5), &json!(2.5)), Ok(holds));
                let letter = |n: i32| json!(["", "a", "b", "c"][usize::try_from(n).unwrap()]);
                assert_eq!(compared(kind, &letter(left), &letter(2)), Ok(holds));
            }
        }
        assert_eq!(compared("Equals", &json!(true), &json!(true)), Ok(true));
        assert_eq!(compared("Equals", &json!(1), &json!(1.0)), Ok(true));
    }

    #[test]
    fn what_cannot_be_compared_is_told() {
        for (kind, left, right, why) in [
            ("Equals", json!("1"), json!(1), "1 (a text) cannot be compared with 1 (a number)"),
            ("Equals", json!([1]), json!([1]), "[1] (a list) cannot be compared with [1] (a list)"),
            ("GreaterThan", json!(true), json!(false), "GreaterThan does not compare true and false"),
        ] {
            assert_eq!(compared(kind, &left, &right), Err(Open::Fault(why.into())));
        }
    }

    #[test]
    fn in_not_and_or_combine() {
        let is = |value: i32| json!({"Type": "Equals", "LeftValue": value, "RightValue": 1});
        let not = |inner: &Value| json!({"Type": "Not", "Condition": inner});
        let or = |inner: &[Value]| json!({"Type": "Or", "Conditions": inner});
        let within = |value: &str| json!({"Type": "In", "QueryValue": value, "Values": ["a", "b"]});
        for (conditions, holds) in [
            (vec![], true),
            (vec![is(1), is(1)], true),
            (vec![is(1), is(2)], false),
            (vec![not(&is(2))], true),
            (vec![or(&[is(2), is(1)])], true),
            (vec![or(&[is(2), not(&is(1))])], false),
            (vec![within("b"), not(&within("c"))], true),
        ] {
            assert!(conditions.iter().all(|condition| check(condition).is_ok()));
            assert_eq!(all_hold(&conditions, &Known::default()), Ok(holds), "{conditions:?}");
        }
    }

    #[test]
    fn in_takes_a_list() {
        let known =
            Known { parameters: json!({"One": "abc", "All": "b"}).as_object().cloned().unwrap(), ..Known::default() };
        let within = json!({"Type": "In", "QueryValue": "b", "Values": {"Get": "Parameters.One"}});
        let why = "the Values of In must be a list, and are abc".to_owned();
        assert_eq!(all_hold(&[within], &known), Err(Open::Fault(why)));
        let within = json!({"Type": "In", "QueryValue": "b", "Values": ["a", {"Get": "Parameters.All"}]});
        assert_eq!(all_hold(&[within], &known), Ok(true));
    }

    #[test]
    fn a_condition_of_another_form_is_refused() {
        for condition in [
            json!({}),
            json!({"Type": "Like", "LeftValue": 1, "RightValue": 1}),
            json!({"Type": "Equals", "LeftValue": 1}),
            json!({"Type": "In", "QueryValue": 1}),
            json!({"Type": "Not", "Condition": {"Type": "x"}}),
            json!({"Type": "Not"}),
            json!({"Type": "Or", "Conditions": 1}),
        ] {
            assert!(check(&condition).is_err(), "{condition}");
        }
    }
}
