//! All lines of several streams by time, of which no more than a page of each stream is held.

use std::collections::{BTreeMap, VecDeque};

use sagewright_aws::paging::Pager;
use serde_json::{Value, json};

use super::{Line, MOST, is_missing, of_page};
use crate::context::Context;

/// Lines that are held at once, as far as pages of [`FEWEST`] allow.
const HELD: usize = MOST;
/// The smallest page that is worth a call.
const FEWEST: usize = 100;

/// A stream that is being read.
struct Reading<'s> {
    stream: &'s str,
    position: &'s mut Option<String>,
    pager: Pager,
    lines: VecDeque<Line>,
    done: bool,
}

/// Gives the lines that came after each stream's position to `show`, and tells how many there were. The positions are then
/// the ends.
pub(super) async fn all(
    context: &Context,
    group: &str,
    positions: &mut BTreeMap<String, Option<String>>,
    show: &mut (dyn FnMut(&Line) -> anyhow::Result<()> + Send),
) -> anyhow::Result<usize> {
    let limit = (HELD / positions.len().max(1)).clamp(FEWEST, MOST);
    let streams = positions.iter_mut();
    let mut readings: Vec<Reading<'_>> =
        streams.map(|(stream, position)| Reading::new(context, group, stream, position, limit)).collect();
    let mut count = 0;
    loop {
        for reading in &mut readings {
            reading.fill(context).await?;
        }
        // Each has its next line: the earliest of these is the earliest of all.
        let time = |reading: &&mut Reading<'_>| reading.lines.front().map(|line| line.time);
        let earliest = readings.iter_mut().filter(|reading| !reading.lines.is_empty()).min_by_key(time);
        let Some(line) = earliest.and_then(|reading| reading.lines.pop_front()) else { break };
        show(&line)?;
        count += 1;
    }
    Ok(count)
}

impl<'s> Reading<'s> {
    fn new(context: &Context, group: &str, stream: &'s str, position: &'s mut Option<String>, limit: usize) -> Self {
        let mut input = json!({"logGroupName": group, "logStreamName": stream, "startFromHead": true, "limit": limit});
        if let Some(token) = position.as_ref() {
            input["nextToken"] = Value::String(token.clone());
        }
        let pager = Pager::new(&context.target, "logs", "GetLogEvents", input);
        Self { stream, position, pager, lines: VecDeque::new(), done: false }
    }

    /// Reads on where no line is left. A page may be empty though there are later lines.
    async fn fill(&mut self, context: &Context) -> anyhow::Result<()> {
        while self.lines.is_empty() && !self.done {
            match self.pager.next(&context.aws).await {
                Ok(Some(page)) => self.lines.extend(of_page(&page, self.stream)),
                Ok(None) => self.done = true,
                Err(error) if is_missing(&error) => self.done = true,
                Err(error) => return Err(error.into()),
            }
            // Where the next reading goes on.
            if let Some(next) = self.pager.input()["nextToken"].as_str() {
                *self.position = Some(next.to_owned());
            }
        }
        Ok(())
    }
}
