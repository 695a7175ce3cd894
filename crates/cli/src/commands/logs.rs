//! `sagewright logs`

use std::time::Duration;

use sagewright_engine::Object;
use sagewright_kinds::Kind;
use serde_json::{Value, json};

use crate::args::{Global, Logs};
use crate::context::Context;
use crate::exit::{Exit, Failure};
use crate::log_tail::{self, Line, Sources, Tail};
use crate::output::Printer;
use crate::output::terminal::on_line;
use crate::{details, resource, show};

/// Shows the logs of a job or an endpoint.
pub(crate) async fn run(args: &Logs, global: &Global, printer: &Printer) -> anyhow::Result<Exit> {
    let (kind, name) = resource::kind_and_name(&args.resource)?;
    if !log_tail::has_logs(kind) {
        let with: Vec<_> = sagewright_kinds::all().iter().filter(|k| log_tail::has_logs(k)).map(Kind::name).collect();
        return Err(Failure::new(Exit::Usage, format!("a {} writes no logs", kind.words()))
            .help(format!("these do: {}", with.join(", ")))
            .into());
    }
    if args.follow && printer.for_programs() {
        return Err(Failure::new(Exit::Usage, "--follow gives lines as they come, and -o json or yaml one document")
            .help("leave one of the two out")
            .into());
    }
    let mut context = Context::connect(global, printer).await?;
    // A name that does not exist is told as such, not as an empty log.
    let described = async |context: Context| context.engine.describe(kind, name).await;
    let found = context.announce_beside(&[], described).await?.map_err(crate::context::engine_failure)?;
    // As its description has it: a name that is right but for its letter case has streams, too.
    let name = &found.resource;
    let mut sources = Sources::new(kind, name);
    let tail = Tail { follow: args.follow, last: args.tail, search: None };
    let mut items: Vec<Value> = Vec::new();
    let mut show = |line: &Line| {
        if printer.for_programs() {
            items.push(json!({"timestamp": line.timestamp(), "stream": line.stream, "message": line.message}));
            return Ok(());
        }
        let stamp = match (&line.whose, args.timestamps) {
            (_, true) => format!("{} {} ", line.timestamp(), line.stream),
            (Some(whose), false) => format!("{whose}: "),
            (None, false) => String::new(),
        };
        printer.log(&format!("{stamp}{}\n", line.message))
    };
    let count = tokio::select! {
        count = log_tail::run(&context, &mut sources, &tail, &mut show) => count?,
        () = unread(printer) => return Ok(Exit::Done),
    };
    if printer.for_programs() {
        printer.document(&json!({"resource": format!("{}/{name}", kind.name()), "lines": items}))?;
    } else if count == 0 {
        printer.note(&silent(kind, name, &found.object));
    }
    Ok(Exit::Done)
}

/// Why there are no lines.
fn silent(kind: &Kind, name: &str, object: &Object) -> String {
    let word = show::status_word(kind, object).unwrap_or_default();
    let over = kind.is_job() && kind.phase(&word).is_final();
    let what = format!("{}/{}", kind.name(), on_line(name));
    let reason = details::reason(kind, object).map(|reason| format!(": {}", on_line(&reason))).unwrap_or_default();
    match over {
        true => format!("{what} is {word} and wrote no log lines{reason}"),
        false => format!("{what} has written no log lines yet"),
    }
}

/// Completes when nobody reads the lines any more (`sagewright logs -f … | head`), also while none come.
pub(crate) async fn unread(printer: &Printer) {
    while !printer.reader_is_gone() {
        tokio::time::sleep(Duration::from_millis(200)).await;
    }
}
