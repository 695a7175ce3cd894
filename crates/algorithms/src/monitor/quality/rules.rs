//! Constraints of model quality: a threshold for each metric.

use serde_json::{Map, Value, json};

use super::Scores;

/// `problem_type`
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Problem {
    Regression,
    Binary,
    Multiclass,
}

const LESS: &str = "LessThanThreshold";
const GREATER: &str = "GreaterThanThreshold";

impl Problem {
    /// The problem of a name.
    ///
    /// # Errors
    /// There is none.
    pub fn read(name: &str) -> Result<Self, String> {
        let all = [Self::Regression, Self::Binary, Self::Multiclass];
        all.into_iter().find(|problem| problem.name() == name).ok_or_else(|| {
            format!(
                "problem_type '{name}' is not known; use Regression, BinaryClassification or MulticlassClassification"
            )
        })
    }

    pub fn name(self) -> &'static str {
        match self {
            Self::Regression => "Regression",
            Self::Binary => "BinaryClassification",
            Self::Multiclass => "MulticlassClassification",
        }
    }

    fn prefix(self) -> &'static str {
        match self {
            Self::Regression => "regression",
            Self::Binary => "binary_classification",
            Self::Multiclass => "multiclass_classification",
        }
    }

    /// Member of `statistics.json`.
    pub fn metrics(self) -> String {
        format!("{}_metrics", self.prefix())
    }

    fn constraints(self) -> String {
        format!("{}_constraints", self.prefix())
    }

    /// How a metric gets worse; `None` for one that no constraint is suggested for.
    fn worse(self, metric: &str) -> Option<&'static str> {
        match metric {
            "mae" | "mse" | "rmse" | "false_positive_rate" | "false_negative_rate" => Some(GREATER),
            _ if metric.ends_with("_best_constant_classifier") => None,
            _ => Some(LESS),
        }
    }

    /// The constraints that a baseline suggests: no metric is to get worse.
    pub fn suggest(self, scores: &Scores) -> Value {
        let constraint = |(name, value): &(String, f64)| {
            let operator = self.worse(name).filter(|_| value.is_finite())?;
            Some((name.clone(), json!({ "threshold": value, "comparison_operator": operator })))
        };
        let all: Map<String, Value> = scores.iter().filter_map(constraint).collect();
        json!({ "version": 0.0, self.constraints(): all })
    }

    /// Holds metrics against constraints.
    ///
    /// # Errors
    /// The constraints are not valid, or of another problem.
    pub fn violations(self, text: &str, scores: &Scores, deviations: &Scores) -> Result<Vec<Value>, String> {
        let value: Value =
            serde_json::from_str(text).map_err(|error| format!("constraints.json is not valid JSON: {error}"))?;
        let member = self.constraints();
        let constraints = value[&member].as_object().ok_or_else(|| {
            format!(
                "constraints.json has no {member}: it is not the baseline of a monitor with the problem type {}",
                self.name()
            )
        })?;
        let mut out = Vec::new();
        for (name, constraint) in constraints {
            let Some((_, value)) = scores.iter().find(|(metric, _)| metric == name) else { continue };
            let threshold = constraint["threshold"].as_f64().ok_or_else(|| {
                format!("the constraint of {name} in constraints.json has no threshold that is a number")
            })?;
            let operator = constraint["comparison_operator"].as_str().unwrap_or_default();
            let violated = match operator {
                LESS => *value < threshold,
                GREATER => *value > threshold,
                other => {
                    return Err(format!(
                        "comparison_operator '{other}' of {name} in constraints.json is not known; use {LESS} or {GREATER}"
                    ));
                }
            };
            if violated {
                let deviation = deviations.iter().find(|(metric, _)| metric == name).map_or(f64::NAN, |found| found.1);
                let shown = if deviation.is_nan() { "NaN".to_owned() } else { crate::python::float(deviation) };
                let (value, limit) = (crate::python::float(*value), crate::python::float(threshold));
                out.push(json!({
                    "constraint_check_type": operator,
                    "description": format!("Metric {name} with {value} +/- {shown} was {operator} '{limit}'"),
                    "metric_name": name,
                }));
            }
        }
        Ok(out)
    }
}
