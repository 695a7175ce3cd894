//! `DataProcessing`: what of a record is sent, what its answer is joined with, and what of that is kept.
//!
//! <https://docs.aws.amazon.com/sagemaker/latest/dg/batch-transform-data-processing.html>

use serde_json::{Map, Value, json};

use super::path::Path;
use super::{csv, numbers};

/// How records and answers are written.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Format {
    Csv,
    /// One value, or one on each line.
    Json,
}

/// What is done with records and answers. Nothing at all is `None` of it.
#[derive(Debug, Clone, PartialEq)]
pub(super) struct Processing {
    pub input: Format,
    pub output: Format,
    /// Whether each record is a line, of the answer too.
    pub lines: bool,
    pub input_filter: Option<Path>,
    pub join: bool,
    pub output_filter: Option<Path>,
    /// Each record gets an inference id and this time.
    pub inference_time: Option<String>,
}

const OUTPUT: &str = "SageMakerOutput";

impl Format {
    /// The format of a MIME type that can be processed.
    pub fn of(mime: &str) -> Option<Self> {
        match mime.split(';').next().unwrap_or_default().trim().to_ascii_lowercase().as_str() {
            "text/csv" => Some(Self::Csv),
            "application/json" | "application/jsonlines" => Some(Self::Json),
            _ => None,
        }
    }
}

impl Processing {
    pub fn filters_input(&self) -> bool {
        self.input_filter.is_some()
    }

    pub fn joins(&self) -> bool {
        self.join
    }

    /// Whether answers are changed at all.
    pub fn changes_output(&self) -> bool {
        self.join || self.output_filter.is_some() || self.inference_time.is_some()
    }

    /// Ends a line that has no end yet, so that another record can follow.
    pub fn end_line(&self, to: &mut Vec<u8>) {
        if self.lines && !to.ends_with(b"\n") {
            to.push(b'\n');
        }
    }

    /// Appends what is sent of a record.
    ///
    /// # Errors
    /// The record cannot be read, or does not have what the filter names.
    pub fn input(&self, record: &[u8], to: &mut Vec<u8>) -> Result<(), String> {
        let Some(filter) = &self.input_filter else {
            to.extend_from_slice(record);
            self.end_line(to);
            return Ok(());
        };
        let wrong = |why: String| format!("Failed to apply the InputFilter: {why}");
        match self.input {
            Format::Csv => {
                for row in csv::rows(record) {
                    csv::select(row, filter, to).map_err(wrong)?;
                    to.push(b'\n');
                }
            }
            Format::Json => {
                let parsed = values(record).map_err(|e| format!("Failed to parse the input as JSON: {e}"))?;
                for value in parsed.values {
                    self.write(&filter.select(&value).map_err(wrong)?, parsed.guarded, to)?;
                }
            }
        }
        Ok(())
    }

    /// What is kept of the answer to records.
    ///
    /// # Errors
    /// The answer does not fit the records, or does not have what the filter names.
    pub fn output(&self, records: &[u8], answer: &[u8]) -> Result<Vec<u8>, String> {
        match self.output {
            Format::Csv => self.rows(records, answer),
            Format::Json => self.values(records, answer),
        }
    }

    fn rows(&self, records: &[u8], answer: &[u8]) -> Result<Vec<u8>, String> {
        let mut out = Vec::with_capacity(answer.len() + if self.join { records.len() } else { 0 });
        let mut joined = Vec::new();
        let mut inputs = csv::rows(records);
        for row in csv::answers(answer, csv::rows(records).count()) {
            let row = if self.join {
                joined.clear();
                joined.extend_from_slice(inputs.next().ok_or_else(mismatch)?);
                joined.push(b',');
                joined.extend_from_slice(row);
                &joined
            } else {
                row
            };
            match &self.output_filter {
                Some(filter) => csv::select(row, filter, &mut out).map_err(|why| unfiltered(&why))?,
                None => out.extend_from_slice(row),
            }
            if let Some(time) = &self.inference_time {
                out.extend_from_slice(format!(",{},{time}", uuid::Uuid::new_v4()).as_bytes());
            }
            out.push(b'\n');
        }
        if self.join && inputs.next().is_some() { Err(mismatch()) } else { Ok(out) }
    }

