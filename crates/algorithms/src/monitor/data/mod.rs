//! The data set of a job: files below a folder, as rows of cells, one row in memory at a time.

mod capture;
mod csv;
mod files;
mod format;
mod json;
mod line;
mod span;

use std::fs::File;
use std::io::{BufRead, BufReader};
use std::path::Path;

use serde_json::Value;

use crate::contract::Container;

pub(super) use capture::event;
pub(super) use files::files;
pub(super) use format::Format;
pub(super) use span::Span;

/// Longest JSON document that is read, in bytes.
const LONGEST_DOCUMENT: u64 = 256 << 20;

/// One row: each cell with its column's name.
pub(super) type Row = Vec<(String, Option<String>)>;

/// What a row belongs to beside its cells.
#[derive(Debug, Clone, Default)]
pub(super) struct Extra {
    /// The true value, in merged data.
    pub truth: Option<String>,
}

/// The name of a column without one, as Spark gives it.
pub(super) fn unnamed(at: usize) -> String {
    format!("_c{at}")
}

/// Gives all rows of a folder, in the order of its files.
///
/// # Errors
/// A sentence that names the file, or the error of `take`.
pub(super) fn rows(
    container: &Container,
    folder: &Path,
    format: &Format,
    span: &Span,
    mut take: impl FnMut(Row, &Extra) -> Result<(), String>,
) -> Result<(), String> {
    for path in files(container, folder)? {
        read(&path, format, span, &mut take).map_err(|why| format!("{}: {why}", name(folder, &path)))?;
    }
    Ok(())
}

/// A file's name for messages.
fn name(folder: &Path, path: &Path) -> String {
    path.strip_prefix(folder).unwrap_or(path).display().to_string()
}

fn read(
    path: &Path,
    format: &Format,
    span: &Span,
    take: &mut impl FnMut(Row, &Extra) -> Result<(), String>,
) -> Result<(), String> {
    let file = File::open(path).map_err(|error| error.to_string())?;
    let length = file.metadata().map_err(|error| error.to_string())?.len();
    let input = BufReader::new(file);
    match format {
        Format::Csv { header } => csv_rows(input, *header, take),
        Format::Json { lines: true } => lines(input, |line| take(json::cells(&parse(line)?), &Extra::default())),
        Format::Json { lines: false } if length > LONGEST_DOCUMENT => Err(format!(
            "is longer than {LONGEST_DOCUMENT} bytes, and is read as a whole; write a record in each line, and say {{\"json\": \
             {{\"lines\": true}}}} in dataset_format"
        )),
        Format::Json { lines: false } => {
            let value: Value = serde_json::from_reader(input).map_err(|error| format!("is not valid JSON: {error}"))?;
            let all = value.as_array().map_or(std::slice::from_ref(&value), Vec::as_slice);
            all.iter().try_for_each(|record| take(json::cells(record), &Extra::default()))
        }
        Format::Capture { indexes, merged } => lines(input, |line| {
            let line = parse(line)?;
            if !span.has(&line) {
                return Ok(());
            }
            let event = event(&line)?;
            if *merged && event.truth.is_none() {
                return Err(format!("the event {} has no groundTruthData", event.id));
            }
            event.rows(indexes)?.into_iter().try_for_each(|(row, truth)| take(row, &Extra { truth }))
        }),
    }
}

fn parse(line: &str) -> Result<Value, String> {
    serde_json::from_str(line).map_err(|error| format!("a line is not valid JSON: {error}"))
}

/// Gives each line that is not blank.
///
/// # Errors
/// The file cannot be read, or the error of `take`.
pub(super) fn lines(input: impl BufRead, mut take: impl FnMut(&str) -> Result<(), String>) -> Result<(), String> {
    let mut lines = line::Lines::new(input);
    while let Some((_, line)) = lines.next()? {
        if !line.trim().is_empty() {
            take(line.trim())?;
        }
    }
    Ok(())
}

fn csv_rows(
    input: impl BufRead,
    header: bool,
    take: &mut impl FnMut(Row, &Extra) -> Result<(), String>,
) -> Result<(), String> {
    let mut records = csv::Records::new(input);
    let named = |(at, name): (usize, Option<String>)| name.unwrap_or_else(|| unnamed(at));
    let names: Vec<String> = match if header { records.next()? } else { None } {
        Some(names) => names.into_iter().enumerate().map(named).collect(),
        None => Vec::new(),
    };
    while let Some(record) = records.next()? {
        let name = |at: usize| names.get(at).cloned().unwrap_or_else(|| unnamed(at));
        take(record.into_iter().enumerate().map(|(at, cell)| (name(at), cell)).collect(), &Extra::default())?;
    }
    Ok(())
}
