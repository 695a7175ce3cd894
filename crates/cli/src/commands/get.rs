//! `sagewright get`

use sagewright_engine::Object;
use sagewright_kinds::Kind;
use serde_json::{Value, json};

use crate::args::{Format, Get, Global};
use crate::context::{Context, engine_failure};
use crate::exit::Exit;
use crate::output::{Printer, Table};
use crate::resource;
use crate::show::scalar;

/// Shows resources.
pub(crate) async fn run(args: &Get, global: &Global, printer: &Printer) -> anyhow::Result<Exit> {
    let (kind, name) = match &args.name {
        Some(name) => (resource::kind(&args.kind)?, Some(name.as_str())),
        None if args.kind.contains('/') => resource::kind_and_name(&args.kind).map(|(k, n)| (k, Some(n)))?,
        None => (resource::kind(&args.kind)?, None),
    };
    let context = Context::connect(global, printer).await?;
    let objects = context.engine.get(kind, name).await.map_err(engine_failure)?;
    match printer.format {
        Format::Json | Format::Yaml => {
            let mut items: Vec<Value> = objects.iter().map(Object::to_value).collect();
            match (name, items.pop()) {
                (Some(_), Some(one)) => printer.document(&one)?,
                (_, last) => {
                    items.extend(last);
                    printer.document(&json!({"apiVersion": "v1", "kind": "List", "items": items}))?;
                }
            }
        }
        Format::Name => {
            let lines: Vec<_> = objects.iter().map(|o| format!("{}/{}\n", kind.name(), aws_name(kind, o))).collect();
            printer.result(&lines.concat())?;
        }
        Format::Table | Format::Wide => {
            if objects.is_empty() {
                printer.note(&format!("no {} in {}", kind.plural(), context.target.region));
            } else {
                printer.table(&table(kind, &objects, printer.format == Format::Wide))?;
            }
        }
    }
    Ok(Exit::Done)
}

/// The name in AWS, or the last part of the ARN of a resource that AWS names.
fn aws_name(kind: &Kind, object: &Object) -> String {
    if let Some(name) = kind.name_field().and_then(|f| object.spec.get(&f)?.as_str().map(str::to_owned)) {
        return name;
    }
    object.arn().map_or_else(|| object.metadata.name.clone(), str::to_owned)
}

fn table(kind: &Kind, objects: &[Object], wide: bool) -> Table {
    let columns: Vec<_> = kind.columns().into_iter().filter(|(.., priority)| wide || *priority == 0).collect();
    let mut heads = vec!["NAME".to_owned()];
    heads.extend(columns.iter().map(|(head, ..)| head.to_uppercase()));
    heads.push("CREATED".to_owned());
    let mut table = Table::new(heads);
    for object in objects {
        let document = object.to_value();
        let mut row = vec![aws_name(kind, object)];
        for (_, path, _) in &columns {
            row.push(cell(&document, path));
        }
        let created = ["creationTime", "creationTimestamp"].iter().find_map(|f| object.status.get(*f));
        row.push(created.map_or_else(|| "-".to_owned(), scalar));
        table.row(row);
    }
    table
}

/// The value at `.status.a.b`; `-` where there is none.
fn cell(document: &Value, path: &str) -> String {
    let pointer = format!("/{}", path.trim_start_matches('.').replace('.', "/"));
    document.pointer(&pointer).filter(|v| !v.is_null()).map_or_else(|| "-".to_owned(), scalar)
}
