//! `sagewright explain`

mod markdown;

use std::fmt::Write as _;

use sagewright_kinds::{Explanation, FieldInfo, Kind, explain};
use serde_json::json;

use crate::args::Explain;
use crate::exit::{Exit, Failure};
use crate::output::{Printer, Style, Table};
use crate::resource;

/// Explains kinds and fields, from the rows and the service models alone.
pub(crate) fn run(args: &Explain, verbose: u8, printer: &Printer) -> anyhow::Result<Exit> {
    if args.markdown {
        printer.result(&markdown::reference())?;
        return Ok(Exit::Done);
    }
    let Some(path) = &args.path else {
        if printer.for_programs() {
            let kind =
                |kind: &Kind| json!({"kind": kind.name(), "plural": kind.plural(), "apiVersion": kind.api_version()});
            printer.document(&sagewright_kinds::all().iter().map(kind).collect::<Vec<_>>())?;
            return Ok(Exit::Done);
        }
        let mut table = Table::new(["KIND", "PLURAL", "APIVERSION"]);
        for kind in sagewright_kinds::all() {
            table.row([kind.name().to_owned(), kind.plural().to_owned(), kind.api_version()]);
        }
        printer.table(&table)?;
        return Ok(Exit::Done);
    };
    let (name, field) = split(path);
    let kind = resource::kind(name)?;
    let explanation = explain(kind, field);
    if let Explanation::Unknown { known, name, expected } = &explanation {
        let place = if known.is_empty() { kind.name().to_owned() } else { format!("{} {known}", kind.name()) };
        let close = sagewright_engine::suggest(name, expected.iter().map(String::as_str));
        let hint = close.map(|c| format!("; did you mean `{c}`?")).unwrap_or_default();
        return Err(Failure::new(Exit::Usage, format!("{place} has no field `{name}`{hint}"))
            .help(format!("fields there: {}", expected.join(", ")))
            .into());
    }
    if printer.for_programs() {
        printer.document(&explanation)?;
    } else {
        printer.result(&text(kind, &explanation, verbose > 0, &printer.for_results()))?;
    }
    Ok(Exit::Done)
}

/// `plural.group` holds dots of its own, so the longest prefix that is a kind is the kind.
fn split(path: &str) -> (&str, &str) {
    let mut cut = path.len();
    loop {
        let (head, tail) = path.split_at(cut);
        if sagewright_kinds::find(head).is_some() {
            return (head, tail.trim_start_matches('.'));
        }
        match head.rfind('.') {
            Some(dot) => cut = dot,
            None => return path.split_once('.').unwrap_or((path, "")),
        }
    }
}

fn text(kind: &Kind, explanation: &Explanation, row: bool, printer: &Printer) -> String {
    let mut out = String::new();
    match explanation {
        Explanation::Kind { api_version, kind, plural, row: rules, spec, status } => {
            let _ = writeln!(out, "{} ({plural}, {api_version})\n", printer.paint(Style::Bold, kind));
            let _ = writeln!(out, "{}", printer.paint(Style::Bold, "SPEC"));
            fields(&mut out, spec, printer);
            let _ = writeln!(out, "\n{}", printer.paint(Style::Bold, "STATUS"));
            fields(&mut out, status, printer);
            // The program's own table: of interest to whoever asks why.
            if row {
                let rules = serde_saphyr::to_string(rules).unwrap_or_default();
                let _ = writeln!(out, "\n{}", printer.paint(Style::Bold, "ROW"));
                for line in rules.lines() {
                    let _ = writeln!(out, "  {line}");
                }
            }
        }
        Explanation::Field { field, members } => {
            let _ = writeln!(out, "{} {}\n", kind.name(), printer.paint(Style::Bold, &field.path));
            fields(&mut out, std::slice::from_ref(field), printer);
            detail(&mut out, field);
            if !members.is_empty() {
                let _ = writeln!(out, "\n{}", printer.paint(Style::Bold, "FIELDS"));
                fields(&mut out, members, printer);
            }
        }
        Explanation::Unknown { .. } => {}
    }
    out
}

fn fields(out: &mut String, fields: &[FieldInfo], printer: &Printer) {
    for field in fields {
        let mut marks = Vec::new();
        if field.required {
            marks.push("required".to_owned());
        }
        if field.immutable {
            marks.push("cannot be changed".to_owned());
        }
        if let Some(reference) = &field.reference {
            marks.push(format!("or {reference}"));
        }
        if !field.refers_to.is_empty() {
            let named = field.refers_to.join(" or ");
            let article = if named.starts_with(['A', 'E', 'I', 'O']) { "an" } else { "a" };
            marks.push(format!("names {article} {named}"));
        }
        if field.union {
            marks.push("exactly one member".to_owned());
        }
        let marks = if marks.is_empty() { String::new() } else { format!("  {}", marks.join(", ")) };
        let _ = writeln!(out, "  {} <{}>{}", field.name, field.kind, printer.paint(Style::Dim, &marks));
    }
}

fn detail(out: &mut String, field: &FieldInfo) {
    if !field.member.is_empty() {
        let _ = writeln!(out, "  AWS member: {}", field.member);
    }
    match (field.min, field.max) {
        (Some(min), Some(max)) => drop(writeln!(out, "  from {min} to {max} (value or length)")),
        (Some(min), None) => drop(writeln!(out, "  at least {min} (value or length)")),
        (None, Some(max)) => drop(writeln!(out, "  at most {max} (value or length)")),
        (None, None) => {}
    }
    if let Some(pattern) = &field.pattern {
        let _ = writeln!(out, "  pattern: {pattern}");
    }
    if !field.values.is_empty() {
        let _ = writeln!(out, "  one of: {}", field.values.join(", "));
    }
    match &field.default {
        Some(serde_json::Value::String(text)) if text.is_empty() => {
            let _ = writeln!(out, "  default: the service chooses");
        }
        Some(default) => drop(writeln!(out, "  default: {}", crate::show::scalar(default))),
        None => {}
    }
}
