//! What steps need of each other: by `DependsOn`, by references to properties and property files, by branches.

use super::{Definition, Step};
use crate::expression::{Reference, references};
use crate::kinds::Runs;

/// Execution variables that there are.
const VARIABLES: &[&str] = &[
    "StartDateTime",
    "CurrentDateTime",
    "PipelineName",
    "PipelineArn",
    "PipelineExecutionId",
    "PipelineExecutionArn",
    "TrainingJobName",
    "ProcessingJobName",
];

/// Finds what each step needs, and checks all references.
pub(super) fn connect(definition: &mut Definition) -> Result<(), String> {
    if let Some(config) = &definition.experiment {
        let mut found = Vec::new();
        references(config, &mut found);
        for text in found {
            check(definition, text).map_err(|why| format!("PipelineExperimentConfig: {why}"))?;
        }
    }
    let all = (0..definition.steps.len()).map(|at| needs(definition, at)).collect::<Result<Vec<_>, _>>()?;
    for (step, needs) in definition.steps.iter_mut().zip(all) {
        step.needs = needs;
    }
    refuse_cycles(&definition.steps)
}

fn needs(definition: &Definition, at: usize) -> Result<Vec<usize>, String> {
    let Some(step) = definition.steps.get(at) else { return Ok(Vec::new()) };
    let told = |why: String| format!("Step {}: {why}", step.name);
    let mut needs = Vec::new();
    let mut found = Vec::new();
    references(&step.arguments, &mut found);
    if let Some(target) = &step.target {
        references(target, &mut found);
    }
    for text in found {
        needs.extend(check(definition, text).map_err(told)?);
    }
    for name in &step.depends_on {
        needs.push(
            definition.find(name).ok_or_else(|| told(format!("It depends on step {name}, which does not exist.")))?,
        );
    }
    needs.extend(step.branch.map(|branch| branch.of));
    needs.sort_unstable();
    needs.dedup();
    for need in needs.iter().filter_map(|need| definition.steps.get(*need)) {
        if matches!(need.kind.runs, Runs::Fail) {
            return Err(format!(
                "{} cannot depend on {}, which is a Fail step: no step comes after it.",
                step.name, need.name
            ));
        }
    }
    Ok(needs)
}

/// The step that a reference needs, where it needs one.
fn check(definition: &Definition, text: &str) -> Result<Option<usize>, String> {
    let reference = Reference::parse(text).ok_or_else(|| {
        format!("'{text}' is not a valid reference: it begins with Parameters., Steps. or Execution. and names what is there.")
    })?;
    match &reference {
        Reference::Parameter(name) if !definition.parameters.iter().any(|parameter| parameter.name == *name) => {
            Err(format!("'{text}' names a parameter that does not exist."))
        }
        Reference::Variable(name) if !VARIABLES.contains(&name.as_str()) => Err(format!(
            "'{text}' names an execution variable that does not exist. There are {}.",
            VARIABLES.join(", ")
        )),
        Reference::Parameter(_) | Reference::Variable(_) => Ok(None),
        Reference::Property(name, _) | Reference::File(name, _) => {
            let at = definition.find(name).ok_or_else(|| format!("'{text}' names a step that does not exist."))?;
            let step = definition.steps.get(at);
            step.map_or(Ok(()), |step| super::arguments::has(step, &reference))
                .map_err(|why| format!("'{text}' {why}"))?;
            Ok(Some(at))
        }
    }
}

/// Refuses steps that need each other.
fn refuse_cycles(steps: &[Step]) -> Result<(), String> {
    let mut open: Vec<usize> = steps.iter().map(|step| step.needs.len()).collect();
    let mut users: Vec<Vec<usize>> = vec![Vec::new(); steps.len()];
    for (at, step) in steps.iter().enumerate() {
        for need in &step.needs {
            if let Some(users) = users.get_mut(*need) {
                users.push(at);
            }
        }
    }
    let mut free: Vec<usize> = open.iter().enumerate().filter(|(_, needs)| **needs == 0).map(|(at, _)| at).collect();
    while let Some(at) = free.pop() {
        for user in users.get(at).into_iter().flatten() {
            if let Some(needs) = open.get_mut(*user) {
                *needs -= 1;
                free.extend((*needs == 0).then_some(*user));
            }
        }
    }
    let waits = steps.iter().zip(&open).filter(|(_, needs)| **needs > 0);
    let names: Vec<&str> = waits.map(|(step, _)| step.name.as_str()).collect();
    if names.is_empty() {
        return Ok(());
    }
    Err(format!("Cycle detected in pipeline step graph: these steps wait for each other: {}.", names.join(", ")))
}
