//! CSV: numbers only, no header, the label in the first column, a weight in the second when
//! `csv_weights` is 1. An empty field is a missing value; an empty label or weight is 0, as XGBoost's own reader has it.

use super::number::{parse_number, shown};
use super::parallel::{Piece, lines, lines_before, map, pieces};
use super::{Dense, Faults, Labelled, MAX_COLUMNS, Matrix, ParseError, Source};
use crate::log;

/// What the image's sniffer accepts between numbers, the most usual first.
const DELIMITERS: [u8; 5] = [b',', b'\t', b';', b'|', b' '];

/// The delimiter of a line: the first of the known ones that occurs in it.
pub(crate) fn delimiter(line: &[u8]) -> Option<u8> {
    let line = line.trim_ascii();
    DELIMITERS.into_iter().find(|delimiter| line.contains(delimiter))
}

/// How many columns come before the features.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Leading {
    /// Features only: a request.
    Nothing,
    /// The label.
    Label,
    /// The label and the weight.
    LabelAndWeight,
}

impl Leading {
    fn columns(self) -> usize {
        match self {
            Self::Nothing => 0,
            Self::Label => 1,
            Self::LabelAndWeight => 2,
        }
    }
}

/// Parses training data.
pub(super) fn parse(
    sources: &[Source],
    delimiter: u8,
    leading: Leading,
    threads: usize,
) -> Result<Labelled, ParseError> {
    let table = parse_table(sources, delimiter, leading, threads)?;
    let Table { matrix, mut lead } = table;
    let weights = (leading == Leading::LabelAndWeight).then(|| lead.iter().skip(1).step_by(2).copied().collect());
    if leading == Leading::LabelAndWeight {
        lead = lead.into_iter().step_by(2).collect();
    }
    Ok(Labelled { matrix: Matrix::Dense(matrix), labels: lead, weights, groups: None })
}

/// Parses the body of a request: features only.
pub(super) fn parse_request(body: &[u8]) -> Result<Dense, ParseError> {
    let first = lines(body).next().map_or(&[][..], |(_, line)| line);
    let delimiter = delimiter(first).unwrap_or(b',');
    let source = Source { name: String::new(), bytes: body.to_vec() };
    Ok(parse_table(&[source], delimiter, Leading::Nothing, 1)?.matrix)
}

struct Table {
    matrix: Dense,
    /// The leading columns of every row, row by row.
    lead: Vec<f32>,
}

fn parse_table(sources: &[Source], delimiter: u8, leading: Leading, threads: usize) -> Result<Table, ParseError> {
    let whole = |source: &Source, line: usize, problem: String| ParseError {
        file: source.name.clone(),
        line: line + 1,
        column: 0,
        problem,
        more: 0,
    };
    let lead = leading.columns();
    let first = sources.iter().find_map(|source| lines(&source.bytes).next().map(|line| (source, line)));
    let Some((first, (number, line))) = first else {
        return Ok(Table { matrix: Dense::default(), lead: Vec::new() });
    };
    let fields = memchr::memchr_iter(delimiter, line).count() + 1;
    let columns = fields.saturating_sub(lead);
    if columns == 0 || columns > MAX_COLUMNS {
        let problem = match leading {
            Leading::Nothing => {
                format!("expected up to {MAX_COLUMNS} columns of features, found {columns}")
            }
            Leading::Label => {
                format!("expected a label and at least one feature, found {fields} column(s)")
            }
            Leading::LabelAndWeight => {
                format!(
                    "expected a label, a weight (csv_weights is 1) and at least one feature, found {fields} column(s)"
                )
            }
        };
        return Err(whole(first, number, problem));
    }

    // Count first, so that every thread writes straight into its part of the one matrix.
    let pieces = pieces(sources, threads);
    let text = |piece: &Piece| &sources[piece.source].bytes[piece.range.clone()];
    let counts = map(threads, pieces.clone(), |piece| lines(text(&piece)).count());
    let rows: usize = counts.iter().sum();
    // A row as wide as the first has a byte for each field (the last of a source, one less). Where there are fewer bytes
    // some row is short: it is looked for before a matrix is made that the data could never fill.
    let bytes: usize = sources.iter().map(|source| source.bytes.len() + 1).sum();
    if rows.checked_mul(fields).is_none_or(|needed| needed > bytes) {
        let mut faults = Faults::default();
        for source in sources {
            for (number, line) in lines(&source.bytes) {
                let found = memchr::memchr_iter(delimiter, line).count() + 1;
                if found != fields {
                    let problem = || Fault::Fields { found }.explain(fields, &first.name, number, leading);
                    faults.note(|| whole(source, number, problem()));
                }
            }
        }
        faults.result()?;
    }
    let size = rows
        .checked_mul(columns)
        .filter(|size| *size <= isize::MAX as usize / 4)
        .ok_or_else(|| whole(first, number, format!("{rows} rows of {columns} columns do not fit into memory")))?;
    let mut values = vec![0.0_f32; size];
    let mut leads = vec![0.0_f32; rows * lead];
    let mut work = Vec::with_capacity(pieces.len());
    let (mut rest, mut lead_rest) = (values.as_mut_slice(), leads.as_mut_slice());
    for (piece, count) in pieces.into_iter().zip(counts) {
        let (part, after) = rest.split_at_mut(count * columns);
        let (lead_part, lead_after) = lead_rest.split_at_mut(count * lead);
        work.push((piece, lead_part, part));
        (rest, lead_rest) = (after, lead_after);
    }
    let outcomes = map(threads, work, |(piece, lead_part, part)| {
        let (mut faults, mut empty) = (Faults::default(), 0);
        let rows = part.chunks_exact_mut(columns).enumerate();
        for ((row, features), (number, line)) in rows.zip(lines(text(&piece))) {
            let lead = &mut lead_part[row * lead..][..lead];
            match parse_row(line, delimiter, lead, features) {
                Ok(whole) => empty += usize::from(!whole),
                Err(fault) => faults.note(|| {
                    let source = &sources[piece.source];
                    let line_number = lines_before(&source.bytes, piece.range.start) + number;
                    ParseError {
                        file: source.name.clone(),
                        line: line_number + 1,
                        column: fault.column(),
                        problem: fault.explain(fields, &first.name, line_number, leading),
                        more: 0,
                    }
                }),
            }
        }
        (faults, empty)
    });
    let (mut faults, mut empty) = (Faults::default(), 0);
    for (piece, without) in outcomes {
        faults.join(piece);
        empty += without;
    }
    faults.result()?;
    if empty > 0 {
        log::warning(&format!("{empty} rows have an empty label or weight, which XGBoost reads as 0"));
    }
    Ok(Table { matrix: Dense { rows, columns, values }, lead: leads })
}

