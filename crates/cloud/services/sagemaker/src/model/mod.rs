//! Models: containers with their images and artifacts, resolved when they are created.

pub(super) mod create;
pub(super) mod delete;
pub(super) mod describe;
pub(super) mod list;
