//! Resources as rows.

use jiff::Timestamp;
use sagewright_engine::Object;
use sagewright_kinds::Kind;
use serde_json::Value;

use crate::details::{Row, heads as heads_of, is_reason};
use crate::output::{Table, amount};
use crate::show::{aws_name, scalar};

/// How resources of a kind are shown.
pub(super) struct View<'k> {
    pub(super) kind: &'k Kind,
    /// Several kinds are shown.
    pub(super) several: bool,
    /// All columns, and whose each one is.
    pub(super) wide: bool,
    /// The time by which ages count.
    pub(super) now: Timestamp,
}

impl View<'_> {
    /// Resources as a table.
    pub(super) fn table(&self, rows: &[Row]) -> Table {
        let View { kind, several, wide, now } = *self;
        // A reason is as long as AWS likes: behind the others it pushes none of them off the screen.
        let (reasons, columns): (Vec<_>, Vec<_>) = kind.columns().into_iter().partition(|(head, ..)| is_reason(head));
        let columns: Vec<_> = columns.into_iter().filter(|(.., priority)| wide || *priority == 0).collect();
        let documents: Vec<Value> = rows.iter().map(|row| row.object.to_value()).collect();
        // Why something failed is shown wherever something did.
        let shown = |path: &str| wide || documents.iter().any(|document| cell(document, path).is_some());
        let reasons: Vec<_> = reasons.into_iter().filter(|(_, path, _)| shown(path)).collect();
        let mut heads = vec!["NAME".to_owned()];
        heads.extend(columns.iter().map(|(head, ..)| head.to_uppercase()));
        heads.extend(heads_of(kind).iter().map(|head| (*head).to_owned()));
        heads.push("AGE".to_owned());
        if wide {
            heads.push("OWNER".to_owned());
        }
        heads.extend(reasons.iter().map(|(head, ..)| head.to_uppercase()));
        let mut table = Table::new(heads);
        let dash = || "-".to_owned();
        for (row, document) in rows.iter().zip(&documents) {
            let name = aws_name(kind, &row.object);
            let mut cells = vec![if several { format!("{}/{name}", kind.name()) } else { name }];
            cells.extend(columns.iter().map(|(_, path, _)| cell(document, path).unwrap_or_else(dash)));
            cells.extend(row.cells.iter().cloned());
            cells.push(created(&row.object).map_or_else(dash, |text| age(text, now)));
            if wide {
                cells.push(row.owner.clone().unwrap_or_else(dash));
            }
            cells.extend(reasons.iter().map(|(_, path, _)| cell(document, path).unwrap_or_else(dash)));
            table.row(cells);
        }
        table
    }
}

fn created(object: &Object) -> Option<&str> {
    ["creationTime", "creationTimestamp"].iter().find_map(|field| object.status.get(*field)?.as_str())
}

/// The value at `.status.a.b`. The table makes one line of a text of several.
fn cell(document: &Value, path: &str) -> Option<String> {
    let pointer = format!("/{}", path.trim_start_matches('.').replace('.', "/"));
    match document.pointer(&pointer)? {
        Value::Null => None,
        Value::String(text) => Some(text.clone()),
        other => Some(scalar(other)),
    }
}

fn age(created: &str, now: Timestamp) -> String {
    created.parse().map_or_else(|_| created.to_owned(), |created| amount::age(created, now))
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    fn row(name: &str, status: Value) -> Row {
        let mut object = Object::new(sagewright_kinds::find("ProcessingJob").unwrap(), name);
        object.spec = json!({"processingJobName": name});
        object.status = status;
        Row { object, owner: None, cells: Vec::new() }
    }

    #[test]
    fn the_reason_of_a_failure_is_shown_where_something_failed() {
        let kind = sagewright_kinds::find("ProcessingJob").unwrap();
        let view = View { kind, several: false, wide: false, now: Timestamp::UNIX_EPOCH };
        let good = row("good", json!({"processingJobStatus": "Completed", "creationTime": "1970-01-01T00:00:00Z"}));
        let bad =
            row("bad", json!({"processingJobStatus": "Failed", "failureReason": "AlgorithmError:\nexit code: 1"}));
        assert_eq!(view.table(&[good]).render(), "NAME  STATUS     AGE\ngood  Completed  0s\n");
        assert_eq!(
            view.table(&[bad]).render(),
            "NAME  STATUS  AGE  FAILURE-REASON\nbad   Failed  -    AlgorithmError: exit code: 1\n"
        );
    }
}
