//! Bodies on their way in and out, never whole in memory.

mod incoming;
mod receive;
mod rechunk;
mod send;

pub(crate) use self::incoming::{Incoming, drain};
pub(crate) use self::receive::{Expectation, broken_body, parse_algorithm, part_number, receive};
pub(crate) use self::rechunk::Rechunk;
pub(crate) use self::send::{FileStream, read_start};
