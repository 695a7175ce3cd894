//! What an apply, a delete or a wait shows while it goes on.

use std::collections::{HashMap, HashSet};
use std::sync::{Mutex, PoisonError};

use indicatif::ProgressBar;
use sagewright_engine::{Event, EventKind, Observer};
use sagewright_kinds::Kind;
use tokio::task::JoinHandle;

use crate::context::Context;
use crate::details;
use crate::log_tail::{self, Line, Sources, Tail};
use crate::output::terminal::on_line;
use crate::output::{self, Printer, Style};

/// Prints events to standard error as they happen; follows jobs' logs where that is wanted.
pub(crate) struct Progress {
    printer: Printer,
    context: Context,
    logs: Option<Logs>,
    inner: Mutex<Inner>,
}

/// How jobs' lines are shown.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Logs {
    /// Those of one job, as they are.
    Plain,
    /// Those of several jobs, each after its job's name.
    Named,
}

#[derive(Default)]
struct Inner {
    bars: HashMap<String, ProgressBar>,
    tails: HashMap<String, JoinHandle<()>>,
    /// Statuses of objects on which nothing was done yet: not worth a line if they turn out to be settled.
    held: HashMap<String, Event>,
    begun: HashSet<String>,
    /// Why something was last tried again: one line a reason, however often that is.
    retried: HashMap<String, String>,
}

impl Progress {
    /// Progress on standard error; with `logs`, jobs' own lines, too.
    pub(crate) fn new(context: &Context, logs: Option<Logs>) -> Self {
        Self { printer: context.printer.clone(), context: context.clone(), logs, inner: Mutex::default() }
    }

    /// Takes spinners away and waits for the logs' last lines.
    pub(crate) async fn finish(&self) {
        let (bars, tails) = {
            let mut inner = self.inner.lock().unwrap_or_else(PoisonError::into_inner);
            (std::mem::take(&mut inner.bars), std::mem::take(&mut inner.tails))
        };
        bars.values().for_each(ProgressBar::finish_and_clear);
        for tail in tails.into_values() {
            // A log that cannot be read to its end must not hold the command up.
            drop(tokio::time::timeout(std::time::Duration::from_secs(15), tail).await);
        }
    }

    fn line(&self, event: &Event, style: Style, text: &str) {
        line(&self.printer, event, style, text);
    }

    /// `told`: the step's own line has just said that it is being made.
    fn status(&self, event: &Event, to: &str, secondary: Option<&str>, reason: Option<&str>, told: bool) {
        let mut text = to.to_owned();
        if let Some(secondary) = secondary.filter(|s| *s != to) {
            text.push_str(&format!(" ({secondary})"));
        }
        // Why it failed is told at the end.
        let is_final = sagewright_kinds::find(&event.object.kind).is_some_and(|k| k.phase(to).is_final());
        if let Some(reason) = reason.filter(|r| !r.is_empty() && !is_final) {
            text.push_str(&format!(": {reason}"));
        }
        if !(told && matches!(text.as_str(), "Creating" | "Updating" | "Deleting")) {
            self.line(event, Style::Dim, &text);
        }
        let key = event.object.to_string();
        let mut inner = self.inner.lock().unwrap_or_else(PoisonError::into_inner);
        if self.printer.is_live() {
            let label = format!("{key}  {text}");
            inner
                .bars
                .entry(key.clone())
                .or_insert_with(|| self.printer.spinner(&label))
                .set_message(output::label(&label));
        }
        let Some(kind) = sagewright_kinds::find(&event.object.kind).filter(|k| k.is_job()) else { return };
        let Some(name) = event.resource.clone().filter(|_| !inner.tails.contains_key(&key)) else { return };
        let logs = self.logs.filter(|_| log_tail::has_logs(kind));
        if logs.is_none() && !details::has_news(kind) {
            return;
        }
        let (context, event) = (self.context.clone(), event.clone());
        let task = tokio::spawn(async move {
            let lines = async {
                if let Some(logs) = logs {
                    lines(&context, kind, &name, logs).await;
                }
            };
            let news = async {
                if details::has_news(kind) {
                    news(&context, kind, &name, &event).await;
                }
            };
            tokio::join!(lines, news);
        });
        inner.tails.insert(key, task);
    }

    /// Says that something is tried again: in a line that changes on a terminal, once for each reason elsewhere.
    fn retrying(&self, event: &Event, why: &str, text: &str) {
        let key = event.object.to_string();
        let mut inner = self.inner.lock().unwrap_or_else(PoisonError::into_inner);
        if self.printer.is_live() {
            let label = format!("{key}  {text}");
            inner.bars.entry(key).or_insert_with(|| self.printer.spinner(&label)).set_message(output::label(&label));
        } else if inner.retried.insert(key, why.to_owned()).as_deref() != Some(why) {
            drop(inner);
            self.line(event, Style::Warn, text);
        }
    }

    fn settle(&self, event: &Event) {
        let mut inner = self.inner.lock().unwrap_or_else(PoisonError::into_inner);
        let key = event.object.to_string();
        inner.held.remove(&key);
        if let Some(bar) = inner.bars.remove(&key) {
            bar.finish_and_clear();
        }
    }

