//! `sagewright get alarms`

use jiff::Timestamp;
use sagewright_engine::paging;
use serde_json::{Value, json};

use crate::args::{Format, Global};
use crate::context::Context;
use crate::exit::{Exit, Failure};
use crate::metrics::number;
use crate::output::terminal::on_line;
use crate::output::{Printer, Table, amount};
use crate::steps::instant;

/// The documents' format.
const FORMAT: &str = "sagewright.dev/alarms/v1";
/// Members of an answer that hold alarms, with the structure of each.
const SORTS: [(&str, &str); 2] = [("MetricAlarms", "MetricAlarm"), ("CompositeAlarms", "CompositeAlarm")];
/// Alarms that can be named in a call.
const AT_ONCE: usize = 100;
/// How AWS compares, and the sign for it.
const COMPARISONS: [(&str, &str); 4] = [
    ("GreaterThanOrEqualToThreshold", ">="),
    ("GreaterThanThreshold", ">"),
    ("LessThanThreshold", "<"),
    ("LessThanOrEqualToThreshold", "<="),
];

/// An alarm, as AWS tells of it, and its structure.
struct Alarm {
    told: Value,
    shape: &'static str,
}

/// Shows alarms.
pub(super) async fn run(names: &[String], global: &Global, printer: &Printer) -> anyhow::Result<Exit> {
    let mut context = Context::connect_to("cloudwatch", global, printer).await?;
    context.announce(&[]).await?;
    let alarms = read(&context, names).await?;
    match printer.format {
        Format::Json | Format::Yaml => {
            let all: Vec<Value> = alarms.iter().map(Alarm::document).collect();
            printer.document(&json!({"format": FORMAT, "alarms": all}))?;
        }
        Format::Name => {
            let lines: String = alarms.iter().map(|alarm| format!("Alarm/{}\n", on_line(alarm.name()))).collect();
            printer.result(&lines)?;
        }
        Format::Table | Format::Wide if alarms.is_empty() && names.is_empty() => {
            printer.note(&format!("no alarms in {}", context.target.region));
        }
        Format::Table | Format::Wide => {
            let now = context.now().await;
            printer.table(&table(&alarms, printer.format == Format::Wide, now))?;
        }
    }
    let missing: Vec<&str> =
        names.iter().map(String::as_str).filter(|name| !alarms.iter().any(|alarm| alarm.name() == *name)).collect();
    if missing.is_empty() {
        return Ok(Exit::Done);
    }
    Err(Failure::new(Exit::Failed, format!("there is no alarm `{}`", missing.join("`, `")))
        .help("`sagewright get alarms` lists what there is")
        .into())
}

/// All alarms, or those of some names, by their names.
async fn read(context: &Context, names: &[String]) -> anyhow::Result<Vec<Alarm>> {
    let mut inputs: Vec<Value> = names.chunks(AT_ONCE).map(|names| json!({"AlarmNames": names})).collect();
    if names.is_empty() {
        inputs.push(json!({}));
    }
    let mut alarms = Vec::new();
    for mut input in inputs {
        input["AlarmTypes"] = json!(SORTS.map(|(_, shape)| shape));
        for page in paging::pages(&context.aws, &context.target, "cloudwatch", "DescribeAlarms", input).await? {
            for (member, shape) in SORTS {
                let told = page[member].as_array().into_iter().flatten();
                alarms.extend(told.map(|told| Alarm { told: told.clone(), shape }));
            }
        }
    }
    alarms.sort_by(|a, b| a.name().cmp(b.name()));
    Ok(alarms)
}

fn table(alarms: &[Alarm], wide: bool, now: Timestamp) -> Table {
    let mut heads = vec!["NAME", "STATE", "METRIC", "THRESHOLD", "SINCE", "REASON"];
    if wide {
        heads.insert(3, "DIMENSIONS");
        heads.insert(5, "ACTIONS");
    }
    let mut table = Table::new(heads);
    for alarm in alarms {
        let state = alarm.text("StateValue").unwrap_or("-").to_owned();
        let reason = alarm.text("StateReason").unwrap_or("-").to_owned();
        let mut cells =
            vec![alarm.name().to_owned(), state, alarm.metric(), alarm.threshold(), alarm.since(now), reason];
        if wide {
            cells.insert(3, alarm.dimensions());
            cells.insert(5, alarm.actions());
        }
        table.row(cells);
    }
    table
}

impl Alarm {
    fn text(&self, member: &str) -> Option<&str> {
        self.told[member].as_str().filter(|text| !text.is_empty())
    }

    fn name(&self) -> &str {
        self.text("AlarmName").unwrap_or_default()
    }

    /// What it watches: a metric, an expression, or other alarms.
    fn metric(&self) -> String {
        let metrics = self.told["Metrics"].as_array().map(Vec::as_slice).unwrap_or_default();
        let expression = || metrics.iter().find_map(|query| query["Expression"].as_str());
        let first = || metrics.iter().find_map(|query| query["MetricStat"]["Metric"]["MetricName"].as_str());
        let told = self.text("MetricName").or_else(|| self.text("AlarmRule")).or_else(expression).or_else(first);
        told.unwrap_or("-").to_owned()
    }

