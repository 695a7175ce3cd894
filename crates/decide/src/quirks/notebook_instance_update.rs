//! UpdateNotebookInstance takes only a stopped instance. One that runs is stopped, updated and started again; a tag
//! remembers that it was stopped for that, so that an instance which its user stopped stays so, and one that was left
//! half way is started by the next run.

use std::collections::BTreeMap;

use sagewright_kinds::{Kind, Phase};
use serde_json::{Value, json};

use crate::inputs::call_on;
use crate::observed::Found;
use crate::{Decision, Step};

/// Tag of an instance that was stopped for an update. Its value is ACK's word in the status.
const STOPPED_FOR: &str = "sagewright.dev/stopped-for";
const PENDING: &str = "UpdatePending";

pub(super) fn decided(kind: &Kind, found: &Found, mut decision: Decision) -> Decision {
    if decision.refusal().is_some() {
        return decision;
    }
    let update = decision.steps.iter().position(|s| matches!(s, Step::Update { .. }));
    let remembered = found.tags.contains_key(STOPPED_FOR);
    let operations = &kind.row().operations;
    match (found.phase, update) {
        (Phase::Settled, Some(at)) => {
            decision.steps.remove(at);
            if !remembered {
                tag(found, &mut decision, |add, _| {
                    add.insert(STOPPED_FOR.to_owned(), PENDING.to_owned());
                });
            }
            let stop = call_on(kind, "stop", operations.stop.as_ref(), found, &kind.spec_of(&found.output));
            decision.steps.extend(stop.map(|(operation, input)| Step::Stop { operation, input }));
        }
        (Phase::Stopped, None) if remembered => {
            let start = call_on(kind, "start", operations.start.as_ref(), found, &kind.spec_of(&found.output));
            decision.steps.extend(start.map(|(operation, input)| Step::Update { operation, input }));
        }
        (Phase::Settled, None) if remembered => {
            tag(found, &mut decision, |_, remove| remove.push(STOPPED_FOR.to_owned()));
        }
        _ => {}
    }
    decision
}

/// What was stopped for an update is to be started, and what was started is to lose the tag that says so: else an instance
/// that its user stops later would be started.
pub(super) fn holds(found: &Found) -> bool {
    found.tags.contains_key(STOPPED_FOR)
}

pub(super) fn status(tags: &BTreeMap<String, String>, status: &mut Value) {
    if let (Some(word), Some(map)) = (tags.get(STOPPED_FOR), status.as_object_mut()) {
        map.insert("stoppedByControllerMetadata".to_owned(), json!(word));
    }
}

/// Changes tags in the one step that does so, before all others but an adoption.
fn tag(found: &Found, decision: &mut Decision, change: impl FnOnce(&mut BTreeMap<String, String>, &mut Vec<String>)) {
    let Some(arn) = found.arn.clone() else { return };
    let there = decision.steps.iter().position(|s| matches!(s, Step::SyncTags { .. }));
    let mut step = there.map_or_else(
        || Step::SyncTags { arn, add: BTreeMap::new(), remove: Vec::new() },
        |at| decision.steps.remove(at),
    );
    if let Step::SyncTags { add, remove, .. } = &mut step {
        change(add, remove);
    }
    decision.steps.insert(0, step);
}
