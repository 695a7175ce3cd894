//! SageMaker's control plane through its public face, with fakes behind its ports and a clock under control.

#![allow(clippy::unwrap_used, clippy::expect_used, clippy::panic, missing_docs)]

mod commits;
mod deployments;
mod endpoints;
mod experiments;
mod featurestore;
mod hold;
mod lineage;
mod lineage_query;
mod listing;
mod model_cards;
mod models;
mod monitoring;
mod pipelines;
mod processing;
mod recorded;
mod registry;
mod restart;
mod samples;
mod search;
mod support;
mod tags;
mod training;
mod training_instances;
mod transform;
mod tuning;