/// What is wrong with a row. Columns count from 0.
enum Fault {
    NotANumber { column: usize, found: String },
    Fields { found: usize },
}

impl Fault {
    fn column(&self) -> usize {
        match self {
            Self::NotANumber { column, .. } => column + 1,
            Self::Fields { .. } => 0,
        }
    }

    fn explain(self, fields: usize, first_file: &str, line: usize, leading: Leading) -> String {
        match self {
            Self::NotANumber { found, .. } if line == 0 && leading != Leading::Nothing => {
                format!("expected a number, found {found}; CSV for XGBoost has no header row and no text, remove them")
            }
            Self::NotANumber { found, .. } => format!("expected a number, found {found}"),
            Self::Fields { found } if first_file.is_empty() => {
                format!("expected {fields} columns as in the first row, found {found}")
            }
            Self::Fields { found } => {
                format!("expected {fields} columns as in the first row of {first_file}, found {found}")
            }
        }
    }
}

/// Parses one line into its leading columns and its features. `false` when a leading field is empty.
fn parse_row(line: &[u8], delimiter: u8, lead: &mut [f32], features: &mut [f32]) -> Result<bool, Fault> {
    let mut whole = true;
    let expected = lead.len() + features.len();
    let mut position = 0;
    let mut column = 0;
    loop {
        if column == expected {
            let found = memchr::memchr_iter(delimiter, line).count() + 1;
            return Err(Fault::Fields { found });
        }
        let start = position;
        let mut integer: u32 = 0;
        // Most data is short integers; eight digits fit and are rounded as a longer parser would.
        while position < line.len() && position - start < 8 {
            let digit = line[position].wrapping_sub(b'0');
            if digit > 9 {
                break;
            }
            integer = integer * 10 + u32::from(digit);
            position += 1;
        }
        let ended = position == line.len() || line[position] == delimiter;
        let value = if ended && position > start {
            integer as f32
        } else {
            position = memchr::memchr(delimiter, &line[position..]).map_or(line.len(), |end| position + end);
            let field = line[start..position].trim_ascii();
            if field.is_empty() {
                whole &= column >= lead.len();
                if column < lead.len() { 0.0 } else { f32::NAN }
            } else {
                parse_number(field).ok_or_else(|| Fault::NotANumber { column, found: shown(field) })?
            }
        };
        match column.checked_sub(lead.len()) {
            None => lead[column] = value,
            Some(feature) => features[feature] = value,
        }
        column += 1;
        if position == line.len() {
            break;
        }
        position += 1;
    }
    if column == expected { Ok(whole) } else { Err(Fault::Fields { found: column }) }
}
