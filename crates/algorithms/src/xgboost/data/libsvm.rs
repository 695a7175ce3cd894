//! LIBSVM: `label[:weight] [qid:group] index:value index:value ...`, indices as XGBoost reads them (column 0 is
//! index 0). What is not listed is missing. Rows that follow each other with the same `qid` are one group of a ranking.
//! Text after `#` is a comment. In training data `index:` without a number is 0, as XGBoost's own reader has it; in a request
//! what has no colon is passed over, as the image's server does.

use super::number::{parse_index, parse_number, shown};
use super::parallel::{Piece, lines, lines_before, map, pieces};
use super::{Faults, Labelled, MAX_COLUMNS, Matrix, ParseError, Source, Sparse};

/// The rows of one piece.
#[derive(Default)]
struct Part {
    lengths: Vec<u64>,
    indices: Vec<u32>,
    values: Vec<f32>,
    columns: usize,
    labels: Vec<f32>,
    /// NaN where a row has none.
    weights: Vec<f32>,
    /// `None` where a row has none.
    queries: Vec<Option<u64>>,
}

/// All rows, as they stand there.
type Rows = (Sparse, Vec<f32>, Vec<f32>, Vec<Option<u64>>);

/// Parses training data.
pub(super) fn parse(sources: &[Source], threads: usize) -> Result<Labelled, ParseError> {
    let (sparse, labels, weights, queries) = parse_all(sources, true, threads)?;
    let weighted = weights.iter().filter(|weight| !weight.is_nan()).count();
    let grouped = queries.iter().flatten().count();
    for (given, what) in [(weighted, "weight (label:weight)"), (grouped, "query group (qid:group)")] {
        if given != 0 && given != labels.len() {
            let problem =
                format!("expected a {what} on every row or on none, found {given} of them on {} rows", labels.len());
            let file = sources.first().map(|source| source.name.clone()).unwrap_or_default();
            return Err(ParseError { file, line: 1, column: 1, problem, more: 0 });
        }
    }
    Ok(Labelled {
        matrix: Matrix::Sparse(sparse),
        labels,
        weights: (weighted != 0).then_some(weights),
        groups: (grouped != 0).then(|| groups(&queries)),
    })
}

/// How many rows each group has.
fn groups(queries: &[Option<u64>]) -> Vec<u32> {
    queries.chunk_by(|one, next| one == next).map(|group| u32::try_from(group.len()).unwrap_or(u32::MAX)).collect()
}

/// Parses the body of a request.
pub(super) fn parse_request(body: &[u8]) -> Result<Sparse, ParseError> {
    let source = Source { name: String::new(), bytes: body.to_vec() };
    Ok(parse_all(&[source], false, 1)?.0)
}

fn parse_all(sources: &[Source], labelled: bool, threads: usize) -> Result<Rows, ParseError> {
    let parts = map(threads, pieces(sources, threads), |piece| parse_piece(sources, &piece, labelled));
    let mut sparse = Sparse { offsets: vec![0], ..Sparse::default() };
    let (mut labels, mut weights, mut queries) = (Vec::new(), Vec::new(), Vec::new());
    let mut faults = Faults::default();
    for (part, wrong) in parts {
        faults.join(wrong);
        let mut offset = sparse.offsets.last().copied().unwrap_or(0);
        sparse.offsets.extend(part.lengths.iter().map(|length| {
            offset += length;
            offset
        }));
        sparse.indices.extend(part.indices);
        sparse.values.extend(part.values);
        sparse.columns = sparse.columns.max(part.columns);
        labels.extend(part.labels);
        weights.extend(part.weights);
        queries.extend(part.queries);
    }
    faults.result()?;
    Ok((sparse, labels, weights, queries))
}

fn parse_piece(sources: &[Source], piece: &Piece, labelled: bool) -> (Part, Faults) {
    let source = &sources[piece.source];
    let (mut part, mut faults) = (Part::default(), Faults::default());
    for (number, line) in lines(&source.bytes[piece.range.clone()]) {
        let line = memchr::memchr(b'#', line).map_or(line, |comment| &line[..comment]);
        if line.trim_ascii().is_empty() {
            continue;
        }
        if let Err((column, problem)) = parse_row(line, labelled, &mut part) {
            faults.note(|| ParseError {
                file: source.name.clone(),
                line: lines_before(&source.bytes, piece.range.start) + number + 1,
                column,
                problem,
                more: 0,
            });
        }
    }
    (part, faults)
}

/// Parses one line. The error is the entry's number, from 1, and what was expected.
fn parse_row(line: &[u8], labelled: bool, part: &mut Part) -> Result<(), (usize, String)> {
    let entries = line.split(u8::is_ascii_whitespace).filter(|entry| !entry.is_empty());
    let before = part.indices.len();
    let mut query = None;
    for (position, entry) in entries.enumerate() {
        let colon = memchr::memchr(b':', entry);
        let fault = |problem: String| (position + 1, problem);
        if position == 0 && labelled {
            let (label, weight) = match colon {
                Some(colon) => (&entry[..colon], Some(&entry[colon + 1..])),
                None => (entry, None),
            };
            let wrong = || fault(format!("expected label or label:weight in numbers, found {}", shown(entry)));
            part.labels.push(parse_number(label).ok_or_else(wrong)?);
            part.weights.push(weight.map_or(Ok(f32::NAN), |weight| parse_number(weight).ok_or_else(wrong))?);
            continue;
        }
        let Some(colon) = colon else {
            // A request may repeat the label of its training data; it says nothing to a prediction.
            if !labelled {
                continue;
            }
            return Err(fault(format!("expected index:value, found {}", shown(entry))));
        };
        let (index, value) = (&entry[..colon], &entry[colon + 1..]);
        if index == b"qid" {
            let number = std::str::from_utf8(value).ok().and_then(|text| text.parse().ok());
            let wrong = || fault(format!("expected qid:group with a whole number, found {}", shown(entry)));
            query = Some(number.ok_or_else(wrong)?);
            continue;
        }
        let index = parse_index(index)
            .filter(|index| (*index as usize) < MAX_COLUMNS)
            .ok_or_else(|| fault(format!("expected index:value with a whole index from 0, found {}", shown(entry))))?;
        let value = Some(value)
            .and_then(|value| if labelled && value.is_empty() { Some(0.0) } else { parse_number(value) })
            .ok_or_else(|| fault(format!("expected index:value with a number as value, found {}", shown(entry))))?;
        part.indices.push(index);
        part.values.push(value);
        part.columns = part.columns.max(index as usize + 1);
    }
    part.queries.push(query);
    part.lengths.push((part.indices.len() - before) as u64);
    Ok(())
}