    fn values(&self, records: &[u8], answer: &[u8]) -> Result<Vec<u8>, String> {
        let answers = values(answer).map_err(|e| format!("Failed to parse output from the algorithm as JSON: {e}"))?;
        let inputs = match self.join {
            true => values(records).map_err(|e| format!("Failed to parse the input as JSON: {e}"))?,
            false => Parsed::default(),
        };
        if self.join && inputs.values.len() != answers.values.len() {
            return Err(mismatch());
        }
        let guarded = inputs.guarded || answers.guarded;
        let mut out = Vec::new();
        let mut inputs = inputs.values.into_iter();
        for answer in answers.values {
            let joined = match inputs.next() {
                Some(input) => join(input, answer),
                None => answer,
            };
            let kept = match &self.output_filter {
                Some(filter) => filter.select(&joined).map_err(|why| unfiltered(&why))?,
                None => joined,
            };
            self.write(&self.identified(kept), guarded, &mut out)?;
        }
        Ok(out)
    }

    fn identified(&self, value: Value) -> Value {
        let Some(time) = &self.inference_time else { return value };
        let mut object = match value {
            Value::Object(object) => object,
            other => Map::from_iter([(OUTPUT.to_owned(), other)]),
        };
        object.insert("SageMakerInferenceId".to_owned(), json!(uuid::Uuid::new_v4().to_string()));
        object.insert("SageMakerInferenceTime".to_owned(), json!(time));
        Value::Object(object)
    }

    fn write(&self, value: &Value, guarded: bool, to: &mut Vec<u8>) -> Result<(), String> {
        if !self.lines && !to.is_empty() {
            to.push(b'\n');
        }
        let from = to.len();
        serde_json::to_writer(&mut *to, value).map_err(|e| format!("Failed to write JSON: {e}"))?;
        if guarded {
            numbers::restore(to, from);
        }
        self.end_line(to);
        Ok(())
    }
}

/// JSON values, and whether texts stand for numbers in them.
#[derive(Default)]
struct Parsed {
    values: Vec<Value>,
    guarded: bool,
}

/// The JSON values of a text, one after another.
fn values(text: &[u8]) -> serde_json::Result<Parsed> {
    let guarded = numbers::guarded(text);
    let values = serde_json::Deserializer::from_slice(guarded.as_deref().unwrap_or(text)).into_iter();
    Ok(Parsed { values: values.collect::<serde_json::Result<_>>()?, guarded: guarded.is_some() })
}

/// "The joined result for JSON must be a key-value pair object" (API reference, `DataProcessing`).
fn join(input: Value, output: Value) -> Value {
    let mut object = match input {
        Value::Object(object) => object,
        other => Map::from_iter([("SageMakerInput".to_owned(), other)]),
    };
    object.insert(OUTPUT.to_owned(), output);
    Value::Object(object)
}

fn mismatch() -> String {
    "Fail to join data: mismatched line count between the input and the output".to_owned()
}

