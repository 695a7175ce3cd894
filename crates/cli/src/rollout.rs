//! How an endpoint's update is rolled out: `--strategy canary:10%@5m`, and AWS's deployment configs in words.

use std::str::FromStr;

use sagewright_engine::Object;
use serde_json::{Value, json};

use crate::args::{Rollout, duration};
use crate::exit::{Exit, Failure};
use crate::output::terminal::on_line;

/// The field of an endpoint's spec.
const FIELD: &str = "deploymentConfig";
/// The field for AWS's member `Type`, as ACK has it.
const TYPE: &str = "type_";
/// Seconds between two steps that AWS takes at most.
const LONGEST_WAIT: u64 = 3600;

/// A way to roll out.
struct Way {
    name: &'static str,
    /// AWS's word for it, where it is one of blue/green deployments.
    routing: Option<&'static str>,
    /// The member that says how large a step is, where there are steps, with AWS's limits in percent.
    size: Option<(&'static str, u64, u64)>,
}

const WAYS: [Way; 4] = [
    Way { name: "canary", routing: Some("CANARY"), size: Some(("canarySize", 1, 50)) },
    Way { name: "linear", routing: Some("LINEAR"), size: Some(("linearStepSize", 10, 50)) },
    Way { name: "rolling", routing: None, size: Some(("maximumBatchSize", 5, 50)) },
    Way { name: "all-at-once", routing: Some("ALL_AT_ONCE"), size: None },
];

/// The form of `--strategy`.
const FORM: &str = "expected canary:10%@5m, linear:20%@5m, rolling:25%@1m or all-at-once; in place of a share of the capacity a number \
                    of instances, as in canary:1@5m";

/// A strategy of the command line, as a deployment config without alarms.
#[derive(Debug, Clone, PartialEq)]
pub(crate) struct Strategy(Value);

impl FromStr for Strategy {
    type Err = String;

    fn from_str(text: &str) -> Result<Self, String> {
        let wrong = || FORM.to_owned();
        let (rest, wait) = match text.split_once('@') {
            Some((rest, wait)) => (rest, duration(wait)?.as_secs()),
            None => (text, 0),
        };
        let (name, size) = match rest.split_once(':') {
            Some((name, size)) => (name, Some(size)),
            None => (rest, None),
        };
        let way = WAYS.iter().find(|way| way.name == name).ok_or_else(wrong)?;
        if wait > LONGEST_WAIT {
            return Err(format!("AWS waits {LONGEST_WAIT} seconds between two steps at most"));
        }
        // Steps without a time between them are one step.
        if way.size.is_some() && !text.contains('@') {
            return Err(wrong());
        }
        let mut policy = json!({ "waitIntervalInSeconds": wait });
        match (way.size, size) {
            (Some(wanted), Some(given)) => policy[wanted.0] = size_of(way.name, wanted, given)?,
            (None, None) => {}
            _ => return Err(wrong()),
        }
        Ok(Self(match way.routing {
            Some(routing) => {
                policy[TYPE] = json!(routing);
                json!({ "blueGreenUpdatePolicy": { "trafficRoutingConfiguration": policy } })
            }
            None => json!({ "rollingUpdatePolicy": policy }),
        }))
    }
}

fn size_of(name: &str, (_, least, most): (&str, u64, u64), text: &str) -> Result<Value, String> {
    let number = |text: &str| text.parse::<u64>().ok().filter(|n| *n > 0).ok_or_else(|| FORM.to_owned());
    match text.strip_suffix('%') {
        None => Ok(json!({ TYPE: "INSTANCE_COUNT", "value": number(text)? })),
        Some(percent) => {
            let percent = number(percent)?;
            if !(least..=most).contains(&percent) {
                return Err(format!("AWS takes {least} to {most} % for a {name} deployment"));
            }
            Ok(json!({ TYPE: "CAPACITY_PERCENT", "value": percent }))
        }
    }
}

impl Rollout {
    /// The deployment config that is wanted.
    pub(crate) fn config(&self) -> Option<Value> {
        let mut config = self.strategy.clone()?.0;
        if !self.alarms.is_empty() {
            let alarms: Vec<Value> = self.alarms.iter().map(|name| json!({ "alarmName": name })).collect();
            config["autoRollbackConfiguration"] = json!({ "alarms": alarms });
        }
        Some(config)
    }

