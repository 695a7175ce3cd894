//! Values that stand as text outside of JSON.

use sagewright_model::{Member, Shape, ShapeType};
use serde_json::Value;

use crate::protocol::time::Format;
use crate::protocol::{scalar, serialization};
use sagewright_cloud_core::api::ApiError;

/// Reads a value; timestamps are in their place's format, unless the model says otherwise.
pub(in crate::protocol) fn read(
    member: Option<&Member>,
    shape: &Shape,
    text: &str,
    timestamps: Format,
) -> Result<Value, ApiError> {
    let wrong = || serialization(format!("'{text}' can not be converted to a value of its member"));
    if shape.kind == ShapeType::Timestamp && !Format::of(member, shape, timestamps).reads(text) {
        return Err(wrong());
    }
    scalar::read(shape.kind, text).ok_or_else(wrong)
}
