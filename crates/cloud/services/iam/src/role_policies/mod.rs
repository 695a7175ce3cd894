//! Policies inside roles. Simulations evaluate them; calls are not yet checked against them.

mod delete;
mod get;
mod list;
mod put;

pub(super) use delete::delete;
pub(super) use get::get;
pub(super) use list::list;
pub(super) use put::put;

use super::no_such_entity;
use sagewright_cloud_core::api::ApiError;

fn unknown(policy_name: &str) -> ApiError {
    no_such_entity(format!("The role policy with name {policy_name} cannot be found."))
}
