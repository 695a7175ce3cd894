//! Users.

mod create;
mod delete;
mod get;
mod list;

use serde_json::{Value, json};

pub(super) use create::create;
pub(super) use delete::delete;
pub(super) use get::get;
pub(super) use list::list;

use super::{arn, seconds};
use sagewright_cloud_core::api::{ApiError, Call};
use sagewright_cloud_core::records::Record;

/// The user that a call names, or else its caller.
pub(super) fn user_name(call: &Call) -> Result<String, ApiError> {
    if let Some(name) = call.text("UserName") {
        return Ok(name.to_owned());
    }
    let own = call.caller.principal_arn.split_once(":user/").and_then(|(_, path)| path.rsplit('/').next());
    own.map(str::to_owned).ok_or_else(|| {
        ApiError::new("ValidationError", 400, "Must specify userName when calling with non-User credentials")
    })
}

fn to_output(call: &Call, user: &Record) -> Value {
    json!({
        "Path": user.body["Path"],
        "UserName": user.key.name,
        "UserId": user.body["UserId"],
        "Arn": arn(call, user),
        "CreateDate": seconds(user.created),
    })
}
