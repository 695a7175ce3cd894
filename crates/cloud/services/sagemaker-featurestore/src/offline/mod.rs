//! The offline store: rows wait as records, and are written to S3 as Parquet.

pub mod file;
pub mod flush;

/// The number of a row as a name, so that names are in the order of numbers.
pub fn numbered(number: u64) -> String {
    format!("{number:020}")
}
