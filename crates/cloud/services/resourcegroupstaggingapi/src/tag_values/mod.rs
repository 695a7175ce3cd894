//! Values of tags.

pub(super) mod get;
