//! How an apply or a delete went.

use std::collections::BTreeMap;

use sagewright_engine::cloud::Stage;
use sagewright_engine::{Failure, NO_RESOURCE, Object, ObjectId, ObjectReport, Outcome, Report, Users};
use sagewright_kinds::{Kind, Path};
use serde_json::{Value, json};

use super::change;
use crate::details;
use crate::output::{Printer, Style};

/// The words for how it went, as the sum has them: two runs that come to the same say the same.
const WORDS: [&str; 13] = [
    "unchanged",
    "not there",
    "created",
    "adopted",
    "updated",
    "deleted",
    "stopped",
    "kept",
    "in progress",
    "timed out",
    "failed",
    "refused",
    "blocked",
];

/// The word for how it went with one object.
fn outcome(report: &ObjectReport) -> (&'static str, Style) {
    match report.outcome {
        // As in the plan of a delete.
        Outcome::Unchanged if report.message == NO_RESOURCE => ("not there", Style::Dim),
        Outcome::Created => ("created", Style::Good),
        Outcome::Updated => ("updated", Style::Good),
        Outcome::Adopted => ("adopted", Style::Good),
        Outcome::Unchanged => ("unchanged", Style::Dim),
        Outcome::Deleted => ("deleted", Style::Good),
        Outcome::Stopped => ("stopped", Style::Good),
        Outcome::Retained => ("kept", Style::Dim),
        Outcome::Pending => ("in progress", Style::Warn),
        Outcome::Refused => ("refused", Style::Bad),
        Outcome::Failed => ("failed", Style::Bad),
        Outcome::TimedOut => ("timed out", Style::Bad),
        Outcome::Blocked => ("blocked", Style::Bad),
    }
}

/// What failed and why, with AWS's request id; and what to do.
pub(crate) fn failure(failure: &Failure) -> (String, String) {
    let id = failure.cause().and_then(|c| c.request_id.as_ref());
    let id = id.map(|id| format!(" (request id {id})")).unwrap_or_default();
    match failure {
        Failure::Permanent(p) => (format!("cannot {}: {}{id}", p.what, p.why), p.advice.clone()),
        Failure::Retryable(r) => {
            let code = r.cause.as_deref().filter(|c| c.stage == Stage::Service).map(|c| format!("{}: ", c.code));
            let advice = r.cause.as_deref().map(|c| c.advice().to_owned()).unwrap_or_default();
            (format!("cannot {}: {}{}{id}", r.what, code.unwrap_or_default(), r.why), advice)
        }
    }
}

/// A report for people: what went wrong in full, what went well in a word, and the sum.
pub(crate) fn report(report: &Report, printer: &Printer) -> String {
    let mut out: String = report.objects.iter().map(|o| report_line(o, printer) + "\n").collect();
    let count = |word: &str| report.objects.iter().filter(|object| outcome(object).0 == word).count();
    let counts = WORDS.map(|word| (word, count(word)));
    let counts: Vec<_> = counts.iter().filter(|(_, n)| *n > 0).map(|(word, n)| format!("{n} {word}")).collect();
    let head = if report.is_ok() { "Done" } else { "Incomplete" };
    let sum = if counts.is_empty() { "nothing to do".to_owned() } else { counts.join(", ") };
    out.push_str(&format!("{head}: {sum}.\n"));
    out
}

/// How it went with one object; of a job that failed, the command that shows why.
pub(crate) fn report_line(report: &ObjectReport, printer: &Printer) -> String {
    let kind = sagewright_kinds::find(&report.object.kind).filter(|kind| details::is_failed(kind, &report.object));
    let hint = kind.zip(report.resource.as_deref()).and_then(|(kind, name)| details::hint(kind, name));
    let hint = hint.filter(|_| report.outcome == Outcome::Failed).map(|hint| format!("\n    {hint}"));
    line(report, printer) + &hint.unwrap_or_default()
}

fn line(report: &ObjectReport, printer: &Printer) -> String {
    let (word, style) = outcome(report);
    let id = printer.paint(Style::Bold, &report.object.id().to_string());
    let line = format!("{id}: {}", printer.paint(style, word));
    if let Some(why) = &report.failure {
        let (message, advice) = failure(why);
        let advice = if advice.is_empty() { advice } else { format!("\n    {advice}") };
        return format!("{line}\n    {}{advice}", indent(&message));
    }
    match report.outcome {
        Outcome::Unchanged => line,
        Outcome::Blocked => format!("{line} ({})", report.message),
        Outcome::Stopped if report.message.is_empty() => format!("{line} (AWS keeps its record)"),
        _ if report.message.is_empty() => line,
        _ => format!("{line}\n    {}", indent(&report.message)),
    }
}

/// Text of several lines, to stand below a line that it belongs to.
pub(super) fn indent(text: &str) -> String {
    text.trim_end().replace('\n', "\n    ")
}

/// AWS's status word of what was found, for kinds that have one.
pub(crate) fn status_word(kind: &Kind, object: &Object) -> Option<String> {
    let member = Path::parse(kind.row().status.member.as_deref()?);
    let path = member.to_crd(kind.service(), kind.read_shape());
    sagewright_kinds::get(&object.status, &path).and_then(Value::as_str).map(str::to_owned)
}

/// A report for programs.
pub(crate) fn report_value(report: &Report, users: &BTreeMap<ObjectId, Users>, printer: &Printer) -> Value {
    let objects: Vec<Value> = report
        .objects
        .iter()
        .map(|o| {
            json!({
                "object": o.object.id(),
                "resource": o.resource,
                "outcome": o.outcome,
                "changes": o.changes.iter().map(|c| change::value(c, printer)).collect::<Vec<_>>(),
                "message": o.message,
                "usedBy": users.get(&o.object.id()).map(|users| users.by.clone()).unwrap_or_default(),
                "requestId": o.failure.as_ref().and_then(|f| f.cause()?.request_id.clone()),
                "status": o.object.status,
            })
        })
        .collect();
    json!({ "objects": objects, "ok": report.is_ok(), "started": report.started, "ended": report.ended })
}
