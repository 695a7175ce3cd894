//! Operations on buckets.

mod create;
mod delete;
mod head;
mod list;
mod location;
mod versioning;

pub(crate) use self::create::create;
pub(crate) use self::delete::delete;
pub(crate) use self::head::head;
pub(crate) use self::list::list;
pub(crate) use self::location::location;
pub(crate) use self::versioning::{get_versioning, put_versioning};
