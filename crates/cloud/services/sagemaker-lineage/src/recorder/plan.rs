//! What is to be written of a resource. Pure.

use sagewright_cloud_core::records::{Key, Record};
use sagewright_cloud_sagemaker_base::Kind;
use serde_json::{Map, Value, json};

use crate::entity::artifact_id;

/// Entities, and associations between them by their places.
#[derive(Debug, Default, PartialEq)]
pub struct Plan {
    pub entities: Vec<Entity>,
    pub edges: Vec<(usize, usize, &'static str)>,
    /// The trial, and the component in it.
    pub membership: Option<(usize, usize)>,
}

/// An entity that is to be there.
#[derive(Debug, Clone, PartialEq)]
pub struct Entity {
    pub kind: Kind,
    pub key: Key,
    pub arn: String,
    pub body: Map<String, Value>,
    /// Whether one that is there takes over what is new.
    pub renews: bool,
    /// The experiment that a trial is in, which is planned before the trial.
    pub within: Option<usize>,
}

impl Entity {
    /// A record that was there as it is from now on; `None` where it stays as it is. Maps keep what others put into them, and a
    /// name for display, which users change, stays.
    pub fn renewed(&self, record: &Record, now: i64) -> Option<Record> {
        let mut body = record.body.as_object().filter(|_| self.renews)?.clone();
        for (member, value) in &self.body {
            match (body.get_mut(member), value) {
                (Some(Value::Object(there)), Value::Object(new)) if !["Status", "Source"].contains(&&**member) => {
                    there.extend(new.clone());
                }
                // What code logged to the component stays beside the job's own metrics.
                (Some(Value::Array(there)), Value::Array(new)) if member == "Metrics" => {
                    there.retain(crate::metrics::is_logged);
                    there.extend(new.clone());
                }
                (Some(_), _) if member == "DisplayName" => {}
                _ => drop(body.insert(member.clone(), value.clone())),
            }
        }
        let body = Value::Object(body);
        (body != record.body).then(|| Record { body, modified: now.max(record.modified), ..record.clone() })
    }
}

/// The ARN of another resource in the account and region of one.
pub fn sibling(arn: &str, kind: Kind, name: &str) -> String {
    // arn:partition:service:region:account:resource
    let scope = arn.splitn(6, ':').take(5).collect::<Vec<_>>().join(":");
    format!("{scope}:{}/{name}", kind.as_str())
}

/// Puts a plan together for the account and region of a resource.
pub struct Planner<'a> {
    of: &'a Record,
    pub plan: Plan,
}

impl<'a> Planner<'a> {
    pub fn of(record: &'a Record) -> Self {
        Self { of: record, plan: Plan::default() }
    }

    /// An entity, which is not planned twice.
    pub fn entity(&mut self, kind: Kind, name: &str, body: Value) -> usize {
        let name = name.to_ascii_lowercase();
        let Key { account, region, .. } = &self.of.key;
        let key = Key::new(account, region, kind.as_str(), &name);
        if let Some(at) = self.plan.entities.iter().position(|entity| entity.key == key) {
            return at;
        }
        let arn = sibling(&self.of.arn, kind, &name);
        let body = match body {
            Value::Object(body) => body,
            _ => Map::new(),
        };
        self.plan.entities.push(Entity { kind, key, arn, body, renews: false, within: None });
        self.plan.entities.len() - 1
    }

    /// The artifact of a URI, if there is a URI.
    pub fn artifact(&mut self, uri: &Value, of: &str) -> Option<usize> {
        let uri = uri.as_str().filter(|uri| !uri.is_empty())?;
        let source = json!({ "SourceUri": uri });
        Some(self.entity(Kind::ARTIFACT, &artifact_id(&source), json!({ "Source": source, "ArtifactType": of })))
    }

    /// An association, where both ends are.
    pub fn edge(&mut self, from: Option<usize>, to: Option<usize>, kind: &'static str) {
        if let (Some(from), Some(to)) = (from, to)
            && from != to
            && !self.plan.edges.iter().any(|(f, t, _)| (*f, *t) == (from, to))
        {
            self.plan.edges.push((from, to, kind));
        }
    }

    /// Artifacts of the image and the model of a container, each of which contributed to something.
    pub fn container(&mut self, image: &Value, model: &Value, to: usize) {
        let image = self.artifact(image, "Image");
        let model = self.artifact(model, "Model");
        self.edge(image, Some(to), "ContributedTo");
        self.edge(model, Some(to), "ContributedTo");
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_renewed_component_has_the_jobs_new_metrics_and_what_code_logged() {
        let of_job = |last: f64| json!({"MetricName": "loss", "SourceArn": "job", "TimeStamp": 1.0, "Last": last});
        let logged = json!({
            "MetricName": "acc", "SourceArn": "arn", "TimeStamp": 1.0, "Max": 1.0, "Min": 1.0, "Last": 1.0, "Count": 1,
            "Avg": 1.0, "StdDev": 0.0,
        });
        let key = Key::new("1", "r", "k", "n");
        let (arn, status) = ("arn".to_owned(), String::new());
        let body = json!({"Metrics": [of_job(0.5), logged], "DisplayName": "mine"});
        let record = Record { key: key.clone(), arn: arn.clone(), status, created: 0, modified: 0, body };
        let body = Map::from_iter([
            ("Metrics".to_owned(), json!([of_job(0.25)])),
            ("DisplayName".to_owned(), json!("default")),
        ]);
        let entity = Entity { kind: Kind::TRIAL_COMPONENT, key, arn, body, renews: true, within: None };
        let renewed = entity.renewed(&record, 7).unwrap();
        assert_eq!(renewed.body, json!({"Metrics": [logged, of_job(0.25)], "DisplayName": "mine"}));
        assert_eq!(renewed.modified, 7);
        assert!(Entity { renews: false, ..entity }.renewed(&record, 7).is_none());
    }
}
