//! Operations on objects.

mod archive;
mod attributes;
mod condition;
mod copy;
mod delete;
mod describe;
mod get;
mod head;
mod headers;
mod put;
mod range;
mod source;
mod tagging;

pub(crate) use self::attributes::attributes;
pub(crate) use self::condition::write_condition;
pub(crate) use self::copy::copy;
pub(crate) use self::delete::{delete, delete_many};
pub(crate) use self::get::get;
pub(crate) use self::head::head;
pub(crate) use self::headers::{
    STANDARD, check_storage_class, finish_headers, headers_from, sent_checksums, with_checksums,
};
pub(crate) use self::put::{MAX_UPLOAD, put};
pub(crate) use self::range::copy_range;
pub(crate) use self::source::{CopyConditions, Source};
pub(crate) use self::tagging::{delete_tagging, get_tagging, put_tagging};