    fn begin(&self, event: &Event) {
        let mut inner = self.inner.lock().unwrap_or_else(PoisonError::into_inner);
        // What it was before is of no interest any more.
        inner.held.remove(&event.object.to_string());
        inner.begun.insert(event.object.to_string());
    }

    /// Whether the status has to wait for what comes next.
    fn hold(&self, event: &Event) -> bool {
        let mut inner = self.inner.lock().unwrap_or_else(PoisonError::into_inner);
        let key = event.object.to_string();
        if inner.begun.contains(&key) {
            return false;
        }
        inner.held.insert(key, event.clone());
        true
    }

    /// The object is not settled: shows the status that was held back.
    fn release(&self, event: &Event) {
        let held = self.inner.lock().unwrap_or_else(PoisonError::into_inner).held.remove(&event.object.to_string());
        let Some(held) = held else { return };
        self.begin(&held);
        if let EventKind::Status { to, secondary, reason, .. } = &held.what {
            self.status(&held, to, secondary.as_deref(), reason.as_deref(), false);
        }
    }
}

fn line(printer: &Printer, event: &Event, style: Style, text: &str) {
    let id = printer.paint(Style::Bold, &event.object.to_string());
    printer.note(&format!("  {id}  {}", printer.paint(style, &on_line(text))));
}

/// Shows the lines of a job as it writes them.
async fn lines(context: &Context, kind: &'static Kind, name: &str, logs: Logs) {
    let printer = &context.printer;
    let mut show = |line: &Line| {
        let whose = match (&line.whose, logs) {
            // The names of a tuning job's training jobs begin with its own.
            (Some(whose), Logs::Named) if !whose.starts_with(name) => format!("{name}/{whose}: "),
            (Some(whose), _) => format!("{whose}: "),
            (None, Logs::Named) => format!("{name}: "),
            (None, Logs::Plain) => String::new(),
        };
        printer.log_note(&format!("    {whose}{}", line.message));
        Ok(())
    };
    let tail = Tail { follow: true, last: None, search: None };
    if let Err(error) = log_tail::run(context, &mut Sources::new(kind, name), &tail, &mut show).await {
        printer.note(&format!("    the logs of {name} cannot be shown: {error:#}"));
    }
}

/// Shows how far a resource is, whenever that changes, until it is over.
async fn news(context: &Context, kind: &'static Kind, name: &str, event: &Event) {
    let mut told: HashMap<String, String> = HashMap::new();
    loop {
        // Asked before reading, so that the last news is not missed.
        let ended = log_tail::ended(context, kind, name).await;
        // What cannot be read now is read the next time; the wait itself tells of troubles.
        for (what, text) in details::news(context, kind, name).await.unwrap_or_default() {
            if told.get(&what) != Some(&text) {
                line(&context.printer, event, Style::Dim, &text);
                told.insert(what, text);
            }
        }
        if ended {
            return;
        }
        tokio::time::sleep(context.poll()).await;
    }
}

impl Drop for Progress {
    /// A command that is cut off shows nothing more.
    fn drop(&mut self) {
        let inner = self.inner.get_mut().unwrap_or_else(PoisonError::into_inner);
        inner.bars.values().for_each(ProgressBar::finish_and_clear);
        inner.tails.values().for_each(JoinHandle::abort);
    }
}

impl Observer for Progress {
    fn event(&self, event: &Event) {
        match &event.what {
            EventKind::Started { step } => {
                self.begin(event);
                self.line(event, Style::Dim, step_word(step));
            }
            EventKind::Retrying { why, after, .. } => {
                self.retrying(event, why, &format!("{why}; trying again in {:.1} s", after.as_secs_f64()));
            }
            EventKind::Failed { .. } | EventKind::Ended { .. } | EventKind::Settled | EventKind::Gone => {
                self.settle(event)
            }
            EventKind::Status { from, to, secondary, reason } => {
                if from.is_empty() && self.hold(event) {
                    return;
                }
                self.release(event);
                self.begin(event);
                self.status(event, to, secondary.as_deref(), reason.as_deref(), from.is_empty());
            }
            EventKind::Waiting { .. } => self.release(event),
            // What is left alone while something is done would be missed in a plan that nobody looked at.
            EventKind::Decided { steps, notes, .. } if !steps.is_empty() => {
                notes.iter().for_each(|note| self.line(event, Style::Warn, note));
            }
            EventKind::Decided { .. } | EventKind::Blocked { .. } | EventKind::Done { .. } => {}
        }
    }
}

fn step_word(step: &sagewright_engine::Step) -> &'static str {
    use sagewright_engine::Step as S;
    match step {
        S::Create { .. } => "creating",
        S::Update { .. } => "updating",
        S::SyncTags { .. } => "setting tags",
        S::Adopt { .. } => "adopting",
        S::Stop { .. } => "stopping",
        S::Delete { .. } => "deleting",
        S::Wait { .. } => "waiting",
        S::Refuse(_) => "refused",
    }
}
