//! The Kubernetes operator: custom resources in, AWS resources out.
//!
//! [`run`] drives the engine's reconcile step from a work queue. One task (`controller`) holds what is known of all objects and
//! decides what is due; looks at single objects (`look`) run beside it, a bounded number at the same time; what happens
//! in the cluster and in AWS comes to it as messages (`message`).
//!
//! What is kept of an object is its key, hashes of what it declares and of what AWS lists, and what the engine has to remember. An
//! object's document is read again for each look: a look never decides by a document that a watch has shown, which may be
//! out of date.

mod api;
mod cloud;
mod companions;
mod conditions;
mod controller;
mod declared;
mod discovery;
mod document;
mod due;
mod error;
mod events;
mod finalizer;
mod generated;
mod http;
mod kept;
mod lease;
mod legacy;
mod look;
pub mod lookup;
mod message;
mod metrics;
mod notices;
mod options;
mod polls;
mod proxy;
mod queue;
mod references;
mod referents;
mod remembered;
mod resync;
pub mod review;
mod run;
mod scope;
mod seen;
mod slim;
mod status;
mod tags;
mod watching;

pub use error::OperatorError;
pub use metrics::Metrics;
pub use notices::EventQueue;
pub use options::{DeletionPolicy, Gates, Options, PerKind, known_kind};
pub use run::{Ports, run};
