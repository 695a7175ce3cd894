//! Scaling activities.

pub(super) mod describe;
