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
    circle(&definition.steps)
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
            return Err(format!("{} can not depends on {}", step.name, need.name));
        }
    }
    Ok(needs)
}

/// The step that a reference needs, where it needs one.
fn check(definition: &Definition, text: &str) -> Result<Option<usize>, String> {
    let reference = Reference::parse(text).ok_or_else(|| {
        format!("'{text}' is no reference: it begins with Parameters., Steps. or Execution. and names what is there.")
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
fn circle(steps: &[Step]) -> Result<(), String> {
    let mut left: Vec<usize> = (0..steps.len()).collect();
    loop {
        let before = left.len();
        let waits = |at: &usize, left: &[usize]| {
            steps.get(*at).is_some_and(|step| step.needs.iter().any(|need| left.contains(need)))
        };
        let next: Vec<usize> = left.iter().copied().filter(|at| waits(at, &left)).collect();
        if next.is_empty() {
            return Ok(());
        }
        if next.len() == before {
            let names: Vec<&str> = next.iter().filter_map(|at| Some(steps.get(*at)?.name.as_str())).collect();
            return Err(format!(
                "Cycle detected in pipeline step graph: these steps wait for each other: {}.",
                names.join(", ")
            ));
        }
        left = next;
    }
}
