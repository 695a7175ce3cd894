//! Where the lines of a resource are.

use std::collections::HashMap;

use sagewright_kinds::Kind;
use serde_json::Value;

use crate::context::{Context, engine_failure};
use crate::{details, steps};

/// Streams of one group.
#[derive(Debug, Clone)]
pub(super) struct Source {
    /// The group.
    pub(super) group: String,
    /// How the streams' names begin.
    pub(super) prefix: String,
    /// Whose they are, where lines of several sources are shown.
    pub(super) whose: Option<String>,
}

impl Source {
    /// Streams of several jobs: their names begin with the tuning job's.
    pub(super) fn is_of_jobs(&self) -> bool {
        self.prefix.ends_with('-')
    }

    /// Whether a stream is one of them, and not of a job whose name merely begins in the same way: SageMaker adds a number
    /// and eight digits to a tuning job's name.
    pub(super) fn has(&self, stream: &str) -> bool {
        let Some(rest) = stream.strip_prefix(&self.prefix) else { return false };
        let job = rest.split('/').next().unwrap_or_default();
        let is_number = |text: &str| text.len() >= 3 && text.bytes().all(|b| b.is_ascii_digit());
        let is_end = |text: &str| text.len() == 8 && text.bytes().all(|b| b.is_ascii_hexdigit());
        !self.is_of_jobs() || job.split_once('-').is_some_and(|(number, end)| is_number(number) && is_end(end))
    }
}

/// Kinds whose lines are those of the jobs that they start.
const BY_JOBS: [&str; 2] = ["PipelineExecution", "MonitoringSchedule"];

/// Whether a kind has lines to show.
pub(crate) fn has_logs(kind: &Kind) -> bool {
    kind.row().logs.is_some() || BY_JOBS.contains(&kind.name())
}

/// Where the lines of a resource are, as that becomes known.
pub(crate) struct Sources {
    pub(super) kind: &'static Kind,
    /// Its name as its description gives it: the names of streams have its letter case.
    pub(super) name: String,
    /// Jobs by their ARN, which does not have it.
    jobs: HashMap<String, Option<(&'static Kind, String)>>,
}

impl Sources {
    /// Those of a resource, by its name as its description gives it.
    pub(crate) fn new(kind: &'static Kind, name: &str) -> Self {
        Self { kind, name: name.to_owned(), jobs: HashMap::new() }
    }

    /// Those that there are now.
    pub(super) async fn now(&mut self, context: &Context) -> anyhow::Result<Vec<Source>> {
        let jobs = match self.kind.name() {
            "PipelineExecution" => steps::jobs(context, &self.name).await?,
            "MonitoringSchedule" => {
                let found = context.engine.describe(self.kind, &self.name).await.map_err(engine_failure)?;
                let last = found.object.status.pointer("/lastMonitoringExecutionSummary/processingJobARN");
                last.and_then(Value::as_str).map(|arn| (None, arn.to_owned())).into_iter().collect()
            }
            _ => return Ok(self.kind.logs(&self.name).map(|at| source(at, None)).into_iter().collect()),
        };
        let mut sources = Vec::new();
        for (whose, arn) in jobs {
            if !self.jobs.contains_key(&arn) {
                let named = details::name_of(context, &arn).await;
                self.jobs.insert(arn.clone(), named);
            }
            if let Some((kind, name)) = self.jobs.get(&arn).and_then(Option::as_ref) {
                sources.extend(kind.logs(name).map(|at| source(at, whose)));
            }
        }
        Ok(sources)
    }
}

fn source((group, prefix): (String, String), whose: Option<String>) -> Source {
    Source { group, prefix, whose }
}
