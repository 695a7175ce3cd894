//! Keys of tags.

pub(super) mod get;
