//! The data folder: whose it is, which process holds it, and which of its files the embedded cloud made.
//!
//! A folder belongs to an embedded cloud when its marker file says so. Nothing is written to a folder that has neither
//! a marker nor room for one, and nothing is ever removed that is not in the table of `own.rs`.

mod claim;
mod inventory;
mod lock;
mod marker;
mod own;
mod reset;
mod tree;

pub use claim::{check, take};
pub use inventory::{Found, Inventory};
pub use lock::Lock;
pub use own::is_own;
pub use reset::{Reset, ResetError};
