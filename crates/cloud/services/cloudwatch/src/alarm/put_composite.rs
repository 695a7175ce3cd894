//! `PutCompositeAlarm`

use serde_json::{Value, json};

use sagewright_cloud_core::api::{ApiError, Call};

use super::{COMPOSITE, Composite, asked};
use crate::{CloudWatch, unsupported};

pub(crate) async fn put(cloudwatch: &CloudWatch, call: &Call) -> Result<Value, ApiError> {
    if call.input.get("ActionConfiguration").is_some_and(|value| !value.is_null()) {
        return Err(unsupported("ActionConfiguration of PutCompositeAlarm", "leave it out"));
    }
    let config = asked(call);
    Composite::read(&config, &call.caller.account, &call.region)?;
    super::put::put(cloudwatch, call, COMPOSITE, config).await?;
    Ok(json!({}))
}
