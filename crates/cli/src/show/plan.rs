//! What an apply would do.

use std::collections::BTreeMap;

use sagewright_engine::{Action, Blocker, Effect, Plan, Planned, SavedPlan, keys};
use serde_json::{Value, json};

use super::change;
use super::report::{failure, indent};
use crate::output::terminal::on_line;
use crate::output::{Printer, Style};

/// A plan for people.
pub(crate) fn plan(plan: &Plan, printer: &Printer) -> String {
    let mut out = String::new();
    for planned in &plan.objects {
        out.push_str(&one(planned, printer));
    }
    let of = |action: Action| {
        plan.objects.iter().filter(move |p| p.failure.is_none() && p.blocker.is_none() && p.action() == action)
    };
    let count = |action: Action| of(action).count();
    let changed = of(Action::Adopt).filter(|planned| changes(planned)).count();
    let blocked = |word: &str| plan.objects.iter().filter_map(blocker).filter(|(w, _)| *w == word).count();
    let words = [
        (count(Action::Create), "to create"),
        (count(Action::Update), "to update"),
        (count(Action::Adopt) - changed, "to adopt"),
        (changed, "to adopt and update"),
        (count(Action::Wait), "in progress"),
        (count(Action::None), "unchanged"),
        (count(Action::Refuse), "refused"),
        (blocked("failed"), "failed"),
        (blocked("blocked"), "blocked"),
        (plan.objects.iter().filter(|p| p.failure.is_some()).count(), "failed to read"),
    ];
    out + &sum(&words)
}

/// The last line of a plan.
pub(super) fn sum(words: &[(usize, &str)]) -> String {
    let parts: Vec<_> = words.iter().filter(|(n, _)| *n > 0).map(|(n, word)| format!("{n} {word}")).collect();
    format!("Plan: {}.\n", if parts.is_empty() { "nothing".to_owned() } else { parts.join(", ") })
}

/// Whether an adoption changes what is there.
fn changes(planned: &Planned) -> bool {
    planned.decision.changes.iter().any(|change| matches!(change.effect, Effect::Update | Effect::Tag))
}

/// The word for what stands in the way of an object, and why it does.
pub(super) fn blocker(planned: &Planned) -> Option<(&'static str, String)> {
    Some(match planned.blocker.as_ref()? {
        Blocker::Failed { why } => ("failed", why.clone()),
        Blocker::Blocked { by } => {
            let names: Vec<String> = by.iter().map(ToString::to_string).collect();
            (
                "blocked",
                format!("blocked until {} {} fixed", names.join(", "), if names.len() == 1 { "is" } else { "are" }),
            )
        }
    })
}

fn one(planned: &Planned, printer: &Printer) -> String {
    let blocked = blocker(planned);
    let (word, style) = match planned.action() {
        _ if planned.failure.is_some() => ("cannot be read", Style::Bad),
        _ if let Some((word, _)) = &blocked => (*word, Style::Bad),
        Action::None => ("unchanged", Style::Dim),
        Action::Create => ("create", Style::Good),
        Action::Update => ("update", Style::Warn),
        Action::Adopt if changes(planned) => ("adopt and update", Style::Warn),
        Action::Adopt => ("adopt", Style::Warn),
        Action::Stop => ("stop", Style::Bad),
        Action::Delete => ("delete", Style::Bad),
        Action::Wait => ("in progress", Style::Warn),
        Action::Refuse => ("refused", Style::Bad),
    };
    listed(planned, word, style, &|_| true, printer)
}

/// The annotations that decide where something is done, and how.
fn heeded(planned: &Planned) -> impl Iterator<Item = (&'static str, &str)> {
    use keys::{ADOPTION_FIELDS, ADOPTION_POLICY, DELETION_POLICY, READ_ONLY, REGION};
    let heeded = [REGION, ADOPTION_POLICY, ADOPTION_FIELDS, DELETION_POLICY, READ_ONLY];
    heeded.into_iter().filter_map(|key| Some((key, planned.object.annotation(key)?)))
}

/// An object under a word for what would be done, with all that is to be said of it.
pub(super) fn entry(planned: &Planned, word: &str, style: Style, printer: &Printer) -> String {
    // What a deletion policy comes to is in what is said.
    listed(planned, word, style, &|key| key == keys::REGION, printer)
}

/// As [`entry`], with the annotations that are wanted.
fn listed(planned: &Planned, word: &str, style: Style, wanted: &dyn Fn(&str) -> bool, printer: &Printer) -> String {
    let id = planned.object.id();
    let mut out = format!("{}: {}\n", printer.paint(Style::Bold, &id.to_string()), printer.paint(style, word));
    for (key, value) in heeded(planned).filter(|(key, _)| wanted(key)) {
        out.push_str(&format!("    {}\n", printer.paint(Style::Dim, &format!("{key}: {}", on_line(value)))));
    }
    for change in &planned.decision.changes {
        out.push_str(&change::text(change, printer));
    }
    if let Some(refusal) = planned.decision.refusal() {
        out.push_str(&format!("    {}\n", printer.paint(Style::Bad, &indent(&refusal.reason))));
        if !refusal.advice.is_empty() {
            out.push_str(&format!("    {}\n", refusal.advice));
        }
    }
    if let Some((_, why)) = blocker(planned) {
        out.push_str(&format!("    {}\n", indent(&why)));
    }
    if let Some(why) = &planned.failure {
        let (message, advice) = failure(why);
        out.push_str(&format!("    {}\n", printer.paint(Style::Bad, &indent(&message))));
        if !advice.is_empty() {
            out.push_str(&format!("    {advice}\n"));
        }
    }
    for note in &planned.decision.notes {
        let style = if planned.decision.writes() { Style::Warn } else { Style::Dim };
        out.push_str(&format!("    {}\n", printer.paint(style, &indent(note))));
    }
    out
}

/// A plan for programs.
pub(crate) fn plan_value(plan: &Plan, printer: &Printer) -> Value {
    let objects: Vec<Value> = plan
        .objects
        .iter()
        .map(|p| {
            json!({
                "object": p.object.id(),
                "resource": p.resource,
                "annotations": heeded(p).collect::<BTreeMap<_, _>>(),
                "action": p.action(),
                "blocker": p.blocker,
                "changes": p.decision.changes.iter().map(|c| change::value(c, printer)).collect::<Vec<_>>(),
                "refusal": p.decision.refusal(),
                "notes": p.decision.notes,
                "failure": p.failure.as_ref().map(ToString::to_string),
            })
        })
        .collect();
    json!({ "objects": objects, "changes": plan.has_changes() })
}

/// A plan that was written down, for programs: its manifests are left out, and sensitive values.
pub(crate) fn saved_plan_value(saved: &SavedPlan, printer: &Printer) -> Value {
    let mut value = json!({
        "made": saved.made,
        "account": saved.account,
        "region": saved.region,
        "installation": saved.installation,
        "digest": saved.digest(),
    });
    if let (Some(value), Value::Object(plan)) = (value.as_object_mut(), plan_value(&saved.plan, printer)) {
        value.extend(plan);
    }
    value
}
