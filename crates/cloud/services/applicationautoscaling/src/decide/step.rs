//! Step scaling: which step a metric is in, and what it makes of the capacity.

use serde_json::Value;

/// Most steps of a policy.
const MOST: usize = 20;

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Kind {
    Change,
    Exact,
    Percent,
}

/// The steps of a policy, in their order.
#[derive(Debug, Clone, PartialEq)]
pub(crate) struct Steps {
    kind: Kind,
    steps: Vec<Step>,
    /// `MinAdjustmentMagnitude`
    least: i64,
}

#[derive(Debug, Clone, Copy, PartialEq)]
struct Step {
    lower: Option<f64>,
    upper: Option<f64>,
    amount: i64,
}

impl Step {
    /// At and above the threshold, a step has its lower bound and not its upper one; below, it is the other way round.
    fn has(&self, beyond: f64) -> bool {
        if self.upper.is_some_and(|upper| upper <= 0.0) {
            self.lower.is_none_or(|lower| beyond > lower) && self.upper.is_none_or(|upper| beyond <= upper)
        } else {
            self.lower.is_none_or(|lower| beyond >= lower) && self.upper.is_none_or(|upper| beyond < upper)
        }
    }
}

impl Steps {
    /// What a capacity becomes. `None`: the metric is in no step.
    pub fn adjusted(&self, beyond: f64, capacity: u32) -> Option<i64> {
        let step = self.steps.iter().find(|step| step.has(beyond))?;
        let capacity = i64::from(capacity);
        let wanted = match self.kind {
            Kind::Exact => step.amount,
            Kind::Change => capacity.saturating_add(step.amount),
            Kind::Percent => capacity.saturating_add(self.part(capacity, step.amount)),
        };
        Some(wanted.max(0))
    }

    /// A part of a capacity is rounded towards none, and is one at least.
    fn part(&self, capacity: i64, percent: i64) -> i64 {
        let exact = capacity.saturating_mul(percent);
        let whole = exact / 100;
        let rounded = if whole == 0 { exact.signum() } else { whole };
        if percent != 0 && rounded.abs() < self.least { percent.signum() * self.least } else { rounded }
    }
}

/// Reads `StepScalingPolicyConfiguration`.
///
/// # Errors
/// What is wrong with it: a sentence for the caller.
pub(crate) fn read(config: &Value) -> Result<Steps, String> {
    let kind = match config["AdjustmentType"].as_str() {
        Some("ChangeInCapacity") => Kind::Change,
        Some("ExactCapacity") => Kind::Exact,
        Some("PercentChangeInCapacity") => Kind::Percent,
        _ => return Err("AdjustmentType is required for a step scaling policy.".to_owned()),
    };
    let given = config["StepAdjustments"].as_array().map(Vec::as_slice).unwrap_or_default();
    let mut steps: Vec<Step> = given.iter().map(step).collect();
    if steps.is_empty() {
        return Err("At least one step adjustment must be specified.".to_owned());
    }
    if steps.len() > MOST {
        return Err(format!("A step scaling policy can have at most {MOST} step adjustments."));
    }
    if kind == Kind::Exact && steps.iter().any(|step| step.amount < 0) {
        return Err("For ExactCapacity, ScalingAdjustment must be non-negative.".to_owned());
    }
    let least = config["MinAdjustmentMagnitude"].as_i64();
    match least {
        Some(_) if kind != Kind::Percent => {
            return Err("MinAdjustmentMagnitude is only for the adjustment type PercentChangeInCapacity.".to_owned());
        }
        Some(least) if least < 1 => return Err("MinAdjustmentMagnitude must be at least 1.".to_owned()),
        _ => {}
    }
    steps.sort_by(|a, b| {
        let bound = |step: &Step| step.lower.unwrap_or(f64::NEG_INFINITY);
        bound(a).total_cmp(&bound(b))
    });
    ranges(&steps)?;
    Ok(Steps { kind, steps, least: least.unwrap_or(0) })
}

fn step(given: &Value) -> Step {
    Step {
        lower: given["MetricIntervalLowerBound"].as_f64(),
        upper: given["MetricIntervalUpperBound"].as_f64(),
        amount: given["ScalingAdjustment"].as_i64().unwrap_or_default(),
    }
}

/// The rules of the API reference for the ranges of steps, which are sorted.
fn ranges(steps: &[Step]) -> Result<(), String> {
    let no_lower = steps.iter().filter(|step| step.lower.is_none()).count();
    let no_upper = steps.iter().filter(|step| step.upper.is_none()).count();
    for step in steps {
        match (step.lower, step.upper) {
            (None, None) => {
                return Err("A step adjustment must have a lower bound, an upper bound, or both.".to_owned());
            }
            (Some(lower), Some(upper)) if lower >= upper => {
                return Err(format!(
                    "The lower bound {lower} of a step adjustment must be below its upper bound {upper}."
                ));
            }
            _ => {}
        }
    }
    if no_lower > 1 {
        return Err("At most one step adjustment can have no lower bound.".to_owned());
    }
    if no_upper > 1 {
        return Err("At most one step adjustment can have no upper bound.".to_owned());
    }
    for pair in steps.windows(2) {
        let (Some(upper), Some(lower)) = (pair[0].upper, pair[1].lower) else {
            return Err("The ranges of step adjustments must not overlap.".to_owned());
        };
        if upper > lower {
            return Err(format!("The ranges of step adjustments overlap between {lower} and {upper}."));
        }
        if upper < lower {
            return Err(format!("The ranges of step adjustments have a gap between {upper} and {lower}."));
        }
    }
    if no_lower == 0 && steps.iter().any(|step| step.lower.is_some_and(|lower| lower < 0.0)) {
        return Err("If a step adjustment has a negative lower bound, one must have no lower bound.".to_owned());
    }
    if no_upper == 0 && steps.iter().any(|step| step.upper.is_some_and(|upper| upper > 0.0)) {
        return Err("If a step adjustment has a positive upper bound, one must have no upper bound.".to_owned());
    }
    Ok(())
}
