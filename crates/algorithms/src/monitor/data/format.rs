//! `dataset_format`: how the data set is written.

use serde_json::Value;

/// Which of a captured request is looked at.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(in crate::monitor) enum Index {
    Input,
    Output,
}

impl Index {
    pub fn name(self) -> &'static str {
        match self {
            Self::Input => "endpointInput",
            Self::Output => "endpointOutput",
        }
    }
}

/// How a data set is written.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(in crate::monitor) enum Format {
    /// CSV, with or without a line of names.
    Csv { header: bool },
    /// JSON, one record a line, or one list of records a file.
    Json { lines: bool },
    /// Captured data, the parts of each request in this order; merged with ground truth where `merged`.
    Capture { indexes: Vec<Index>, merged: bool },
}

impl Format {
    /// Reads the variable.
    ///
    /// # Errors
    /// It is no format, or one that is not read here.
    pub fn read(text: &str) -> Result<Self, String> {
        let wrong = |why: &str| {
            format!(
                "dataset_format '{text}' {why}. Give {{\"csv\": {{\"header\": true}}}}, {{\"json\": {{\"lines\": true}}}} or \
                 {{\"sagemakerCaptureJson\": {{\"captureIndexNames\": [\"endpointInput\"]}}}}."
            )
        };
        let value: Value = serde_json::from_str(text).map_err(|error| wrong(&format!("is not valid JSON: {error}")))?;
        let members = value.as_object().filter(|members| members.len() == 1).ok_or_else(|| wrong("names no format"))?;
        let (name, options) = members.iter().next().ok_or_else(|| wrong("names no format"))?;
        match name.as_str() {
            "csv" | "Csv" => Ok(Self::Csv { header: flag(options, &["header", "Header"]).unwrap_or(true) }),
            "json" | "Json" => Ok(Self::Json { lines: flag(options, &["lines", "line", "Line"]).unwrap_or(true) }),
            "sagemakerCaptureJson" | "sagemakerMergeJson" => {
                let names = options["captureIndexNames"].as_array().map_or(&[][..], Vec::as_slice);
                let has = |index: Index| names.is_empty() || names.iter().any(|name| name == index.name());
                // Output columns come first unless they are said to come last.
                let mut order = vec![Index::Output, Index::Input];
                if options["output_columns_position"] == "END" {
                    order.reverse();
                }
                order.retain(|index| has(*index));
                if order.is_empty() {
                    return Err(wrong("names neither endpointInput nor endpointOutput"));
                }
                Ok(Self::Capture { indexes: order, merged: name == "sagemakerMergeJson" })
            }
            "parquet" | "Parquet" => Err(wrong("is Parquet, which the embedded cloud's analyser does not read")),
            _ => Err(wrong("is not known")),
        }
    }
}

/// A switch, which clients write as a boolean or as text.
fn flag(options: &Value, names: &[&str]) -> Option<bool> {
    let value = names.iter().map(|name| &options[*name]).find(|value| !value.is_null())?;
    value.as_bool().or_else(|| value.as_str().map(|text| text.eq_ignore_ascii_case("true")))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn formats_are_read_as_clients_write_them() {
        let both = |indexes: &[Index]| Format::Capture { indexes: indexes.to_vec(), merged: false };
        for (text, format) in [
            (r#"{"csv": {"header": true, "output_columns_position": "START"}}"#, Format::Csv { header: true }),
            (r#"{"Csv": {"Header": "false"}}"#, Format::Csv { header: false }),
            (r#"{"json": {"lines": true}}"#, Format::Json { lines: true }),
            (r#"{"sagemakerCaptureJson": {}}"#, both(&[Index::Output, Index::Input])),
            (r#"{"sagemakerCaptureJson": {"captureIndexNames": ["endpointInput"]}}"#, both(&[Index::Input])),
            (
                r#"{"sagemakerCaptureJson": {"captureIndexNames": ["endpointInput", "endpointOutput"], "output_columns_position": "END"}}"#,
                both(&[Index::Input, Index::Output]),
            ),
        ] {
            assert_eq!(Format::read(text), Ok(format), "{text}");
        }
        for (text, part) in [("x", "not valid JSON"), ("{}", "no format"), (r#"{"parquet": {}}"#, "does not read")] {
            assert!(Format::read(text).unwrap_err().contains(part), "{text}");
        }
    }
}
