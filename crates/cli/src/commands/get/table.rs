//! Resources as rows.

use jiff::Timestamp;
use sagewright_engine::Object;
use sagewright_kinds::Kind;
use serde_json::Value;

use crate::output::Table;
use crate::show::scalar;

/// The name in AWS, or the end of the ARN of a resource that AWS names: `mnist/3`.
pub(super) fn aws_name(kind: &Kind, object: &Object) -> String {
    let members = kind.row().identity.name.iter().map(|m| sagewright_model::name::to_crd(m));
    let parts: Option<Vec<_>> = members.map(|field| object.spec.get(&field)?.as_str()).collect();
    match parts {
        Some(parts) if !parts.is_empty() => parts.join(" "),
        _ => object.arn().map_or_else(|| object.metadata.name.clone(), |arn| ending(arn).to_owned()),
    }
}

fn ending(arn: &str) -> &str {
    arn.splitn(6, ':').nth(5).and_then(|resource| resource.split_once('/')).map_or(arn, |(_, rest)| rest)
}

/// How resources of a kind are shown.
pub(super) struct View<'k> {
    pub(super) kind: &'k Kind,
    /// Several kinds are shown.
    pub(super) several: bool,
    /// The time by which ages count.
    pub(super) now: Timestamp,
}

impl View<'_> {
    /// The usual columns.
    pub(super) fn narrow(&self, objects: &[Object]) -> Table {
        let rows: Vec<_> = objects.iter().map(|o| (o, None)).collect();
        table(self, &rows, false)
    }

    /// All columns, and whose each one is.
    pub(super) fn wide(&self, objects: &[(Object, Option<String>)]) -> Table {
        let rows: Vec<_> = objects.iter().map(|(o, owner)| (o, owner.as_deref())).collect();
        table(self, &rows, true)
    }
}

fn table(view: &View<'_>, objects: &[(&Object, Option<&str>)], wide: bool) -> Table {
    let View { kind, several, now } = *view;
    let columns = kind.columns().into_iter().filter(|(.., priority)| wide || *priority == 0);
    // A reason is as long as AWS likes: behind the others it pushes none of them off the screen.
    let (reasons, columns): (Vec<_>, Vec<_>) = columns.partition(|(head, ..)| head.to_uppercase().ends_with("REASON"));
    let mut heads = vec!["NAME".to_owned()];
    heads.extend(columns.iter().map(|(head, ..)| head.to_uppercase()));
    heads.push("AGE".to_owned());
    if wide {
        heads.push("OWNER".to_owned());
    }
    heads.extend(reasons.iter().map(|(head, ..)| head.to_uppercase()));
    let mut table = Table::new(heads);
    for (object, owner) in objects {
        let document = object.to_value();
        let name = aws_name(kind, object);
        let mut row = vec![if several { format!("{}/{name}", kind.name()) } else { name }];
        for (_, path, _) in &columns {
            row.push(cell(&document, path));
        }
        let created = ["creationTime", "creationTimestamp"].iter().find_map(|f| object.status.get(*f)?.as_str());
        row.push(created.map_or_else(|| "-".to_owned(), |text| age(text, now)));
        if wide {
            row.push(owner.unwrap_or("-").to_owned());
        }
        row.extend(reasons.iter().map(|(_, path, _)| cell(&document, path)));
        table.row(row);
    }
    table
}

/// The value at `.status.a.b`; `-` where there is none.
fn cell(document: &Value, path: &str) -> String {
    let pointer = format!("/{}", path.trim_start_matches('.').replace('.', "/"));
    document.pointer(&pointer).filter(|v| !v.is_null()).map_or_else(|| "-".to_owned(), scalar)
}

/// `12s`, `5m`, `3h`, `4d`: the largest unit of which there are at least two.
fn age(created: &str, now: Timestamp) -> String {
    let Ok(created) = created.parse::<Timestamp>() else { return created.to_owned() };
    let seconds = now.duration_since(created).as_secs().max(0);
    match seconds {
        0..120 => format!("{seconds}s"),
        120..7200 => format!("{}m", seconds / 60),
        7200..172_800 => format!("{}h", seconds / 3600),
        _ => format!("{}d", seconds / 86400),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn ages_are_short() {
        let now: Timestamp = "2026-01-10T12:00:00Z".parse().unwrap();
        let told = |created: &str| age(created, now);
        assert_eq!(told("2026-01-10T11:59:59.5Z"), "0s");
        assert_eq!(told("2026-01-10T11:58:30Z"), "90s");
        assert_eq!(told("2026-01-10T11:00:00Z"), "60m");
        assert_eq!(told("2026-01-09T12:00:00Z"), "24h");
        assert_eq!(told("2025-12-31T12:00:00Z"), "10d");
        assert_eq!(told("2026-01-11T12:00:00Z"), "0s", "a clock that runs behind");
        assert_eq!(told("soon"), "soon");
    }

    #[test]
    fn a_resource_that_aws_names_is_told_by_the_end_of_its_arn() {
        assert_eq!(ending("arn:aws:sagemaker:us-east-1:000000000000:model-package/mnist/3"), "mnist/3");
    }
}
