//! Selective execution: which steps run, and which take their results from another execution. Pure.

use crate::definition::Definition;
use crate::execution::state::{Phase, Source, State};

/// Narrows a new execution to the selected steps. What they need and is not selected comes from `source`.
///
/// # Errors
/// A step does not exist, the selection has gaps, or the other execution does not have what is needed.
pub(super) fn select(
    state: &mut State,
    definition: &Definition,
    selected: &[&str],
    source: Option<(&str, &State)>,
) -> Result<(), String> {
    let mut chosen = vec![false; definition.steps.len()];
    for name in selected {
        let at =
            definition.find(name).ok_or_else(|| format!("The selected step {name} does not exist in the pipeline."))?;
        if let Some(chosen) = chosen.get_mut(at) {
            *chosen = true;
        }
    }
    let is_chosen = |at: usize| chosen.get(at) == Some(&true);
    let before = |at: usize| ancestors(state, at);
    let mut needed = vec![false; chosen.len()];
    for at in (0..chosen.len()).filter(|at| is_chosen(*at)) {
        for up in before(at).into_iter().filter(|up| !is_chosen(*up)) {
            // A path from a selected step over one that is not to another selected one.
            if let Some(gap) = before(up).into_iter().find(|top| is_chosen(*top)) {
                let name = |at: usize| definition.steps.get(at).map_or("", |step| step.name.as_str());
                return Err(format!(
                    "The selected steps {} and {} are not connected: select {} as well, which is between them.",
                    name(gap),
                    name(at),
                    name(up)
                ));
            }
            if let Some(needed) = needed.get_mut(up) {
                *needed = true;
            }
        }
    }
    for at in 0..chosen.len() {
        let needed = needed.get(at) == Some(&true);
        let name = definition.steps.get(at).map_or("", |step| step.name.as_str());
        let Some(step) = state.steps.get_mut(at) else { continue };
        if chosen.get(at) == Some(&true) {
            continue;
        }
        if !needed {
            step.phase = Phase::Skipped;
            continue;
        }
        let Some((arn, other)) = source else {
            return Err(format!(
                "The selected steps need step {name}, which is not selected: give a SourcePipelineExecutionArn."
            ));
        };
        let found = other.nodes.iter().position(|node| node.name == name).and_then(|at| other.steps.get(at));
        let Some(found) = found.filter(|found| found.phase == Phase::Succeeded) else {
            return Err(format!("The selected steps need step {name}, which has not succeeded in {arn}."));
        };
        step.clone_from(found);
        step.retried = vec![0; state.nodes.get(at).map_or(0, |node| node.retries.len())];
        step.result.source = Some(Source::Selected(arn.to_owned()));
    }
    // Who selects a step wants it, whichever branch its condition took elsewhere.
    for (at, node) in state.nodes.iter_mut().enumerate() {
        let gone = node.branch.filter(|branch| chosen.get(at) == Some(&true) && chosen.get(branch.of) == Some(&false));
        if gone.is_some() {
            node.branch = None;
        }
    }
    Ok(())
}

/// All steps that one needs, at whatever distance.
fn ancestors(state: &State, at: usize) -> Vec<usize> {
    let mut found = Vec::new();
    let mut todo = vec![at];
    while let Some(at) = todo.pop() {
        for need in state.nodes.get(at).into_iter().flat_map(|node| &node.needs) {
            if !found.contains(need) {
                found.push(*need);
                todo.push(*need);
            }
        }
    }
    found
}
