//! Calls of one part of SageMaker to the operations of another, by name: checked and answered as calls from outside.

use sagewright_cloud_core::api::{ApiError, Call, Caller};
use sagewright_model::{Invalid, validate};
use serde_json::Value;

use crate::SageMaker;

/// Who calls inside SageMaker: a service that acts as a role.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Principal {
    /// Account.
    pub account: String,
    /// Region.
    pub region: String,
    /// The role.
    pub role_arn: String,
    /// Name of the role's session.
    pub session: String,
}

impl Principal {
    fn caller(&self) -> Caller {
        let partition = self.role_arn.split(':').nth(1).unwrap_or("aws");
        let role = self.role_arn.rsplit('/').next().unwrap_or_default();
        Caller {
            account: self.account.clone(),
            principal_arn: format!("arn:{partition}:sts::{}:assumed-role/{role}/{}", self.account, self.session),
            user_id: format!("{role}:{}", self.session),
            access_key: String::new(),
            source_ip: None,
        }
    }
}

impl SageMaker {
    /// Calls an operation as a principal. Descriptions are not held.
    ///
    /// # Errors
    /// The input is not valid by the service model, or the operation's own.
    pub async fn invoke(&self, who: &Principal, operation: &str, input: Value) -> Result<Value, ApiError> {
        let unknown = || ApiError::internal(format!("SageMaker has no operation {operation}"));
        let service = sagewright_model::service("sagemaker").ok_or_else(unknown)?;
        let operation = service.operation(operation).ok_or_else(unknown)?;
        if let Some(shape) = service.input(&operation.name) {
            validate(service, shape, &input).map_err(|invalid| {
                let code = match invalid {
                    Invalid::Type { .. } => "SerializationException",
                    Invalid::Constraints(_) => "ValidationException",
                };
                ApiError::new(code, 400, invalid.to_string())
            })?;
        }
        let call = Call {
            caller: who.caller(),
            region: who.region.clone(),
            service,
            operation,
            input,
            now: self.env().sim.now(),
            wall: self.env().wall.now(),
            request_id: uuid::Uuid::new_v4().to_string(),
            payload: Default::default(),
        };
        self.operations()?.answer(self, &call).await
    }
}