fn unfiltered(why: &str) -> String {
    format!("Failed to apply the OutputFilter: {why}")
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    fn processing(format: Format, input: &str, join: bool, output: &str) -> Processing {
        let filter = |text| Path::parse(text).unwrap();
        Processing {
            input: format,
            output: format,
            lines: true,
            input_filter: filter(input),
            join,
            output_filter: filter(output),
            inference_time: None,
        }
    }

    fn csv(input: &str, join: bool, output: &str) -> Processing {
        processing(Format::Csv, input, join, output)
    }

    fn json(input: &str, join: bool, output: &str) -> Processing {
        processing(Format::Json, input, join, output)
    }

    fn sent(processing: &Processing, record: &str) -> Result<String, String> {
        let mut out = Vec::new();
        processing.input(record.as_bytes(), &mut out).map(|()| String::from_utf8(out).unwrap())
    }

    fn kept(processing: &Processing, records: &str, answer: &str) -> Result<String, String> {
        processing.output(records.as_bytes(), answer.as_bytes()).map(|out| String::from_utf8(out).unwrap())
    }

    #[test]
    fn columns_are_left_out_before_the_model_and_joined_behind_it() {
        let processing = csv("$[1:]", true, "$[0,-1]");
        assert_eq!(sent(&processing, "id-1,2,3\r\n"), Ok("2,3\n".to_owned()));
        assert_eq!(kept(&processing, "id-1,2,3\nid-2,4,5\n", "0.5\n0.7"), Ok("id-1,0.5\nid-2,0.7\n".to_owned()));
        let all = csv("$", true, "$");
        assert_eq!(sent(&all, "1,2,3"), Ok("1,2,3\n".to_owned()));
        assert_eq!(kept(&all, "1,2,3\n", "1"), Ok("1,2,3,1\n".to_owned()), "the developer guide's example");
        assert_eq!(kept(&csv("$", false, "$[1]"), "1,2\n3,4\n", "a,b\nc,d\n"), Ok("b\nd\n".to_owned()));
    }

    #[test]
    fn quoted_columns_stay_quoted() {
        let processing = csv("$[1:]", true, "$[0,2]");
        assert_eq!(sent(&processing, "\"a,\"\"b\",\"c,d\",e\n"), Ok("\"c,d\",e\n".to_owned()));
        let joined = kept(&processing, "\"a,\"\"b\",\"c,d\",e\n", "1\n");
        assert_eq!(joined, Ok("\"a,\"\"b\",e\n".to_owned()));
    }

    #[test]
    fn attributes_are_left_out_before_the_model_and_joined_behind_it() {
        let processing = json("$.features", true, "$['id','SageMakerOutput']");
        let record = r#"{"id": 7, "features": [1.5, 2], "note": "x"}"#;
        assert_eq!(sent(&processing, record), Ok("[1.5,2]\n".to_owned()));
        assert_eq!(
            kept(&processing, record, r#"{"label": 1}"#),
            Ok("{\"id\":7,\"SageMakerOutput\":{\"label\":1}}\n".to_owned())
        );
        let all = json("$", true, "$");
        assert_eq!(
            kept(&all, "{\"key\":1}\n", "{\"label\":1}\n"),
            Ok("{\"key\":1,\"SageMakerOutput\":{\"label\":1}}\n".to_owned()),
            "the developer guide's example"
        );
        assert_eq!(
            kept(&all, "[1,2]\n3\n", "4 \"five\""),
            Ok("{\"SageMakerInput\":[1,2],\"SageMakerOutput\":4}\n{\"SageMakerInput\":3,\"SageMakerOutput\":\"five\"}\n"
                .to_owned())
        );
        assert_eq!(kept(&json("$", false, "$.label"), "", "{\"label\": [1]}"), Ok("[1]\n".to_owned()));
    }

    #[test]
    fn numbers_that_no_double_holds_stay_as_they_are() {
        let record =
            r#"{"id": 12345678901234567890123, "x": 0.15838287025480557, "features": [1.00000000000000000001]}"#;
        let processing = json("$.features", true, "$['id','x','SageMakerOutput']");
        assert_eq!(sent(&processing, record), Ok("[1.00000000000000000001]\n".to_owned()));
        assert_eq!(
            kept(&processing, record, r#"{"score": 0.10000000000000000555}"#),
            Ok("{\"id\":12345678901234567890123,\"x\":0.15838287025480557,\"SageMakerOutput\":{\"score\":0.10000000000000000555}}\n"
                .to_owned())
        );
    }

    #[test]
    fn a_whole_document_gets_no_line_end_and_several_are_kept_apart() {
        let document = Processing { lines: false, ..json("$.a", true, "$") };
        assert_eq!(sent(&document, "{\n \"a\": [1]\n}\n"), Ok("[1]".to_owned()));
        assert_eq!(kept(&document, "{\n \"a\": 1\n}\n", "2\n"), Ok("{\"a\":1,\"SageMakerOutput\":2}".to_owned()));
        assert_eq!(sent(&document, "{\"a\": 1} {\"a\": 2}"), Ok("1\n2".to_owned()));
    }

    #[test]
    fn what_does_not_fit_is_told() {
        let mismatch = Err(mismatch());
        assert_eq!(kept(&csv("$", true, "$"), "1\n2\n", "1\n"), mismatch);
        assert_eq!(kept(&csv("$", true, "$"), "1\n", "1\n2\n"), mismatch);
        assert_eq!(kept(&csv("$", true, "$"), "1\n2\n", "1,2"), mismatch);
        assert_eq!(kept(&json("$", true, "$"), "{}\n{}\n", "{\"predictions\": [1, 2]}"), mismatch);
        for (told, why) in [
            (
                kept(&csv("$", true, "$[5:]"), "1\n", "2\n"),
                "Failed to apply the OutputFilter: index out of range: len: 2",
            ),
            (
                sent(&csv("$[3]", true, "$"), "1,2\n"),
                "Failed to apply the InputFilter: index out of range: len: 2, idx: 3",
            ),
            (sent(&json("$.b", true, "$"), "{\"a\": 1}"), "Failed to apply the InputFilter: key error: b not found"),
            (sent(&json("$.b", true, "$"), "a,b"), "Failed to parse the input as JSON: expected value"),
            (kept(&json("$", true, "$"), "{}", "0.5,"), "Failed to parse output from the algorithm as JSON"),
        ] {
            let told = told.unwrap_err();
            assert!(told.starts_with(why), "{told}");
        }
    }

    #[test]
    fn every_record_gets_an_inference_id() {
        let time = || Some("2022-08-30T00:49:15Z".to_owned());
        let rows = Processing { inference_time: time(), ..csv("$", false, "$") };
        let kept_rows = kept(&rows, "", "0\n1\n").unwrap();
        let mut ids = Vec::new();
        for (row, value) in kept_rows.lines().zip(["0", "1"]) {
            let [v, id, at] = row.split(',').collect::<Vec<_>>()[..] else { panic!("{row}") };
            assert_eq!((v, id.len(), at), (value, 36, "2022-08-30T00:49:15Z"));
            ids.push(id);
        }
        assert_ne!(ids[0], ids[1]);
        let values = Processing { inference_time: time(), ..json("$", false, "$") };
        for (answer, member) in [("{\"output\": 0}", "output"), ("0", "SageMakerOutput")] {
            let object: Value = serde_json::from_str(&kept(&values, "", answer).unwrap()).unwrap();
            assert_eq!(
                (&object[member], &object["SageMakerInferenceTime"]),
                (&json!(0), &json!("2022-08-30T00:49:15Z"))
            );
            assert_eq!(object["SageMakerInferenceId"].as_str().unwrap().len(), 36);
        }
    }

    proptest! {
        #[test]
        fn every_row_keeps_its_columns_and_gets_its_own_answer(
            rows in proptest::collection::vec(proptest::collection::vec("[a-z\", ]{0,5}", 3), 0..20),
        ) {
            let quoted = |row: &Vec<String>| {
                row.iter().map(|column| format!("\"{}\"", column.replace('"', "\"\""))).collect::<Vec<_>>()
            };
            let rows: Vec<_> = rows.iter().map(quoted).collect();
            let lines = |pick: &dyn Fn(usize, &Vec<String>) -> String| -> String {
                rows.iter().enumerate().map(|(n, row)| pick(n, row) + "\n").collect()
            };
            let records = lines(&|_, row| row.join(","));
            let answers = lines(&|n, _| n.to_string());
            let processing = csv("$[1:]", true, "$[0,-1]");
            prop_assert_eq!(sent(&processing, &records), Ok(lines(&|_, row| row[1..].join(","))));
            prop_assert_eq!(kept(&processing, &records, &answers), Ok(lines(&|n, row| format!("{},{n}", row[0]))));
            let all = lines(&|n, row| format!("{},{n}", row.join(",")));
            prop_assert_eq!(kept(&csv("$", true, "$"), &records, &answers), Ok(all));
        }

        #[test]
        fn every_value_gets_its_own_answer(values in proptest::collection::vec("[a-z]{0,5}", 0..20)) {
            let records: String = values.iter().map(|v| json!({"id": v}).to_string() + "\n").collect();
            let answers: String = (0..values.len()).map(|n| format!("{n}\n")).collect();
            let expected: String =
                values.iter().enumerate().map(|(n, v)| json!({"id": v, "SageMakerOutput": n}).to_string() + "\n").collect();
            prop_assert_eq!(kept(&json("$", true, "$"), &records, &answers), Ok(expected));
        }
    }

    #[test]
    fn formats_are_known_by_their_names() {
        assert_eq!(Format::of("text/csv; charset=utf-8"), Some(Format::Csv));
        assert_eq!(Format::of("Application/JSON"), Some(Format::Json));
        assert_eq!(Format::of("application/jsonlines"), Some(Format::Json));
        assert_eq!(Format::of("text/libsvm"), None);
    }
}
