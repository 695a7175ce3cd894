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
    let name = |at: usize| definition.steps.get(at).map_or("", |step| step.name.as_str());
    let below = below(state, &chosen);
    let mut needed = vec![false; chosen.len()];
    for at in (0..chosen.len()).filter(|at| is_chosen(*at)) {
        for up in ancestors(state, at).into_iter().filter(|up| !is_chosen(*up)) {
            // It is on a path from a selected step to another one.
            if below.get(up) == Some(&true) {
                let top = ancestors(state, up).into_iter().find(|top| is_chosen(*top)).unwrap_or(up);
                return Err(format!(
                    "The selected steps {} and {} are not connected: select {} as well, which is between them.",
                    name(top),
                    name(at),
                    name(up)
                ));
            }
            if let Some(needed) = needed.get_mut(up) {
                *needed = true;
            }
        }
    }
    if source.is_none() && needed.contains(&true) {
        let names = |all: &[bool]| -> String {
            let names = all.iter().enumerate().filter(|(_, is)| **is).map(|(at, _)| name(at));
            names.collect::<Vec<_>>().join(", ")
        };
        // AWS's own text.
        return Err(format!(
            "Invalid SourcePipelineExecutionArn: null. The selected steps [{}] have dependencies on [{}]",
            names(&chosen),
            names(&needed)
        ));
    }
    for at in (0..chosen.len()).filter(|at| !is_chosen(*at)) {
        let Some(step) = state.steps.get_mut(at) else { continue };
        let Some((arn, other)) = source.filter(|_| needed.get(at) == Some(&true)) else {
            step.phase = Phase::Skipped;
            continue;
        };
        let name = name(at);
        let found = other.nodes.iter().position(|node| node.name == name).and_then(|at| other.steps.get(at));
        let Some(found) = found.filter(|found| found.phase == Phase::Succeeded) else {
            return Err(format!("The selected steps need step {name}, which has not succeeded in {arn}."));
        };
        step.clone_from(found);
        step.answered = None;
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

/// Which steps need a chosen one, at whatever distance.
fn below(state: &State, chosen: &[bool]) -> Vec<bool> {
    let mut below = vec![false; chosen.len()];
    loop {
        let mut changed = false;
        for (at, node) in state.nodes.iter().enumerate() {
            let is = node.needs.iter().any(|need| chosen.get(*need) == Some(&true) || below.get(*need) == Some(&true));
            if let Some(known) = below.get_mut(at).filter(|known| is && !**known) {
                *known = true;
                changed = true;
            }
        }
        if !changed {
            return below;
        }
    }
}

/// All steps that one needs, at whatever distance.
fn ancestors(state: &State, at: usize) -> Vec<usize> {
    let mut seen = vec![false; state.nodes.len()];
    let mut found = Vec::new();
    let mut todo = vec![at];
    while let Some(at) = todo.pop() {
        for need in state.nodes.get(at).into_iter().flat_map(|node| &node.needs) {
            if let Some(seen) = seen.get_mut(*need).filter(|seen| !**seen) {
                *seen = true;
                found.push(*need);
                todo.push(*need);
            }
        }
    }
    found
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;
    use crate::execution::state::Status;
    use crate::execution::step::{Effect, Event};

    /// A condition with a step in its branch.
    fn definition() -> Definition {
        let then = json!({"Name": "Then", "Type": "Training", "Arguments": {}});
        let arguments = json!({"Conditions": [], "IfSteps": [then], "ElseSteps": []});
        let steps = json!([{"Name": "If", "Type": "Condition", "Arguments": arguments}]);
        Definition::parse(&json!({"Version": "2020-12-01", "Steps": steps}).to_string()).unwrap()
    }

    fn state(of: &Definition) -> State {
        State::new(of, None, "seed".into(), 0)
    }

    #[test]
    fn a_selected_step_runs_whichever_branch_its_condition_took() {
        let definition = definition();
        let (mut now, mut other) = (state(&definition), state(&definition));
        let (of, then) = (definition.find("If").unwrap(), definition.find("Then").unwrap());
        (other.steps[of].phase, other.steps[of].result.outcome) = (Phase::Succeeded, Some(false));
        other.steps[then].phase = Phase::Skipped;
        select(&mut now, &definition, &["Then"], Some(("arn", &other))).unwrap();
        let effects = now.take(&Event::Created, 0).unwrap();
        assert!(matches!(effects[..], [Effect::Begin(attempt)] if attempt.step == then), "{effects:?}");
        assert_eq!((now.status, now.steps[of].result.outcome), (Status::Executing, Some(false)));
    }

    #[test]
    fn what_a_selected_step_needs_has_to_have_succeeded() {
        let definition = definition();
        for phase in [Phase::Failed, Phase::Skipped, Phase::Stopped, Phase::Idle] {
            let (mut now, mut other) = (state(&definition), state(&definition));
            other.steps[definition.find("If").unwrap()].phase = phase;
            let refused = select(&mut now, &definition, &["Then"], Some(("arn", &other))).unwrap_err();
            assert_eq!(refused, "The selected steps need step If, which has not succeeded in arn.", "{phase:?}");
        }
    }
}
