//! Captured requests as rows.

use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use serde_json::Value;

use super::format::Index;
use super::{Row, csv, json, unnamed};

/// One captured request.
#[derive(Debug, Clone)]
pub(in crate::monitor) struct Event {
    pub id: String,
    input: Option<Part>,
    output: Option<Part>,
    /// `groundTruthData`, in merged data.
    pub truth: Option<Part>,
}

/// Data and how it is written.
#[derive(Debug, Clone)]
pub(in crate::monitor) struct Part {
    text: String,
    encoding: Encoding,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Encoding {
    Csv,
    Json,
}

impl Encoding {
    fn name(self) -> &'static str {
        match self {
            Self::Csv => "CSV",
            Self::Json => "JSON",
        }
    }
}

/// Reads a line of captured or merged data.
///
/// # Errors
/// What is wrong with it.
pub(in crate::monitor) fn event(line: &Value) -> Result<Event, String> {
    let metadata = &line["eventMetadata"];
    // What a caller gave is what ground truth goes by.
    let id = metadata["inferenceId"].as_str().or_else(|| metadata["eventId"].as_str());
    let id = id.ok_or("a line has no eventMetadata.eventId, so that it is no captured data")?.to_owned();
    let data = &line["captureData"];
    let part =
        |index: Index| part(&data[index.name()]).map_err(|why| format!("{} of the event {id} {why}", index.name()));
    let truth =
        self::part(&line["groundTruthData"]).map_err(|why| format!("groundTruthData of the event {id} {why}"))?;
    Ok(Event { input: part(Index::Input)?, output: part(Index::Output)?, truth, id })
}

fn part(value: &Value) -> Result<Option<Part>, String> {
    let Some(data) = value["data"].as_str() else { return Ok(None) };
    let content = value["observedContentType"].as_str().unwrap_or_default();
    let (text, encoding) = match value["encoding"].as_str() {
        Some("CSV") => (data.to_owned(), Encoding::Csv),
        Some("JSON") => (data.to_owned(), Encoding::Json),
        Some("BASE64") => {
            let bytes = STANDARD.decode(data).map_err(|_| "is not valid base64")?;
            let text = String::from_utf8(bytes).map_err(|_| "is not text")?;
            match content {
                c if c.contains("json") => (text, Encoding::Json),
                c if c.contains("csv") => (text, Encoding::Csv),
                _ => {
                    return Err(format!(
                        "is encoded as BASE64 and of the type '{content}', which cannot be analysed. Name the type in \
                         CaptureContentTypeHeader of the endpoint configuration, if it is CSV or JSON"
                    ));
                }
            }
        }
        other => return Err(format!("has the encoding {other:?}, which is not known")),
    };
    Ok(Some(Part { text, encoding }))
}

impl Part {
    /// The records of it.
    fn records(&self) -> Result<Vec<Row>, String> {
        match self.encoding {
            Encoding::Csv => {
                let mut records = csv::Records::new(self.text.as_bytes());
                let mut out = Vec::new();
                while let Some(fields) = records.next().map_err(|error| error.to_string())? {
                    out.push(fields.into_iter().enumerate().map(|(at, cell)| (unnamed(at), cell)).collect());
                }
                Ok(out)
            }
            Encoding::Json => {
                let values = serde_json::Deserializer::from_str(&self.text).into_iter::<Value>();
                let rows = values.map(|value| value.map(|value| json::cells(&value)));
                rows.collect::<Result<_, _>>().map_err(|error| format!("its data is not valid JSON: {error}"))
            }
        }
    }

    /// The one value that ground truth of `count` records is for each.
    fn truths(&self, count: usize) -> Result<Vec<Option<String>>, String> {
        let mut values: Vec<Option<String>> =
            self.records()?.into_iter().map(|row| row.into_iter().next().and_then(|(_, cell)| cell)).collect();
        if values.len() != count {
            let all: Vec<_> = self.records()?.into_iter().flatten().map(|(_, cell)| cell).collect();
            if all.len() != count {
                return Err(format!("{} true values stand against {count} records", values.len()));
            }
            values = all;
        }
        Ok(values)
    }
}

