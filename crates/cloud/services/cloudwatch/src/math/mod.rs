//! Metric math: expressions over the data of a request's queries.

mod data;
mod evaluate;
mod functions;
mod lex;
mod operators;
mod parse;
#[cfg(test)]
mod tests;
mod time;

pub(crate) use data::{Data, Series};
pub(crate) use evaluate::{Scope, evaluate};
pub(crate) use parse::{Expression, parse};

/// Why an expression has no value.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) enum MathError {
    /// CloudWatch has it, and the embedded cloud has not: its name.
    NotHere(String),
    /// What is wrong.
    Wrong(String),
}

fn wrong<T>(message: impl Into<String>) -> Result<T, MathError> {
    Err(MathError::Wrong(message.into()))
}
