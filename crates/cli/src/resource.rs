//! `KIND` and `KIND/NAME` on the command line.

use sagewright_kinds::Kind;
use sagewright_model::Arn;

use crate::exit::{Exit, Failure};

/// What is listed in AWS, is no kind, and is shown with the kind that it is part of.
const PARTS: [(&str, &str); 2] = [
    ("monitoringexecution", "`sagewright get monitoringschedule NAME --executions` shows those of a schedule"),
    ("pipelineexecutionstep", "`sagewright get pipelineexecution NAME --steps` shows those of an execution"),
];

/// A kind by its name, plural, or `plural.group`, in any case, or as ARNs have it: `processing-job`.
pub(crate) fn kind(text: &str) -> Result<&'static Kind, Failure> {
    of_arns(text).ok_or_else(|| {
        let parts = PARTS.iter().find(|(name, _)| text.to_lowercase().starts_with(name));
        let hint = meant(text).filter(|_| parts.is_none());
        let hint = hint.map(|close| format!("; did you mean `{close}`?")).unwrap_or_default();
        Failure::new(Exit::Usage, format!("there is no kind `{text}`{hint}"))
            .help(parts.map_or("`sagewright explain` lists the kinds", |(_, help)| help))
    })
}

/// A kind by any of its names; ARNs join its words with hyphens.
fn of_arns(text: &str) -> Option<&'static Kind> {
    sagewright_kinds::find(text).or_else(|| sagewright_kinds::find(&text.replace('-', "")))
}

/// The kind that a wrong word means: the only one that ends so (`tuningjobs`), or else the nearest.
fn meant(text: &str) -> Option<&'static str> {
    let all = sagewright_kinds::all();
    let word = text.to_lowercase();
    let ends = |name: &str| word.len() > 3 && name.to_lowercase().ends_with(&word);
    let mut ending = all.iter().flat_map(|kind| [kind.name(), kind.plural()]).filter(|name| ends(name));
    match (ending.next(), ending.next()) {
        (Some(only), None) => Some(only),
        _ => sagewright_engine::suggest(text, all.iter().flat_map(|kind| [kind.name(), kind.plural()])),
    }
}

/// `KIND/NAME`, or an ARN alone; the name may be an ARN, which holds slashes of its own.
pub(crate) fn kind_and_name(text: &str) -> Result<(&'static Kind, &str), Failure> {
    if let Some(kind) = kind_in_arn(text) {
        return Ok((kind, text));
    }
    match text.split_once('/') {
        Some((k, name)) if !name.is_empty() && !text.starts_with("arn:") => Ok((kind(k)?, name)),
        _ => Err(Failure::new(Exit::Usage, format!("`{text}` names no resource"))
            .help("write KIND/NAME, for example TrainingJob/mnist-xgboost, or an ARN")),
    }
}

/// `KIND NAME` or `KIND/NAME`, in one word or two.
pub(crate) fn words(what: &[String]) -> Result<(&'static Kind, &str), Failure> {
    match what {
        [of, name] => Ok((kind(of)?, name)),
        [one] => kind_and_name(one),
        _ => Err(Failure::new(Exit::Usage, "one resource at a time")),
    }
}

/// The kind of the resource that an ARN names.
pub(crate) fn kind_in_arn(text: &str) -> Option<&'static Kind> {
    let arn: Arn = text.parse().ok()?;
    let (first, rest) = arn.resource.split_once('/')?;
    // An execution is inside of its pipeline.
    if first == "pipeline" && rest.contains("/execution/") {
        return sagewright_kinds::find("PipelineExecution");
    }
    of_arns(first).filter(|kind| kind.service().metadata.signing_name() == arn.service)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_kind_has_the_name_that_arns_have() {
        let told = |text: &str| kind(text).map(|kind| kind.name().to_owned()).map_err(|e| e.to_string());
        assert_eq!(told("processing-job").unwrap(), "ProcessingJob");
        assert_eq!(told("automl-job").unwrap(), "AutoMLJob");
        assert_eq!(told("endpoint-config").unwrap(), "EndpointConfig");
        assert_eq!(
            told("tuningjobs").unwrap_err(),
            "there is no kind `tuningjobs`; did you mean `hyperparametertuningjobs`?"
        );
        assert_eq!(
            told("tuningjob").unwrap_err(),
            "there is no kind `tuningjob`; did you mean `HyperParameterTuningJob`?"
        );
        assert_eq!(told("traningjob").unwrap_err(), "there is no kind `traningjob`; did you mean `TrainingJob`?");
    }

    #[test]
    fn an_arn_names_its_resource_and_its_kind() {
        let of = |resource: &str| format!("arn:aws:sagemaker:us-east-1:000000000000:{resource}");
        let kind = |resource: &str| kind_in_arn(&of(resource)).map(Kind::name);
        assert_eq!(kind("processing-job/pipelines-x-a"), Some("ProcessingJob"));
        assert_eq!(kind("pipeline/p"), Some("Pipeline"));
        assert_eq!(kind("pipeline/p/execution/1"), Some("PipelineExecution"));
        assert_eq!(kind("hyper-parameter-tuning-job/t"), Some("HyperParameterTuningJob"));
        assert_eq!(kind("what-is-this/t"), None);
        assert!(kind_and_name("arn:aws:iam::000000000000:role/x").is_err());
    }
}