impl Event {
    /// The rows of the request: the columns of its parts in this order, with the true value of each.
    ///
    /// # Errors
    /// The parts do not fit together.
    pub fn rows(&self, indexes: &[Index]) -> Result<Vec<(Row, Option<String>)>, String> {
        let of = |index: &Index| match index {
            Index::Input => self.input.as_ref(),
            Index::Output => self.output.as_ref(),
        };
        let parts: Vec<(Index, &Part)> = indexes.iter().filter_map(|index| Some((*index, of(index)?))).collect();
        if let [(first, a), (second, b)] = parts[..]
            && a.encoding != b.encoding
        {
            return Err(format!(
                "Error: Encoding mismatch: Encoding is {} for {}, but Encoding is {} for {}. We currently only support the \
                 same type of input and output encoding at the moment.",
                b.encoding.name(),
                second.name(),
                a.encoding.name(),
                first.name()
            ));
        }
        let mut rows: Vec<Row> = Vec::new();
        let count =
            parts.iter().map(|(_, part)| part.records().map(|rows| rows.len())).collect::<Result<Vec<_>, _>>()?;
        let most = count.into_iter().max().unwrap_or(0);
        for (at, (index, part)) in parts.iter().enumerate() {
            let mut records = part.records()?;
            if records.len() == 1 && most > 1 && records[0].len() == most {
                // One line of answers to several records.
                records = records.swap_remove(0).into_iter().map(|(_, cell)| vec![(unnamed(0), cell)]).collect();
            }
            if at == 0 {
                rows = records;
                continue;
            }
            if records.len() != rows.len() {
                return Err(format!(
                    "the event {} has {} records in its {}, but {} in the other part",
                    self.id,
                    records.len(),
                    index.name(),
                    rows.len()
                ));
            }
            for (row, more) in rows.iter_mut().zip(records) {
                let first = row.len();
                let csv = part.encoding == Encoding::Csv;
                let cells = more.into_iter().enumerate();
                row.extend(cells.map(|(at, (name, cell))| (if csv { unnamed(first + at) } else { name }, cell)));
            }
        }
        let truths = match &self.truth {
            None => vec![None; rows.len()],
            Some(truth) => truth.truths(rows.len()).map_err(|why| format!("the event {}: {why}", self.id))?,
        };
        Ok(rows.into_iter().zip(truths).collect())
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use serde_json::json;

    fn told(line: Value, indexes: &[Index]) -> Result<Vec<String>, String> {
        let shown = |(row, truth): (Row, Option<String>)| {
            let cells: Vec<_> =
                row.into_iter().map(|(name, cell)| format!("{name}={}", cell.unwrap_or_default())).collect();
            format!("{}|{}", cells.join(" "), truth.unwrap_or_default())
        };
        Ok(event(&line)?.rows(indexes)?.into_iter().map(shown).collect())
    }

    fn line(input: (&str, &str), output: (&str, &str)) -> Value {
        json!({
            "captureData": {
                "endpointInput": { "data": input.0, "encoding": input.1, "observedContentType": "text/csv" },
                "endpointOutput": { "data": output.0, "encoding": output.1, "observedContentType": "text/csv" },
            },
            "eventMetadata": { "eventId": "e" },
        })
    }

    #[test]
    fn columns_of_output_and_input_make_a_row() {
        let both = [Index::Output, Index::Input];
        assert_eq!(told(line(("1,x", "CSV"), ("0.5\n", "CSV")), &both).unwrap(), ["_c0=0.5 _c1=1 _c2=x|"]);
        assert_eq!(told(line(("1,x", "CSV"), ("0.5\n", "CSV")), &both[1..]).unwrap(), ["_c0=1 _c1=x|"]);
        // A line of answers, or a line for each.
        for output in ["0.5,0.7", "0.5\n0.7\n"] {
            let rows = told(line(("1\n2\n", "CSV"), (output, "CSV")), &both).unwrap();
            assert_eq!(rows, ["_c0=0.5 _c1=1|", "_c0=0.7 _c1=2|"], "{output}");
        }
        assert_eq!(told(line((r#"{"a": 1}"#, "JSON"), (r#"{"p": 2}"#, "JSON")), &both).unwrap(), ["p=2 a=1|"]);
        assert_eq!(told(line(("MSx4", "BASE64"), ("MC41", "BASE64")), &both).unwrap(), ["_c0=0.5 _c1=1 _c2=x|"]);
    }

    #[test]
    fn parts_that_do_not_fit_are_told() {
        let both = [Index::Output, Index::Input];
        for (input, output, part) in [
            (
                ("1", "CSV"),
                ("{}", "JSON"),
                "Encoding is CSV for endpointInput, but Encoding is JSON for endpointOutput",
            ),
            (("1\n2\n3", "CSV"), ("1\n2", "CSV"), "3 records"),
            (("1", "CSV"), ("1", "XML"), "encoding"),
        ] {
            let error = told(line(input, output), &both).unwrap_err();
            assert!(error.contains(part), "{error}");
        }
    }

    #[test]
    fn ground_truth_stands_beside_its_record_and_the_callers_id_counts() {
        let mut merged = line(("1\n2", "CSV"), ("0.5\n0.7", "CSV"));
        merged["groundTruthData"] = json!({ "data": "1,0", "encoding": "CSV" });
        merged["eventMetadata"]["inferenceId"] = json!("mine");
        assert_eq!(event(&merged).unwrap().id, "mine");
        assert_eq!(told(merged, &[Index::Output]).unwrap(), ["_c0=0.5|1", "_c0=0.7|0"]);
    }
}
