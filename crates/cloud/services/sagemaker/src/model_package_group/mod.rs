//! Model package groups: the registry's models, each with versions and a policy.

pub(super) mod create;
pub(super) mod delete;
pub(super) mod list;
pub(super) mod policy;
