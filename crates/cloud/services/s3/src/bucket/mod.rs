//! Operations on buckets.

mod acl;
mod create;
mod delete;
mod head;
mod list;
mod location;
mod tagging;
mod versioning;

pub(crate) use self::acl::acl;
pub(crate) use self::create::create;
pub(crate) use self::delete::delete;
pub(crate) use self::head::head;
pub(crate) use self::list::list;
pub(crate) use self::location::location;
pub(crate) use self::tagging::get_tagging;
pub(crate) use self::versioning::{get_versioning, put_versioning};
