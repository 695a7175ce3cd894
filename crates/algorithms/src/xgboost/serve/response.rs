//! The bodies of answers.

use super::super::ffi::Prediction;
use super::super::image::Rows;
use crate::python;

/// The formats of an answer.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Accept {
    Csv,
    Json,
    JsonLines,
}

impl Accept {
    /// Reads an `Accept` header; none, or anything, means `default`. The error is the image's message.
    pub(super) fn parse(header: Option<&str>, default: &str) -> Result<Self, String> {
        let given = header.and_then(|header| header.split(';').next()).map_or("", str::trim);
        let given = if given.is_empty() || given == "*/*" { default } else { given };
        match given.to_ascii_lowercase().as_str() {
            "text/csv" | "csv" => Ok(Self::Csv),
            "application/json" | "json" => Ok(Self::Json),
            "application/jsonlines" => Ok(Self::JsonLines),
            _ => Err(format!(
                "Accept type {given} is not supported. Please use supported accept types: ['application/json', \
                 'application/jsonlines', 'text/csv']."
            )),
        }
    }

    pub(super) fn mime(self) -> &'static str {
        match self {
            Self::Csv => "text/csv; charset=utf-8",
            Self::Json => "application/json",
            Self::JsonLines => "application/jsonlines",
        }
    }
}

/// All predictions as they are.
///
/// CSV as [`Rows`] has it. Old images write Python's text of each row's value, with commas between rows, or a line per row in
/// a batch transform.
pub(super) fn scores(prediction: &Prediction, accept: Accept, style: Rows, batch: bool) -> String {
    let rows = prediction.values.chunks_exact(prediction.columns);
    let mut body = String::with_capacity(prediction.values.len() * 22 + 32);
    match accept {
        Accept::Csv if style == Rows::Lines => {
            for row in rows {
                for (index, value) in row.iter().enumerate() {
                    if index > 0 {
                        body.push(',');
                    }
                    python::push_float(&mut body, f64::from(*value));
                }
                body.push('\n');
            }
        }
        Accept::Csv => {
            for (index, row) in rows.enumerate() {
                if index > 0 {
                    body.push(if batch { '\n' } else { ',' });
                }
                push_row(&mut body, row, python::push_float);
            }
            if batch {
                body.push('\n');
            }
        }
        Accept::Json => {
            body.push_str("{\"predictions\": [");
            for (index, row) in rows.enumerate() {
                body.push_str(if index > 0 { ", {\"score\": " } else { "{\"score\": " });
                push_row(&mut body, row, python::push_json_float);
                body.push('}');
            }
            body.push_str("]}");
        }
        Accept::JsonLines => {
            for row in rows {
                body.push_str("{\"score\": ");
                push_row(&mut body, row, python::push_json_float);
                body.push_str("}\n");
            }
        }
    }
    body
}

fn push_row(body: &mut String, row: &[f32], push: fn(&mut String, f64)) {
    if let [single] = row {
        return push(body, f64::from(*single));
    }
    body.push('[');
    for (index, value) in row.iter().enumerate() {
        if index > 0 {
            body.push_str(", ");
        }
        push(body, f64::from(*value));
    }
    body.push(']');
}

#[cfg(test)]
mod tests {
    use super::{Accept, Rows, scores};
    use crate::xgboost::ffi::Prediction;

    #[test]
    fn scores_have_the_images_bodies() {
        let single = Prediction { values: vec![3.0, 0.438_619_08], columns: 1 };
        let several = Prediction { values: vec![0.25, 0.75, 1.0, 0.000_01], columns: 2 };
        for (prediction, accept, batch, body) in [
            (&single, Accept::Csv, false, "3.0,0.43861907720565796"),
            (&single, Accept::Csv, true, "3.0\n0.43861907720565796\n"),
            (&several, Accept::Csv, false, "[0.25, 0.75],[1.0, 9.999999747378752e-06]"),
            (&several, Accept::Csv, true, "[0.25, 0.75]\n[1.0, 9.999999747378752e-06]\n"),
            (&single, Accept::Json, false, r#"{"predictions": [{"score": 3.0}, {"score": 0.43861907720565796}]}"#),
            (
                &several,
                Accept::JsonLines,
                false,
                "{\"score\": [0.25, 0.75]}\n{\"score\": [1.0, 9.999999747378752e-06]}\n",
            ),
        ] {
            assert_eq!(scores(prediction, accept, Rows::Joined, batch), body);
        }
    }

    #[test]
    fn from_1_2_2_on_each_row_of_csv_is_a_line() {
        let several = Prediction { values: vec![0.25, 0.75, 1.0, 0.000_01], columns: 2 };
        for batch in [false, true] {
            let body = scores(&several, Accept::Csv, Rows::Lines, batch);
            assert_eq!(body, "0.25,0.75\n1.0,9.999999747378752e-06\n");
        }
    }

    #[test]
    fn accept_is_read_as_the_image_reads_it() {
        for (header, default, expected) in [
            (None, "text/csv", Some(Accept::Csv)),
            (Some("*/*"), "application/json", Some(Accept::Json)),
            (Some("application/json;verbose=True"), "text/csv", Some(Accept::Json)),
            (Some("application/jsonlines"), "text/csv", Some(Accept::JsonLines)),
            (Some("text/libsvm"), "text/csv", None),
            (Some("application/x-recordio-protobuf"), "text/csv", None),
        ] {
            assert_eq!(Accept::parse(header, default).ok(), expected, "{header:?}");
        }
    }
}
