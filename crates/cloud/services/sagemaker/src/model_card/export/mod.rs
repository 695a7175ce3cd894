//! Export jobs: a version of a card as a PDF in S3.

pub mod create;
pub mod describe;
pub mod list;
pub mod run;

/// How long a job is in progress at least, in milliseconds of the embedded cloud's time.
const STEP: i64 = 1000;
