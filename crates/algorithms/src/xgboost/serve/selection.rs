//! Selectable inference: `SAGEMAKER_INFERENCE_OUTPUT` names the parts of a prediction that an
//! answer holds, `predicted_label,probability`.

use super::super::ffi::Prediction;
use super::response::Accept;
use crate::log;
use crate::python;

/// What each objective can say; the order is the order in a JSON answer.
fn keys_of(objective: &str) -> Option<&'static [&'static str]> {
    Some(match objective {
        "reg:squarederror" | "reg:logistic" | "reg:gamma" | "reg:tweedie" => &["predicted_score"],
        "binary:logistic" | "multi:softprob" => {
            &["predicted_label", "labels", "probability", "probabilities", "raw_score", "raw_scores"]
        }
        "binary:logitraw" | "binary:hinge" | "multi:softmax" => {
            &["predicted_label", "labels", "raw_score", "raw_scores"]
        }
        _ => return None,
    })
}

/// One part of a prediction.
enum Part {
    Integer(usize),
    Float(f64),
    Integers(usize),
    Floats(Vec<f64>),
}

impl Part {
    fn push(&self, body: &mut String, float: fn(&mut String, f64)) {
        let list = |body: &mut String, items: &mut dyn Iterator<Item = String>| {
            body.push('[');
            body.push_str(&items.collect::<Vec<_>>().join(", "));
            body.push(']');
        };
        match self {
            Self::Integer(value) => body.push_str(&value.to_string()),
            Self::Float(value) => float(body, *value),
            Self::Integers(count) => list(body, &mut (0..*count).map(|item| item.to_string())),
            Self::Floats(values) => list(
                body,
                &mut values.iter().map(|value| {
                    let mut text = String::new();
                    float(&mut text, *value);
                    text
                }),
            ),
        }
    }

    fn is_list(&self) -> bool {
        matches!(self, Self::Integers(_) | Self::Floats(_))
    }
}

/// The body with the selected parts. The error is the image's message, for status 500.
pub(super) fn body(
    prediction: &Prediction,
    selected: &[String],
    objective: &str,
    classes: usize,
    accept: Accept,
    batch: bool,
) -> Result<String, String> {
    let valid = keys_of(objective)
        .ok_or_else(|| format!("Objective `{objective}` unsupported for selectable inference predictions."))?;
    let invalid: Vec<&String> = selected.iter().filter(|key| !valid.contains(&key.as_str())).collect();
    if !invalid.is_empty() {
        log::warning(&format!(
            "Selected key(s) {} incompatible for objective '{objective}'. Please use list of compatible selectable \
             inference predictions: {}",
            python::string_list(&invalid),
            python::string_list(valid)
        ));
    }
    // JSON has the objective's order, then what it does not know; CSV has the user's order.
    let ordered: Vec<&str> = match accept {
        Accept::Csv => selected.iter().map(String::as_str).collect(),
        Accept::Json | Accept::JsonLines => {
            let known = valid.iter().copied().filter(|key| selected.iter().any(|selected| selected == key));
            known.chain(invalid.iter().map(|key| key.as_str())).collect()
        }
    };
    let mut body = String::new();
    if accept == Accept::Json {
        body.push_str("{\"predictions\": [");
    }
    for (index, row) in prediction.values.chunks_exact(prediction.columns).enumerate() {
        match accept {
            Accept::Csv if index > 0 => body.push('\n'),
            Accept::Json if index > 0 => body.push_str(", "),
            _ => {}
        }
        push_row(&mut body, row, &ordered, objective, classes, accept);
        if accept == Accept::JsonLines {
            body.push('\n');
        }
    }
    match accept {
        Accept::Json => body.push_str("]}"),
        Accept::Csv if batch => body.push('\n'),
        _ => {}
    }
    Ok(body)
}

fn push_row(body: &mut String, row: &[f32], keys: &[&str], objective: &str, classes: usize, accept: Accept) {
    if accept != Accept::Csv {
        body.push('{');
    }
    for (index, key) in keys.iter().enumerate() {
        let part = part(key, row, objective, classes);
        if accept == Accept::Csv {
            body.push_str(if index > 0 { "," } else { "" });
            let quote = if part.is_list() { "\"" } else { "" };
            body.push_str(quote);
            part.push(body, python::push_float);
            body.push_str(quote);
        } else {
            body.push_str(if index > 0 { ", \"" } else { "\"" });
            body.push_str(key);
            body.push_str("\": ");
            part.push(body, python::push_json_float);
        }
    }
    if accept != Accept::Csv {
        body.push('}');
    }
}

