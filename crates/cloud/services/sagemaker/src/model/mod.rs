//! Models: containers with their images and artifacts, resolved when they are created.

pub(super) mod create;
