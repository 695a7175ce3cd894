use serde_json::Value;

use super::super::{Iam, refuse_members};
use super::{NOT_BUILT, add_given, policies, results};
use sagewright_cloud_core::api::{ApiError, Call};
use sagewright_cloud_policy::Context;

/// `SimulateCustomPolicy`
pub(in super::super) async fn custom(_: &Iam, call: &Call) -> Result<Value, ApiError> {
    refuse_members(call, NOT_BUILT)?;
    let mut context = Context::default();
    add_given(&mut context, call);
    results(call, &policies::given(call)?, &context)
}