    /// When it is in alarm: `Sum > 5, 2 of 3 x 60s`.
    fn threshold(&self) -> String {
        let number_of = |member: &str| self.told[member].as_i64();
        let Some(threshold) = self.told["Threshold"].as_f64() else { return "-".to_owned() };
        let statistic = self.text("ExtendedStatistic").or_else(|| self.text("Statistic"));
        let operator = self.text("ComparisonOperator").unwrap_or_default();
        let sign = COMPARISONS.iter().find(|(name, _)| *name == operator).map_or(operator, |(_, sign)| *sign);
        let statistic = statistic.map(|statistic| format!("{statistic} ")).unwrap_or_default();
        let periods = number_of("EvaluationPeriods").unwrap_or(1);
        let points = number_of("DatapointsToAlarm").unwrap_or(periods);
        let period = number_of("Period").map(|seconds| format!(" x {seconds}s")).unwrap_or_default();
        format!("{statistic}{sign} {}, {points} of {periods}{period}", number(Some(threshold)))
    }

    /// How long it has been in its state.
    fn since(&self, now: Timestamp) -> String {
        let times = ["StateTransitionedTimestamp", "StateUpdatedTimestamp"];
        let since = times.iter().find_map(|member| instant(&self.told[*member]));
        since.map_or_else(|| "-".to_owned(), |since| amount::age(since, now))
    }

    fn dimensions(&self) -> String {
        let all = self.told["Dimensions"].as_array().into_iter().flatten();
        let all = all.filter_map(|d| Some(format!("{}={}", d["Name"].as_str()?, d["Value"].as_str()?)));
        joined(all.collect())
    }

    fn actions(&self) -> String {
        joined(self.told["AlarmActions"].as_array().into_iter().flatten().filter_map(Value::as_str).collect())
    }

    /// For programs.
    fn document(&self) -> Value {
        let service = sagewright_model::service("cloudwatch");
        let shape = service.and_then(|service| Some((service, service.shape(self.shape)?)));
        shape.map_or(Value::Null, |(service, shape)| sagewright_model::crd::from_aws(service, shape, &self.told))
    }
}

fn joined<S: AsRef<str>>(all: Vec<S>) -> String {
    let all: Vec<&str> = all.iter().map(AsRef::as_ref).collect();
    if all.is_empty() { "-".to_owned() } else { all.join(",") }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn alarms_are_rows() {
        let metric = json!({
            "AlarmName": "errors", "StateValue": "ALARM", "StateReason": "Threshold Crossed", "MetricName": "Invocation5XXErrors",
            "Dimensions": [{"Name": "EndpointName", "Value": "e"}, {"Name": "VariantName", "Value": "a"}],
            "Statistic": "Sum", "Threshold": 5.0, "ComparisonOperator": "GreaterThanThreshold", "Period": 60,
            "EvaluationPeriods": 3, "DatapointsToAlarm": 2, "StateTransitionedTimestamp": "1970-01-01T00:00:00Z",
            "AlarmActions": ["arn:x"],
        });
        let math = json!({
            "AlarmName": "share", "StateValue": "OK", "Metrics": [{"Id": "a"}, {"Id": "b", "Expression": "a / 2"}],
            "ExtendedStatistic": "p99", "Threshold": 0.5, "ComparisonOperator": "LessThanLowerThreshold", "EvaluationPeriods": 1,
        });
        let both = json!({"AlarmName": "two", "StateValue": "OK", "AlarmRule": "ALARM(errors) OR ALARM(share)"});
        let of = |told: Value, shape| Alarm { told, shape };
        let alarms = [of(metric, "MetricAlarm"), of(math, "MetricAlarm"), of(both, "CompositeAlarm")];
        let now = Timestamp::from_second(90).unwrap();
        let wanted = "\
NAME    STATE  METRIC                         THRESHOLD                             SINCE  REASON
errors  ALARM  Invocation5XXErrors            Sum > 5, 2 of 3 x 60s                 90s    Threshold Crossed
share   OK     a / 2                          p99 LessThanLowerThreshold 0.50, 1 of 1  -      -
two     OK     ALARM(errors) OR ALARM(share)  -                                     -      -
";
        let shown = table(&alarms, false, now).render();
        let cells = |text: &str| {
            text.lines()
                .map(|l| l.split("  ").map(str::trim).filter(|c| !c.is_empty()).collect::<Vec<_>>().join("|"))
                .collect::<Vec<_>>()
        };
        assert_eq!(cells(&shown), cells(wanted));
        let wide = table(&alarms[..1], true, now).render();
        assert!(wide.contains("EndpointName=e,VariantName=a") && wide.contains("arn:x"), "{wide}");
        assert_eq!(alarms[0].document()["stateValue"], "ALARM");
    }
}