fn part(key: &str, row: &[f32], objective: &str, classes: usize) -> Part {
    let first = f64::from(row.first().copied().unwrap_or(f32::NAN));
    let softprob = objective == "multi:softprob";
    if !keys_of(objective).is_some_and(|keys| keys.contains(&key)) {
        return Part::Float(f64::NAN);
    }
    let largest = || {
        let mut best = 0;
        for (index, value) in row.iter().enumerate() {
            if *value > row[best] {
                best = index;
            }
        }
        best
    };
    match key {
        "predicted_label" => match objective {
            "binary:logistic" => Part::Integer(usize::from(first > 0.5)),
            "binary:logitraw" => Part::Integer(usize::from(first > 0.0)),
            "multi:softprob" => Part::Integer(largest()),
            _ => Part::Float(first),
        },
        "labels" => Part::Integers(if objective.starts_with("binary:") { 2 } else { classes }),
        "probability" | "raw_score" if softprob => {
            Part::Float(row.get(largest()).map_or(f64::NAN, |value| f64::from(*value)))
        }
        "probabilities" | "raw_scores" if softprob => Part::Floats(row.iter().map(|value| f64::from(*value)).collect()),
        "probabilities" | "raw_scores" => Part::Floats(vec![1.0 - first, first]),
        _ => Part::Float(first),
    }
}

#[cfg(test)]
mod tests {
    use super::body;
    use crate::xgboost::ffi::Prediction;
    use crate::xgboost::serve::response::Accept;

    fn select(keys: &str, objective: &str, values: &[f32], columns: usize, accept: Accept) -> Result<String, String> {
        let keys: Vec<String> = keys.split(',').map(str::to_owned).collect();
        let prediction = Prediction { values: values.to_vec(), columns };
        body(&prediction, &keys, objective, columns, accept, false)
    }

    #[test]
    fn selected_parts_have_the_images_bodies() {
        let all = "predicted_label,labels,probability,probabilities,raw_score,raw_scores";
        for (keys, objective, values, columns, accept, expected) in [
            (
                "predicted_label,probabilities",
                "binary:logistic",
                &[0.75_f32, 0.25][..],
                1,
                Accept::Csv,
                "1,\"[0.25, 0.75]\"\n0,\"[0.75, 0.25]\"",
            ),
            (
                "probabilities,predicted_label",
                "binary:logistic",
                &[0.75],
                1,
                Accept::Json,
                r#"{"predictions": [{"predicted_label": 1, "probabilities": [0.25, 0.75]}]}"#,
            ),
            (
                all,
                "multi:softprob",
                &[0.25, 0.5, 0.25],
                3,
                Accept::JsonLines,
                "{\"predicted_label\": 1, \"labels\": [0, 1, 2], \"probability\": 0.5, \"probabilities\": [0.25, 0.5, 0.25], \
                 \"raw_score\": 0.5, \"raw_scores\": [0.25, 0.5, 0.25]}\n",
            ),
            ("predicted_label", "multi:softmax", &[3.0], 1, Accept::Csv, "3.0"),
            ("predicted_label,labels", "binary:logitraw", &[-7.0], 1, Accept::Csv, "0,\"[0, 1]\""),
            ("predicted_score,probability", "reg:squarederror", &[1.5], 1, Accept::Csv, "1.5,nan"),
            (
                "probability,predicted_score",
                "reg:squarederror",
                &[1.5],
                1,
                Accept::Json,
                r#"{"predictions": [{"predicted_score": 1.5, "probability": NaN}]}"#,
            ),
        ] {
            assert_eq!(select(keys, objective, values, columns, accept).expect(keys), expected);
        }
        let error = select("predicted_score", "rank:map", &[1.0], 1, Accept::Csv).expect_err("rank:map");
        assert_eq!(error, "Objective `rank:map` unsupported for selectable inference predictions.");
    }
}
