//! `sagewright dataset`: public data sets, in the form that built-in algorithms read, in S3.

mod idx;
mod mnist;

use crate::args::{Dataset, Global};
use crate::exit::Exit;
use crate::output::Printer;

/// Uploads a data set.
pub(crate) async fn run(dataset: &Dataset, global: &Global, printer: &Printer) -> anyhow::Result<Exit> {
    match dataset {
        Dataset::Mnist(args) => mnist::run(args, global, printer).await,
    }
}
