//! Scaling policies.

pub(crate) mod alarms;
pub(crate) mod arn;
pub(super) mod delete;
pub(super) mod describe;
pub(super) mod put;
pub(crate) mod tracking;

use serde_json::{Map, Value, json};

use sagewright_cloud_core::records::Record;

use crate::decide::Direction;
use crate::kept::{Policy, PolicyKind};
use crate::resource::NAMESPACE;
use crate::seconds;

/// Policies of a target, as in AWS.
const MOST: usize = 50;
/// Seconds of a cooldown where a policy says none, as AWS has it for SageMaker.
const COOLDOWN: i64 = 300;

impl Policy {
    /// The cooldown after a change in a direction, in milliseconds.
    pub(crate) fn cooldown(&self, direction: Direction) -> i64 {
        let member = match (self.kind, direction) {
            (PolicyKind::Step, _) => "Cooldown",
            (PolicyKind::Tracking, Direction::Out) => "ScaleOutCooldown",
            (PolicyKind::Tracking, Direction::In) => "ScaleInCooldown",
        };
        self.config[member].as_i64().unwrap_or(COOLDOWN).max(0).saturating_mul(1000)
    }

    /// The member of its configuration.
    fn member(kind: PolicyKind) -> &'static str {
        match kind {
            PolicyKind::Step => "StepScalingPolicyConfiguration",
            PolicyKind::Tracking => "TargetTrackingScalingPolicyConfiguration",
        }
    }

    /// `Alarms` of an answer, as far as they are the policy's own.
    fn shown_alarms(&self, arn: &str) -> Vec<Value> {
        let mut parts = arn.splitn(6, ':');
        let (partition, region, account) = (parts.nth(1), parts.nth(1), parts.next());
        let (partition, region, account) =
            (partition.unwrap_or("aws"), region.unwrap_or_default(), account.unwrap_or_default());
        let own = self.alarms.iter().flat_map(|(high, low)| [high, low]);
        own.map(|name| json!({"AlarmName": name, "AlarmARN": format!("arn:{partition}:cloudwatch:{region}:{account}:alarm:{name}")}))
            .collect()
    }

    /// As the API shows it.
    fn shown(&self, record: &Record) -> Value {
        let mut out = Map::new();
        for (member, value) in [
            ("PolicyARN", record.arn.as_str()),
            ("PolicyName", &self.name),
            ("ServiceNamespace", NAMESPACE),
            ("ResourceId", &self.resource),
            ("ScalableDimension", &self.dimension),
        ] {
            out.insert(member.to_owned(), value.into());
        }
        out.insert("PolicyType".to_owned(), json!(self.kind));
        out.insert(Self::member(self.kind).to_owned(), self.config.clone());
        out.insert("Alarms".to_owned(), self.shown_alarms(&record.arn).into());
        out.insert("CreationTime".to_owned(), seconds(record.created));
        out.into()
    }
}
