//! Ranges of hyperparameters, read with AWS's rules.

use sagewright_cloud_core::api::ApiError;
use serde::Deserialize;

use crate::search::space::{Domain, Parameter, Scale, Space};

/// Hyperparameters that can be searched over.
const MOST: usize = 30;
/// `Auto` takes a logarithmic scale from this ratio of the ends on.
const WIDE: f64 = 100.0;
/// Integers beyond are not exact in calculations.
const LARGEST: u64 = 1 << 53;

#[derive(Debug, Default, Deserialize)]
#[serde(rename_all = "PascalCase")]
pub(super) struct Ranges {
    #[serde(default)]
    integer_parameter_ranges: Vec<Numeric>,
    #[serde(default)]
    continuous_parameter_ranges: Vec<Numeric>,
    #[serde(default)]
    categorical_parameter_ranges: Vec<Categorical>,
}

#[derive(Debug, Deserialize)]
#[serde(rename_all = "PascalCase")]
struct Numeric {
    name: String,
    min_value: String,
    max_value: String,
    #[serde(default)]
    scaling_type: Scaling,
}

#[derive(Debug, Deserialize)]
#[serde(rename_all = "PascalCase")]
struct Categorical {
    name: String,
    values: Vec<String>,
}

#[derive(Debug, Clone, Copy, Default, PartialEq, Deserialize)]
enum Scaling {
    #[default]
    Auto,
    Linear,
    Logarithmic,
    ReverseLogarithmic,
}

/// The space of ranges.
pub(super) fn space(ranges: Ranges) -> Result<Space, ApiError> {
    let mut parameters = Vec::new();
    for range in ranges.integer_parameter_ranges {
        let domain = integer(&range)?;
        parameters.push(Parameter { name: range.name, domain });
    }
    for range in ranges.continuous_parameter_ranges {
        let domain = continuous(&range)?;
        parameters.push(Parameter { name: range.name, domain });
    }
    for Categorical { name, values } in ranges.categorical_parameter_ranges {
        if let Some(twice) = values.iter().enumerate().find(|(n, value)| values[..*n].contains(value)) {
            return Err(refused(&name, &format!("has the value '{}' twice. Give each value once", twice.1)));
        }
        parameters.push(Parameter { name, domain: Domain::Categorical(values) });
    }
    if parameters.is_empty() {
        return Err(ApiError::validation(
            "There is no hyperparameter to tune. Provide at least one range in ParameterRanges.",
        ));
    }
    if parameters.len() > MOST {
        return Err(ApiError::validation(format!(
            "There are {} hyperparameters to tune; a tuning job can search over {MOST}. Give some of them a fixed value in StaticHyperParameters.",
            parameters.len()
        )));
    }
    for (n, parameter) in parameters.iter().enumerate() {
        if parameters[..n].iter().any(|other| other.name == parameter.name) {
            return Err(refused(&parameter.name, "has two ranges. Give one"));
        }
    }
    Ok(Space(parameters))
}

fn refused(name: &str, why: &str) -> ApiError {
    ApiError::validation(format!("The hyperparameter {name} {why}."))
}

fn integer(range: &Numeric) -> Result<Domain, ApiError> {
    let read = |value: &str| {
        let integer = value.trim().parse::<i64>().ok().filter(|integer| integer.unsigned_abs() <= LARGEST);
        integer.ok_or_else(|| {
            refused(
                &range.name,
                &format!("has an integer range, and '{value}' is not an integer. Use integers below 2^53"),
            )
        })
    };
    let (low, high) = (read(&range.min_value)?, read(&range.max_value)?);
    ordered(range, low < high)?;
    #[allow(clippy::cast_precision_loss)] // checked above
    let wide = high as f64 / low as f64 >= WIDE;
    let scale = match range.scaling_type {
        Scaling::Auto if low > 0 && wide => Scale::Log,
        Scaling::Auto | Scaling::Linear => Scale::Linear,
        Scaling::Logarithmic => {
            positive(range, low > 0)?;
            Scale::Log
        }
        Scaling::ReverseLogarithmic => {
            return Err(refused(
                &range.name,
                "has an integer range, for which ReverseLogarithmic scaling is not supported. Use Auto, Linear or Logarithmic",
            ));
        }
    };
    Ok(Domain::Integer(low, high, scale))
}

fn continuous(range: &Numeric) -> Result<Domain, ApiError> {
    let read = |value: &str| {
        let number = value.trim().parse::<f64>().ok().filter(|number| number.is_finite());
        number.ok_or_else(|| {
            refused(&range.name, &format!("has a continuous range, and '{value}' is not a number. Use finite numbers"))
        })
    };
    let (low, high) = (read(&range.min_value)?, read(&range.max_value)?);
    ordered(range, low < high)?;
    if !(high - low).is_finite() {
        return Err(refused(
            &range.name,
            "has a continuous range whose MaxValue - MinValue is not a finite number. Narrow the range",
        ));
    }
    let below_one = low >= 0.0 && high < 1.0;
    let scale = match range.scaling_type {
        Scaling::Auto if low > 0.0 && high / low >= WIDE => Scale::Log,
        Scaling::Auto if below_one && (1.0 - low) / (1.0 - high) >= WIDE => Scale::ReverseLog,
        Scaling::Auto | Scaling::Linear => Scale::Linear,
        Scaling::Logarithmic => {
            positive(range, low > 0.0)?;
            Scale::Log
        }
        Scaling::ReverseLogarithmic if below_one => Scale::ReverseLog,
        Scaling::ReverseLogarithmic => {
            return Err(refused(
                &range.name,
                "has ReverseLogarithmic scaling, which works only for ranges within 0 <= x < 1. Change the range or the ScalingType",
            ));
        }
    };
    Ok(Domain::Continuous(low, high, scale))
}

fn ordered(range: &Numeric, ordered: bool) -> Result<(), ApiError> {
    if ordered {
        return Ok(());
    }
    let Numeric { name, min_value, max_value, .. } = range;
    Err(refused(
        name,
        &format!("has the MinValue {min_value} and the MaxValue {max_value}. MinValue must be less than MaxValue"),
    ))
}

fn positive(range: &Numeric, positive: bool) -> Result<(), ApiError> {
    if positive {
        return Ok(());
    }
    Err(refused(
        &range.name,
        "has Logarithmic scaling, which works only for ranges that have only values greater than 0. Change the range or the ScalingType",
    ))
}
