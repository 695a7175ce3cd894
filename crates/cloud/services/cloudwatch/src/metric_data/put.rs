//! `PutMetricData`

use std::collections::HashSet;

use serde_json::{Value, json};

use sagewright_cloud_core::api::{ApiError, Call};
use sagewright_cloud_core::metrics::{Datum, Stats};

use crate::input::{list, metric, millis};
use crate::{CloudWatch, stored, unsupported};

/// AWS's limits of a request.
const DATA: usize = 1000;
const VALUES: usize = 150;
const OLDEST: i64 = 14 * 86_400_000;
const NEWEST: i64 = 2 * 3_600_000;
/// Greatest value: two to the power of 360.
const GREATEST: f64 = 2.348_542_582_773_833_3e108;

pub(crate) async fn put(cloudwatch: &CloudWatch, call: &Call) -> Result<Value, ApiError> {
    if !list(&call.input, "EntityMetricData").is_empty() {
        return Err(unsupported("EntityMetricData of PutMetricData", "put the data as MetricData"));
    }
    let mut check = Check { call, wrong: Vec::new() };
    let data = check.data();
    match check.wrong.first() {
        None => cloudwatch.metrics.put(data).await.map_err(stored)?,
        Some((code, _)) => {
            let texts: Vec<_> = check.wrong.iter().map(|(_, text)| text.as_str()).collect();
            return Err(ApiError::new(*code, 400, texts.join("\n")));
        }
    }
    Ok(json!({}))
}

/// Reads a request, and gathers what is wrong with it: AWS tells all, a line for each.
struct Check<'c> {
    call: &'c Call,
    wrong: Vec<(&'static str, String)>,
}

