//! Listings of objects.

mod entry;
mod token;
mod v1;
mod v2;
mod versions;

pub(crate) use self::entry::{owner, wants_url};
pub(crate) use self::v1::objects;
pub(crate) use self::v2::objects_v2;
pub(crate) use self::versions::versions;
