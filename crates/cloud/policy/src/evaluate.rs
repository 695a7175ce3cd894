//! What policies say: a matching Deny wins, then a matching Allow, then nothing is allowed.
//!
//! What cannot be judged counts against the one who asks: such an Allow does not match, and such a Deny does.

use super::condition::{all, any};
use super::context::Context;
use super::document::{Document, Effect, Statement};
use super::pattern::wildcard;
use super::principal::Asker;
use super::template::Expanded;

/// What is asked of a policy.
#[derive(Debug, Clone)]
pub struct Question<'a> {
    /// Who asks, of a trust policy; `None` of an identity's own policies.
    pub asker: Option<Asker<'a>>,
    /// What for, for example `sts:AssumeRole`.
    pub action: &'a str,
    /// ARN of what is acted on, of an identity's own policies.
    pub resource: Option<&'a str>,
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

impl Document {
    /// What the policy says to a question.
    #[must_use]
    pub fn decide(&self, question: &Question<'_>) -> Decision {
        let mut decision = Decision::Silent;
        for statement in self.statements.iter().filter(|s| s.matches(question)) {
            match statement.effect {
                Effect::Deny => return Decision::Denied,
                Effect::Allow => decision = Decision::Allowed,
            }
        }
        decision
    }

    /// Condition keys that its statements about an action and resource ask for and that the request does not have.
    #[must_use]
    pub fn missing_keys(&self, question: &Question<'_>) -> Vec<&str> {
        let about = self.statements.iter().filter(|s| s.about(question) != Some(false));
        let keys = about.flat_map(|s| s.conditions.iter().flat_map(super::Condition::keys));
        let mut out: Vec<&str> = keys.filter(|key| !question.context.has(key)).collect();
        out.sort_unstable();
        out.dedup();
        out
    }
}

impl Statement {
    fn matches(&self, question: &Question<'_>) -> bool {
        let holds = self.conditions.iter().map(|c| c.holds(question.context));
        let matches = all(std::iter::once(self.about(question)).chain(holds));
        matches.unwrap_or(self.effect == Effect::Deny)
    }

    /// Whether it is about who asks, the action and the resource, conditions apart.
    fn about(&self, question: &Question<'_>) -> Option<bool> {
        let action = question.action.to_ascii_lowercase();
        let names_action = self.actions.iter().any(|a| wildcard(&a.to_ascii_lowercase(), &action));
        let asker = match (&self.principals, &question.asker) {
            (Some(principals), Some(asker)) => principals.include(asker),
            (None, None) => true,
            _ => false,
        };
        let resource = question.resource.map_or(Some(true), |resource| self.names(resource, question.context));
        all([Some(names_action != self.not_action), Some(asker), resource].into_iter())
    }

    fn names(&self, resource: &str, context: &Context) -> Option<bool> {
        let named = any(self.resources.iter().map(|wanted| match wanted.expand(context) {
            Expanded::Pattern(pattern) => Some(pattern.resource(resource)),
            // Nothing is named by it; that all else were therefore meant would open what the author closed.
            Expanded::NoValue if self.not_resource => None,
            Expanded::NoValue => Some(false),
            Expanded::Unknown => None,
        }));
        named.map(|named| named != self.not_resource)
    }
}