    /// Sets how the endpoints among some objects are updated, and says so, a line for each. A manifest that says otherwise is not
    /// overruled.
    pub(crate) fn set(&self, objects: &mut [Object]) -> Result<Vec<String>, Failure> {
        let Some(config) = self.config() else { return Ok(Vec::new()) };
        let mut lines = Vec::new();
        for object in objects.iter_mut().filter(|object| object.kind == "Endpoint") {
            let id = object.id();
            match object.spec.get(FIELD).filter(|declared| !declared.is_null()) {
                Some(declared) if *declared != config => {
                    let message = format!("--strategy says {}, and {id} declares {}", words(&config), words(declared));
                    return Err(Failure::new(Exit::Manifest, message)
                        .help(format!("leave --strategy and --alarm out, or take spec.{FIELD} out of the manifest")));
                }
                Some(_) => {}
                None => object.spec[FIELD] = config.clone(),
            }
            lines.push(format!("an update of {id} is rolled out as {}", words(&config)));
        }
        if lines.is_empty() {
            return Err(Failure::new(Exit::Usage, "--strategy is for endpoints, and the manifests declare none"));
        }
        Ok(lines)
    }
}

/// A deployment config in words: `canary 10% @ 300s, rolled back by errors`.
fn words(config: &Value) -> String {
    let routing = &config["blueGreenUpdatePolicy"]["trafficRoutingConfiguration"];
    let rolling = &config["rollingUpdatePolicy"];
    let (way, policy) = match routing[TYPE].as_str() {
        Some(routed) => (WAYS.iter().find(|way| way.routing == Some(routed)), routing),
        None if rolling.is_object() => (WAYS.iter().find(|way| way.routing.is_none()), rolling),
        None => (None, routing),
    };
    let mut words = way.map_or("all-at-once", |way| way.name).to_owned();
    if let Some(size) = way.and_then(|way| policy.get(way.size?.0)) {
        let count = size["value"].as_u64().unwrap_or_default();
        words.push_str(&match size[TYPE].as_str() {
            Some("INSTANCE_COUNT") if count == 1 => " 1 instance".to_owned(),
            Some("INSTANCE_COUNT") => format!(" {count} instances"),
            _ => format!(" {count}%"),
        });
    }
    if let Some(wait) = policy["waitIntervalInSeconds"].as_u64().filter(|wait| *wait > 0) {
        words.push_str(&format!(" @ {wait}s"));
    }
    let alarms = config["autoRollbackConfiguration"]["alarms"].as_array().into_iter().flatten();
    let alarms: Vec<_> = alarms.filter_map(|alarm| alarm["alarmName"].as_str()).map(on_line).collect();
    if !alarms.is_empty() {
        words.push_str(&format!(", rolled back by {}", alarms.join(", ")));
    }
    words
}

#[cfg(test)]
mod tests {
    use super::*;

    fn config(text: &str) -> Result<Value, String> {
        text.parse::<Strategy>().map(|strategy| strategy.0)
    }

    #[test]
    fn strategies_are_deployment_configs_and_back() {
        let table = [
            ("canary:10%@5m", "canary 10% @ 300s"),
            ("canary:1@90s", "canary 1 instance @ 90s"),
            ("linear:20%@5m", "linear 20% @ 300s"),
            ("rolling:25%@1m", "rolling 25% @ 60s"),
            ("rolling:2@0s", "rolling 2 instances"),
            ("all-at-once", "all-at-once"),
            ("all-at-once@10m", "all-at-once @ 600s"),
        ];
        for (text, told) in table {
            assert_eq!(words(&config(text).unwrap()), told);
        }
        let canary = json!({"blueGreenUpdatePolicy": {"trafficRoutingConfiguration": {
            "type_": "CANARY", "waitIntervalInSeconds": 300, "canarySize": {"type_": "CAPACITY_PERCENT", "value": 10},
        }}});
        assert_eq!(config("canary:10%@5m").unwrap(), canary);
        assert_eq!(words(&Value::Null), "all-at-once");
        for wrong in
            ["", "canary", "canary:10%", "canary@5m", "canary:0@5m", "blue:10%@5m", "all-at-once:10%", "linear:x@5m"]
        {
            assert_eq!(config(wrong).unwrap_err(), FORM, "{wrong}");
        }
        assert!(config("canary:60%@5m").unwrap_err().contains("1 to 50 %"));
        assert!(config("rolling:4%@5m").unwrap_err().contains("5 to 50 %"));
        assert!(config("linear:20%@2h").unwrap_err().contains("3600 seconds"));
        assert!(config("linear:20%@x").unwrap_err().contains("not a duration"));
    }

    #[test]
    fn a_manifest_is_not_overruled() {
        let rollout = Rollout { strategy: "canary:10%@5m".parse().ok(), alarms: vec!["errors".to_owned()] };
        let kind = sagewright_kinds::find("Endpoint").unwrap();
        let mut objects = [Object::new(kind, "a"), Object::new(kind, "b")];
        objects.iter_mut().for_each(|object| object.spec = json!({}));
        let lines = rollout.set(&mut objects).unwrap();
        assert_eq!(lines[1], "an update of Endpoint b is rolled out as canary 10% @ 300s, rolled back by errors");
        assert_eq!(objects[0].spec[FIELD]["autoRollbackConfiguration"]["alarms"][0]["alarmName"], "errors");
        assert!(rollout.set(&mut objects).is_ok(), "what is the same is no other word");
        objects[1].spec[FIELD] = json!({"rollingUpdatePolicy": {}});
        let refused = rollout.set(&mut objects).unwrap_err();
        assert!(refused.message.contains("and Endpoint b declares rolling"), "{refused}");
        assert!(rollout.set(&mut []).unwrap_err().message.contains("declare none"));
        let none = Rollout { strategy: None, alarms: Vec::new() };
        assert!(none.set(&mut []).unwrap().is_empty());
    }
}
