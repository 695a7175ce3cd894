//! What a delete would do.

use sagewright_engine::{Action, Deletion, NO_RESOURCE, Planned};
use serde_json::{Value, json};

use super::plan::{blocker, entry, plan_value, sum};
use crate::output::{Printer, Style};

/// The word for what would become of an object's resource, and how the sum calls it.
fn fate(planned: &Planned) -> (&'static str, &'static str, Style) {
    match planned.action() {
        _ if planned.failure.is_some() => ("cannot be read", "failed to read", Style::Bad),
        _ if blocker(planned).is_some() => ("blocked", "blocked", Style::Bad),
        Action::None if planned.decision.notes.iter().any(|note| note == NO_RESOURCE) => {
            ("not there", "not there", Style::Dim)
        }
        Action::None => ("kept", "kept", Style::Dim),
        Action::Stop => ("stop", "to stop", Style::Warn),
        Action::Wait => ("delete when its current operation finishes", "to delete", Style::Bad),
        Action::Refuse => ("refused", "refused", Style::Bad),
        _ => ("delete", "to delete", Style::Bad),
    }
}

/// A plan of a delete for people.
pub(crate) fn delete_plan(deletion: &Deletion, printer: &Printer) -> String {
    let mut out = String::new();
    let mut sums: Vec<(usize, &str)> = Vec::new();
    for planned in &deletion.plan.objects {
        let (word, counted, style) = fate(planned);
        out.push_str(&entry(planned, word, style, printer));
        let id = planned.object.id();
        if let Some(users) = deletion.users.get(&id) {
            // What is held says so itself.
            if !users.by.is_empty() && !deletion.held.contains(&id) {
                let names: Vec<_> = users.by.iter().map(String::as_str).collect();
                let line = format!("still used by {}", names.join(", "));
                out.push_str(&format!("    {}\n", printer.paint(Style::Warn, &line)));
            }
            if !deletion.held.contains(&id) {
                users.unknown.iter().for_each(|why| out.push_str(&format!("    {why}\n")));
            }
        }
        match sums.iter_mut().find(|(_, name)| *name == counted) {
            Some((n, _)) => *n += 1,
            None => sums.push((1, counted)),
        }
    }
    out + &sum(&sums)
}

/// A plan of a delete for programs.
pub(crate) fn delete_plan_value(deletion: &Deletion, printer: &Printer) -> Value {
    let mut value = plan_value(&deletion.plan, printer);
    for (planned, entry) in deletion.plan.objects.iter().zip(value["objects"].as_array_mut().into_iter().flatten()) {
        let users = deletion.users.get(&planned.object.id()).cloned().unwrap_or_default();
        entry["usedBy"] = json!(users.by);
        entry["usersNotKnown"] = json!(users.unknown);
    }
    value
}
