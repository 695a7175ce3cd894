//! `sagewright local operations`: `docs/operations.md`.

use std::fmt::Write as _;

use sagewright_cloud::reference::{SERVICES, State, operations, recorded_kinds};
use serde_json::{Map, Value, json};

use crate::exit::Exit;
use crate::output::Printer;

/// Tells which operations the embedded cloud has: as Markdown for people.
pub(crate) fn run(printer: &Printer) -> anyhow::Result<Exit> {
    if printer.for_programs() {
        printer.document(&value())?;
        return Ok(Exit::Done);
    }
    printer.result(&markdown())?;
    Ok(Exit::Done)
}

/// By service, each operation with what stands behind it.
fn value() -> Value {
    let state = |state: &State| match state {
        State::Real => json!({"state": "real"}),
        State::Recorded => json!({"state": "recorded"}),
        State::Refused(instead) => json!({"state": "refused", "instead": instead}),
        State::Unknown => json!({"state": "not-implemented"}),
    };
    let of = |service: &&str| {
        let all: Map<_, _> = operations(service).iter().map(|(name, s)| ((*name).to_owned(), state(s))).collect();
        ((*service).to_owned(), Value::Object(all))
    };
    Value::Object(SERVICES.iter().map(of).collect())
}

fn markdown() -> String {
    let mut out = String::from(
        "# The operations of the embedded cloud\n\n\
         Made by `sagewright local operations > docs/operations.md`; a test holds it to the program.\n\n\
         *Real* operations do what they do in AWS, within what [the embedded cloud](embedded-cloud.md) says. *Recorded* ones keep\n\
         resources with their statuses, and nothing runs behind them. What is *refused* says what to do instead. All others are\n\
         answered with `NotImplemented`, by name.\n",
    );
    for service in SERVICES {
        let all = operations(service);
        let names = |wanted: fn(&State) -> bool| -> Vec<String> {
            all.iter().filter(|(_, state)| wanted(state)).map(|(name, _)| format!("`{name}`")).collect()
        };
        let real = names(|state| *state == State::Real);
        let recorded = all.iter().filter(|(_, state)| *state == State::Recorded).count();
        let _ = write!(out, "\n## {service}\n\n{} of {} operations are real", real.len(), all.len());
        if recorded > 0 {
            let _ = write!(out, ", {recorded} are recorded");
        }
        let _ = write!(out, ".\n\nReal: {}.\n", real.join(", "));
        if recorded > 0 {
            let kinds: Vec<_> = recorded_kinds().into_iter().map(|kind| format!("`{kind}`")).collect();
            let _ = write!(out, "\nRecorded are the operations on the kinds {}.\n", kinds.join(", "));
        }
        let refused: Vec<_> = all
            .iter()
            .filter_map(|(name, state)| match state {
                State::Refused(instead) => Some((name, instead)),
                _ => None,
            })
            .collect();
        if !refused.is_empty() {
            out.push_str("\n| refused | instead |\n| --- | --- |\n");
            for (name, instead) in refused {
                let _ = writeln!(out, "| `{name}` | {instead} |");
            }
        }
    }
    out
}
