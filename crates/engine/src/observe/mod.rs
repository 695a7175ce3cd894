//! What is there.

pub(crate) mod calls;
mod find;
mod index;
mod list_input;
pub(crate) mod log_end;
mod look;
mod owners;
mod read;
mod serving;

pub(crate) use calls::is_absence;
pub(crate) use find::marked;
pub(crate) use list_input::list_input;
pub(crate) use look::{glance, observe, renamed};
pub(crate) use owners::Owners;
pub(crate) use read::{complete_found, read_output};
pub(crate) use serving::Serving;
