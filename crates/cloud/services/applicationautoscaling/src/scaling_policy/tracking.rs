//! Target tracking: what a policy tracks, and the two alarms by which it does. Pure.

use serde_json::{Value, json};

use crate::resource::{CONCURRENCY, INSTANCES, variant};

/// Data points above the target that scale out.
const HIGH: i64 = 3;
/// Seconds below the target that scale in.
const LOW_SECONDS: i64 = 900;
/// Below so much of the target, it scales in.
const LOW: f64 = 0.9;

/// The metrics of SageMaker by their predefined names: the dimension that they scale, the metric, its statistic and its period.
const PREDEFINED: [(&str, &str, &str, &str, i64); 3] = [
    ("SageMakerVariantInvocationsPerInstance", INSTANCES, "InvocationsPerInstance", "Sum", 60),
    (
        "SageMakerVariantConcurrentRequestsPerModelHighResolution",
        INSTANCES,
        "ConcurrentRequestsPerModel",
        "Average",
        10,
    ),
    (
        "SageMakerVariantProvisionedConcurrencyUtilization",
        CONCURRENCY,
        "ServerlessProvisionedConcurrencyUtilization",
        "Average",
        60,
    ),
];

/// `TargetTrackingScalingPolicyConfiguration`
#[derive(Debug, Clone, PartialEq)]
pub(crate) struct Tracking {
    pub target: f64,
    /// `DisableScaleIn`
    pub never_in: bool,
    metric: Metric,
}

#[derive(Debug, Clone, PartialEq)]
enum Metric {
    Predefined(usize),
    Custom(Value),
}

/// The alarms of a policy.
pub(crate) struct Names<'n> {
    pub resource: &'n str,
    /// Ends the names of both.
    pub high: &'n str,
    pub low: &'n str,
    /// The ARN of the policy.
    pub policy: &'n str,
    /// The action of the alarms.
    pub action: &'n str,
}

impl Tracking {
    /// Reads a configuration.
    ///
    /// # Errors
    /// What is wrong with it: a sentence for the caller.
    pub fn read(config: &Value) -> Result<Self, String> {
        let target = config["TargetValue"].as_f64().filter(|target| target.is_finite() && *target > 0.0);
        let target = target.ok_or("TargetValue must be greater than 0.")?;
        for member in ["ScaleOutCooldown", "ScaleInCooldown"] {
            if config[member].as_i64().is_some_and(|seconds| seconds < 0) {
                return Err(format!("{member} must not be negative."));
            }
        }
        let (predefined, custom) = (&config["PredefinedMetricSpecification"], &config["CustomizedMetricSpecification"]);
        let metric = match (predefined.is_object(), custom.is_object()) {
            (true, true) => {
                return Err(
                    "Only one of PredefinedMetricSpecification and CustomizedMetricSpecification can be specified."
                        .to_owned(),
                );
            }
            (false, false) => {
                return Err(
                    "One of PredefinedMetricSpecification and CustomizedMetricSpecification must be specified."
                        .to_owned(),
                );
            }
            (true, false) => {
                let name = predefined["PredefinedMetricType"].as_str().unwrap_or_default();
                let at = PREDEFINED.iter().position(|(known, ..)| *known == name);
                Metric::Predefined(
                    at.ok_or_else(|| format!("The predefined metric {name} is not one of SageMaker's variants."))?,
                )
            }
            (false, true) => custom_metric(custom)?,
        };
        Ok(Self { target, never_in: config["DisableScaleIn"] == true, metric })
    }

    /// Whether the metric is one of a dimension.
    ///
    /// # Errors
    /// It is another one's: a sentence for the caller.
    pub fn check(&self, dimension: &str) -> Result<(), String> {
        match self.metric {
            Metric::Predefined(at) if PREDEFINED[at].1 != dimension => Err(format!(
                "The predefined metric {} is not supported for the scalable dimension {dimension}.",
                PREDEFINED[at].0
            )),
            _ => Ok(()),
        }
    }

    /// The inputs of `PutMetricAlarm` for both alarms.
    pub fn alarms(&self, names: &Names<'_>) -> [Value; 2] {
        let period = match self.metric {
            Metric::Predefined(at) => PREDEFINED[at].4,
            Metric::Custom(_) => 60,
        };
        let alarm = |name: &str, comparison: &str, threshold: f64, periods: i64| {
            let mut input = self.source(names.resource, period);
            let own = json!({
                "AlarmName": name,
                "AlarmDescription": format!("DO NOT EDIT OR DELETE. For TargetTrackingScaling policy {}.", names.policy),
                "AlarmActions": [names.action],
                "ActionsEnabled": true,
                "ComparisonOperator": comparison,
                "EvaluationPeriods": periods,
                "Threshold": threshold,
            });
            if let (Some(input), Value::Object(own)) = (input.as_object_mut(), own) {
                input.extend(own);
            }
            input
        };
        // 0.9 of a decimal number is one with no more digits than that and one more.
        let low = (self.target * LOW * 1e9).round() / 1e9;
        [
            alarm(names.high, "GreaterThanThreshold", self.target, HIGH),
            alarm(names.low, "LessThanThreshold", low, LOW_SECONDS / period),
        ]
    }

    /// The members that say what an alarm watches.
    fn source(&self, resource: &str, period: i64) -> Value {
        match &self.metric {
            Metric::Predefined(at) => {
                let (endpoint, variant) = variant(resource).unwrap_or_default();
                let (_, _, metric, statistic, _) = PREDEFINED[*at];
                json!({
                    "Namespace": "AWS/SageMaker",
                    "MetricName": metric,
                    "Dimensions": [
                        {"Name": "EndpointName", "Value": endpoint},
                        {"Name": "VariantName", "Value": variant},
                    ],
                    "Statistic": statistic,
                    "Period": period,
                })
            }
            Metric::Custom(custom) => match custom["Metrics"].as_array() {
                Some(queries) => {
                    json!({"Metrics": queries.iter().map(|query| queried(query, period)).collect::<Vec<_>>()})
                }
                None => {
                    let mut out = custom.clone();
                    if let Some(out) = out.as_object_mut() {
                        out.insert("Period".to_owned(), period.into());
                    }
                    out
                }
            },
        }
    }
}

fn custom_metric(custom: &Value) -> Result<Metric, String> {
    let plain = ["MetricName", "Namespace", "Dimensions", "Statistic", "Unit"];
    let given = |member: &&str| !custom[*member].is_null();
    if custom["Metrics"].as_array().is_some_and(|queries| !queries.is_empty()) {
        if let Some(member) = plain.iter().find(|member| given(member)) {
            return Err(format!("CustomizedMetricSpecification can have Metrics or {member}, and not both."));
        }
    } else if let Some(member) = ["MetricName", "Namespace", "Statistic"].iter().find(|member| !given(member)) {
        return Err(format!("CustomizedMetricSpecification.{member} is required."));
    }
    Ok(Metric::Custom(custom.clone()))
}

/// A query of a policy as one of an alarm, which tells the period.
fn queried(query: &Value, period: i64) -> Value {
    let mut out = query.clone();
    if let Some(stat) = out.get_mut("MetricStat").and_then(Value::as_object_mut) {
        stat.insert("Period".to_owned(), period.into());
    }
    out
}
