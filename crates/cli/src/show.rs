//! Plans, reports and events as text and as data.

use sagewright_engine::{Action, Change, Effect, ObjectReport, Outcome, Plan, Planned, Report};
use serde_json::{Value, json};

use crate::output::{Printer, Style};

/// A plan for people.
pub(crate) fn plan(plan: &Plan, printer: &Printer) -> String {
    let mut out = String::new();
    for planned in &plan.objects {
        out.push_str(&planned_text(planned, printer));
    }
    let count = |action: Action| plan.objects.iter().filter(|p| p.failure.is_none() && p.action() == action).count();
    let words = [
        (count(Action::Create), "to create"),
        (count(Action::Update), "to update"),
        (count(Action::Adopt), "to adopt"),
        (count(Action::Wait), "in progress"),
        (count(Action::None), "unchanged"),
        (count(Action::Refuse), "refused"),
        (plan.objects.iter().filter(|p| p.failure.is_some()).count(), "failed to read"),
    ];
    let parts: Vec<_> = words.iter().filter(|(n, _)| *n > 0).map(|(n, word)| format!("{n} {word}")).collect();
    out.push_str(&format!("Plan: {}.\n", if parts.is_empty() { "nothing".to_owned() } else { parts.join(", ") }));
    out
}

fn planned_text(planned: &Planned, printer: &Printer) -> String {
    let id = planned.object.id();
    let (word, style) = match planned.action() {
        _ if planned.failure.is_some() => ("cannot be read", Style::Bad),
        Action::None => ("unchanged", Style::Dim),
        Action::Create => ("create", Style::Good),
        Action::Update => ("update", Style::Warn),
        Action::Adopt => ("adopt", Style::Warn),
        Action::Stop => ("stop", Style::Bad),
        Action::Delete => ("delete", Style::Bad),
        Action::Wait => ("in progress", Style::Warn),
        Action::Refuse => ("refused", Style::Bad),
    };
    let mut out = format!("{}: {}\n", printer.paint(Style::Bold, &id.to_string()), printer.paint(style, word));
    for change in &planned.decision.changes {
        out.push_str(&change_text(change, printer));
    }
    if let Some(refusal) = planned.decision.refusal() {
        out.push_str(&format!("    {}\n", printer.paint(Style::Bad, &refusal.reason)));
        if !refusal.advice.is_empty() {
            out.push_str(&format!("    {}\n", refusal.advice));
        }
    }
    if let Some(failure) = &planned.failure {
        out.push_str(&format!("    {failure}\n"));
    }
    for note in &planned.decision.notes {
        out.push_str(&format!("    {}\n", printer.paint(Style::Dim, note)));
    }
    out
}

fn change_text(change: &Change, printer: &Printer) -> String {
    let shown = |value: &Value| {
        if change.sensitive { "(sensitive)".to_owned() } else { scalar(value) }
    };
    let line = match (&change.from, &change.to) {
        (None, Some(to)) => printer.paint(Style::Good, &format!("  + {}: {}", change.path, shown(to))),
        (Some(from), None) => printer.paint(Style::Bad, &format!("  - {}: {}", change.path, shown(from))),
        (Some(from), Some(to)) => {
            printer.paint(Style::Warn, &format!("  ~ {}: {} → {}", change.path, shown(from), shown(to)))
        }
        (None, None) => format!("  ~ {}", change.path),
    };
    let suffix = if change.effect == Effect::Refused { "  (cannot be changed)" } else { "" };
    format!("{line}{suffix}\n")
}

/// One value on one line: text bare, everything else as JSON.
pub(crate) fn scalar(value: &Value) -> String {
    match value {
        Value::String(text) => text.replace('\n', "\\n"),
        other => other.to_string(),
    }
}

/// A plan for programs.
pub(crate) fn plan_value(plan: &Plan) -> Value {
    let objects: Vec<Value> = plan
        .objects
        .iter()
        .map(|p| {
            json!({
                "object": p.object.id(),
                "resource": p.resource,
                "action": p.action(),
                "changes": p.decision.changes.iter().map(change_value).collect::<Vec<_>>(),
                "refusal": p.decision.refusal(),
                "notes": p.decision.notes,
                "failure": p.failure.as_ref().map(ToString::to_string),
            })
        })
        .collect();
    json!({ "objects": objects, "changes": plan.has_changes() })
}

fn change_value(change: &Change) -> Value {
    let mut value = serde_json::to_value(change).unwrap_or(Value::Null);
    if change.sensitive {
        for side in ["from", "to"] {
            if value.get(side).is_some_and(|v| !v.is_null()) {
                value[side] = Value::String("(sensitive)".to_owned());
            }
        }
    }
    value
}

/// The word for how it went with one object.
pub(crate) fn outcome(outcome: Outcome) -> (&'static str, Style) {
    match outcome {
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
        Outcome::Blocked => ("blocked", Style::Bad),
    }
}

/// A report for people: what went wrong in full, what went well in a word.
pub(crate) fn report_line(report: &ObjectReport, printer: &Printer) -> String {
    let (word, style) = outcome(report.outcome);
    let id = printer.paint(Style::Bold, &report.object.id().to_string());
    let mut line = format!("{id}: {}", printer.paint(style, word));
    if !report.message.is_empty() && !matches!(report.outcome, Outcome::Unchanged) {
        line.push_str(&format!("\n    {}", report.message));
    }
    line
}

/// A report for programs.
pub(crate) fn report_value(report: &Report) -> Value {
    let objects: Vec<Value> = report
        .objects
        .iter()
        .map(|o| {
            json!({
                "object": o.object.id(),
                "resource": o.resource,
                "outcome": o.outcome,
                "changes": o.changes.iter().map(change_value).collect::<Vec<_>>(),
                "message": o.message,
                "status": o.object.status,
            })
        })
        .collect();
    json!({ "objects": objects, "ok": report.is_ok(), "started": report.started, "ended": report.ended })
}
