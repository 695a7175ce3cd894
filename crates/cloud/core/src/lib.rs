//! What all services of the embedded cloud share: calls and errors, records, identities, and the ports through which
//! they meet what runs and keeps.

pub mod alarms;
pub mod api;
pub mod clock;
pub mod durability;
pub mod env;
pub mod events;
pub mod identity;
pub mod limits;
pub mod logs;
pub mod metrics;
pub mod objects;
pub mod outbox;
mod record;
pub mod records;
pub mod region;
pub mod runner;
pub mod scaling;
pub mod timers;
pub mod token;
pub mod weight;
pub mod work;
