//! `docs/kinds.md`: what each row says, for people.

use std::fmt::Write as _;

use sagewright_kinds::row::DeleteHow;
use sagewright_kinds::{Kind, Path};
use sagewright_model::name::to_crd;

use crate::details;

/// The reference of all kinds.
pub(super) fn reference() -> String {
    let mut kinds: Vec<&Kind> = sagewright_kinds::all().iter().collect();
    kinds.sort_by_key(|k| k.name());
    let mut out = String::from(
        "# The kinds\n\nMade by `sagewright explain --markdown > docs/kinds.md`; a test holds it to the rows in `kinds/`.\n\n\
         `sagewright explain KIND` shows the fields of a kind, `sagewright explain KIND.FIELD` one field with its limits.\n\n\
         | kind | what an update can change | what delete does |\n| --- | --- | --- |\n",
    );
    for kind in &kinds {
        let name = kind.name();
        let short = if kind.row().update.sends.is_empty() { "tags alone" } else { "see below" };
        let short = if short == "tags alone" && kind.tags_member().is_none() { "nothing" } else { short };
        let _ = writeln!(out, "| [{name}](#{}) | {short} | {} |", name.to_lowercase(), delete_word(kind));
    }
    for kind in kinds {
        section(&mut out, kind);
    }
    out
}

fn delete_word(kind: &Kind) -> &'static str {
    match kind.row().delete.how {
        DeleteHow::Delete => "deletes it",
        DeleteHow::Stop => "stops it",
        DeleteHow::Deregister => "deregisters it",
        DeleteHow::Retain => "leaves it",
    }
}

fn section(out: &mut String, kind: &Kind) {
    let _ = writeln!(out, "\n## {}\n", kind.name());
    let _ = writeln!(out, "`{}`, also `{}` on the command line.\n", kind.api_version(), kind.plural());
    let mut line = |what: &str, text: String| {
        let _ = writeln!(out, "- {what}: {text}");
    };
    line("name", identity(kind));
    line("needs", list(kind.spec_fields().iter().filter(|(_, f)| f.required).map(|(name, _)| name.clone())));
    let refs = kind.refs().iter().map(|r| {
        let targets: Vec<_> = r.targets.iter().map(|t| t.kind.as_str()).collect();
        let text = r.at(&r.parent).general().to_string();
        let note = if r.targets.iter().all(|t| t.group.is_some()) { " (in Kubernetes alone)" } else { "" };
        format!("`{text}` → {}{note}", targets.join(" or "))
    });
    let refs: Vec<String> = refs.collect();
    if !refs.is_empty() {
        line("references", refs.join(", "));
    }
    line("can be changed", changes(kind));
    line("delete", delete(kind));
    line("columns", columns(kind));
    if let Some((group, _)) = kind.logs("NAME") {
        line("logs", format!("`{group}`"));
    }
    line("AWS", format!("{}, {}", kind.service().id, calls(kind)));
}

fn identity(kind: &Kind) -> String {
    let identity = &kind.row().identity;
    let fields = |members: &[String]| list(members.iter().map(|m| to_crd(m)));
    match (identity.name.as_slice(), identity.within.as_slice()) {
        ([], []) => "AWS gives it".to_owned(),
        ([], within) => format!("AWS gives it, inside {}", fields(within)),
        (name, _) => fields(name),
    }
}

fn changes(kind: &Kind) -> String {
    let sends = &kind.row().update.sends;
    let tags = if kind.tags_member().is_some() { " and tags" } else { "" };
    if sends.is_empty() {
        return if tags.is_empty() { "nothing".to_owned() } else { "tags alone".to_owned() };
    }
    if sends.iter().any(|s| s == "*") {
        return format!("all that `{}` takes{tags}", kind.row().operations.update.as_deref().unwrap_or("the update"));
    }
    list(sends.iter().map(|s| kind.spec_path_to_crd(&Path::parse(s)).to_string())) + tags
}

fn delete(kind: &Kind) -> String {
    let stop = kind.row().delete.stop_first;
    match kind.row().delete.how {
        DeleteHow::Delete if stop => "stops it first, then deletes it".to_owned(),
        DeleteHow::Delete => "deletes it".to_owned(),
        DeleteHow::Stop => "stops it while it runs; AWS keeps its record, and its name stays taken".to_owned(),
        DeleteHow::Deregister => "deregisters it".to_owned(),
        DeleteHow::Retain => "leaves it: AWS has no call that deletes it".to_owned(),
    }
}

fn columns(kind: &Kind) -> String {
    let (reasons, columns): (Vec<_>, Vec<_>) = kind
        .columns()
        .into_iter()
        .map(|(head, _, p)| (head.to_uppercase(), p))
        .partition(|(head, _)| details::is_reason(head));
    let with = |wide: bool| columns.iter().filter(move |(_, p)| (*p > 0) == wide).map(|(head, _)| head.as_str());
    let usual: Vec<_> =
        ["NAME"].into_iter().chain(with(false)).chain(details::heads(kind).iter().copied()).chain(["AGE"]).collect();
    let reasons: String =
        reasons.iter().map(|(head, _)| format!("; with `-o wide`, or where one has it, {head}")).collect();
    let more: Vec<_> = with(true).chain(["OWNER"]).collect();
    format!("{}; with `-o wide` also {}{reasons}", usual.join(", "), more.join(", "))
}

fn calls(kind: &Kind) -> String {
    let o = &kind.row().operations;
    let named =
        [Some(&o.create), Some(&o.read), o.update.as_ref(), o.stop.as_ref(), o.delete.as_ref(), o.list.as_ref()];
    let mut seen: Vec<&str> = Vec::new();
    for name in named.into_iter().flatten() {
        if !seen.contains(&name.as_str()) {
            seen.push(name);
        }
    }
    list(seen.into_iter().map(str::to_owned))
}

fn list(items: impl Iterator<Item = String>) -> String {
    let items: Vec<_> = items.map(|i| format!("`{i}`")).collect();
    if items.is_empty() { "nothing".to_owned() } else { items.join(", ") }
}
