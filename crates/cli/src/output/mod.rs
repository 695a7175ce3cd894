//! The one place that prints: results on standard output, everything else on standard error.

pub(crate) mod amount;
pub(crate) mod ask;
mod dialect;
mod printer;
mod screen;
pub(crate) mod shell;
mod table;
pub(crate) mod terminal;

pub(crate) use printer::{Printer, Style, label};
pub(crate) use screen::Screen;
pub(crate) use table::Table;
