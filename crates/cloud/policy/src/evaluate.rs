//! Whether a trust policy lets somebody do something: a matching Deny wins, then a matching Allow, then nothing is allowed.

use super::condition::Context;
use super::document::{Document, Effect, Statement};
use super::principal::Asker;
use super::wildcard;

/// What is asked of a policy.
#[derive(Debug, Clone)]
pub struct Question<'a> {
    /// Who asks.
    pub asker: Asker<'a>,
    /// What for, for example `sts:AssumeRole`.
    pub action: &'a str,
    /// Condition keys of the request.
    pub context: &'a Context,
}

/// What a policy says.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Decision {
    /// A statement allows it and none denies it.
    Allowed,
    /// A statement denies it.
    Denied,
    /// No statement is about it.
    Silent,
}

/// What a role's trust policy says to a question.
#[must_use]
pub fn trust_decision(document: &Document, question: &Question<'_>) -> Decision {
    let mut decision = Decision::Silent;
    for statement in document.statements.iter().filter(|s| applies(s, question)) {
        match statement.effect {
            Effect::Deny => return Decision::Denied,
            Effect::Allow => decision = Decision::Allowed,
        }
    }
    decision
}

fn applies(statement: &Statement, question: &Question<'_>) -> bool {
    let action = question.action.to_ascii_lowercase();
    let names_action = statement.actions.iter().any(|a| wildcard(&a.to_ascii_lowercase(), &action));
    names_action != statement.not_action
        && statement.principals.as_ref().is_some_and(|p| p.include(&question.asker))
        && statement.conditions.iter().all(|c| c.holds(question.context))
}
