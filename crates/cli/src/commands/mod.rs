//! One file for each command.

pub(crate) mod adopt;
pub(crate) mod apply;
mod cluster;
pub(crate) mod controller;
pub(crate) mod cp;
pub(crate) mod crds;
pub(crate) mod dataset;
pub(crate) mod delete;
pub(crate) mod explain;
pub(crate) mod export;
pub(crate) mod get;
pub(crate) mod invoke;
pub(crate) mod load;
pub(crate) mod local;
pub(crate) mod logs;
pub(crate) mod migrate;
pub(crate) mod plan;
pub(crate) mod prune;
pub(crate) mod quickstart;
pub(crate) mod reference;
pub(crate) mod report;
pub(crate) mod rollback;
pub(crate) mod set;
pub(crate) mod smlogs;
pub(crate) mod traffic;
pub(crate) mod wait;
