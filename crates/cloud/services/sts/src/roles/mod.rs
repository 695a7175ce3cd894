//! Roles, as they are assumed.

mod assume;
mod context;
mod policies;
mod tags;

pub(super) use assume::assume;
