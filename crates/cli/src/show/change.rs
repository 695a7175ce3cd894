//! One changed field.

use sagewright_engine::{Change, Effect};
use serde_json::Value;

use super::differ::{self, Difference};
use super::value::{leaves, scalar, short};
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
            let mut ends = lines(&differ::between(from, to), printer);
            // What differs is not shown.
            if ends.is_empty() && raw.from != raw.to {
                ends = format!("\n{}", printer.paint(Style::Warn, "    ~ (sensitive) → (sensitive)"));
            }
            format!("{head}{suffix}{ends}")
        }
        (None, Some(to)) => printer.paint(Style::Good, &format!("  + {path}: {}", shown(to))) + suffix,
        (Some(from), None) => printer.paint(Style::Bad, &format!("  - {path}: {}", shown(from))) + suffix,
        (Some(from), Some(to)) => match in_long_json(from, to, printer) {
            Some(inner) => {
                let head = printer.paint(Style::Warn, &format!("  ~ {path}:"));
                format!("{head}{suffix}{}", lines(&inner, printer))
            }
            None => {
                let (from, to) = differ::values(from, to);
                printer.paint(Style::Warn, &format!("  ~ {path}: {from} → {to}")) + suffix
            }
        },
        (None, None) => format!("  ~ {path}{suffix}"),
    };
    out + "\n"
}

/// What differs between two texts of which one is long, and both are JSON. Short ones are shown whole.
fn in_long_json(from: &Value, to: &Value, printer: &Printer) -> Option<Vec<Difference>> {
    let is_long = |value: &Value| short(value) != scalar(value);
    (is_long(from) || is_long(to)).then(|| differ::in_json(from.as_str()?, to.as_str()?, printer.secrets))?
}

/// Differences, a line each.
fn lines(differences: &[Difference], printer: &Printer) -> String {
    let line = |difference: &Difference| {
        let (style, text) = match difference {
            Difference::Gone(end, value) => (Style::Bad, format!("- {end}: {value}")),
            Difference::New(end, value) => (Style::Good, format!("+ {end}: {value}")),
            Difference::Changed(end, from, to) if end.is_empty() => (Style::Warn, format!("~ {from} → {to}")),
            Difference::Changed(end, from, to) => (Style::Warn, format!("~ {end}: {from} → {to}")),
        };
        format!("\n{}", printer.paint(style, &format!("    {text}")))
    };
    differences.iter().map(line).collect()
}

/// A change for programs, whole.
pub(crate) fn value(change: &Change, printer: &Printer) -> Value {
    serde_json::to_value(shown(change, printer)).unwrap_or(Value::Null)
}

/// A change without what must not be shown.
fn shown(change: &Change, printer: &Printer) -> Change {
    if printer.secrets && !change.sensitive { change.clone() } else { change.masked() }
}
