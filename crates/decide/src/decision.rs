//! What a decision is.

use std::collections::BTreeMap;
use std::fmt;
use std::time::Duration;

use sagewright_kinds::Kind;
use sagewright_objects::secrets::{HIDDEN, hide_at, hide_in_input, hide_in_tags};
use serde::{Deserialize, Serialize};
use serde_json::Value;

use crate::conditions::Condition;

/// ACK's pause between looks at a resource at work.
pub const WAIT: Duration = Duration::from_secs(30);

/// Stands in a plan for a value that is known only after an apply.
pub const KNOWN_AFTER_APPLY: &str = "(known after apply)";

/// One thing to do. `input` is the operation's input under AWS's names.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase", tag = "step")]
pub enum Step {
    /// Create it.
    Create {
        /// Operation.
        operation: String,
        /// Its input.
        input: Value,
    },
    /// Change it.
    Update {
        /// Operation.
        operation: String,
        /// Its input.
        input: Value,
    },
    /// Bring its tags in line.
    SyncTags {
        /// The resource.
        arn: String,
        /// Tags to add or to overwrite.
        add: BTreeMap<String, String>,
        /// Keys to remove.
        remove: Vec<String>,
    },
    /// Take it over: tags (or the mark) are written.
    Adopt {
        /// The resource.
        arn: String,
        /// Whose it becomes.
        owner: String,
    },
    /// Stop it.
    Stop {
        /// Operation.
        operation: String,
        /// Its input.
        input: Value,
    },
    /// Delete it.
    Delete {
        /// Operation.
        operation: String,
        /// Its input.
        input: Value,
    },
    /// Look again later.
    Wait {
        /// Why.
        reason: String,
        /// When.
        #[serde(with = "sagewright_port::durations::seconds")]
        after: Duration,
    },
    /// Do nothing, and say why.
    Refuse(Refusal),
}

/// Why nothing is done, and what the user can do.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct Refusal {
    /// Which rule.
    pub kind: RefusalKind,
    /// Why.
    pub reason: String,
    /// What to do.
    pub advice: String,
}

impl fmt::Display for Refusal {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        // AWS's reasons are sentences.
        write!(f, "{}; {}", self.reason.trim_end_matches('.'), self.advice)
    }
}

/// Which rule refused.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum RefusalKind {
    /// A field that cannot change was changed.
    Immutable,
    /// The object has another resource already.
    NameChanged,
    /// The object has several resources.
    Several,
    /// The resource is nobody's.
    NotOwned,
    /// The resource is another object's.
    OwnedByOther,
    /// The resource failed, or its last update was rolled back.
    Failed,
    /// The resource to adopt or to read is not there.
    Absent,
    /// The resource to delete serves something else than the object declares.
    ServesOther,
    /// Something that stays uses the resource to delete.
    InUse,
    /// The object may only be read.
    ReadOnly,
    /// What is asked for cannot be done for this kind.
    Unsupported,
    /// It is not what the plan says.
    PlanChanged,
}

/// What a change comes to.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum Effect {
    /// Part of a create.
    Create,
    /// Changed in place.
    Update,
    /// A tag.
    Tag,
    /// It cannot be changed.
    Refused,
}

/// One field that differs.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct Change {
    /// `spec.productionVariants[0].modelName`, or `tags.team`.
    pub path: String,
    /// What is there.
    pub from: Option<Value>,
    /// What is declared; [`KNOWN_AFTER_APPLY`] where it is not known yet.
    pub to: Option<Value>,
    /// What it comes to.
    pub effect: Effect,
    /// The values must not be shown.
    pub sensitive: bool,
    /// The places of values that are secret by their names, as JSON pointers into both sides. They are shown only to whoever
    /// asks for them.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub hidden: Vec<String>,
}