impl Check<'_> {
    fn invalid(&mut self, text: String) {
        self.wrong.push(("InvalidParameterValue", text));
    }

    fn data(&mut self) -> Vec<Datum> {
        let namespace = self.call.text("Namespace").unwrap_or_default();
        if namespace.starts_with("AWS/") {
            self.invalid("The value AWS/ for parameter Namespace is invalid.".to_owned());
        }
        let items = list(&self.call.input, "MetricData");
        if items.is_empty() {
            self.wrong.push(("MissingParameter", "The parameter MetricData is required.".to_owned()));
        }
        if items.len() > DATA {
            self.invalid(format!("The collection MetricData must not have a size greater than {DATA}."));
            return Vec::new();
        }
        let data = items.iter().enumerate().map(|(n, item)| self.datum(namespace, item, n + 1));
        // A datum whose counts are all 0 has no values.
        data.filter(|datum| !datum.stats.is_empty()).collect()
    }

    fn datum(&mut self, namespace: &str, item: &Value, number: usize) -> Datum {
        let name = format!("MetricData.member.{number}");
        self.dimensions(item, &name);
        let fine = match item.get("StorageResolution").and_then(Value::as_i64) {
            None | Some(60) => false,
            Some(1) => true,
            Some(other) => {
                self.invalid(format!(
                    "The value {other} for parameter {name}.StorageResolution is invalid: it is 1 or 60."
                ));
                false
            }
        };
        Datum {
            metric: metric(self.call, namespace, item),
            unit: item.get("Unit").and_then(Value::as_str).unwrap_or("None").to_owned(),
            at: self.time(item, &name),
            fine,
            stats: self.stats(item, &name),
        }
    }

    fn dimensions(&mut self, item: &Value, name: &str) {
        let mut names = HashSet::new();
        for (n, dimension) in list(item, "Dimensions").iter().enumerate() {
            for member in ["Name", "Value"] {
                let text = dimension.get(member).and_then(Value::as_str).unwrap_or_default();
                let place = format!("{name}.Dimensions.member.{}.{member}", n + 1);
                if !text.is_ascii() {
                    self.invalid(format!("The parameter {place} must contain only ASCII characters."));
                } else if text.trim().is_empty() {
                    self.invalid(format!("The parameter {place} must contain at least one non-whitespace character."));
                } else if member == "Name" && text.starts_with(':') {
                    self.invalid(format!("The value {text} for parameter {place} is invalid: it starts with a colon."));
                }
            }
            if !names.insert(dimension.get("Name").and_then(Value::as_str).unwrap_or_default()) {
                self.invalid(format!("The collection {name}.Dimensions must not contain a name twice."));
            }
        }
    }

    /// Clients go by the machine's clock, and programs of jobs may go by the simulated one, which is ahead of it.
    fn time(&mut self, item: &Value, name: &str) -> i64 {
        let now = self.call.now.as_millisecond();
        let Some(given) = item.get("Timestamp").filter(|given| !given.is_null()) else { return now };
        let at = millis(given).unwrap_or(i64::MIN);
        if at < self.call.wall.as_millisecond() - OLDEST {
            self.invalid(format!("The parameter {name}.Timestamp must specify a time within the past two weeks."));
        } else if at > now + NEWEST {
            self.invalid(format!(
                "The parameter {name}.Timestamp must specify a time no more than two hours in the future."
            ));
        }
        at
    }

    fn number(&mut self, value: &Value, name: &str) -> f64 {
        let number = value.as_f64().filter(|n| n.abs() <= GREATEST);
        number.unwrap_or_else(|| {
            let shown = value.as_str().map_or_else(|| value.to_string(), str::to_owned);
            self.invalid(format!("The value {shown} for parameter {name} is invalid."));
            0.0
        })
    }

    fn stats(&mut self, item: &Value, name: &str) -> Stats {
        let given = |member: &str| item.get(member).filter(|value| !value.is_null());
        let forms = ["Value", "Values", "StatisticValues"].map(|member| given(member).map(|value| (member, value)));
        let mut forms = forms.into_iter().flatten();
        let Some((member, value)) = forms.next() else {
            let text = format!(
                "At least one of the parameters {name}.Value, {name}.Values and {name}.StatisticValues must be specified."
            );
            self.wrong.push(("MissingParameter", text));
            return Stats::default();
        };
        for (other, _) in forms {
            let text = format!(
                "The parameters {name}.{member} and {name}.{other} are mutually exclusive and you have specified both."
            );
            self.wrong.push(("InvalidParameterCombination", text));
        }
        let name = format!("{name}.{member}");
        match member {
            "Value" => Stats::of(self.number(value, &name)),
            "Values" => self.values(item, &name),
            _ => self.set(value, &name),
        }
    }

    fn values(&mut self, item: &Value, name: &str) -> Stats {
        let (values, counts) = (list(item, "Values"), list(item, "Counts"));
        let counted = item.get("Counts").is_some_and(|counts| !counts.is_null());
        let of_counts = format!("{}Counts", name.trim_end_matches("Values"));
        if values.is_empty() {
            self.invalid(format!("The collection {name} must not be empty."));
        }
        if values.len() > VALUES {
            self.invalid(format!("The collection {name} must not have a size greater than {VALUES}."));
            return Stats::default();
        }
        if counted && values.len() != counts.len() {
            self.invalid(format!("The parameters {name} and {of_counts} must be of the same size."));
        }
        let mut stats = Stats::default();
        for (n, value) in values.iter().enumerate() {
            let value = self.number(value, &format!("{name}.member.{}", n + 1));
            let place = format!("{of_counts}.member.{}", n + 1);
            let count = counts.get(n).map_or(1.0, |count| self.number(count, &place));
            if count < 0.0 {
                self.invalid(format!("The value {count} for parameter {place} is invalid."));
            } else if count > 0.0 {
                stats.add(value, count);
            }
        }
        stats
    }

    fn set(&mut self, value: &Value, name: &str) -> Stats {
        let [count, sum, minimum, maximum] = ["SampleCount", "Sum", "Minimum", "Maximum"]
            .map(|member| self.number(value.get(member).unwrap_or(&Value::Null), &format!("{name}.{member}")));
        if count <= 0.0 {
            self.invalid(format!("The value {count} for parameter {name}.SampleCount is invalid."));
        }
        if minimum > maximum {
            self.invalid(format!("The parameter {name}.Minimum must not be greater than {name}.Maximum."));
        }
        Stats::set(count, sum, minimum, maximum)
    }
}
