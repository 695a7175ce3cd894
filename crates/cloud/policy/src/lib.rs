//! Policy documents: their grammar, and whether one allows a principal an action.

mod condition;
mod context;
mod document;
mod evaluate;
mod malformed;
pub mod managed;
mod operator;
mod pattern;
mod principal;
mod template;

pub use condition::{Condition, Quantifier};
pub use context::Context;
pub use document::{Document, Effect, Kind, Statement};
pub use evaluate::{Decision, Question};
pub use malformed::PolicyError;
pub use operator::{Operator, Order};
pub use pattern::wildcard;
pub use principal::{Asker, Principals};
pub use template::Template;

#[cfg(test)]
mod properties;
#[cfg(test)]
mod tests;
