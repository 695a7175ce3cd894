//! CloudWatch, as Application Auto Scaling calls it: for the alarms of target tracking.

use serde_json::{Value, json};

use sagewright_cloud_core::api::{ApiError, Call, Caller};
use sagewright_cloud_core::scaling::Scalable;
use sagewright_model::{partition_of, service, validate};

use crate::scalable_target::role_arn;
use crate::{AutoScaling, text};

impl AutoScaling {
    /// Calls an operation of CloudWatch as the service-linked role.
    pub(crate) async fn cloudwatch(
        &self,
        account: &str,
        region: &str,
        operation: &str,
        input: Value,
    ) -> Result<Value, ApiError> {
        let missing = || ApiError::internal(format!("the model of CloudWatch has no {operation}"));
        let model = service("cloudwatch").ok_or_else(missing)?;
        let operation = model.operation(operation).ok_or_else(missing)?;
        if let Some(shape) = model.input(&operation.name) {
            validate(model, shape, &input)
                .map_err(|invalid| ApiError::new(invalid.code(), 400, invalid.to_string()))?;
        }
        let partition = partition_of(region).map_or("aws", |partition| partition.id.as_str());
        let caller = Caller {
            account: account.to_owned(),
            principal_arn: role_arn(partition, account),
            user_id: "AutoScaling".to_owned(),
            access_key: String::new(),
            source_ip: None,
        };
        let call = Call {
            caller,
            region: region.to_owned(),
            service: model,
            operation,
            input,
            now: self.0.clock.now(),
            wall: self.0.clock.wall().now(),
            request_id: uuid::Uuid::new_v4().to_string(),
            payload: Default::default(),
        };
        Ok(self.0.cloudwatch.call(call).await?.value)
    }

    /// Whether each of some metric alarms is in the state `ALARM`, and the newest value that it was evaluated by.
    pub(crate) async fn look_at(&self, of: &Scalable, alarms: &[String]) -> Result<Vec<(bool, Option<f64>)>, ApiError> {
        let input = json!({"AlarmNames": alarms, "AlarmTypes": ["MetricAlarm"], "MaxRecords": 100});
        let told = self.cloudwatch(&of.account, &of.region, "DescribeAlarms", input).await?;
        let known = told["MetricAlarms"].as_array().cloned().unwrap_or_default();
        let one = |name: &String| {
            let Some(alarm) = known.iter().find(|alarm| text(alarm, "AlarmName") == name) else { return (false, None) };
            let data: Value = serde_json::from_str(text(alarm, "StateReasonData")).unwrap_or_default();
            let newest = data["recentDatapoints"].as_array().and_then(|points| points.last()?.as_f64());
            (text(alarm, "StateValue") == "ALARM", newest)
        };
        Ok(alarms.iter().map(one).collect())
    }
}
