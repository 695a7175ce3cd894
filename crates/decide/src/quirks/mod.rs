//! Behaviour that no row can say: one file each, named by the rows that need it.

mod endpoint_parts;
mod model_card_update;
mod notebook_instance_update;
mod training_job_update;

use std::collections::BTreeMap;

use sagewright_kinds::Kind;
use serde_json::Value;

use crate::diff::Diff;
use crate::observed::Found;
use crate::{Decision, Desired};

pub use endpoint_parts::{PARTS_GONE, Part, advisory};

type Tags = BTreeMap<String, String>;

/// The hooks of a quirk. Without one, the general rule holds.
struct Quirk {
    /// Its name in rows.
    name: &'static str,
    /// Whether an update may be sent, and with which input.
    update: Option<Update>,
    /// Changes a decision about a resource that is there.
    decided: Option<fn(&Kind, &Found, Decision) -> Decision>,
    /// Whether something is still to be sent when what is at work is done, although all is as declared.
    holds: Option<fn(&Found) -> bool>,
    /// Fields of the status that come from its tags.
    status: Option<fn(&Tags, &mut Value)>,
    /// Whether what it was made of is to be looked at.
    relies: Option<Relies>,
}

type Update = fn(&Kind, &Desired, &Found, &[&Diff], &mut Value) -> Result<(), Box<Decision>>;

/// Of what was found, and whether something was written to it since it was last settled.
type Relies = fn(&Desired, &Found, bool) -> bool;

const NONE: Quirk = Quirk { name: "", update: None, decided: None, holds: None, status: None, relies: None };

const ALL: &[Quirk] = &[
    Quirk { name: "endpoint-parts", relies: Some(endpoint_parts::relies), ..NONE },
    Quirk { name: "model-card-update", update: Some(model_card_update::update), ..NONE },
    Quirk {
        name: "notebook-instance-update",
        decided: Some(notebook_instance_update::decided),
        holds: Some(notebook_instance_update::holds),
        status: Some(notebook_instance_update::status),
        ..NONE
    },
    Quirk { name: "training-job-update", update: Some(training_job_update::update), ..NONE },
];

fn of(kind: &Kind) -> impl Iterator<Item = &'static Quirk> {
    ALL.iter().filter(|quirk| kind.row().quirks.iter().any(|name| name == quirk.name))
}

/// Asks the kind's quirks whether an update may be sent, and with which input.
pub fn update(
    kind: &Kind,
    desired: &Desired,
    found: &Found,
    diffs: &[&Diff],
    input: &mut Value,
) -> Result<(), Box<Decision>> {
    of(kind).filter_map(|quirk| quirk.update).try_for_each(|ask| ask(kind, desired, found, diffs, input))
}

/// What the kind's quirks make of a decision about a resource that is there.
pub fn decided(kind: &Kind, found: &Found, decision: Decision) -> Decision {
    of(kind).filter_map(|quirk| quirk.decided).fold(decision, |decision, ask| ask(kind, found, decision))
}

/// Whether the kind's quirks still have something to send when what is at work is done, although all is as declared.
pub fn holds(kind: &Kind, found: &Found) -> bool {
    of(kind).filter_map(|quirk| quirk.holds).any(|ask| ask(found))
}

/// Whether what a resource was made of is to be looked at. `written`: something was sent since it was last settled.
pub fn relies(kind: &Kind, desired: &Desired, found: &Found, written: bool) -> bool {
    of(kind).filter_map(|quirk| quirk.relies).any(|ask| ask(desired, found, written))
}

/// A status with what the kind's quirks know of it.
pub fn status(kind: &Kind, mut status: Value, tags: &Tags) -> Value {
    of(kind).filter_map(|quirk| quirk.status).for_each(|ask| ask(tags, &mut status));
    status
}

#[cfg(test)]
mod tests {
    #[test]
    fn rows_and_engine_name_the_same_quirks() {
        let ours: Vec<_> = super::ALL.iter().map(|quirk| quirk.name).collect();
        assert_eq!(ours, sagewright_kinds::QUIRKS);
        let files = std::fs::read_dir(concat!(env!("CARGO_MANIFEST_DIR"), "/src/quirks")).unwrap().count();
        assert_eq!(files, ours.len() + 1, "one file per quirk, and mod.rs");
    }
}
