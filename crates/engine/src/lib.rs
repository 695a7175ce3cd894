//! Observe → decide → act: the reconcile loop of every resource kind.

pub mod cloud;
