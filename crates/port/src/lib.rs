//! The port to AWS: one call, its errors and their classes, paging, retries, and time. Nothing here sends anything.

pub mod bounds;
pub mod clock;
pub mod cloud;
pub mod durations;
pub mod paging;
pub mod retry;

pub use clock::Clock;
pub use cloud::{Call, Class, Cloud, CloudError, Priority, Role, Stage, Target};
