//! Arithmetic, comparison and logic.

use super::data::{Data, Series};
use super::{MathError, wrong};

/// One operation over numbers; comparisons and logic give 1 and 0.
fn number(operator: &str, left: f64, right: f64) -> f64 {
    let truth = |is: bool| f64::from(u8::from(is));
    match operator {
        "+" => left + right,
        "-" => left - right,
        "*" => left * right,
        "/" => left / right,
        "^" => left.powf(right),
        "==" => truth(left == right),
        "!=" => truth(left != right),
        "<" => truth(left < right),
        ">" => truth(left > right),
        "<=" => truth(left <= right),
        ">=" => truth(left >= right),
        "&&" | "AND" => truth(left != 0.0 && right != 0.0),
        _ => truth(left != 0.0 || right != 0.0),
    }
}

/// An operation over anything but texts. Two time series have a value where both have one.
pub(super) fn apply(operator: &'static str, left: Data, right: Data) -> Result<Data, MathError> {
    match (left, right) {
        (Data::Number(left), Data::Number(right)) => Ok(Data::Number(number(operator, left, right))),
        (Data::Series(left), Data::Number(right)) => Ok(Data::Series(left.map(|_, v| number(operator, v, right)))),
        (Data::Number(left), Data::Series(right)) => Ok(Data::Series(right.map(|_, v| number(operator, left, v)))),
        (Data::Series(left), Data::Series(right)) => {
            let pair = |(at, value): &(i64, f64)| Some((*at, number(operator, *value, right.at(*at)?)));
            let points = left.points.iter().filter_map(pair).filter(|(_, value)| value.is_finite()).collect();
            Ok(Data::Series(Series { points, period: left.period.max(right.period), ..left }))
        }
        (Data::Array(left), Data::Array(right)) if left.len() == right.len() => {
            let pairs = left.into_iter().zip(right);
            Ok(Data::Array(pairs.map(|(left, right)| apply(operator, left, right)).collect::<Result<_, _>>()?))
        }
        (Data::Array(_), Data::Array(_)) => wrong(format!("the arrays at {operator} differ in length")),
        (Data::Array(left), right @ (Data::Number(_) | Data::Series(_))) => {
            let each = left.into_iter().map(|left| apply(operator, left, right.clone()));
            Ok(Data::Array(each.collect::<Result<_, _>>()?))
        }
        (left @ (Data::Number(_) | Data::Series(_)), Data::Array(right)) => {
            let each = right.into_iter().map(|right| apply(operator, left.clone(), right));
            Ok(Data::Array(each.collect::<Result<_, _>>()?))
        }
        (left, right) => {
            wrong(format!("{operator} takes no {}", if matches!(left, Data::Text(_)) { left } else { right }.noun()))
        }
    }
}
