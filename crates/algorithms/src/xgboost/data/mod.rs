//! Training and request data: which format it is in, and how it becomes a matrix.

mod channel;
mod csv;
mod files;
mod libsvm;
mod number;
mod parallel;

pub(crate) use channel::{ContentType, check_channel, load};
pub(crate) use csv::delimiter;

/// The most columns that a matrix may have: XGBoost counts features in 32 bits.
const MAX_COLUMNS: usize = i32::MAX as usize;

/// A dense matrix, row by row. A missing value is NaN.
#[derive(Debug, Default, PartialEq)]
pub(crate) struct Dense {
    pub(crate) rows: usize,
    pub(crate) columns: usize,
    pub(crate) values: Vec<f32>,
}

/// A sparse matrix in compressed rows. What is not listed is missing.
#[derive(Debug, Default, PartialEq)]
pub(crate) struct Sparse {
    /// Where each row starts, and the end: one more than there are rows.
    pub(crate) offsets: Vec<u64>,
    pub(crate) indices: Vec<u32>,
    pub(crate) values: Vec<f32>,
    pub(crate) columns: usize,
}

/// Features in either form.
#[derive(Debug, PartialEq)]
pub(crate) enum Matrix {
    Dense(Dense),
    Sparse(Sparse),
}

impl Matrix {
    pub(crate) fn rows(&self) -> usize {
        match self {
            Self::Dense(dense) => dense.rows,
            Self::Sparse(sparse) => sparse.offsets.len().saturating_sub(1),
        }
    }

    pub(crate) fn columns(&self) -> usize {
        match self {
            Self::Dense(dense) => dense.columns,
            Self::Sparse(sparse) => sparse.columns,
        }
    }

    /// Adds columns on the right, up to `columns`, in which every value is missing.
    pub(crate) fn widen(&mut self, columns: usize) {
        match self {
            Self::Dense(dense) if dense.columns < columns => {
                let mut values = Vec::with_capacity(dense.rows.saturating_mul(columns));
                for row in dense.values.chunks_exact(dense.columns.max(1)) {
                    values.extend_from_slice(row);
                    values.resize(values.len() + columns - dense.columns, f32::NAN);
                }
                *dense = Dense { rows: dense.rows, columns, values };
            }
            Self::Dense(_) => {}
            Self::Sparse(sparse) => sparse.columns = sparse.columns.max(columns),
        }
    }

    /// Whether a value is infinite, which also stands for one that is too large for 32 bits.
    pub(crate) fn has_infinite(&self) -> bool {
        let values = match self {
            Self::Dense(dense) => &dense.values,
            Self::Sparse(sparse) => &sparse.values,
        };
        values.iter().any(|value| value.is_infinite())
    }
}

/// Features with the labels, and the weights and groups when the data has them.
#[derive(Debug, PartialEq)]
pub(crate) struct Labelled {
    pub(crate) matrix: Matrix,
    pub(crate) labels: Vec<f32>,
    pub(crate) weights: Option<Vec<f32>>,
    /// How many rows each query group has, for rankings.
    pub(crate) groups: Option<Vec<u32>>,
}

/// One text to parse, with the name that errors call it by.
#[derive(Debug)]
pub(crate) struct Source {
    pub(crate) name: String,
    pub(crate) bytes: Vec<u8>,
}

/// Data that cannot be parsed: where, and what was expected.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("{}line {line}{}: {problem}{}", file_part(file), column_part(*column), more_part(*more))]
pub(crate) struct ParseError {
    /// The file; empty for the body of a request.
    pub(crate) file: String,
    /// The line, from 1.
    pub(crate) line: usize,
    /// The column, from 1: a field of CSV, an entry of LIBSVM. 0 when the whole line is meant.
    pub(crate) column: usize,
    pub(crate) problem: String,
    /// How many lines after this one are wrong as well.
    pub(crate) more: usize,
}

fn file_part(file: &str) -> String {
    if file.is_empty() { String::new() } else { format!("{file}, ") }
}

fn column_part(column: usize) -> String {
    if column == 0 { String::new() } else { format!(", column {column}") }
}

fn more_part(more: usize) -> String {
    match more {
        0 => String::new(),
        1 => "; one more line is wrong".to_owned(),
        more => format!("; {more} more lines are wrong"),
    }
}

/// The wrong lines of a text or of a piece of it: the first as it is, the others counted.
#[derive(Default)]
struct Faults {
    first: Option<ParseError>,
    count: usize,
}

impl Faults {
    /// Notes a wrong line; what is wrong is put into words for the first alone.
    fn note(&mut self, error: impl FnOnce() -> ParseError) {
        self.count += 1;
        if self.first.is_none() {
            self.first = Some(error());
        }
    }

    /// Adds those of what comes after.
    fn join(&mut self, after: Self) {
        self.count += after.count;
        if self.first.is_none() {
            self.first = after.first;
        }
    }

    fn result(self) -> Result<(), ParseError> {
        match self.first {
            None => Ok(()),
            Some(first) => Err(ParseError { more: self.count - 1, ..first }),
        }
    }
}

/// Parses the rows of a request in CSV: features only, all rows equally long.
pub(crate) fn request_csv(body: &[u8]) -> Result<Matrix, ParseError> {
    csv::parse_request(body).map(Matrix::Dense)
}

/// Parses the rows of a request in LIBSVM. A label at the start of a line is ignored.
pub(crate) fn request_libsvm(body: &[u8]) -> Result<Matrix, ParseError> {
    libsvm::parse_request(body).map(Matrix::Sparse)
}

#[cfg(test)]
mod tests;
