//! From a failure to its cause: the commands that show it.

use sagewright_engine::EngineError;
use sagewright_kinds::Kind;

use crate::context::{Context, engine_failure};
use crate::exit::Failure;
use crate::output::terminal::on_line;
use crate::show;
use crate::steps::{self, Step};

/// The command that shows what a resource's program said.
pub(crate) fn hint(kind: &Kind, name: &str) -> Option<String> {
    if kind.name() == "PipelineExecution" {
        return Some(steps_hint(&show::name_in(name)));
    }
    kind.row().logs.as_ref()?;
    Some(format!("`sagewright logs {}/{}` shows what it said", kind.name(), on_line(name)))
}

/// The error that a wait for a resource ended with, and where its cause is.
pub(crate) async fn explained(context: &Context, kind: &'static Kind, name: &str, error: EngineError) -> Failure {
    let cannot = matches!(error, EngineError::Unreachable { .. });
    let mut failure = engine_failure(error);
    if !cannot {
        return failure;
    }
    let Ok(found) = context.engine.describe(kind, name).await else { return failure };
    if !super::is_failed(kind, &found.object) {
        return failure;
    }
    if kind.name() == "PipelineExecution" {
        let steps = steps::named(context, &found.object).await.unwrap_or_default();
        failure.message.push_str(&of_steps(&steps));
        failure.help = Some(steps_help(&show::aws_name(kind, &found.object), &steps));
    } else {
        failure.help = hint(kind, &found.resource);
    }
    failure
}

/// The steps that failed, a line each.
fn of_steps(steps: &[Step]) -> String {
    steps.iter().filter(|step| step.failed()).filter_map(Step::news).map(|news| format!("\n{news}")).collect()
}

/// The commands that show what failed steps said, and all steps.
fn steps_help(execution: &str, steps: &[Step]) -> String {
    let failed = steps.iter().filter(|step| step.failed()).filter_map(Step::made);
    let mut help: Vec<String> = failed.filter_map(|(kind, name)| hint(kind, name)).collect();
    help.push(steps_hint(execution));
    help.join("\n  ")
}

fn steps_hint(execution: &str) -> String {
    format!("`sagewright get pipelineexecution {} --steps` shows its steps", on_line(execution))
}
