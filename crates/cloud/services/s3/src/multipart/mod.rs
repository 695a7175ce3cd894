//! Multipart uploads.

mod abort;
mod complete;
mod copy_part;
mod create;
mod list_parts;
mod list_uploads;
mod upload_part;

pub(crate) use self::abort::abort;
pub(crate) use self::complete::complete;
pub(crate) use self::copy_part::copy_part;
pub(crate) use self::create::create;
pub(crate) use self::list_parts::list_parts;
pub(crate) use self::list_uploads::list_uploads;
pub(crate) use self::upload_part::upload_part;
