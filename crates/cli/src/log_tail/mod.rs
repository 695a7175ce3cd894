//! Log streams of a job, an endpoint, or the jobs of a pipeline execution, read from CloudWatch Logs.

mod label;
mod source;

use std::collections::{BTreeMap, HashSet, VecDeque};
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
    /// Only streams of instances (or variants, or jobs) whose names start so.
    pub(crate) search: Option<String>,
}

impl Tail {
    /// Whether a stream is wanted: any part of its name after the resource's starts as it should.
    fn wants(&self, stream: &str, prefix: &str) -> bool {
        let Some(search) = &self.search else { return true };
        let rest = stream.strip_prefix(prefix).unwrap_or(stream);
        rest.split('/').any(|part| part.starts_with(search.as_str()))
    }
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

    /// When it was written, as the legacy operator's plugin shows it: `2019-11-20 23:45:24.7 +0000 UTC`.
    pub(crate) fn time_of_old(&self) -> String {
        let time = jiff::Timestamp::from_millisecond(self.time);
        time.map(|t| t.strftime("%F %T%.f +0000 UTC").to_string()).unwrap_or_default()
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
    let mut positions = Positions::new();
    let mut first = true;
    let mut count = 0;
    loop {
        // Asked before reading, so that nothing written before the end is missed.
        let ended = !tail.follow || ended(context, kind, &name).await;
        for source in sources.now(context).await? {
            let streams = streams(context, &source).await?;
            for (stream, whose) in labels(&source, &streams) {
                if tail.wants(stream, &source.prefix) {
                    let place = positions.entry((source.group.clone(), stream.to_owned())).or_default();
                    place.whose = whose;
                }
            }
        }
        count += match tail.last.filter(|_| first) {
            Some(last) => show_last(context, &mut positions, last, show).await?,
            None => show_all(context, &mut positions, show).await?,
        };
        first = false;
        if ended {
            return Ok(count);
        }
        tokio::time::sleep(context.poll()).await;
    }
}

/// How far a stream was read.
#[derive(Debug, Default)]
struct Position {
    /// What is put before its lines.
    whose: Option<String>,
    /// Where the next reading goes on.
    token: Option<String>,
}

/// By group and stream.
type Positions = BTreeMap<(String, String), Position>;

/// Shows the last lines of all streams together.
async fn show_last(
    context: &Context,
    positions: &mut Positions,
    last: usize,
    show: &mut (dyn FnMut(&Line) -> anyhow::Result<()> + Send),
) -> anyhow::Result<usize> {
    let mut lines = Vec::new();
    for ((group, stream), position) in positions {
        let read = read_last(context, group, stream, &mut position.token, last).await?;
        lines.extend(read.into_iter().map(|line| Line { whose: position.whose.clone(), ..line }));
    }
    lines.sort_by_key(|line| line.time);
    lines.iter().skip(lines.len().saturating_sub(last)).try_for_each(show)?;
    Ok(lines.len())
}

/// Shows what is new of all streams by time. Of each a page is in memory, however long they are.
async fn show_all(
    context: &Context,
    positions: &mut Positions,
    show: &mut (dyn FnMut(&Line) -> anyhow::Result<()> + Send),
) -> anyhow::Result<usize> {
    let readers = positions.iter_mut().map(|((group, stream), position)| Reader::new(context, group, stream, position));
    let mut readers: Vec<Reader<'_>> = readers.collect();
    let mut count = 0;
    loop {
        for reader in &mut readers {
            reader.fill(context).await?;
        }
        let heads = readers.iter_mut().filter(|reader| !reader.lines.is_empty());
        let Some(next) = heads.min_by_key(|reader| reader.lines.front().map(|line| line.time)) else {
            return Ok(count);
        };
        if let Some(line) = next.lines.pop_front() {
            show(&Line { whose: next.position.whose.clone(), ..line })?;
            count += 1;
        }
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

/// What is new of a stream, page by page.
struct Reader<'a> {
    stream: &'a str,
    position: &'a mut Position,
    /// None after the last page.
    pager: Option<Pager>,
    lines: VecDeque<Line>,
}

impl<'a> Reader<'a> {
    fn new(context: &Context, group: &str, stream: &'a str, position: &'a mut Position) -> Self {
        let mut input = json!({"logGroupName": group, "logStreamName": stream, "startFromHead": true});
        if let Some(token) = &position.token {
            input["nextToken"] = Value::String(token.clone());
        }
        let pager = Some(Pager::new(&context.target, "logs", "GetLogEvents", input));
        Self { stream, position, pager, lines: VecDeque::new() }
    }

    /// Reads on until there is a line, or none is left.
    async fn fill(&mut self, context: &Context) -> anyhow::Result<()> {
        while self.lines.is_empty()
            && let Some(pager) = &mut self.pager
        {
            let page = match pager.next(&context.aws).await {
                Err(error) if !is_missing(&error) => return Err(error.into()),
                page => page.ok().flatten(),
            };
            if let Some(next) = pager.input()["nextToken"].as_str() {
                self.position.token = Some(next.to_owned());
            }
            match page {
                Some(page) => self.lines.extend(of_page(&page, self.stream)),
                None => self.pager = None,
            }
        }
        Ok(())
    }
}

fn is_missing(error: &CloudError) -> bool {
    error.code == "ResourceNotFoundException"
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_time_is_shown_as_the_legacy_plugin_shows_it() {
        let line = |time| Line { time, stream: String::new(), whose: None, message: String::new() }.time_of_old();
        assert_eq!(line(1_574_293_524_700), "2019-11-20 23:45:24.7 +0000 UTC");
        assert_eq!(line(1_574_293_524_000), "2019-11-20 23:45:24 +0000 UTC");
    }

    #[test]
    fn a_search_is_for_the_beginning_of_an_instance_a_variant_or_a_job() {
        let tail = |search: &str| Tail { follow: false, last: None, search: Some(search.to_owned()) };
        for (search, stream, prefix, wanted) in [
            ("algo-1", "job/algo-1-1700000000", "job/", true),
            ("algo-2", "job/algo-1-1700000000", "job/", false),
            ("job", "job/algo-1-1700000000", "job/", false),
            ("AllT", "AllTraffic/i-0a", "", true),
            ("i-0a", "AllTraffic/i-0a", "", true),
            ("algo-1", "tune-001-0a1b2c3d/algo-1-1700000000", "tune-", true),
            ("001", "tune-001-0a1b2c3d/algo-1-1700000000", "tune-", true),
        ] {
            assert_eq!(tail(search).wants(stream, prefix), wanted, "{search} {stream}");
        }
        assert!(Tail { follow: false, last: None, search: None }.wants("job/algo-1", "job/"));
    }
}
