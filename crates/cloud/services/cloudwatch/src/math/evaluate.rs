//! The value of an expression.

use std::cell::Cell;
use std::collections::HashMap;

use super::data::{Data, Series};
use super::parse::Expression;
use super::{MathError, functions, operators, wrong};

/// Data points that the expressions of a request may go over.
pub(super) const MOST: usize = 4_000_000;

/// What an expression can name.
pub(crate) struct Scope<'q> {
    /// The values of queries by their ids, as far as they are known.
    pub known: HashMap<&'q str, Data>,
    /// The ids of the queries that read a metric, in their order.
    pub metrics: Vec<&'q str>,
    /// Start of the periods, in seconds since 1970, by their length.
    pub starts: HashMap<i64, i64>,
    /// What begins here or later has not come to pass, or was not asked for.
    pub end: i64,
    /// Data points that were gone over.
    pub work: Cell<usize>,
}

impl Scope<'_> {
    /// Counts data points that are gone over.
    pub(super) fn charge(&self, points: usize) -> Result<(), MathError> {
        self.work.set(self.work.get().saturating_add(points));
        if self.work.get() > MOST {
            return wrong(
                "the expressions go over too many data points; increase the period, or decrease the time range",
            );
        }
        Ok(())
    }

    fn value(&self, name: &str) -> Result<Data, MathError> {
        match self.known.get(name) {
            Some(data) => {
                self.charge(data.size())?;
                Ok(data.clone())
            }
            None => wrong(format!("there is no query with the id '{name}'")),
        }
    }

    /// The time series of the queries that read a metric; with a filter, those whose ids contain it.
    pub(super) fn metrics(&self, filter: &str) -> Result<Data, MathError> {
        let ids = self.metrics.iter().filter(|id| id.contains(filter));
        Ok(Data::Array(ids.map(|id| self.value(id)).collect::<Result<_, _>>()?))
    }

    /// The times of all periods that a time series could have a value at.
    pub(super) fn grid(&self, series: &Series) -> Result<impl Iterator<Item = i64> + use<>, MathError> {
        let (end, period) = (self.end, series.period.max(1));
        let start = self.starts.get(&series.period).copied().unwrap_or(end);
        let count = (end - start).max(0).saturating_add(period - 1) / period;
        self.charge(usize::try_from(count).unwrap_or(usize::MAX))?;
        Ok((0..count).map(move |n| start + n * period))
    }
}

/// The value of an expression.
pub(crate) fn evaluate(expression: &Expression, scope: &Scope<'_>) -> Result<Data, MathError> {
    match expression {
        Expression::Number(number) => Ok(Data::Number(*number)),
        Expression::Text(text) => Ok(Data::Text(text.clone())),
        Expression::Name(name) => scope.value(name),
        Expression::Array(items) => {
            Ok(Data::Array(items.iter().map(|item| evaluate(item, scope)).collect::<Result<_, _>>()?))
        }
        Expression::Negated(inner) => operators::apply("-", Data::Number(0.0), evaluate(inner, scope)?),
        Expression::Operation(operator, left, right) => {
            let (left, right) = (evaluate(left, scope)?, evaluate(right, scope)?);
            scope.charge(left.size() + right.size())?;
            operators::apply(operator, left, right)
        }
        Expression::Call(name, arguments) => functions::call(name, arguments, scope),
    }
}
