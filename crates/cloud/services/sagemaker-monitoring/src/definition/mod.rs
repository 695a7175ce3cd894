//! Job definitions, which are recorded: what they would run is checked when they are created.

pub(crate) mod create;
pub(crate) mod delete;
