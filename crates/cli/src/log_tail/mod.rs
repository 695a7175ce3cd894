//! Log streams of a job, an endpoint, or the jobs of a pipeline execution, read from CloudWatch Logs.

mod label;
mod source;

use std::collections::{BTreeMap, HashSet};
use std::time::Duration;

use sagewright_aws::collect_items;
use sagewright_aws::paging::Pager;
use sagewright_engine::{Call, Cloud as _, CloudError, EngineError, Until};
use sagewright_kinds::Kind;
use serde_json::{Value, json};

use label::labels;
use source::Source;

pub(crate) use source::{Sources, has_logs};

use crate::context::Context;

/// What to show.
#[derive(Debug, Clone)]
pub(crate) struct Tail {
    /// Until the resource has ended.
    pub(crate) follow: bool,
    /// Only so many last lines of what is there.
    pub(crate) last: Option<usize>,
}

/// One line of a log.
#[derive(Debug, Clone)]
pub(crate) struct Line {
    /// When it was written, in milliseconds since 1970.
    time: i64,
    /// Its stream.
    pub(crate) stream: String,
    /// What tells its stream from others that are shown; nothing where there is one.
    pub(crate) whose: Option<String>,
    /// What it says.
    pub(crate) message: String,
}

impl Line {
    /// When it was written, as RFC 3339 text.
    pub(crate) fn timestamp(&self) -> String {
        jiff::Timestamp::from_millisecond(self.time).map(|t| t.to_string()).unwrap_or_default()
    }
}

/// Most events of one `GetLogEvents`.
const MOST: usize = 10_000;

/// Gives lines to `show` by time, and tells how many there were: all, or the last ones of each stream.
pub(crate) async fn run(
    context: &Context,
    sources: &mut Sources,
    tail: &Tail,
    show: &mut (dyn FnMut(&Line) -> anyhow::Result<()> + Send),
) -> anyhow::Result<usize> {
    let (kind, name) = (sources.kind, sources.name.clone());
    // By group and stream: where the next reading goes on.
    let mut positions: BTreeMap<(String, String), Option<String>> = BTreeMap::new();
    let mut first = true;
    let mut count = 0;
    loop {
        // Asked before reading, so that nothing written before the end is missed.
        let ended = !tail.follow || ended(context, kind, &name).await;
        let mut lines = Vec::new();
        let last = tail.last.filter(|_| first);
        for source in sources.now(context).await? {
            let streams = streams(context, &source).await?;
            for (stream, whose) in labels(&source, &streams) {
                let position = positions.entry((source.group.clone(), stream.to_owned())).or_insert(None);
                let read = match last {
                    Some(last) => read_last(context, &source.group, stream, position, last).await?,
                    None => read(context, &source.group, stream, position).await?,
                };
                lines.extend(read.into_iter().map(|line| Line { whose: whose.clone(), ..line }));
            }
        }
        lines.sort_by_key(|line| line.time);
        count += lines.len();
        let skip = last.map_or(0, |last| lines.len().saturating_sub(last));
        for line in lines.iter().skip(skip) {
            show(line)?;
        }
        first = false;
        if ended {
            return Ok(count);
        }
        tokio::time::sleep(context.poll()).await;
    }
}

/// Whether a job is over. Other resources never are.
pub(crate) async fn ended(context: &Context, kind: &'static Kind, name: &str) -> bool {
    if !kind.is_job() {
        return false;
    }
    let quiet = &sagewright_engine::NoObserver;
    match context.engine.wait(kind, name, &Until::Final, Some(Duration::ZERO), quiet).await {
        // A job that is gone writes nothing more.
        Ok(_) | Err(EngineError::NotFound { .. } | EngineError::Unreachable { .. }) => true,
        Err(_) => false,
    }
}

async fn streams(context: &Context, source: &Source) -> anyhow::Result<Vec<String>> {
    let Source { group, prefix, .. } = source;
    let input = json!({"logGroupName": group, "logStreamNamePrefix": prefix});
    let input = if prefix.is_empty() { json!({"logGroupName": group}) } else { input };
    match collect_items(&context.aws, &context.target, "logs", "DescribeLogStreams", input).await {
        Ok(streams) => {
            let names = streams.iter().filter_map(|s| s["logStreamName"].as_str());
            Ok(names.filter(|name| source.has(name)).map(str::to_owned).collect())
        }
        // SageMaker makes the group with the first line.
        Err(error) if is_missing(&error) => Ok(Vec::new()),
        Err(error) => Err(error.into()),
    }
}

/// The last lines of a stream, read from its end; `position` is then the end.
async fn read_last(
    context: &Context,
    group: &str,
    stream: &str,
    position: &mut Option<String>,
    last: usize,
) -> anyhow::Result<Vec<Line>> {
    let limit = last.clamp(1, MOST);
    let mut input = json!({"logGroupName": group, "logStreamName": stream, "startFromHead": false, "limit": limit});
    let mut pages: Vec<Vec<Line>> = Vec::new();
    let mut had = HashSet::new();
    let mut count = 0;
    loop {
        let output = match context.aws.call(Call::new(&context.target, "logs", "GetLogEvents", input.clone())).await {
            Ok(output) => output,
            Err(error) if is_missing(&error) => break,
            Err(error) => return Err(error.into()),
        };
        if position.is_none() {
            *position = output["nextForwardToken"].as_str().map(str::to_owned);
        }
        let page: Vec<Line> = of_page(&output, stream).collect();
        count += page.len();
        pages.push(page);
        // A page may be short or empty though there are earlier lines; a token that was had says that there are none.
        let earlier = &output["nextBackwardToken"];
        if count >= last.max(1) || !earlier.as_str().is_some_and(|token| had.insert(token.to_owned())) {
            break;
        }
        input["nextToken"] = earlier.clone();
    }
    Ok(pages.into_iter().rev().flatten().collect())
}

fn of_page<'a>(output: &'a Value, stream: &'a str) -> impl Iterator<Item = Line> + 'a {
    output["events"].as_array().into_iter().flatten().map(move |event| {
        let time = event["timestamp"].as_i64().unwrap_or(0);
        let message = event["message"].as_str().unwrap_or("").trim_end_matches('\n').to_owned();
        Line { time, stream: stream.to_owned(), whose: None, message }
    })
}

async fn read(
    context: &Context,
    group: &str,
    stream: &str,
    position: &mut Option<String>,
) -> anyhow::Result<Vec<Line>> {
    let mut input = json!({"logGroupName": group, "logStreamName": stream, "startFromHead": true});
    if let Some(token) = position {
        input["nextToken"] = Value::String(token.clone());
    }
    let mut lines = Vec::new();
    let mut pager = Pager::new(&context.target, "logs", "GetLogEvents", input);
    loop {
        match pager.next(&context.aws).await {
            Ok(Some(page)) => lines.extend(of_page(&page, stream)),
            Ok(None) => break,
            Err(error) if is_missing(&error) => break,
            Err(error) => return Err(error.into()),
        }
    }
    // Where the next reading goes on.
    if let Some(next) = pager.input()["nextToken"].as_str() {
        *position = Some(next.to_owned());
    }
    Ok(lines)
}

fn is_missing(error: &CloudError) -> bool {
    error.code == "ResourceNotFoundException"
}