impl Change {
    /// The change without what must not be shown, and without what is secret by its name.
    #[must_use]
    pub fn masked(&self) -> Self {
        let hide = |side: &Option<Value>| {
            let mut value = side.clone()?;
            if self.sensitive {
                return Some(Value::from(HIDDEN));
            }
            hide_at(&mut value, &self.hidden);
            Some(value)
        };
        Self { from: hide(&self.from), to: hide(&self.to), ..self.clone() }
    }
}

impl Step {
    /// The step without what must not be shown: values that are secret by their names or forms.
    #[must_use]
    pub fn masked(&self, kind: &Kind) -> Self {
        let mut step = self.clone();
        match &mut step {
            Self::Create { operation, input }
            | Self::Update { operation, input }
            | Self::Stop { operation, input }
            | Self::Delete { operation, input } => hide_in_input(kind, operation, input),
            Self::SyncTags { add, .. } => hide_in_tags(add),
            Self::Adopt { .. } | Self::Wait { .. } | Self::Refuse(_) => {}
        }
        step
    }
}

/// What to do about one resource.
#[derive(Debug, Clone, PartialEq, Default, Serialize, Deserialize)]
#[serde(rename_all = "camelCase", default)]
pub struct Decision {
    /// What to do, in order; empty when all is as declared.
    pub steps: Vec<Step>,
    /// Field by field, what differs.
    pub changes: Vec<Change>,
    /// The conditions of the object.
    pub conditions: Vec<Condition>,
    /// When to look again; `None` when only a change of the declaration can matter.
    #[serde(with = "sagewright_port::durations::seconds_or_none")]
    pub requeue_after: Option<Duration>,
    /// Notes for the user: what was left alone, and why.
    pub notes: Vec<String>,
}

/// A decision in one word.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum Action {
    /// Nothing to do.
    None,
    /// Create.
    Create,
    /// Change in place (tags included).
    Update,
    /// Take over.
    Adopt,
    /// Stop.
    Stop,
    /// Delete.
    Delete,
    /// Look again later.
    Wait,
    /// Refused.
    Refuse,
}

impl Decision {
    /// The decision in one word.
    #[must_use]
    pub fn action(&self) -> Action {
        let of = |step: &Step| match step {
            Step::Create { .. } => Action::Create,
            Step::Update { .. } | Step::SyncTags { .. } => Action::Update,
            Step::Adopt { .. } => Action::Adopt,
            Step::Stop { .. } => Action::Stop,
            Step::Delete { .. } => Action::Delete,
            Step::Wait { .. } => Action::Wait,
            Step::Refuse(_) => Action::Refuse,
        };
        self.steps.first().map_or(Action::None, of)
    }

    /// Whether it writes anything.
    #[must_use]
    pub fn writes(&self) -> bool {
        self.steps.iter().any(|s| !matches!(s, Step::Wait { .. } | Step::Refuse(_)))
    }

    /// The first wait, where there is one: why, and for how long.
    #[must_use]
    pub fn first_wait(&self) -> Option<(&str, Duration)> {
        self.steps
            .iter()
            .find_map(|s| if let Step::Wait { reason, after } = s { Some((reason.as_str(), *after)) } else { None })
    }

    /// The refusal, where there is one.
    #[must_use]
    pub fn refusal(&self) -> Option<&Refusal> {
        self.steps.iter().find_map(|s| if let Step::Refuse(r) = s { Some(r) } else { None })
    }
}

impl Decision {
    /// Nothing is done, and a person is told why.
    pub fn refuse(kind: RefusalKind, reason: String, advice: impl Into<String>) -> Self {
        let refusal = Refusal { kind, reason, advice: advice.into() };
        Self { steps: vec![Step::Refuse(refusal)], ..Self::default() }
    }

    /// Nothing is done for now.
    pub fn wait(reason: String) -> Self {
        Self { steps: vec![Step::Wait { reason, after: WAIT }], ..Self::default() }
    }

    /// Nothing is done, and that is right.
    pub fn note(text: String) -> Self {
        Self { notes: vec![text], ..Self::default() }
    }
}
