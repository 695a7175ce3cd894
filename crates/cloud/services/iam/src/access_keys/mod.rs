//! Access keys of users.

mod create;
mod delete;
mod list;
mod update;

pub(super) use create::create;
pub(super) use delete::delete;
pub(super) use list::list;
pub(super) use update::update;

use super::no_such_entity;
use sagewright_cloud_core::api::ApiError;

fn unknown(id: &str) -> ApiError {
    no_such_entity(format!("The Access Key with id {id} cannot be found."))
}
