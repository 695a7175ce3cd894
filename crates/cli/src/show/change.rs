//! One changed field.

use std::collections::BTreeMap;

use sagewright_engine::{Change, Effect};
use serde_json::Value;

use super::value::{leaves, short};
use crate::output::terminal::on_line;
use crate::output::{Printer, Style};

/// A change for people: a line, or for a nested value a line for each of its ends.
pub(crate) fn text(change: &Change, printer: &Printer) -> String {
    let suffix = if change.effect == Effect::Refused { "  (cannot be changed)" } else { "" };
    let raw = change;
    let change = &shown(change, printer);
    let path = &on_line(&change.path);
    let nested = |v: &&Value| !change.sensitive && (v.is_object() || v.is_array());
    let shown = short;
    let whole = |sign: char, style: Style, value: &Value| {
        let ends = leaves(value);
        match ends.as_slice() {
            // A list of plain values, or nothing.
            [(end, text)] if end.is_empty() => printer.paint(style, &format!("  {sign} {path}: {text}")) + suffix,
            _ => {
                let mut out = printer.paint(style, &format!("  {sign} {path}:")) + suffix;
                for (end, text) in ends {
                    out.push_str(&format!("\n{}", printer.paint(style, &format!("      {end}: {text}"))));
                }
                out
            }
        }
    };
    let out = match (&change.from, &change.to) {
        (None, Some(to)) if nested(&to) => whole('+', Style::Good, to),
        (Some(from), None) if nested(&from) => whole('-', Style::Bad, from),
        (Some(from), Some(to)) if nested(&from) && nested(&to) => {
            let head = printer.paint(Style::Warn, &format!("  ~ {path}:"));
            let mut ends = between(from, to, printer);
            // What differs is not shown.
            if ends.is_empty() && raw.from != raw.to {
                ends = format!("\n{}", printer.paint(Style::Warn, "    ~ (sensitive) → (sensitive)"));
            }
            format!("{head}{suffix}{ends}")
        }
        (None, Some(to)) => printer.paint(Style::Good, &format!("  + {path}: {}", shown(to))) + suffix,
        (Some(from), None) => printer.paint(Style::Bad, &format!("  - {path}: {}", shown(from))) + suffix,
        (Some(from), Some(to)) => {
            printer.paint(Style::Warn, &format!("  ~ {path}: {} → {}", shown(from), shown(to))) + suffix
        }
        (None, None) => format!("  ~ {path}{suffix}"),
    };
    out + "\n"
}

/// What differs between two nested values.
fn between(from: &Value, to: &Value, printer: &Printer) -> String {
    let before: BTreeMap<_, _> = leaves(from).into_iter().collect();
    let after = leaves(to);
    let mut out = String::new();
    let mut line = |style, text: String| out.push_str(&format!("\n{}", printer.paint(style, &format!("    {text}"))));
    for (end, text) in &before {
        if !after.iter().any(|(e, _)| e == end) {
            line(Style::Bad, format!("- {end}: {text}"));
        }
    }
    for (end, text) in &after {
        match before.get(end) {
            Some(old) if old == text => {}
            Some(old) if end.is_empty() => line(Style::Warn, format!("~ {old} → {text}")),
            Some(old) => line(Style::Warn, format!("~ {end}: {old} → {text}")),
            None => line(Style::Good, format!("+ {end}: {text}")),
        }
    }
    out
}

/// A change for programs, whole.
pub(crate) fn value(change: &Change, printer: &Printer) -> Value {
    serde_json::to_value(shown(change, printer)).unwrap_or(Value::Null)
}

/// A change without what must not be shown.
fn shown(change: &Change, printer: &Printer) -> Change {
    if printer.secrets && !change.sensitive { change.clone() } else { change.masked() }
}
